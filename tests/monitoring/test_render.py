"""`batchsql monitoring render`: what it writes is what a daemon with these options needs."""

import json
import re
import subprocess

import pytest
import yaml

import client_program
import metric_names
import monitoring_files as files

DURATION = re.compile(r"(\d+)(ms|s|m|h)")
UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


@pytest.fixture
def render(tmp_path):
    def run(*options):
        client_program.run("monitoring", "render", "--out", tmp_path / "out", *options)
        return tmp_path / "out"
    return run


def written(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def shipped():
    return {path.relative_to(files.ROOT).as_posix() for top in (files.PROMETHEUS, files.GRAFANA)
            for path in top.rglob("*") if path.is_file()}


def passes(*command, folder):
    done = subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def comments(text):
    return [line for line in text.splitlines() if line.lstrip().startswith("#")]


def milliseconds(text):
    number, unit = DURATION.fullmatch(text).groups()
    return int(number) * UNIT_MS[unit]


def strings(value, path=()):
    """(path, text) of every string in a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from strings(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from strings(inner, (*path, number))
    elif isinstance(value, str):
        yield path, value


def test_without_options_the_shipped_files_are_written(render):
    out = render()
    assert written(out) == shipped()
    for name in shipped():
        assert (out / name).read_bytes() == (files.ROOT / name).read_bytes(), name


def test_rules_for_a_prefix_pass_promtool_and_their_own_tests(render):
    folder = render("--prefix", "prod_", "--grafana-url", "https://g.example",
                    "--runbook-base", "https://docs.example/r", "--environment", "prod") / "prometheus"
    for name in ("alert_rules.yml", "recording_rules.yml"):
        passes("promtool", "check", "rules", "--lint=all", "--lint-fatal", name, folder=folder)
    passes("promtool", "check", "config", "prometheus.yml", folder=folder)
    passes("amtool", "check-config", "alertmanager.yml", folder=folder)
    for path in sorted((folder / "tests").glob("*.yml")):
        passes("promtool", "test", "rules", str(path), folder=folder)


@pytest.mark.parametrize("name", ["alert_rules.yml", "recording_rules.yml"])
def test_a_prefix_changes_the_names_in_rules_and_nothing_else(render, name):
    path = render("--prefix", "prod_") / "prometheus" / name
    rendered, source = files.read_yaml(path), files.read_yaml(files.PROMETHEUS / name)
    for group in source["groups"]:
        for rule in group["rules"]:
            rule["expr"] = metric_names.with_prefix(rule["expr"], "prod_")
            if "record" in rule:
                rule["record"] = metric_names.with_prefix(rule["record"], "prod_")
            elif "batchsql_" in rule["annotations"]["description"]:  # it names the metric
                rule["annotations"]["description"] = metric_names.with_prefix(
                    rule["annotations"]["description"], "prod_")
    assert rendered == source
    text = path.read_text(encoding="utf-8")
    assert len(comments(text)) == len(comments((files.PROMETHEUS / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("uid", sorted(files.dashboards()))
def test_a_prefix_changes_the_expressions_of_a_dashboard_and_nothing_else(render, uid):
    path = render("--prefix", "prod_") / "grafana" / "dashboards" / f"{uid}.json"
    rendered = dict(strings(json.loads(path.read_text(encoding="utf-8"))))
    changed = 0
    for where, text in strings(files.dashboards()[uid]):
        wanted = metric_names.with_prefix(text, "prod_") if where[-1] in ("expr", "query") else text
        assert rendered[where] == wanted
        changed += wanted != text
    assert changed >= len(files.panels(files.dashboards()[uid]))


def test_grafanas_alert_follows_the_prefix(render):
    path = render("--prefix", "prod_") / "grafana" / "provisioning" / "alerting" / "data-integrity.yml"
    assert "expr: prod_batchsql_data_integrity_rate * 100\n" in path.read_text(encoding="utf-8")


def test_every_duration_of_a_drill_is_divided(render):
    folder = render("--shorten", "20") / "prometheus"
    assert not (folder / "tests").exists()
    for name in ("alert_rules.yml", "recording_rules.yml", "prometheus.yml", "alertmanager.yml"):
        real = dict(strings(files.read_yaml(files.PROMETHEUS / name)))
        short = dict(strings(files.read_yaml(folder / name)))
        assert real.keys() == short.keys()
        for where, text in real.items():
            if DURATION.fullmatch(text):
                assert milliseconds(short[where]) * 20 == milliseconds(text), where
            elif where[-1] == "expr":
                ranges = re.findall(r"(?<=[\[: ])\d+(?:ms|s|m|h)\b", text)
                inner = re.findall(r"(?<=[\[: ])\d+(?:ms|s|m|h)\b", short[where])
                assert [milliseconds(one) for one in ranges] == [20 * milliseconds(one) for one in inner]
            else:
                assert short[where] == text
    for name in ("alert_rules.yml", "recording_rules.yml"):
        passes("promtool", "check", "rules", name, folder=folder)
    passes("promtool", "check", "config", "prometheus.yml", folder=folder)
    passes("amtool", "check-config", "alertmanager.yml", folder=folder)


def test_ages_of_a_drill_are_divided(render):
    folder = render("--shorten", "20") / "prometheus"
    rules = {rule["alert"]: rule for rule in files.read_yaml(folder / "alert_rules.yml")["groups"][0]["rules"]}
    assert rules["BatchSQLRowsStuck"]["expr"].endswith("> 15")
    assert "_age_seconds > 1.5" in rules["BatchSQLLowPerformance"]["expr"]
    assert "_age_seconds) > 3" in rules["BatchSQLJournalNearLimit"]["expr"]
    assert "[45s:1500ms], 180)" in rules["BatchSQLJournalNearLimit"]["expr"]
    assert "> 1073741824" in rules["BatchSQLHighMemoryUsage"]["expr"]


def test_addresses_are_put_in(render):
    config = files.read_yaml(render("--target", "a:1", "--target", "b:2", "--alertmanager", "m:3")
                             / "prometheus" / "prometheus.yml")
    job = next(job for job in config["scrape_configs"] if job["job_name"] == "batchsql")
    assert job["static_configs"] == [{"targets": ["a:1", "b:2"]}]
    assert config["alerting"]["alertmanagers"] == [{"static_configs": [{"targets": ["m:3"]}]}]


def configuration(tmp_path, *environments, listen="127.0.0.1:8080"):
    """A file of the daemon's, with a secret that is not there; each environment is a line of YAML."""
    path = tmp_path / "batchsql.yaml"
    path.write_text(f"http: {{listen: '{listen}'}}\n"
                    "targets: [{kind: mysql, dsn: 'mysql://u:${NO_SUCH_SECRET}@h/d'}]\n"
                    + "\n".join(["environments:", *environments]), encoding="utf-8")
    return path


PROD = ("  prod: {metrics_port: 9101, metrics_prefix: prod_, grafana_url: 'https://g.example/sub/', "
        "alertmanager_url: 'http://m.example:9093'}")


def test_a_configuration_and_an_environment_are_what_can_be_given_by_hand(tmp_path, monkeypatch):
    config = configuration(tmp_path, PROD, "  dev: {metrics_prefix: dev_}")
    by_hand = ("--prefix", "prod_", "--environment", "prod", "--grafana-url", "https://g.example/sub",
               "--alertmanager", "m.example:9093", "--target", "127.0.0.1:9101")

    def render_into(name, *options):
        client_program.run("monitoring", "render", "--out", tmp_path / name, *options)
        return {path: (tmp_path / name / path).read_bytes() for path in written(tmp_path / name)}
    expected = render_into("by-hand", *by_hand)
    assert render_into("by-flag", "--config", config, "--environment", "prod") == expected
    monkeypatch.setenv("BATCHSQL_ENV", "prod")
    assert render_into("by-variable", "--config", config) == expected
    assert render_into("both", "--config", config, *by_hand) == expected
    dev = render_into("flag-wins", "--config", config, "--environment", "dev")
    assert b"dev_batchsql_" in dev["prometheus/alert_rules.yml"]


def test_prometheus_takes_an_alertmanager_behind_tls_and_a_daemon_by_another_name(render, tmp_path):
    config = configuration(tmp_path, "  eu: {alertmanager_url: 'https://m.example/sub', "
                           "metrics_instance: \"eu's first\"}")
    folder = render("--config", config, "--environment", "eu") / "prometheus"
    passes("promtool", "check", "config", "prometheus.yml", folder=folder)
    document = files.read_yaml(folder / "prometheus.yml")
    jobs = {job["job_name"]: job for job in document["scrape_configs"]}
    assert jobs["batchsql"]["static_configs"] == [
        {"targets": ["127.0.0.1:8080"], "labels": {"instance": "eu's first"}}]
    targets = [{"targets": ["m.example:443"]}]
    assert document["alerting"]["alertmanagers"] == [
        {"scheme": "https", "path_prefix": "/sub", "static_configs": targets}]
    assert jobs["alertmanager"] == {"job_name": "alertmanager", "scheme": "https",
                                    "metrics_path": "/sub/metrics", "static_configs": targets}


def test_a_configuration_that_does_not_tell_enough_writes_nothing(tmp_path):
    config = configuration(tmp_path, PROD, listen="0.0.0.0:8080")
    for environment, expected in (
            ("Prod", f"{config}:3: environments: has no environment Prod, which is asked for: expected one of prod"),
            ("prod", "HTTP listens at 0.0.0.0:9101, where Prometheus cannot find it")):
        _, error = client_program.run("monitoring", "render", "--out", tmp_path / "out", "--config", config,
                                      "--environment", environment, status=2)
        assert expected in error and "SECRET" not in error
    assert not (tmp_path / "out").exists()


def test_the_program_holds_the_contract_that_the_page_lists():
    text = (files.ROOT / "cli" / "monitoring" / "contract.cc").read_text(encoding="utf-8")
    held = {name: kind.lower() for name, kind in re.findall(r'\{"(\w+)", MetricType::k(\w+),', text)}
    assert held == {name: metric.type for name, metric in metric_names.documented().items()}


@pytest.mark.parametrize("options", [("--prefix", "prod"), ("--environment", "a b"), ("--shorten", "0"),
                                     ("--grafana-url", "ftp://g"), ("--grafana-url", "http://u:p@g"),
                                     ("--alertmanager", "http://u:p@m"), ("--config", "/nonexistent")])
def test_nonsense_is_refused(tmp_path, options):
    _, error = client_program.run("monitoring", "render", "--out", tmp_path / "out", *options, status=2)
    assert options[0] in error or options[1] in error
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    _, error = client_program.run("monitoring", "render", "--out", tmp_path / "file" / "x", status=2)
    assert "file" in error


def test_yaml_stays_yaml(render):
    for path in render("--prefix", "p_", "--environment", "x", "--shorten", "7").rglob("*.yml"):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))
