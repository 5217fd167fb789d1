"""The running stack: daemon, PostgreSQL, SQLite, Prometheus, Alertmanager and a webhook.

Every query and every panel shows data; alerts fire when they must, arrive, and resolve; an idle
system and a trickle fire none. Times are a tenth or less of the shipped ones.
"""

import contextlib
import json
import math
import subprocess
import threading
import time

import pytest

import client as api
import daemon as harness
import databases
import metric_names
import monitoring_files as files
import monitoring_servers
import processes
import stack as servers

TIMES = 15  # shorter than shipped
TOKEN = "drill-token"
EACH_SECOND = ("prometheus.yml", r"(scrape_\w+): 3s", r"\1: 1s")
CHECKED = "id {id} NOT NULL PRIMARY KEY, n {id} NOT NULL CHECK (n < 100)"
ALWAYS = "BatchSQLWatchdog"
# Of an outage while rows come in: the first at once, the others while it lasts.
OF_AN_OUTAGE = {"BatchSQLTargetDown", "BatchSQLHighErrorRate", "BatchSQLLowPerformance",
                "BatchSQLRowsStuck"}


class Stack:
    """Everything running, two targets with a table each: `pg/t` and `lite/t`."""

    def __init__(self, stack, postgres, sqlite):
        self.postgres = postgres
        postgres.execute("DROP TABLE IF EXISTS t")
        postgres.create(CHECKED, "t")
        sqlite.execute("DROP TABLE IF EXISTS t")
        sqlite.create(CHECKED, "t")
        config = (f'targets: [{{name: pg, kind: postgresql, dsn: "{postgres.dsn}"}},\n'
                  f'          {{name: lite, kind: sqlite, dsn: "{sqlite.dsn}"}}]\n'
                  'tables: [{name: t, target: pg}, {name: t, target: lite}]\n')
        self.daemon = stack.enter_context(harness.Daemon(config))
        self.client = stack.enter_context(api.Client(self.daemon.grpc_address))
        self.hook = stack.enter_context(monitoring_servers.Webhook())
        folder = stack.enter_context(processes.Scratch("rules")).path
        folder.chmod(0o755)
        (folder / "token").write_text(TOKEN, encoding="utf-8")
        rendered = servers.render(folder / "rendered", times=TIMES)
        self.manager = stack.enter_context(servers.Alertmanager(
            rendered, servers.webhook_edits(self.hook.address, folder / "token")))
        servers.render(rendered, "--target", self.daemon.http_url.removeprefix("http://"),
                       "--alertmanager", self.manager.address, times=TIMES)
        self.prometheus = stack.enter_context(servers.Prometheus(rendered, [EACH_SECOND]))
        self._next = {"pg": 1, "lite": 1}
        # Prometheus takes its first targets up after 5 s: too late for a shortened `for`.
        processes.wait_until(lambda: self.prometheus.query('up{job="batchsql"}'), 30, "the first scrape")
        self.wait_until_quiet()

    def write(self, target, rows, bad=0, ack=api.JOURNAL):
        """Writes rows with new keys, of which the last `bad` break the CHECK."""
        first = self._next[target]
        self._next[target] += rows
        table = [[first + i, 200 if i >= rows - bad else 1] for i in range(rows)]
        self.client.write(f"{target}/t", api.rows(["id", "n"], table), ack=ack)

    @contextlib.contextmanager
    def trickle(self, *targets, each=0.1, rows=5):
        """Writes to the targets, `rows` each `each` seconds, until the block ends."""
        stop = threading.Event()

        def run():
            while not stop.wait(each):
                for target in targets:
                    self.write(target, rows)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def firing(self):
        return {alert["alertname"] for alert in self.prometheus.firing()} - {ALWAYS}

    def wait_until_firing(self, name, seconds=60):
        processes.wait_until(lambda: name in self.firing(), seconds, f"{name} to fire")

    def wait_until_quiet(self, seconds=120):
        processes.wait_until(lambda: not self.firing(), seconds, "all alerts to end")

    def told(self, name, status):
        """The labels with which the webhook was told so."""
        return [labels for state, labels in self.hook.alerts()
                if state == status and labels["alertname"] == name]

    def wait_until_told(self, name, status, seconds=60):
        processes.wait_until(lambda: self.told(name, status), seconds,
                             f"the webhook to hear that {name} is {status}")

    def fired_within(self, seconds):
        """The alerts that fired at any time of the next seconds."""
        seen = set()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            seen |= self.firing()
            time.sleep(0.3)
        return seen


@pytest.fixture(scope="module")
def stack():
    with contextlib.ExitStack() as started:
        found = [databases.open_database(kind) for kind in ("postgresql", "sqlite")]
        for database in found:
            started.callback(database.close)
        yield Stack(started, *found)


def test_metrics_and_their_documentation_agree(stack):
    stack.write("pg", 10)
    assert metric_names.differences(stack.daemon.metrics()) == []


