"""SIGHUP: a new configuration is served without a restart, and a bad one changes nothing."""

import json
import signal
import subprocess
import threading
import urllib.error
import urllib.request

import grpc
import pytest

import client as api
import daemon as harness
import processes

KEYED = "id {id} NOT NULL PRIMARY KEY, name {text} NOT NULL"
UNKEYED = "id {id} NOT NULL, name {text} NOT NULL"  # A row that is written twice is there twice.
KINDS = ("sqlite", "postgresql", "mysql")
SERVERS = ("postgresql", "mysql")
RELOADED = "the configuration is reloaded"
GAUGE = "batchsql_config_last_reload_successful"
QUEUES = "batch: {linger_ms: 3600000}"


@pytest.fixture(params=KINDS)
def database(request, running_databases):
    return running_databases(request.param)


def config_of(database, *tables, more=""):
    entries = ", ".join(f"{{name: {table}}}" for table in tables)
    return f"{database.target()}tables: [{entries}]\n{more}"


def hang_up(daemon, config, line):
    """SIGHUP with this file; returns what the log said up to this line."""
    before = len(daemon.log_text)
    daemon.write_config(config)
    daemon.send_signal(signal.SIGHUP)
    processes.wait_until(lambda: line in daemon.log_text[before:], 60, line)
    return daemon.log_text[before:]


def reload(daemon, config):
    return hang_up(daemon, config, RELOADED)


def rows(*ids):
    return api.rows(["id", "name"], [[i, "x"] for i in ids])


def wait_for_rows(database, table, count):
    processes.wait_until(lambda: database.count(table) == count, 60, f"{count} rows")


def refused(client, table, **fields):
    with pytest.raises(grpc.RpcError) as raised:
        client.write(table, rows(999), **fields)
    return raised.value.code(), raised.value.details()


def tables_of(client):
    """Those that are served."""
    return [entry.table for entry in client.status().tables if entry.state != "removed"]


def test_an_added_table_is_served_at_once(database, serve):
    first, second = database.create(KEYED), database.create(KEYED)
    daemon, client = serve(database, first)
    assert refused(client, second)[0] == grpc.StatusCode.NOT_FOUND
    reload(daemon, config_of(database, first, second))
    assert client.write(second, rows(1)).accepted == 1
    assert client.write(first, rows(1)).accepted == 1
    assert tables_of(client) == sorted([first, second])
    assert f'table="{second}"' in daemon.metrics()


def test_a_removed_table_refuses_rows_writes_what_is_queued_and_can_come_back(database, serve):
    kept, removed = database.create(KEYED), database.create(KEYED)
    daemon, client = serve(database, kept, f"name: {removed}, {QUEUES}")
    stream = client.open_stream(removed, ack=api.JOURNAL)
    stream.send(rows(1, 2))
    answers = iter(stream)
    while next(answers).journaled_through < 1:
        pass
    assert database.count(removed) == 0
    reload(daemon, config_of(database, kept))
    code, details = refused(client, removed)
    assert code == grpc.StatusCode.NOT_FOUND
    assert "was removed from the configuration" in details
    assert tables_of(client) == [kept]
    wait_for_rows(database, removed, 2)
    stream.send(rows(3))  # A stream that was open before.
    with pytest.raises(grpc.RpcError) as raised:
        list(answers)
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND
    processes.wait_until(lambda: "its journal is kept" in daemon.log_text, 30, "the drain")
    reload(daemon, config_of(database, kept, removed))
    assert client.write(removed, rows(3)).accepted == 1
    assert database.count(removed) == 3
    series = f'batchsql_batch_success_total{{database="db",table="{removed}"'
    assert daemon.metrics().count(series) == 1
    assert daemon.stop() == 0


def test_a_changed_linger_takes_over_the_queued_rows(database, serve):
    table = database.create(KEYED)
    daemon, client = serve(database, f"name: {table}, {QUEUES}")
    client.write(table, rows(1, 2), ack=api.JOURNAL)
    assert database.count(table) == 0
    reload(daemon, config_of(database, f"{table}, batch: {{linger_ms: 0}}"))
    wait_for_rows(database, table, 2)
    client.write(table, rows(3))  # Would wait for an hour.
    assert database.count(table) == 3


