"""A real Alertmanager with the shipped configuration, waits aside, and a webhook that listens."""

import json
import urllib.request

import pytest

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
