"""`batchsql doctor`: everything healthy, and one broken setup for each check."""

import contextlib
import json
import re
import urllib.parse

import pytest

import client_program
import daemon as harness
import grafana_stand_in
import http_stand_in
import monitoring_files as files
import processes
import stack

TABLES = 'targets: [{name: main, kind: sqlite, dsn: "file.db"}]\ntables: [{name: events, create: missing}]\n'
RECEIVER = ("alertmanager.yml", "127.0.0.1:9095", "127.0.0.1:1")  # any but the shipped one
NOBODY = "127.0.0.1:1"


def examine(*options, status):
    """check → finding."""
    output, _ = client_program.run("doctor", "--json", *options, status=status, seconds=120)
    document, found = json.loads(output), {}
    for finding in document["checks"]:
        assert finding["check"] not in found
        found[finding["check"]] = finding
    assert document["ok"] == (status == 0)
    return found


def outcomes(found, group=""):
    return {check: finding["outcome"] for check, finding in found.items() if check.startswith(group)}


def assert_ok(found):
    bad = [finding for finding in found.values() if finding["outcome"] == "problem"]
    assert not bad, bad


def assert_problem(found, check, *words):
    finding = found[check]
    assert finding["outcome"] == "problem", finding
    assert finding["fix"]
    for word in words:
        assert word in finding["detail"], finding


def load(daemon):
    (daemon.folder / "rows.csv").write_text("id\n1\n", encoding="utf-8")
    client_program.run("load", daemon.folder / "rows.csv", "--table", "events", "--server", daemon.grpc_address)


@pytest.fixture(scope="module")
def daemon():
    with harness.Daemon(TABLES) as running:
        load(running)
        yield running


@pytest.fixture
def render(tmp_path):
    return lambda *options: stack.render(tmp_path / "rendered", *options)