class Producer:
    """Writes one row after another, numbered; UNAVAILABLE is answered by the same request again."""

    def __init__(self, client, table, name, ack=api.DATABASE):
        self.written, self.retries, self.failure = 0, 0, None
        self._client, self._table = client, table
        self._fields = {"producer_id": name, "ack": ack}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _write(self):
        self._client.write(self._table, rows(self.written + 1), sequence=self.written + 1,
                           **self._fields)
        self.written += 1

    def _run(self):
        while not self._stop.is_set():
            try:
                self._write()
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    self.failure = error
                    return
                self.retries += 1

    def go_on(self):
        """Waits until it wrote more than before."""
        target = self.written + 3
        processes.wait_until(lambda: self.written >= target or self.failure, 60, "the producer")

    def finish(self):
        self._stop.set()
        self._thread.join()


class StreamProducer(Producer):
    """The same over streams, with a window of requests whose commit is not known yet; a new stream
    repeats them."""

    WINDOW = 20

    def _write(self):
        window, over = threading.Semaphore(self.WINDOW), threading.Event()

        def requests(number):
            while window.acquire() and not self._stop.is_set() and not over.is_set():
                number += 1
                yield api.request(self._table, rows(number), kind=api.pb.WriteStreamRequest,
                                  sequence=number, **self._fields)

        call = self._client.ingest.WriteStream(requests(self.written), timeout=api.DEADLINE)
        try:
            for response in call:
                while self.written < response.committed_through:
                    self.written += 1
                    window.release()
        finally:
            over.set()
            window.release()


def stored(database, table):
    return sorted(int(i) for i, in database.query(f"SELECT id FROM {table}"))


def test_no_row_is_lost_or_doubled_under_load(database, serve):
    changed, stays, added, removed = (database.create(UNKEYED) for _ in range(4))
    daemon, client = serve(database, changed, stays, removed)
    producers = [kind(client, table, f"p{number}", ack)
                 for table in (changed, stays, removed)
                 for number, (kind, ack) in enumerate(((StreamProducer, api.DATABASE),
                                                       (Producer, api.JOURNAL)))]
    leaving = []

    def step(act, *arguments):
        act(daemon, *arguments)
        for producer in producers:
            producer.go_on()

    try:
        step(lambda *_: None)
        step(reload, config_of(database, changed, stays, removed, added))
        producers.append(Producer(client, added, "p1"))
        leaving = [producers.pop(4), producers.pop(4)]
        step(reload, config_of(database, changed, stays, added))
        for linger in (0, 7):
            batch = f"batch: {{rows_max: 3, linger_ms: {linger}}}"
            step(reload, config_of(database, f"{changed}, {batch}", stays, added,
                                   more="log: {level: debug}"))
        step(hang_up, config_of(database, changed, f"{stays}, journal: maybe"),
             "nothing has changed")
    finally:
        for producer in producers + leaving:
            producer.finish()
    for producer in leaving:
        assert producer.failure.code() == grpc.StatusCode.NOT_FOUND
    assert [p.failure for p in producers] == [None] * len(producers)
    assert [p.retries for p in producers[2:]] == [0] * 3  # Tables that no reload changed.
    assert daemon.stop() == 0
    for table, its in ((changed, producers[:2]), (stays, producers[2:4]), (added, producers[4:]),
                       (removed, leaving)):
        ids = [i for p in its for i in range(1, p.written + 1)]
        assert stored(database, table) == sorted(ids), table


def test_a_bad_file_changes_nothing_and_is_reported_as_check_does(database, serve):
    table = database.create(KEYED)
    daemon, client = serve(database, table)
    started = client.status().configuration
    assert started.last_reload_successful and f"{GAUGE} 1" in daemon.metrics()
    bad = config_of(database, f"{table}, conflict: maybe", more="limits: {request_rows_max: 0}")
    log = hang_up(daemon, bad, "nothing has changed")
    check = subprocess.run([harness.program(), "--config", str(daemon.config_file), "--check"],
                           capture_output=True, text=True, check=False, timeout=30)
    assert check.returncode == 2
    wrong = [line for line in check.stderr.splitlines() if line]
    assert len(wrong) == 2
    errors = [line for line in log.splitlines() if "level=error" in line]
    assert len(errors) == 1
    for line in wrong:
        assert str(daemon.config_file) in line and line in errors[0]
    processes.wait_until(lambda: f"{GAUGE} 0" in daemon.metrics(), 30, "the gauge")
    failed = client.status().configuration
    assert not failed.last_reload_successful and failed.error == "; ".join(wrong)
    assert failed.last_reload_time_ms >= started.last_reload_time_ms
    assert client.write(table, rows(1, 2)).accepted == 2
    assert RELOADED not in log
    reload(daemon, config_of(database, table))
    assert client.status().configuration.last_reload_successful
    assert f"{GAUGE} 1" in daemon.metrics()


