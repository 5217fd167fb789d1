"""Starting, stopping and bad days: nothing that was acknowledged is missing, whatever dies."""

import contextlib
import os
import pathlib
import re
import signal
import threading
import time

import grpc
import pytest

import client as api
import daemon as harness
import processes
from client import pb

KEYED = "id {id} NOT NULL PRIMARY KEY, name {text} NOT NULL"
UNKEYED = "id {id} NOT NULL, name {text} NOT NULL"
SERVERS = ("postgresql", "mysql")
EXIT_SECOND_SIGNAL = 130


class Feeder:
    """A thread that streams `size` rows a request until it is told to stop or the stream ends.

    `acknowledged` are the ids of the requests that the daemon said are committed; `error` is how
    the stream ended (None: well).
    """

    def __init__(self, client, table, size=20, text="x", first=0):
        self._client, self._table, self._size, self._text = client, table, size, text
        self.first = self.next = first
        self.committed_requests = 0
        self.error = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def acknowledged(self):
        return range(self.first, self.first + self.committed_requests * self._size)

    def _requests(self):
        table = self._table
        while not self._stop.is_set():
            ids = range(self.next, self.next + self._size)
            self.next = ids.stop
            yield api.request(table, api.columns(["id", "name"], [[i, self._text] for i in ids]),
                              kind=pb.WriteStreamRequest)
            table = ""

    def _run(self):
        try:
            for response in self._client.ingest.WriteStream(self._requests(),
                                                            timeout=2 * api.DEADLINE):
                assert not response.rejected
                self.committed_requests = response.committed_through
        except grpc.RpcError as error:
            self.error = error

    def wait_for(self, requests):
        """Waits until that many more requests are acknowledged."""
        wanted = self.committed_requests + requests
        processes.wait_until(lambda: self.committed_requests >= wanted or not self.running, 60,
                             f"{requests} acknowledged requests")

    @property
    def running(self):
        return self._thread.is_alive()

    def finish(self, stop=True):
        """Waits for the stream's end; returns how it ended."""
        if stop:
            self._stop.set()
        self._thread.join(2 * api.DEADLINE)
        assert not self._thread.is_alive()
        return self.error


def stored_ids(database, table):
    return [int(i) for i, in database.query(f"SELECT id FROM {table}")]


def wait_for_queued_rows(client, table, rows):
    processes.wait_until(lambda: client.table_status(table).queued_rows == rows, 30, "queued rows")


def resident_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024


def bytes_per_byte():
    """How much a byte in use takes with a sanitizer's bookkeeping: (at most, at least)."""
    program = pathlib.Path(harness.program()).read_bytes()
    if b"__tsan_init" in program:
        return 12, 5  # four shadow words for each word, and more where threads share it
    return (2, 1) if b"__asan_init" in program else (1, 1)


@contextlib.contextmanager
def stopped(server):
    """The server's processes do not run while this lasts: connections stay open and hang."""
    pids = processes.pids_inside(server.data.parent)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_a_stop_while_clients_stream_loses_nothing(database, serve):
    table = database.create(KEYED)
    daemon, client = serve(database, table)
    feeder = Feeder(client, table)
    feeder.wait_for(20)
    assert daemon.stop() == 0
    assert feeder.finish(stop=False).code() == grpc.StatusCode.UNAVAILABLE
    acknowledged = feeder.acknowledged
    found = stored_ids(database, table)
    assert len(found) == len(set(found))
    assert set(acknowledged) <= set(found)
    assert "stopped" in daemon.log_text


def test_a_stop_does_not_wait_for_idle_clients(sqlite, serve):
    table = sqlite.create(KEYED)
    daemon, client = serve(sqlite, table, more="shutdown: {grace_ms: 60000}")
    stream = client.open_stream(table)
    stream.send(api.rows(["id", "name"], [[1, "x"]]))
    answers = iter(stream)
    while next(answers).committed_through < 1:
        pass
    begun = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - begun < 10
    with pytest.raises(grpc.RpcError) as raised:
        list(answers)
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert sqlite.count(table) == 1


def test_what_is_queued_is_flushed_by_the_stop(database, serve):
    table = database.create(KEYED)
    daemon, client = serve(database, f"name: {table}, batch: {{linger_ms: 3600000}}")
    stream = client.open_stream(table)
    stream.send(api.rows(["id", "name"], [[1, "x"], [2, "y"]]))
    wait_for_queued_rows(client, table, 2)
    assert database.count(table) == 0
    assert daemon.stop() == 0
    answers = []
    with pytest.raises(grpc.RpcError) as raised:
        for answer in stream:
            answers.append(answer)
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert (answers[-1].committed_through, answers[-1].rows_committed) == (1, 2)
    assert database.count(table) == 2


@pytest.mark.parametrize("kind", SERVERS)
def test_a_second_signal_ends_the_daemon_at_once(own_database, serve, kind):
    database = own_database(kind)
    table = database.create(UNKEYED)
    daemon, client = serve(database, table, more="shutdown: {grace_ms: 3600000}")
    client.write(table, api.rows(["id", "name"], [[1, "x"]]))
    with stopped(database.server):
        call = client.ingest.Write.future(
            api.request(table, api.rows(["id", "name"], [[2, "x"]])), timeout=api.DEADLINE)
        wait_for_queued_rows(client, table, 1)
        daemon.send_signal(signal.SIGTERM)
        processes.wait_until(lambda: "stopping" in daemon.log_text, 30, "the stop to begin")
        begun = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(10) == EXIT_SECOND_SIGNAL
        assert time.monotonic() - begun < 5
        assert call.exception().code() == grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("kind", SERVERS)
