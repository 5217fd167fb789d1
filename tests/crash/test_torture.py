"""The torture program's own parts: the judge sees what it must see, the proxy cuts where it says."""

import contextlib
import errno
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / "e2e"), str(pathlib.Path(__file__).parent)]

import client as api  # noqa: E402
import fail_io  # noqa: E402
import judge  # noqa: E402
import ledger as ledgers  # noqa: E402
import proxy  # noqa: E402
import rows  # noqa: E402

LOG, UNIQUE, UPDATE, REPLACE = rows.TABLES
SEED, REQUESTS = 11, 60
DEADLINE = 20


def producer(table, level=rows.JOURNAL, number=3):
    return rows.Producer(number, table, level, False, SEED)


def ledger(table, level=rows.JOURNAL, acked=REQUESTS):
    return ledgers.Ledger(producer(table, level), next=REQUESTS + 1, acked=acked)


def right_contents(table):
    """What the table holds when everything that was sent arrived, in order."""
    taken = rows.TAKEN_IDS if table == UNIQUE else ()
    found = {number: ("0",) * 5 + ("taken",) for number in taken}
    for sequence in range(1, REQUESTS + 1):
        request = rows.Request(producer(table), sequence)
        found.update((number, request.stored(idx)) for idx, number in enumerate(request.ids)
                     if idx not in request.bad)
    return found


def judged(table, contents, **ledger_fields):
    empty = {other.name: right_contents(other) if other == UNIQUE else {} for other in rows.TABLES}
    own = [ledger(table, **ledger_fields)]
    if table != UNIQUE:
        empty[UNIQUE.name] = {number: ("0",) * 5 + ("taken",) for number in rows.TAKEN_IDS}
    everything = {name: list(found.items()) for name, found in empty.items()}
    everything[table.name] = list(contents.items()) if isinstance(contents, dict) else contents
    return judge.judge(own, everything)


@pytest.mark.parametrize("table", rows.TABLES, ids=lambda table: table.name)
def test_what_arrived_as_it_was_sent_is_clean(table):
    verdict = judged(table, right_contents(table))
    assert verdict.clean and not verdict.samples
    assert verdict.acked[rows.JOURNAL] == verdict.judged > 1000


@pytest.mark.parametrize("table", rows.TABLES, ids=lambda table: table.name)
def test_a_missing_row_is_lost_where_it_was_acknowledged(table):
    contents = right_contents(table)
    last = rows.Request(producer(table), REQUESTS)
    del contents[next(number for idx, number in enumerate(last.ids) if idx not in last.bad)]
    assert judged(table, contents).lost == 1
    assert judged(table, contents, level=rows.MEMORY).clean


def test_a_row_that_was_not_acknowledged_may_miss():
    contents = right_contents(LOG)
    last = rows.Request(producer(LOG), REQUESTS)
    for number in last.ids:
        contents.pop(number, None)
    assert judged(LOG, contents, acked=REQUESTS - 1).clean


def test_a_row_that_came_twice_is_doubled():
    contents = list(right_contents(LOG).items())
    assert judged(LOG, contents + contents[:2]).doubled == 2


@pytest.mark.parametrize("table", rows.TABLES, ids=lambda table: table.name)
def test_a_row_that_nobody_sent_is_doubled(table):
    contents = right_contents(table)
    number = next(number for number in contents if number >= 0)
    other = number + (1 << 60)
    contents[other] = contents[number]
    assert judged(table, contents).doubled == 1
    del contents[other]
    contents[number] = contents[number][:-1] + ("0123456789abcdef",)
    assert judged(table, contents).doubled == 1


@pytest.mark.parametrize("table", [UPDATE, REPLACE], ids=lambda table: table.name)
def test_an_older_write_in_the_place_of_a_later_one_is_reordered(table):
    contents = right_contents(table)
    first, writes = rows.Request(producer(table), 1), {}
    for sequence in range(1, REQUESTS + 1):
        request = rows.Request(producer(table), sequence)
        for idx, number in enumerate(request.ids):
            if idx not in request.bad:
                writes.setdefault(number, []).append(request.stored(idx))
    number = next(number for number in first.ids if len(writes.get(number, ())) > 1)
    contents[number] = writes[number][-2]
    assert judged(table, contents).reordered == 1
    assert judged(table, contents, level=rows.MEMORY).clean


def test_a_bad_row_in_the_table_is_told():
    for sequence in range(1, REQUESTS + 1):
        request = rows.Request(producer(LOG), sequence)
        if request.bad:
            break
    idx = next(iter(request.bad))
    contents = right_contents(LOG)
    contents[request.ids[idx]] = request.stored(idx)
    verdict = judged(LOG, contents)
    assert verdict.refused == 1 and not verdict.clean


def test_a_lost_row_of_the_beginning_is_told():
    contents = right_contents(UNIQUE)
    del contents[rows.TAKEN_IDS[0]]
    assert judged(UNIQUE, contents).lost == 1


