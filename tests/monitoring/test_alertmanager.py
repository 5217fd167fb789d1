"""A real Alertmanager with the shipped configuration, waits aside, and a webhook that listens."""

import contextlib
import json
import urllib.request

import pytest

import daemon as harness
import databases
import monitoring_servers
import processes
import stack

TOKEN = "webhook-token"
SECONDS = 30
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@pytest.fixture
def webhook():
    with monitoring_servers.Webhook() as server:
        yield server


@pytest.fixture
def alertmanager(webhook, tmp_path):
    at_once = [("alertmanager.yml", r"group_wait: \w+", "group_wait: 0s"),
               ("alertmanager.yml", r"group_interval: \w+", "group_interval: 1s")]
    with processes.Scratch("secret") as folder:
        folder.path.chmod(0o755)
        secret = folder.path / "token"
        secret.write_text(TOKEN, encoding="utf-8")
        rendered = stack.render(tmp_path / "rendered", times=1)
        with stack.Alertmanager(rendered, at_once + stack.webhook_edits(webhook.address, secret)) as server:
            yield server


def post(alertmanager, *alerts):
    body = json.dumps([{"labels": labels} for labels in alerts]).encode()
    request = urllib.request.Request(f"{alertmanager.url}/api/v2/alerts", data=body,
                                     headers={"Content-Type": "application/json"})
    with _direct.open(request, timeout=SECONDS) as answer:
        assert answer.status == 200


def alert(name, severity, **labels):
    return {"alertname": name, "severity": severity, "instance": "a:8080", **labels}


def next_message(webhook):
    """(path, authorization, [labels of the alerts]) of the next notification."""
    path, authorization, body = webhook.next(SECONDS)
    return path, authorization, [each["labels"] for each in body["alerts"]], body["groupLabels"]


def states(alertmanager):
    return {(each["labels"]["alertname"], each["labels"].get("database", "")):
            bool(each["status"]["inhibitedBy"]) for each in alertmanager.alerts()}


def test_warnings_of_a_database_are_held_back_under_a_critical_alert(alertmanager, webhook):
    down = alert("BatchSQLTargetDown", "critical", database="postgresql")
    post(alertmanager, down)
    path, authorization, alerts, group = next_message(webhook)
    assert (path, authorization, alerts) == ("/alerts", f"Bearer {TOKEN}", [down])
    assert group == {"alertname": "BatchSQLTargetDown", "database": "postgresql"}
    journal = alert("BatchSQLJournalNearLimit", "warning")
    other = alert("BatchSQLHighErrorRate", "warning", database="mysql")
    held_back = alert("BatchSQLHighErrorRate", "warning", database="postgresql")
    post(alertmanager, held_back, other, journal)
    heard = [next_message(webhook)[2] for _ in range(2)]
    assert sorted(heard, key=str) == sorted([[other], [journal]], key=str)
    assert states(alertmanager) == {
        ("BatchSQLTargetDown", "postgresql"): False, ("BatchSQLHighErrorRate", "postgresql"): True,
        ("BatchSQLHighErrorRate", "mysql"): False, ("BatchSQLJournalNearLimit", ""): False}


def test_the_watchdog_has_a_receiver_of_its_own(alertmanager, webhook):
    watchdog = {"alertname": "BatchSQLWatchdog", "severity": "none"}
    post(alertmanager, watchdog)
    path, authorization, alerts, _ = next_message(webhook)
    assert (path, authorization, alerts) == ("/watchdog", f"Bearer {TOKEN}", [watchdog])


def test_the_daemons_own_alerts_hold_its_warnings_back_too(alertmanager, webhook):
    """`update` without a unique key: the daemon posts that the pipeline cannot start."""
    with contextlib.closing(databases.open_database("sqlite")) as database:
        database.create("id {id}", "t")
        config = (f"{database.target()}tables: [{{name: t, conflict: update, key: [id]}}]\n"
                  f"environments: {{prod: {{alertmanager_url: '{alertmanager.url}', metrics_instance: 'a:8080'}}}}\n")
        with harness.Daemon(config, ["--environment", "prod"]):
            _, _, (own,), _ = next_message(webhook)
            assert (own["alertname"], own["severity"]) == ("BatchSQLPipelineStopped", "critical")
            common = {"database": "db", "env": "prod"}
            held_back = alert("BatchSQLRowsStuck", "warning", table="t", **common)
            elsewhere = {**alert("BatchSQLHighErrorRate", "warning", **common), "instance": "b:8080"}
            post(alertmanager, held_back, elsewhere)
            assert next_message(webhook)[2] == [elsewhere]
            assert states(alertmanager) == {
                ("BatchSQLPipelineStopped", "db"): False, ("BatchSQLRowsStuck", "db"): True,
                ("BatchSQLHighErrorRate", "db"): False}
