"""Rules and configurations pass Prometheus' and Alertmanager's own tools, and rules their tests."""

import re
import subprocess

import pytest
import yaml

import metric_names
import monitoring_files as files
import promql_shape

TESTS = sorted((files.PROMETHEUS / "tests").glob("*.yml"))
SEVERITIES = ("critical", "warning", "none")
ALERTS = {"BatchSQLHighErrorRate", "BatchSQLLowDataIntegrity", "BatchSQLLowPerformance",
          "BatchSQLHighMemoryUsage", "BatchSQLTargetDown", "BatchSQLRowsStuck",
          "BatchSQLJournalNearLimit", "BatchSQLDeadLetters", "BatchSQLRowsLost",
          "BatchSQLPipelineStopped", "BatchSQLDaemonAbsent", "BatchSQLWatchdog"}


def run(*command, folder=files.PROMETHEUS):
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=60)


def passes(*command, folder=files.PROMETHEUS):
    done = run(*command, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr


def alert_tests():
    """(alert, whether it must fire) of every alert_rule_test."""
    for path in TESTS:
        for test in files.read_yaml(path)["tests"]:
            for check in test.get("alert_rule_test", []):
                yield check["alertname"], bool(check["exp_alerts"])


def test_promtool_takes_the_configuration():
    passes("promtool", "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml")


@pytest.mark.parametrize("name", ["alert_rules.yml", "recording_rules.yml"])
def test_promtool_takes_the_rules(name):
    passes("promtool", "check", "rules", "--lint=all", "--lint-fatal", name)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_the_rules_pass_their_unit_tests(path):
    passes("promtool", "test", "rules", str(path))


def test_a_broken_rule_fails_its_unit_tests(tmp_path):
    """What the tests are worth: an alert with another threshold is noticed."""
    (tmp_path / "tests").mkdir()
    rules = files.text_of(files.PROMETHEUS / "alert_rules.yml")
    broken = rules.replace("integrity_rate < 0.95", "integrity_rate < 0.5")
    assert broken != rules
    (tmp_path / "alert_rules.yml").write_text(broken, encoding="utf-8")
    test = (files.PROMETHEUS / "tests" / "integrity.yml").read_text(encoding="utf-8")
    (tmp_path / "tests" / "integrity.yml").write_text(test, encoding="utf-8")
    assert run("promtool", "test", "rules", "tests/integrity.yml", folder=tmp_path).returncode != 0


def test_every_alert_of_the_contract_is_there():
    assert set(files.alerts()) == ALERTS
    groups = files.read_yaml(files.PROMETHEUS / "alert_rules.yml")["groups"]
    assert [group["name"] for group in groups] == ["batchsql_alerts"]


def test_every_alert_is_shown_to_fire_and_to_be_silent():
    assert {name for name, fires in alert_tests() if fires} == ALERTS
    silent = {name for name, fires in alert_tests() if not fires}
    assert silent == ALERTS - {"BatchSQLWatchdog"}  # which is never silent


def test_every_recording_rule_is_tested():
    text = files.text_of(files.PROMETHEUS / "tests" / "recording.yml")
    recorded = [rule["record"] for rule in files.rules("recording_rules.yml")]
    assert [name for name in recorded if name not in text] == []


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_says_what_where_and_how_much(name):
    alert = files.alerts()[name]
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert alert["labels"]["severity"] in SEVERITIES
    shows_value = "$value" in alert["annotations"]["description"]
    assert shows_value, "the description does not hold the measured value"
    assert "humanizeBytes" not in str(alert)


def test_aggregations_keep_the_labels_that_texts_name():
    for name, alert in files.alerts().items():
        named = set(re.findall(r"\$labels\.(\w+)", str(alert["annotations"])))
        for kept in re.findall(r"\b(?:sum|max|min|avg) by \(([^)]*)\)", alert["expr"]):
            missing = named - {"state", "table"} - set(kept.replace(" ", "").split(","))
            assert not missing, f"{name}: {missing} are lost in: by ({kept})"


@pytest.mark.parametrize("expression", files.rule_expressions(), ids=lambda each: each.where)
def test_a_rule_is_well_shaped(expression):
    assert promql_shape.problems(expression.text, metric_names.documented()) == []


def test_prometheus_scrapes_as_the_contract_says():
    config = files.read_yaml(files.PROMETHEUS / "prometheus.yml")
    assert config["global"]["scrape_interval"] == config["global"]["evaluation_interval"] == "15s"
    job = next(job for job in config["scrape_configs"] if job["job_name"] == "batchsql")
    assert (job["scrape_interval"], job["metrics_path"]) == ("5s", "/metrics")
    assert "storage" not in config  # retention is set by flags


def test_amtool_takes_alertmanagers_configuration():
    passes("amtool", "check-config", "alertmanager.yml")


def test_amtool_takes_it_with_e_mail_too(tmp_path):
    text = (files.PROMETHEUS / "alertmanager.yml").read_text(encoding="utf-8")
    begin, end = text.index("    # email_configs"), text.index("\n  - name: watchdog")
    with_mail = text[:begin] + re.sub(r"^    # ", "    ", text[begin:end], flags=re.M) + text[end:]
    (tmp_path / "alertmanager.yml").write_text(with_mail, encoding="utf-8")
    assert "email_configs" in yaml.safe_load(with_mail)["receivers"][0]
    passes("amtool", "check-config", "alertmanager.yml", folder=tmp_path)


@pytest.mark.parametrize("labels,receiver", [
    (("alertname=BatchSQLWatchdog", "severity=none"), "watchdog"),
    (("alertname=BatchSQLTargetDown", "severity=critical", "database=mysql"), "operators"),
    (("alertname=BatchSQLDeadLetters", "severity=warning", "database=mysql"), "operators"),
    (("alertname=BatchSQLJournalDamaged",), "operators"),
])
def test_alerts_reach_their_receiver(labels, receiver):
    done = run("amtool", "config", "routes", "test", "--config.file=alertmanager.yml", *labels)
    assert done.returncode == 0 and done.stdout.split() == [receiver], done.stdout + done.stderr


def test_alertmanager_groups_inhibits_and_keeps_secrets_in_files():
    config = files.read_yaml(files.PROMETHEUS / "alertmanager.yml")
    assert config["route"]["group_by"] == ["alertname", "database"]
    (inhibition,) = config["inhibit_rules"]
    assert inhibition["source_matchers"] == ['severity="critical"']
    assert inhibition["target_matchers"] == ['severity="warning"']
    assert "database" in inhibition["equal"]
    for receiver in config["receivers"]:
        for webhook in receiver["webhook_configs"]:
            authorization = webhook["http_config"]["authorization"]
            assert "credentials_file" in authorization and "credentials" not in authorization