@pytest.mark.parametrize("table", [LOG, REPLACE], ids=lambda table: table.name)
def test_requests_are_protobuf_and_made_the_same_again(table):
    for sequence in range(1, 10 * REQUESTS):  # Also one whose only payload is missing.
        request = rows.Request(producer(table), sequence)
        body = request.encode(resume_at=sequence)
        assert body == rows.Request(producer(table), sequence).encode(resume_at=sequence)
        assert body != request.encode(resume_at=sequence, other_content=True)
        message = api.pb.WriteStreamRequest.FromString(rows.opening(producer(table)) + body)
        assert (message.table, message.sequence, message.resume_at) == \
            (table.name, sequence, sequence)
        cells = [[request.ids[idx], 3, sequence, idx, request.version(idx), request.amounts[idx],
                  None if request.bad.get(idx) == rows.NO_PAYLOAD else request.payload(idx)]
                 for idx in range(request.count)]
        if request.count <= rows.ROW_FORM_ROWS:
            assert message.rows == api.rows(rows.NAMES, cells)
        elif rows.NO_PAYLOAD not in request.bad.values():
            assert message.columns == api.columns(rows.NAMES, cells)


class Echo:
    """A server that answers every message with `ok` and notes what it got."""

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.got, self.ended = b"", threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.close()
        self._thread.join(DEADLINE)

    def _serve(self):
        connection, _ = self._listener.accept()
        connection.settimeout(DEADLINE)
        with connection:
            try:
                while data := connection.recv(1000):
                    self.got += data
                    connection.sendall(b"ok")
            except OSError:
                pass
        self.ended.set()


@pytest.mark.parametrize("kind, arrives, answered", [
    (proxy.BEFORE_COMMIT, False, False), (proxy.AFTER_COMMIT, True, False),
    (proxy.AFTER_REPLY, True, False), (proxy.DELAY, True, True)])
def test_the_proxy_cuts_a_commit_where_it_says(kind, arrives, answered):
    commit = b"Q\0\0\0\x0bCOMMIT\0"
    with Echo() as server, proxy.Proxy(server.address) as between:
        with socket.create_connection(("127.0.0.1", between.port), timeout=DEADLINE) as connection:
            connection.sendall(b"SET LOCAL synchronous_commit=on; CREATE TABLE t ON COMMIT DROP")
            assert connection.recv(100) == b"ok"
            struck = between.arm(kind, 0.01)
            connection.sendall(commit)
            try:
                reply = connection.recv(100)
            except ConnectionResetError:
                reply = b""
            assert struck.wait(DEADLINE)
        assert server.ended.wait(DEADLINE)
        assert (commit in server.got) == arrives
        assert (reply == b"ok") == answered


def test_the_proxy_cuts_at_a_byte():
    with Echo() as server, proxy.Proxy(server.address) as between:
        struck = between.arm(proxy.AT_BYTE, 4)
        with socket.create_connection(("127.0.0.1", between.port), timeout=DEADLINE) as connection:
            connection.sendall(b"0123456789")
            with contextlib.suppress(OSError):
                while connection.recv(100):
                    pass
        assert struck.wait(DEADLINE) and server.ended.wait(DEADLINE)
        assert len(server.got) <= 4


WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for i in range(4):
    try:
        os.pwrite(file, b"x" * 10000, 10000 * i)
        os.fdatasync(file)
    except OSError as error:
        print(i, error.errno)
"""


def written(orders, path):
    return subprocess.run([sys.executable, "-c", WRITER, path], capture_output=True, text=True,
                          env={**os.environ, **orders.environment}, timeout=DEADLINE, check=False)


@pytest.fixture
def orders(tmp_path):
    made = fail_io.FailIo(tmp_path, tmp_path / "data")
    yield made
    made.close()


def test_a_write_fails_once_and_a_sync_for_good(orders, tmp_path):
    orders.fail_writes(0, errno.ENOSPC, after=1)
    assert written(orders, tmp_path / "data.1").stdout == f"1 {errno.ENOSPC}\n"
    orders.fail_syncs(0, after=2, sticks=True)
    assert written(orders, tmp_path / "data.1").stdout == f"2 {errno.EIO}\n3 {errno.EIO}\n"
    orders.clear()
    assert written(orders, tmp_path / "data.1").stdout == ""
    assert written(orders, tmp_path / "other").stdout == ""
    assert (orders.count(0, "write_failures"), orders.count(0, "sync_failures")) == (1, 2)


@pytest.mark.parametrize("kind, size, whole", [
    (fail_io.PREFIX_ONLY, 20000 + 5678, 20000 + 5678), (fail_io.GARBAGE, 26190, 20000 + 5678),
    (fail_io.LOST_PAGE, 30000, 30000 - 4096)])
def test_a_torn_write_leaves_part_of_it_and_nobody_alive(orders, tmp_path, kind, size, whole):
    orders.tear(0, kind, 2, 12345678)
    assert written(orders, tmp_path / "data").returncode == -signal.SIGKILL
    left = (tmp_path / "data").read_bytes()
    assert len(left) == size
    assert whole - 10 <= left.count(b"x") <= whole + 10
    assert orders.count(0, "tears") == 1