class Answers(http_stand_in.HttpStandIn):
    """An HTTP server that answers what it is told: path → text, or a function of the query that makes it.

    Any other path is answered 404. `date` is the header that every answer has, when it is given.
    """

    def __init__(self, answers):
        self.answers = answers

    def answer(self, method, path, headers, body):
        url = urllib.parse.urlsplit(path)
        text = self.answers.get(url.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        return (404, "") if text is None else (200, text(query) if callable(text) else text)

    def date(self):
        return self.answers.get("date")


def copied_metrics(daemon, pattern, replacement):
    """What the daemon's /metrics answers, with a change."""
    text = daemon.metrics()
    changed = re.sub(pattern, replacement, text, flags=re.M)
    assert changed != text
    return changed


def test_everything_that_is_well_is_ok(daemon, render, tmp_path):
    token = tmp_path / "token"
    token.write_text("grafana-token", encoding="utf-8")
    with contextlib.ExitStack() as running:
        grafana = running.enter_context(grafana_stand_in.GrafanaStandIn())
        client_program.run("monitoring", "install", "--grafana-url", grafana.url, "--token-file", token)
        rendered = render()
        manager = running.enter_context(stack.Alertmanager(rendered, edits=[RECEIVER]))
        prometheus = running.enter_context(
            stack.Prometheus(render("--target", daemon.http_url.removeprefix("http://"), "--alertmanager",
                                    manager.address)))
        prometheus.wait_for("batchsql_queue_rows")
        manager.wait_for("BatchSQLWatchdog")
        found = examine("--server", daemon.grpc_address, "--metrics-url", daemon.http_url + "/metrics",
                        "--prometheus-url", prometheus.url, "--alertmanager-url", manager.url,
                        "--grafana-url", grafana.url, "--token-file", token, status=0)
        skipped = {check for check, outcome in outcomes(found).items() if outcome == "skipped"}
        assert skipped <= {"prometheus.rate"}  # until a minute has passed
        assert list(found) == documented_checks()


@pytest.fixture
def production():
    """A daemon in an environment, with a Grafana and an Alertmanager that its file names."""
    with contextlib.ExitStack() as running:
        grafana = running.enter_context(grafana_stand_in.GrafanaStandIn())
        scratch = running.enter_context(processes.Scratch("production"))
        manager = running.enter_context(stack.Alertmanager(stack.render(scratch.path), edits=[RECEIVER]))
        text = (TABLES.replace("file.db", "${DATABASE}") + "environments: {prod: {metrics_prefix: prod_, "
                f"grafana_url: '{grafana.url}', alertmanager_url: '{manager.url}'}}}}\n")
        own = running.enter_context(harness.Daemon(text, ["--environment", "prod"], {"DATABASE": "file.db"}))
        load(own)
        own.manager = manager
        own.options = ("--config", own.config_file, "--environment", "prod")
        yield own


def test_one_configuration_is_all_that_must_be_given(production, render, tmp_path):
    """But Prometheus' address, and who asks Grafana; DATABASE is not set here."""
    token = tmp_path / "token"
    token.write_text("grafana-token", encoding="utf-8")
    client_program.run("monitoring", "install", *production.options, "--token-file", token)
    with stack.Prometheus(render(*production.options)) as prometheus:
        prometheus.wait_for("prod_batchsql_queue_rows")
        production.manager.wait_for("BatchSQLWatchdog")
        more = ("--prometheus-url", prometheus.url, "--token-file", token)
        found = examine(*production.options, *more, status=0)
        skipped = {check for check, outcome in outcomes(found).items() if outcome == "skipped"}
        assert skipped <= {"prometheus.rate"}
        assert list(found) == documented_checks()
        found = examine(*production.options, *more, "--metrics-url", "", "--prefix", "dev_", status=1)
        assert found["metrics.ready"]["outcome"] == "skipped"
        assert_problem(found, "prometheus.series", "missing: dev_batchsql_")


def test_a_name_that_grafana_cannot_hold_matters_only_to_grafana(tmp_path):
    config = tmp_path / "batchsql.yaml"
    config.write_text("environments: {prod.eu: {grafana_url: 'http://127.0.0.1:1'}}\n", encoding="utf-8")
    options = ("--config", config, "--environment", "prod.eu", "--server", NOBODY, "--metrics-url", "")
    _, error = client_program.run("doctor", *options, status=2)
    assert "'prod.eu'" in error and "Grafana" in error
    assert_problem(examine(*options, "--grafana-url", "", status=1), "daemon.grpc", NOBODY)


def test_a_daemon_that_prometheus_calls_otherwise_is_named(production, render):
    text = production.config_file.read_text(encoding="utf-8")
    production.config_file.write_text(text.replace("prod: {", "prod: {metrics_instance: first, "), encoding="utf-8")
    with stack.Prometheus(render("--target", production.http_url.removeprefix("http://"))) as prometheus:
        prometheus.wait_for_targets()
        found = examine(*production.options, "--prometheus-url", prometheus.url, status=1)
        assert_problem(found, "prometheus.target", "instance=first", production.http_url.removeprefix("http://"))
    with stack.Prometheus(render(*production.options)) as prometheus:
        prometheus.wait_for_targets()
        more = ("--prometheus-url", prometheus.url, "--prefix", "dev_")  # what is wrong for certain
        assert examine(*production.options, *more, status=1)["prometheus.target"]["outcome"] == "ok"


def documented_checks():
    """In the order of the page."""
    page = (files.ROOT / "docs" / "monitoring-troubleshooting.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([a-z]+\.[a-z]+)` \|", page, re.M)


def test_every_row_of_the_page_names_a_check_that_there_is():
    page = (files.ROOT / "docs" / "monitoring-troubleshooting.md").read_text(encoding="utf-8")
    table = page.partition("| what you see |")[2].partition("\n\n")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`([a-z]+\.[a-z]+)`", row.rsplit("|", 2)[1])
        assert named or row.rstrip(" |").endswith("–"), row
        assert set(named) <= set(documented_checks()), row


def test_without_addresses_a_daemon_on_this_host_is_looked_for():
    found = examine(status=1)
    assert "50051" in found["daemon.grpc"]["detail"] and "8080" in found["metrics.ready"]["detail"]
    assert found["prometheus.ready"] == {"check": "prometheus.ready", "outcome": "skipped",
                                         "detail": "no --prometheus-url", "fix": ""}


def test_the_text_ends_with_a_count(daemon):
    output, _ = client_program.run("doctor", "--server", daemon.grpc_address)
    lines = output.splitlines()
    assert lines[-1].startswith("doctor: ok=3 problems=0 skipped=")
    assert lines[0].startswith("ok       daemon.grpc ")
    output, _ = client_program.run("doctor", "--server", NOBODY, status=1)
    assert output.splitlines()[1].strip().startswith("fix: start batchsqld")


@pytest.mark.parametrize("options", [("--metrics-url", "127.0.0.1"), ("--prefix", "prod"), ("--nonsense",),
                                     ("--environment", "a b"), ("--config", "/nonexistent"),
                                     ("--grafana-url", "http://h", "--token-file", "/nonexistent")])
def test_wrong_use_is_told_apart(options):
    client_program.run("doctor", *options, status=2)


def test_nobody_answers():
    url = f"http://{NOBODY}"
    found = examine("--server", NOBODY, "--metrics-url", url, "--prometheus-url", url,
                    "--alertmanager-url", url, "--grafana-url", url, status=1)
    for check in ("daemon.grpc", "metrics.ready", "metrics.answer", "prometheus.ready", "alertmanager.ready",
                  "grafana.health"):
        assert_problem(found, check, NOBODY)
    assert set(outcomes(found).values()) == {"problem", "skipped"}


def test_a_stopped_pipeline_and_a_bad_reload_are_seen(tmp_path):
    missing = 'targets: [{name: main, kind: sqlite, dsn: "file.db"}]\ntables: [{name: missing}]\n'
    with harness.Daemon(missing, wait_ready=False) as running:
        processes.wait_until(lambda: 'batchsql_pipeline_state{database="main",state="opening"' in running.metrics(),
                             30, "the pipeline")
        running.write_config("targets: nonsense")
        running.send_signal(1)
        processes.wait_until(lambda: "batchsql_config_last_reload_successful 0" in running.metrics(), 30,
                             "the reload")
        found = examine("--server", running.grpc_address, "--metrics-url", running.http_url, status=1)
        assert_problem(found, "daemon.tables", "missing (opening")
        assert_problem(found, "metrics.pipelines", "missing on main is opening")
        assert_problem(found, "daemon.reload")


def test_another_prefix_is_named(daemon):
    with Answers({"/readyz": "ok", "/metrics": copied_metrics(daemon, r"\bbatchsql_", "prod_batchsql_")}) as server:
        found = examine("--metrics-url", server.url, status=1)
        assert_problem(found, "metrics.prefix", "'prod_batchsql_'")
        assert "--prefix 'prod_'" in found["metrics.prefix"]["fix"]
        assert_ok(examine("--metrics-url", server.url, "--prefix", "prod_", status=0))


def test_another_program_on_the_port_is_named(render):
    with stack.Prometheus(render()) as prometheus:
        found = examine("--metrics-url", prometheus.url, status=1)
        assert_problem(found, "metrics.prefix", "this is prometheus")
        assert_problem(found, "metrics.ready", "404")


@pytest.mark.parametrize("pattern,replacement,check,word", [
    (r"^# TYPE batchsql_error_rate gauge$", "", "metrics.complete", "batchsql_error_rate is missing"),
    (r"^(# TYPE batchsql_error_rate) gauge$", r"\1 counter", "metrics.complete", "is a counter"),
    (r"^(batchsql_data_integrity_rate\{.*\}) 1$", r"\1 95", "metrics.range", "is 95"),
    (r"^(batchsql_queue_rows\{.*\}) 0$", r"\1 -1", "metrics.range", "is -1"),
    (r"^(batchsql_pipeline_state\{.*state=\"stopped\".*\}) 0$", r"\1 1", "metrics.pipelines", "is stopped"),
    (r"^(batchsql_oldest_unflushed_row_age_seconds\{.*\}) 0$", r"\1 99", "metrics.counters", "waits for 99 s"),
    (r"^batchsql_error_rate\{", "batchsql_error_rate{{", "metrics.answer", "line "),
])
def test_metrics_that_are_wrong_are_seen(daemon, pattern, replacement, check, word):
    with Answers({"/readyz": "ok", "/metrics": copied_metrics(daemon, pattern, replacement)}) as server:
        assert_problem(examine("--metrics-url", server.url, status=1), check, word)


def test_counters_that_fall_are_seen(daemon):
    texts = [daemon.metrics(), copied_metrics(daemon, r"^(batchsql_records_processed_total\{.*\}) \d+$", r"\1 0")]
    with Answers({"/readyz": "ok", "/metrics": lambda _: texts.pop(0)}) as server:
        found = examine("--metrics-url", server.url, status=1)
        assert_problem(found, "metrics.counters", "batchsql_records_processed_total")


def test_a_daemon_that_is_not_ready_says_why(daemon):
    with Answers({"/metrics": daemon.metrics()}) as server:
        assert_problem(examine("--metrics-url", server.url, status=1), "metrics.ready", "404")


BROKEN = [
    ("the job has another name", [("prometheus.yml", "job_name: batchsql", "job_name: rows")],
     {"prometheus.target": "no target", "prometheus.series": "missing: batchsql_"}),
    ("nobody is at the target", [("prometheus.yml", r"targets: \['127.0.0.1:\d+'\]", f"targets: ['{NOBODY}']")],
     {"prometheus.target": NOBODY}),
    ("no rules", [("prometheus.yml", r"(?m)^rule_files:\n  - alert_rules.yml\n", "rule_files:\n")],
     {"prometheus.rules": "BatchSQLWatchdog is not loaded"}),
    ("one alert is gone", [("alert_rules.yml", "alert: BatchSQLRowsStuck", "alert: Other")],
     {"prometheus.rules": "BatchSQLRowsStuck is not loaded"}),
    ("a rule that fails", [("alert_rules.yml", r"expr: vector\(1\)", "expr: label_replace(vector(1), '1-2', '', 'a', 'b')")],
     {"prometheus.rules": "BatchSQLWatchdog"}),
    ("no Alertmanager", [("prometheus.yml", r"(?s)alerting:.*?\n\n", "")],
     {"prometheus.alertmanager": "knows no Alertmanager"}),
]


@pytest.mark.parametrize("edits,problems", [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_prometheus_that_is_set_up_wrong_is_seen(daemon, render, edits, problems):
    rendered = render("--target", daemon.http_url.removeprefix("http://"))
    with stack.Prometheus(rendered, edits=edits) as prometheus:
        prometheus.wait_for_targets()
        prometheus.wait_for_rules()
        found = examine("--prometheus-url", prometheus.url, status=1)
        for check, word in problems.items():
            assert_problem(found, check, word)
        others = {check for check, outcome in outcomes(found, "prometheus.").items() if outcome == "problem"}
        assert others - set(problems) <= {"prometheus.series", "prometheus.alertmanager"}


def test_a_prometheus_whose_retention_was_forgotten_is_seen(render):
    with stack.Prometheus(render(), settings=stack.BARE) as prometheus:
        assert_problem(examine("--prometheus-url", prometheus.url, status=1), "prometheus.retention", "15 days")


def test_clocks_that_differ_are_seen(daemon, render):
    rendered = render("--target", daemon.http_url.removeprefix("http://"))
    answers = {"/readyz": "ok", "/healthz": "ok", "/metrics": daemon.metrics(),
               "date": "Sun, 06 Nov 1994 08:49:37 GMT"}
    with stack.Prometheus(rendered) as prometheus, Answers(answers) as server:
        found = examine("--prometheus-url", prometheus.url, "--metrics-url", server.url, status=1)
        assert_problem(found, "prometheus.clock", "s before the daemon's")
        found = examine("--prometheus-url", prometheus.url, "--metrics-url", daemon.http_url, status=1)
        assert found["prometheus.clock"]["outcome"] == "ok"


def queried(value):
    return json.dumps({"status": "success", "data": {
        "resultType": "vector", "result": [{"metric": {}, "value": [1.0, str(value)]}]}})


@pytest.mark.parametrize("rate,gauge,outcome", [
    (1000, 900, "ok"), (0, 0, "ok"), (5, 0, "ok"), (1000, 450, "problem"), (0, 1000, "problem")])
def test_a_rate_that_is_not_what_the_gauge_tells_is_seen(daemon, rate, gauge, outcome):
    """A minute of load would be needed: the answers are made up."""
    names = [line.split()[2] for line in daemon.metrics().splitlines() if line.startswith("# TYPE")]
    result = [{"metric": {"__name__": name + part}, "value": [1, "1"]} for name in names
              for part in ("", "_count")]

    def answer(query):
        expression = query["query"]
        if "__name__" in expression:
            return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})
        return queried(rate if "rate(" in expression else gauge if "avg_over_time" in expression else 1)
    nothing = json.dumps({"status": "success", "data": {}})
    answers = {"/-/ready": "", "/api/v1/query": answer, **{f"/api/v1/{path}": nothing for path in (
        "targets", "rules", "alertmanagers", "status/flags")}}
    with Answers(answers) as server:
        found = examine("--prometheus-url", server.url, status=1)  # it has no targets, for example
        assert found["prometheus.series"]["outcome"] == "ok"
        assert found["prometheus.rate"]["outcome"] == outcome
        assert f"{gauge:.1f}" in found["prometheus.rate"]["detail"]


def test_an_alertmanager_that_tells_nobody_is_seen(render):
    rendered = render()
    with stack.Alertmanager(rendered) as manager:
        found = examine("--alertmanager-url", manager.url, status=1)
        assert_problem(found, "alertmanager.receivers", "the address that was shipped")
        assert_problem(found, "alertmanager.watchdog", "has not arrived")
    nobody = ("alertmanager.yml", r"(?s)receivers:.*", "receivers: [{name: operators}, {name: watchdog}]")
    with stack.Alertmanager(rendered, edits=[nobody]) as manager:
        found = examine("--alertmanager-url", manager.url, status=1)
        assert_problem(found, "alertmanager.receivers", "no receiver tells anybody")


@pytest.fixture
def grafana(tmp_path):
    """One with the dashboards, and options that name it and its token."""
    (tmp_path / "token").write_text("grafana-token", encoding="utf-8")
    with grafana_stand_in.GrafanaStandIn() as running:
        running.options = ("--grafana-url", running.url, "--token-file", tmp_path / "token")
        client_program.run("monitoring", "install", *running.options)
        yield running


def test_a_grafana_with_everything_is_well(grafana):
    assert set(outcomes(examine(*grafana.options, status=0), "grafana.").values()) == {"ok"}


def test_who_is_not_known_to_grafana_is_told(grafana, tmp_path):
    found = examine("--grafana-url", grafana.url, status=0)
    assert found["grafana.dashboards"]["outcome"] == "skipped"
    (tmp_path / "token").write_text("another", encoding="utf-8")
    found = examine(*grafana.options, status=1)
    assert_problem(found, "grafana.dashboards", "401")
    assert "--token-file" in found["grafana.dashboards"]["fix"]


def test_what_grafana_lacks_is_named(grafana):
    del grafana.dashboards["batchsql-integrity"]
    grafana.data_sources[0]["uid"] = "mine"
    found = examine(*grafana.options, status=1)
    assert_problem(found, "grafana.dashboards", "batchsql-integrity")
    assert_problem(found, "grafana.datasource", "batchsql-prometheus", "another Prometheus")
    found = examine(*grafana.options, "--environment", "prod", status=1)
    assert_problem(found, "grafana.dashboards", "batchsql-overview-prod")


def test_a_panel_that_multiplies_by_10000_is_named(grafana):
    panel = {"title": "Integrity", "type": "stat", "fieldConfig": {"defaults": {"unit": "percent"}},
             "targets": [{"expr": "batchsql_data_integrity_rate * 10000"}]}
    grafana.dashboards["by-hand"] = {"dashboard": {"uid": "by-hand", "title": "Mine", "panels": [panel]},
                                     "folderUid": ""}
    assert_problem(examine(*grafana.options, status=1), "grafana.queries", "by-hand", "'Integrity'", "10000")


def test_dashboards_for_another_prefix_are_named(grafana):
    found = examine(*grafana.options, "--prefix", "prod_", status=1)
    assert_problem(found, "grafana.queries", "another prefix")


def test_environments_may_share_one_grafana(grafana):
    prod = ("--prefix", "prod_", "--environment", "prod")
    client_program.run("monitoring", "install", *grafana.options, *prod)
    assert_ok(examine(*grafana.options, status=0))
    assert_ok(examine(*grafana.options, *prod, status=0))


def test_rules_of_two_prefixes_may_share_one_prometheus(render):
    rules = (render("--prefix", "prod_") / "prometheus" / "alert_rules.yml").read_text(encoding="utf-8")
    rendered = render()
    (rendered / "prometheus" / "recording_rules.yml").write_text(rules, encoding="utf-8")
    with stack.Prometheus(rendered) as prometheus:
        prometheus.wait_for_rules()
        for prefix, outcome in (("", "ok"), ("prod_", "ok"), ("dev_", "problem")):
            found = examine("--prometheus-url", prometheus.url, "--prefix", prefix, status=1)
            assert found["prometheus.rules"]["outcome"] == outcome
        assert "is for another prefix" in found["prometheus.rules"]["detail"]


def test_a_grafana_that_is_ill_is_seen(grafana):
    grafana.broken = 503
    found = examine(*grafana.options, status=1)
    assert_problem(found, "grafana.health", "503")
    assert found["grafana.queries"]["outcome"] == "skipped"