def test_promtool_complains_of_the_contract_s_own_unit_and_nothing_else(stack):
    done = subprocess.run(["promtool", "check", "metrics"], input=stack.daemon.metrics(), text=True,
                          capture_output=True, check=False)
    complaints = (done.stdout + done.stderr).strip().splitlines()
    assert [line.split()[0] for line in complaints] == ["batchsql_batch_execution_duration_ms"]


def test_a_trickle_and_an_idle_system_fire_nothing(stack):
    longest = 5 * 60 / TIMES  # `for` and range of the slowest alert
    with stack.trickle("pg", "lite"):
        assert stack.fired_within(1.5 * longest) == set()
    assert stack.fired_within(1.5 * longest) == set()
    assert stack.told(ALWAYS, "firing")


def has_data(prometheus, expression):
    """Samples came back. One that is NaN is none: it is a quantile or a ratio of nothing."""
    return any(not math.isnan(value) for _, value in prometheus.query(expression))


def test_every_query_and_every_panel_shows_data(stack):
    stack.write("pg", 50, bad=2, ack=api.DATABASE)
    stack.write("lite", 50, bad=1, ack=api.DATABASE)
    quiet = {"batchsql_data_integrity_rate < 0.99"}  # data in the dead letters' test only
    wanted = [(each.where, files.substituted(each.text))
              for each in files.panel_expressions() + files.documented_expressions()
              if each.where.startswith(("batchsql-", "docs/monitoring.md")) and each.text not in quiet]
    assert len(wanted) > 40
    with stack.trickle("pg", "lite"):
        missing = wanted
        until = time.monotonic() + 45  # a rate needs two scrapes, a range a while
        while missing and time.monotonic() < until:
            missing = [each for each in missing if not has_data(stack.prometheus, each[1])]
            time.sleep(1)
    assert missing == []


def letter_ids(stack, target):
    answer = stack.client.admin.ListDeadLetters(
        api.admin_pb.ListDeadLettersRequest(table=f"{target}/t"), timeout=api.DEADLINE)
    return [letter.id for letter in answer.letters]


def replay_as(stack, target, n):
    """Writes the target's dead letters again with a value that the CHECK takes."""
    replays = []
    for letter in letter_ids(stack, target):
        shown = stack.client.admin.GetDeadLetter(
            api.admin_pb.GetDeadLetterRequest(table=f"{target}/t", id=letter), timeout=api.DEADLINE)
        row = json.loads(shown.letter.row_json) | {"n": n}
        replays.append(api.admin_pb.DeadLetterReplay(id=letter, row_json=json.dumps(row)))
    if replays:
        stack.client.admin.ReplayDeadLetters(api.admin_pb.ReplayDeadLettersRequest(
            table=f"{target}/t", replays=replays), timeout=api.DEADLINE)


def test_dead_letters_fire_and_replaying_them_resolves(stack):
    replay_as(stack, "pg", 1)
    replay_as(stack, "lite", 1)
    stack.wait_until_quiet()
    stack.write("lite", 10_000, bad=1, ack=api.DATABASE)
    stack.wait_until_firing("BatchSQLDeadLetters")
    assert stack.fired_within(10) == {"BatchSQLDeadLetters"}  # one in ten thousand is no lack of integrity
    for _ in range(20):  # in one batch they would pass for an altered table
        stack.write("lite", 100, bad=40, ack=api.DATABASE)
    stack.wait_until_told("BatchSQLLowDataIntegrity", "firing")
    assert has_data(stack.prometheus, "batchsql_data_integrity_rate < 0.99")
    assert {labels["database"] for labels in stack.told("BatchSQLLowDataIntegrity", "firing")} == {"lite"}
    replay_as(stack, "lite", 1)
    stack.wait_until_told("BatchSQLLowDataIntegrity", "resolved")
    # That the letters' own alert is over may be held back at the webhook, under the critical one.
    stack.wait_until_quiet()


def test_a_stopped_database_fires_its_alerts_and_they_resolve(stack):
    before = len(stack.hook.messages())
    with stack.trickle("pg", "lite"):
        time.sleep(3)
        stack.postgres.server.stop()
        stack.wait_until_told("BatchSQLTargetDown", "firing")
        stack.wait_until_firing("BatchSQLRowsStuck")
        assert stack.firing() <= OF_AN_OUTAGE
        stack.postgres.server.start()
        stack.wait_until_quiet()
    stack.wait_until_told("BatchSQLTargetDown", "resolved")
    news = [alert for _, _, body in stack.hook.messages()[before:] for alert in body["alerts"]
            if alert["status"] == "firing" and alert["labels"]["alertname"] != ALWAYS]
    assert {alert["labels"]["alertname"] for alert in news} <= OF_AN_OUTAGE
    assert {alert["labels"]["database"] for alert in news} == {"pg"}


def test_the_webhook_is_given_the_secret_from_its_file(stack):
    stack.wait_until_told(ALWAYS, "firing")
    assert {authorization for _, authorization, _ in stack.hook.messages()} == {f"Bearer {TOKEN}"}