@pytest.mark.parametrize("text", ["tables: [", "limitz: {}\n", "\tx", "data_dir: ${MISSING}\n"])
def test_no_bad_file_changes_anything(sqlite, serve, text):
    table = sqlite.create(KEYED)
    daemon, client = serve(sqlite, table)
    daemon.config_file.write_text(text, encoding="utf-8")
    daemon.send_signal(signal.SIGHUP)
    processes.wait_until(lambda: "nothing has changed" in daemon.log_text, 30, "the refusal")
    assert f"{daemon.config_file}:" in daemon.log_text.split("nothing has changed")[1]
    daemon.config_file.unlink()
    daemon.send_signal(signal.SIGHUP)
    processes.wait_until(lambda: daemon.log_text.count("nothing has changed") == 2, 30, "another")
    assert client.write(table, rows(1)).accepted == 1


def test_limits_and_the_log_level_change_while_streams_are_open(sqlite, serve):
    table = sqlite.create(KEYED)
    daemon, client = serve(sqlite, table, more="log: {level: error}")
    stream = client.open_stream(table)
    stream.send(rows(1, 2))
    answers = iter(stream)
    while next(answers).committed_through < 1:
        pass
    assert "level=info" not in daemon.log_text
    reload(daemon, config_of(sqlite, table, more="limits: {request_rows_max: 1, "
                                                 "memory_bytes_max: 67108864}"))
    assert client.status().buffered_bytes_max == 67108864
    with pytest.raises(grpc.RpcError) as raised:
        client.write(table, rows(3, 4))
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    stream.send(rows(3, 4))
    with pytest.raises(grpc.RpcError) as raised:
        list(answers)
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "limits.request_rows_max = 1 rows" in raised.value.details()
    assert sqlite.count(table) == 2


def test_what_needs_a_restart_is_named_and_the_rest_is_taken_over(sqlite, serve):
    first, second = sqlite.create(KEYED), sqlite.create(KEYED)
    daemon, client = serve(sqlite, first)
    log = reload(daemon, config_of(sqlite, f"{first}, journal: none", second,
                                   more="instance: other\nmonitoring: {test_name: other}"))
    for key in ("instance", "monitoring", f"tables[{first}].journal"):
        assert any("until the daemon is restarted" in line and f"key={key}" in line
                   for line in log.splitlines()), key
    configuration = client.status().configuration
    assert configuration.last_reload_successful
    assert configuration.ignored_keys == ["instance", "monitoring", f"tables[{first}].journal"]
    assert client.write(second, rows(1)).accepted == 1
    assert client.write(first, rows(1), ack=api.JOURNAL).accepted == 1
    assert daemon.stop() == 0


@pytest.mark.parametrize("kind", SERVERS)
def test_a_removed_table_waits_for_its_database(own_database, serve, kind):
    database = own_database(kind)
    kept, removed = database.create(UNKEYED), database.create(UNKEYED)
    daemon, client = serve(database, kept, removed)
    for table in (kept, removed):
        client.write(table, rows(1))
    database.server.stop()
    client.write(removed, rows(2, 3), ack=api.JOURNAL)
    daemon.kill9()
    daemon.start()  # From now on the rows are in the journal only, and nothing is claimed.
    grpc.channel_ready_future(client.channel).result(timeout=60)
    reload(daemon, config_of(database, kept))
    assert refused(client, removed)[0] == grpc.StatusCode.NOT_FOUND
    assert client.table_status(removed).state == "removed"
    assert client.write(kept, rows(2), ack=api.JOURNAL).accepted == 1
    database.server.start()
    processes.wait_until(lambda: "its journal is kept" in daemon.log_text, 60, "the drain")
    assert stored(database, removed) == [1, 2, 3]
    assert [entry.table for entry in client.status().tables] == [kept]
    wait_for_rows(database, kept, 2)
    assert daemon.stop() == 0


