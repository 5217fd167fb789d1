"""One file for several environments: what the selected one sets, and the alerts that the daemon posts."""

import datetime
import os
import signal
import subprocess

import grpc
import pytest

import client as api
import daemon as harness
import monitoring_servers
import processes

UNKEYED = "id {id} NOT NULL, name {text} NOT NULL"
SECONDS = 120
CONFIGURATION = """
route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s}
receivers: [{name: hook, webhook_configs: [{url: '%s', send_resolved: true}]}]
"""


class Webhook(monitoring_servers.Webhook):
    """A receiver that can be waited for."""

    def wait_for(self, name, table, status):
        """The first notification that this alert of the table fires, or is resolved."""
        def matching():
            return next((alert for alert in self._all() if alert["status"] == status and
                         (alert["labels"]["alertname"], alert["labels"]["table"]) == (name, table)), None)
        return processes.wait_until(matching, SECONDS, f"{name} to be {status}")

    def names(self):
        return {alert["labels"]["alertname"] for alert in self._all()}

    def _all(self):
        return [alert for _, _, body in self.messages() for alert in body["alerts"]]


@pytest.fixture
def webhook():
    with Webhook() as hook:
        yield hook


@pytest.fixture
def alertmanager(webhook):
    with monitoring_servers.AlertmanagerServer(CONFIGURATION % f"http://{webhook.address}/") as server:
        yield server


def instant(text):
    """Alertmanager's API and its notifications write one time with and without trailing zeros."""
    return datetime.datetime.fromisoformat(text)


def environment(url, name="prod", more=""):
    return f"environments: {{{name}: {{alertmanager_url: '{url}'{more}}}}}\n"


def selected(name="prod"):
    return {"arguments": ["--environment", name]}


def check(path, *arguments, **variables):
    """batchsqld --check with no BATCHSQL_ENV but the given one."""
    outside = {key: value for key, value in os.environ.items() if key != "BATCHSQL_ENV"}
    return subprocess.run([harness.program(), "--config", str(path), "--check", *arguments], text=True,
                          capture_output=True, timeout=60, check=False, env={**outside, **variables})


@pytest.fixture
def three(tmp_path):
    path = tmp_path / "batchsql.yaml"
    path.write_text("log: {level: info}\nenvironments:\n  prod: {metrics_port: 9101}\n  dev: {}\n"
                    "  staging: {metrics_prefix: staging_}\n", encoding="utf-8")
    return path


def test_the_flag_selects_and_so_does_the_variable_and_the_flag_wins(three):
    assert check(three).stdout.startswith("environment: none (not dev, prod, staging)\n")
    by_flag = check(three, "--environment", "prod").stdout
    assert by_flag.startswith("environment: prod (not dev, staging)\n")
    assert "HTTP: 127.0.0.1:9101\n" in by_flag and "env=prod\n" in by_flag
    by_variable = check(three, BATCHSQL_ENV="staging").stdout
    assert "env=staging; names begin with staging_\n" in by_variable
    assert check(three, "--environment", "dev", BATCHSQL_ENV="staging").stdout.startswith("environment: dev ")
    assert check(three, "--environment", "", BATCHSQL_ENV="staging").stdout.startswith("environment: none ")
    assert check(three, BATCHSQL_ENV="").stdout.startswith("environment: none ")


def test_an_environment_that_is_not_there_ends_with_2_and_those_that_are(three):
    expected = (f"{three}:2: environments: has no environment Dev, which is asked for: "
                "expected one of dev, prod, staging\n")
    for done in (check(three, "--environment", "Dev"), check(three, BATCHSQL_ENV="Dev")):
        assert (done.returncode, done.stderr) == (2, expected)
    alone = subprocess.run([harness.program(), "--environment", "prod"], capture_output=True, text=True,
                           timeout=60, check=False)
    assert alone.returncode == 2 and "--config" in alone.stderr