def test_a_stop_ends_though_the_database_hangs(own_database, serve, kind):
    database = own_database(kind)
    table = database.create(UNKEYED)
    daemon, client = serve(database, table, more="shutdown: {grace_ms: 500}")
    client.write(table, api.rows(["id", "name"], [[1, "x"]]))
    with stopped(database.server):
        call = client.ingest.Write.future(
            api.request(table, api.rows(["id", "name"], [[2, "x"]])), timeout=api.DEADLINE)
        wait_for_queued_rows(client, table, 1)
        assert daemon.stop(20) == 1
        assert "did not answer within shutdown.grace_ms" in daemon.log_text
        assert call.exception().code() == grpc.StatusCode.UNAVAILABLE  # Not acknowledged.


@pytest.mark.parametrize("kind", SERVERS)
def test_no_acknowledged_row_is_missing_after_the_database_was_killed(own_database, serve, kind):
    database = own_database(kind)
    table = database.create(UNKEYED)
    _, client = serve(database, table)
    feeders = [Feeder(client, table)]
    aborted = 0
    for _ in range(2):
        feeders[-1].wait_for(20)
        database.server.kill9()
        database.server.start()
        deadline = time.monotonic() + 60
        while True:  # The stream goes on by itself, or was told that a commit is in doubt.
            target = feeders[-1].committed_requests + 5
            processes.wait_until(lambda: feeders[-1].committed_requests >= target
                                 or not feeders[-1].running, 60, "the stream to go on")
            if feeders[-1].running:
                break
            assert feeders[-1].finish().code() == grpc.StatusCode.ABORTED
            aborted += 1
            assert time.monotonic() < deadline
            feeders.append(Feeder(client, table, first=feeders[-1].next))
    assert feeders[-1].finish() is None
    found = stored_ids(database, table)
    acknowledged = {i for feeder in feeders for i in feeder.acknowledged}
    assert acknowledged <= set(found)
    # Nobody sent anything twice, so nothing is there twice.
    assert len(found) == len(set(found))
    assert set(found) <= set(range(feeders[-1].next))
    assert aborted < 10


@pytest.mark.parametrize("kind", SERVERS)
def test_a_hanging_database_slows_clients_and_fills_no_memory(own_database, serve, kind):
    database = own_database(kind)
    table = database.create(UNKEYED)
    limit = 4 << 20
    daemon, client = serve(
        database, f"name: {table}, journal: none",
        more=f"limits: {{memory_bytes_max: {limit}, request_bytes_max: 2000000}}",
        # Freed memory must not be kept to find its users.
        environment={"ASAN_OPTIONS": "quarantine_size_mb=1"})
    most, least = bytes_per_byte()
    # Well below the limit and 64 MiB, which docs/performance.md grants.
    resident_max = most * 12 * limit
    text = "x" * 1000
    client.write(table, api.columns(["id", "name"], [[-i, text] for i in range(1, 101)]))
    before = resident_bytes(daemon.pid)
    size = 200
    requests = 400 * most // least  # 80 MB of text, or more
    assert requests * size * len(text) * least > 1.15 * resident_max, "or piling up would not show"
    stream = client.ingest.WriteStream(api.stream_requests(table, (
        api.columns(["id", "name"], [[i, text] for i in range(n * size, (n + 1) * size)])
        for n in range(requests))), timeout=2 * api.DEADLINE)
    responses = []
    reader = threading.Thread(target=lambda: responses.extend(stream), daemon=True)
    with stopped(database.server):
        reader.start()
        processes.wait_until(lambda: client.status().buffered_bytes > limit * 0.8, 30,
                             "a full buffer")
        code, details = refused_for_memory(client, table)
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "RetryInfo" in details
        # Full for a while: the clients' bytes must not pile up elsewhere in the daemon.
        peak = 0
        for _ in range(20):
            assert client.status().buffered_bytes <= limit * 1.5
            peak = max(peak, resident_bytes(daemon.pid))
        assert peak - before < resident_max
        assert not responses or responses[-1].committed_through < requests
    reader.join(2 * api.DEADLINE)
    assert not reader.is_alive()
    assert responses[-1].committed_through == requests
    assert resident_bytes(daemon.pid) - before < resident_max
    assert database.query(f"SELECT COUNT(*), COUNT(DISTINCT id), SUM(LENGTH(name)) FROM {table} "
                          "WHERE id >= 0") == [
        (str(requests * size), str(requests * size), str(requests * size * 1000))]


def refused_for_memory(client, table):
    """(code, details) of the first unary write that finds the daemon's memory used up."""
    def attempt():
        try:
            client.ingest.Write(api.request(table, api.rows(["id", "name"], [[-1, "x" * 100_000]]),
                                            ack=api.MEMORY), timeout=api.DEADLINE)
        except grpc.RpcError as error:
            return error.code(), api.status_details(error)
        return None
    return processes.wait_until(attempt, 30, "a refused write")