@pytest.mark.parametrize("kind", SERVERS)
def test_the_journal_of_a_removed_table_is_kept_when_its_database_stays_away(own_database, serve,
                                                                             kind):
    database = own_database(kind)
    kept, removed = database.create(UNKEYED), database.create(UNKEYED)
    grace = "shutdown: {grace_ms: 300}"
    daemon, client = serve(database, kept, removed, more=grace)
    client.write(removed, rows(1))
    database.server.stop()
    client.write(removed, rows(2, 3), ack=api.JOURNAL)
    for _ in range(2):  # The second finds the table leaving.
        reload(daemon, config_of(database, kept, more=grace))
    assert "a journal is left that no table of the configuration names" in daemon.log_text
    assert daemon.stop() == 0
    assert any("level=warning" in line and "with rows that are not written" in line
               for line in daemon.log_text.splitlines())
    database.server.start()
    daemon.start()
    assert stored(database, removed) == [1]
    reload(daemon, config_of(database, kept, removed))
    wait_for_rows(database, removed, 3)
    assert stored(database, removed) == [1, 2, 3]
    assert daemon.stop() == 0


@pytest.mark.parametrize("kind", SERVERS)
def test_a_table_changes_while_its_database_is_away(own_database, serve, kind):
    database = own_database(kind)
    table = database.create(UNKEYED)
    daemon, client = serve(database, table)
    client.write(table, rows(1))
    database.server.stop()
    client.write(table, rows(2), ack=api.JOURNAL)
    for linger in (1, 2):
        reload(daemon, config_of(database, f"{table}, batch: {{linger_ms: {linger}}}"))
        # The journal knows the table's columns.
        client.write(table, rows(linger + 2), ack=api.JOURNAL)
    database.server.start()
    wait_for_rows(database, table, 4)
    assert stored(database, table) == [1, 2, 3, 4]
    assert daemon.stop() == 0


def test_the_last_of_many_signals_counts(sqlite, serve):
    first, second = sqlite.create(KEYED), sqlite.create(KEYED)
    daemon, client = serve(sqlite, first)
    for linger in range(30):
        daemon.write_config(config_of(sqlite, f"{first}, batch: {{linger_ms: {linger}}}"))
        daemon.send_signal(signal.SIGHUP)
    daemon.write_config(config_of(sqlite, second))
    daemon.send_signal(signal.SIGHUP)
    processes.wait_until(lambda: tables_of(client) == [second], 60, "the last configuration")
    assert client.write(second, rows(1)).accepted == 1
    assert daemon.stop() == 0


@pytest.mark.parametrize("kind", SERVERS)
def test_a_stop_ends_a_reload_and_a_reload_never_a_stop(own_database, serve, kind):
    database = own_database(kind)
    table, added = database.create(UNKEYED), database.create(UNKEYED)
    daemon, client = serve(database, f"name: {table}, journal: none",
                           more="shutdown: {grace_ms: 3600000}")
    client.write(table, rows(1))
    database.server.stop()
    client.write(table, rows(2), ack=api.MEMORY)
    # Without a journal, the old pipeline is given as long as a stop.
    daemon.write_config(config_of(database, f"{table}, journal: none, batch: {{rows_max: 7}}",
                                  added, more="shutdown: {grace_ms: 3000}"))
    daemon.send_signal(signal.SIGHUP)
    processes.wait_until(lambda: added in tables_of(client), 30, "the reload")
    daemon.send_signal(signal.SIGTERM)
    for _ in range(10):
        daemon.send_signal(signal.SIGHUP)
    assert daemon.wait() == 0
    assert "rows acknowledged at level MEMORY are lost" in daemon.log_text


def test_http_says_the_same_of_a_removed_table(sqlite, serve):
    kept, removed = sqlite.create(KEYED), sqlite.create(KEYED)
    daemon, _ = serve(sqlite, kept, removed)

    def post(table):
        request = urllib.request.Request(
            f"{daemon.http_url}/v1/tables/{table}/rows", method="POST",
            data=json.dumps({"id": 1, "name": "x"}).encode(),
            headers={"Content-Type": "application/json"})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    assert post(removed)[0] == 200
    reload(daemon, config_of(sqlite, kept))
    status, body = post(removed)
    assert status == 404 and "was removed from the configuration" in body
    assert post(kept)[0] == 200