def test_prefix_label_and_port_are_those_of_the_selected_one(sqlite, serve):
    table = sqlite.create(UNKEYED)
    daemon, client = serve(sqlite, table)
    assert "\nbatchsql_records_processed_total{" in daemon.metrics()
    assert daemon.stop() == 0
    port = processes.Port()
    daemon.write_config(daemon.config + "environments: {prod: {metrics_prefix: prod_, "
                        f"metrics_port: {port.number}}}}}\n")
    daemon.arguments = ["--environment", "prod"]
    daemon.http_url = f"http://127.0.0.1:{port.number}"
    daemon.start()
    with api.Client(daemon.grpc_address) as client:
        client.write(table, api.rows(["id", "name"], [[1, "x"]]), ack=api.DATABASE)
    samples = [line for line in daemon.metrics().splitlines() if not line.startswith("#")]
    own = [line for line in samples if not line.startswith("process_")]
    assert own and all(line.startswith("prod_batchsql_") and 'env="prod"' in line for line in own)
    assert any(line.startswith("prod_batchsql_records_processed_total{") and line.endswith(" 1") for line in own)
    assert any(line.startswith("process_") for line in samples)
    assert daemon.stop() == 0
    port.release()


def test_a_reload_keeps_the_selected_environment_and_says_so(sqlite, serve):
    daemon, _ = serve(sqlite, sqlite.create(UNKEYED), more=environment("http://127.0.0.1:9"), **selected())

    def reload(text):
        seen = len(daemon.log_text)
        daemon.write_config(text)
        daemon.send_signal(signal.SIGHUP)
        processes.wait_until(lambda: "reloaded" in daemon.log_text[seen:], SECONDS,
                             "a reload")
        return daemon.log_text[seen:]

    before = daemon.config
    assert "key=environments.prod" in reload(before.replace("127.0.0.1:9", "127.0.0.1:10"))
    refused = reload(before.replace("prod", "test"))
    assert "has no environment prod" in refused and "expected one of test" in refused
    assert "key=" not in reload(before)


def damage(daemon, table):
    """Changes one bit of a row in the middle of the table's journal."""
    folder = next((daemon.data_dir / "journal").glob(f"*.{table}"))
    segment = max(folder.glob("*.segment"))  # the last has the rows; the first may be as large
    with open(segment, "r+b") as file:
        file.seek(4096 + 40)
        byte = file.read(1)
        file.seek(4096 + 40)
        file.write(bytes([byte[0] ^ 1]))
    return folder


def test_a_damaged_journal_is_alerted_and_its_repair_resolves_it(sqlite, serve, alertmanager, webhook):
    table, whole = sqlite.create(UNKEYED), sqlite.create(UNKEYED)
    daemon, client = serve(sqlite, table, whole, more=environment(
        alertmanager.url, more=", grafana_url: 'http://grafana:3000'"), **selected())
    for i in range(50):
        client.write(table, api.rows(["id", "name"], [[i, "x"]]), ack=api.DATABASE)
    daemon.kill9()
    folder = damage(daemon, table)
    daemon.start()
    fired = webhook.wait_for("BatchSQLJournalDamaged", table, "firing")
    assert fired["labels"] == {
        "alertname": "BatchSQLJournalDamaged", "severity": "critical", "database": "db", "table": table,
        "test_name": "default", "env": "prod", "instance": f"127.0.0.1:{daemon.http_port}"}
    assert "batchsql journal repair" in fired["annotations"]["description"]
    runbook = "/public/docs/runbooks/BatchSQLJournalDamaged.md#what-to-do"
    assert fired["annotations"]["runbook_url"] == f"http://grafana:3000{runbook}"
    # A stop is no resolution: nothing was repaired.
    assert daemon.stop() == 0
    assert [alert["labels"]["table"] for alert in alertmanager.alerts()] == [table]
    repaired = daemon.folder / "repaired"
    repair = subprocess.run([harness.program("batchsql"), "journal", "repair", str(folder), "--out",
                             str(repaired)], capture_output=True, timeout=60, check=False)
    assert repair.returncode == 1  # rows of the journal are lost; they were committed
    folder.rename(daemon.folder / "damaged")
    repaired.rename(folder)
    daemon.start()
    resolved = webhook.wait_for("BatchSQLJournalDamaged", table, "resolved")
    assert instant(resolved["startsAt"]) == instant(fired["startsAt"])
    assert webhook.names() == {"BatchSQLJournalDamaged"}


def fill_journal(daemon, client, table):
    """Writes until the daemon says that it refuses requests: one that waits too long may be only slow."""
    row = api.rows(["id", "name"], [[1, "x" * 200_000]])
    while "requests are refused" not in daemon.log_text:
        try:
            client.ingest.Write(api.request(table, row, ack=api.JOURNAL), timeout=3)
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED)


def test_full_journals_are_alerted_and_resolved_when_rows_are_written(own_database, serve, alertmanager, webhook):
    database = own_database("postgresql")
    table = database.create(UNKEYED)
    limits = "limits: {journal_bytes_max: 16777216, journal_segment_bytes: 1048576, journal_grace_ms: 0}\n"
    daemon, client = serve(database, table, more=limits + environment(alertmanager.url), **selected())
    client.write(table, api.rows(["id", "name"], [[0, "x"]]), ack=api.DATABASE)
    database.server.kill9()
    fill_journal(daemon, client, table)
    fired = webhook.wait_for("BatchSQLDiskFull", table, "firing")
    assert "the disk budget of 16777216 bytes is used up" in fired["annotations"]["description"]
    database.server.start()
    webhook.wait_for("BatchSQLDiskFull", table, "resolved")
    # A stop that must write them all may take longer than its grace.
    processes.wait_until(lambda: client.table_status(table).queued_rows == 0, SECONDS, "an empty queue")
    assert daemon.stop() == 0


def test_a_table_that_does_not_fit_its_rule_is_alerted_until_it_does(sqlite, serve, alertmanager, webhook):
    table = sqlite.create(UNKEYED)
    serve(sqlite, f"name: {table}, conflict: update, key: [id]", more=environment(alertmanager.url), **selected())
    fired = webhook.wait_for("BatchSQLPipelineStopped", table, "firing")
    assert fired["annotations"]["runbook_url"] == "docs/runbooks/BatchSQLPipelineStopped.md#what-to-do"
    sqlite.execute(f"CREATE UNIQUE INDEX {table}_id ON {table} (id)")
    webhook.wait_for("BatchSQLPipelineStopped", table, "resolved")


def test_an_alertmanager_that_is_away_hears_of_it_when_it_is_back(sqlite, serve, alertmanager, webhook):
    alertmanager.stop()
    table, whole = sqlite.create(UNKEYED), sqlite.create(UNKEYED)
    daemon, client = serve(sqlite, f"name: {table}, conflict: update, key: [id]", whole,
                           more=environment(alertmanager.url), **selected())
    processes.wait_until(lambda: "alerts cannot be posted" in daemon.log_text, SECONDS, "a failed post")
    assert client.write(whole, api.rows(["id", "name"], [[1, "x"]]), ack=api.DATABASE).accepted == 1
    alertmanager.start()
    webhook.wait_for("BatchSQLPipelineStopped", table, "firing")
    assert daemon.log_text.count("alerts cannot be posted") == 1
    assert daemon.log_text.count("an alert fires") == 1


def test_a_fork_is_alerted_and_goes_on_over_a_restart_that_finds_no_database(own_database, serve, alertmanager,
                                                                             webhook):
    database = own_database("postgresql")
    table = database.create(UNKEYED)
    daemon, client = serve(database, table, more=environment(alertmanager.url), wait_ready=False, **selected())
    row = api.rows(["id", "name"], [[1, "x"]])
    client.write(table, row, ack=api.DATABASE)
    with harness.Daemon(database.target() + f"tables: [{{name: {table}}}]\n") as second:
        assert second.stop() == 0
        second.copy_data_of(daemon)
        second.start()
        with api.Client(second.grpc_address) as other:
            other.write(table, row, ack=api.DATABASE)
        client.write(table, row, ack=api.JOURNAL)  # the fence shows at the flush
    fired = webhook.wait_for("BatchSQLPipelineStopped", table, "firing")
    assert "another daemon claimed this pipeline" in fired["annotations"]["description"]
    database.server.kill9()
    daemon.kill9()
    before = len(daemon.log_text)
    daemon.start()
    processes.wait_until(lambda: "table cannot be opened" in daemon.log_text[before:], SECONDS, "a failed look")
    database.server.start()
    processes.wait_until(lambda: "the pipeline stops" in daemon.log_text[before:], SECONDS, "the fork to be found")
    assert daemon.stop() == 0
    # It never ended, so it did not begin again.
    assert "an alert" not in daemon.log_text[before:]
    assert [instant(alert["startsAt"]) for alert in alertmanager.alerts()] == [instant(fired["startsAt"])]
