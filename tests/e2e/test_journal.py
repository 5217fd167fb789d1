"""Rows at level JOURNAL: what is acknowledged is written once, whatever died in between."""

import contextlib
import re
import subprocess

import grpc
import pytest

import client as api
import daemon as harness
import processes
from client import pb

UNKEYED = "id {id} NOT NULL, name {text} NOT NULL"
SERVERS = ("postgresql", "mysql")


def write(client, table, ids, **fields):
    fields.setdefault("ack", api.JOURNAL)
    return client.write(table, api.rows(["id", "name"], [[i, "x"] for i in ids]), **fields)


def stored(database, table):
    return sorted(int(i) for i, in database.query(f"SELECT id FROM {table}"))


def wait_for_rows(database, table, rows):
    processes.wait_until(lambda: database.count(table) >= rows, 60, f"{rows} rows in {table}")


def refusal(call, *arguments, **fields):
    with pytest.raises(grpc.RpcError) as raised:
        call(*arguments, **fields)
    return raised.value.code(), raised.value.details()


@contextlib.contextmanager
def started_again(daemon):
    """A client of the daemon's next life."""
    daemon.kill9()
    daemon.start()
    with api.Client(daemon.grpc_address) as client:
        yield client


@pytest.mark.parametrize("kind", SERVERS)
def test_rows_taken_while_the_database_is_away_land_after_a_kill(own_database, serve, kind):
    database = own_database(kind)
    table = database.create(UNKEYED)
    daemon, client = serve(database, table, wait_ready=False)
    write(client, table, range(10), ack=api.DATABASE)
    database.server.kill9()
    for first in range(10, 100, 10):
        assert write(client, table, range(first, first + 10)).accepted == 10
    # A daemon that starts while the database is away knows the table from its journal.
    with started_again(daemon) as client:
        assert write(client, table, range(100, 110)).accepted == 10
        database.server.start()
        wait_for_rows(database, table, 110)
        assert write(client, table, [110], ack=api.DATABASE).accepted == 1
    assert stored(database, table) == list(range(111))


@pytest.mark.parametrize("kind", SERVERS)
def test_a_call_that_its_client_gave_up_ends_and_its_rows_land(own_database, serve, kind):
    database = own_database(kind)
    table = database.create(UNKEYED)
    daemon, client = serve(database, table)
    write(client, table, [0], ack=api.DATABASE)
    database.server.kill9()
    given_up = api.request(table, api.rows(["id", "name"], [[1, "x"]]), ack=api.DATABASE)
    with pytest.raises(grpc.RpcError):
        client.ingest.Write(given_up, timeout=0.5)
    # The daemon does not keep the call, and with it the request, until the database is back.
    ended = re.compile(r'grpc_requests_total\{.*code="CANCELLED".*\} 1\b')
    processes.wait_until(lambda: ended.search(daemon.metrics()), 30, "the call's end")
    database.server.start()
    wait_for_rows(database, table, 2)
    write(client, table, [2], ack=api.DATABASE)
    assert stored(database, table) == [0, 1, 2]


def test_a_repeated_request_is_answered_and_not_written_again(database, serve):
    table = database.create(UNKEYED)
    daemon, client = serve(database, table)
    for sequence in range(1, 21):
        write(client, table, [sequence], producer_id="p", sequence=sequence)
    assert write(client, table, [20], producer_id="p", sequence=20).accepted == 1
    code, message = refusal(write, client, table, [99], producer_id="p", sequence=20)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "20" in message
    code, message = refusal(write, client, table, [99], producer_id="p", sequence=25)
    assert code == grpc.StatusCode.FAILED_PRECONDITION and "21" in message
    code, _ = refusal(write, client, table, [1], producer_id="p", sequence=1)
    assert code == grpc.StatusCode.OUT_OF_RANGE
    # Also in the daemon's next life, and at another level.
    with started_again(daemon) as client:
        again = write(client, table, [20], producer_id="p", sequence=20, ack=api.DATABASE)
        assert again.accepted == 1
        code, message = refusal(write, client, table, [99], producer_id="p", sequence=25)
        assert code == grpc.StatusCode.FAILED_PRECONDITION and "21" in message
        write(client, table, [25], producer_id="p", sequence=25, resume_at=25, ack=api.DATABASE)
    assert stored(database, table) == [*range(1, 21), 25]


def test_a_repeated_answer_lists_the_same_rejected_rows(sqlite, serve):
    table = sqlite.create(UNKEYED)
    daemon, client = serve(sqlite, table)
    payload = api.rows(["id", "name"], [[1, "a"], [2, None], ["x", "b"]])
    bad_only = api.rows(["id", "name"], [[None, "a"]])
    first = client.write(table, payload, producer_id="p", sequence=7)
    assert (first.accepted, [row.row for row in first.rejected]) == (1, [1, 2])
    refused = client.write(table, bad_only, producer_id="p", sequence=8)
    with started_again(daemon) as client:
        assert client.write(table, payload, producer_id="p", sequence=7) == first
        assert client.write(table, bad_only, producer_id="p", sequence=8) == refused
    assert stored(sqlite, table) == [1]


def test_a_stream_is_told_what_is_held_and_fences_older_ones(sqlite, serve):
    table = sqlite.create(UNKEYED)
    _, client = serve(sqlite, table)
    older = client.open_stream(table, producer_id="p", sequence=1)
    older.send(api.rows(["id", "name"], [[1, "a"]]))
    answers = iter(older)
    while next(answers).committed_through < 1:
        pass
    newer = client.open_stream(table, producer_id="p")
    newer.send()
    assert next(iter(newer)).last_sequence == 1
    newer.close()
    older._fields = {"sequence": 2}
    older.send(api.rows(["id", "name"], [[2, "a"]]))
    with pytest.raises(grpc.RpcError) as raised:
        list(answers)
    assert raised.value.code() == grpc.StatusCode.ABORTED
    assert stored(sqlite, table) == [1]


def test_a_data_directory_in_use_or_open_to_others_is_refused(sqlite, serve):
    table = sqlite.create(UNKEYED)
    daemon, client = serve(sqlite, table)
    command = [harness.program(), "--config", daemon.config_file]

    def start_another():
        ended = subprocess.run(command, cwd=daemon.folder, capture_output=True, text=True,
                               timeout=30, check=False)
        assert ended.returncode != 0
        return ended.stderr

    assert "in use by another batchsqld" in start_another()
    write(client, table, [1], ack=api.DATABASE)
    assert daemon.stop() == 0
    daemon.data_dir.chmod(0o755)
    assert "chmod 700" in start_another()


def test_a_damaged_journal_stops_its_own_pipeline_only(sqlite, serve):
    damaged, whole = sqlite.create(UNKEYED), sqlite.create(UNKEYED)
    daemon, client = serve(sqlite, damaged, whole)
    for i in range(50):
        write(client, damaged, [i], ack=api.DATABASE)
        write(client, whole, [i], ack=api.DATABASE)
    daemon.kill9()
    folder = next((daemon.data_dir / "journal").glob(f"*.{damaged}"))
    segment = max(folder.glob("*.segment"))
    with open(segment, "r+b") as file:
        file.seek(4096 + 40)
        byte = file.read(1)
        file.seek(4096 + 40)
        file.write(bytes([byte[0] ^ 1]))
    daemon.start()
    with api.Client(daemon.grpc_address) as client:
        code, message = refusal(write, client, damaged, [99])
        assert code == grpc.StatusCode.UNAVAILABLE
        assert "batchsql journal repair" in message and segment.name in message
        assert write(client, whole, [99], ack=api.DATABASE).accepted == 1
    assert stored(sqlite, whole) == [*range(50), 99]


@pytest.mark.parametrize("kind", SERVERS)
def test_a_daemon_whose_data_directory_was_copied_is_fenced(running_databases, serve, kind):
    database = running_databases(kind)
    table = database.create(UNKEYED)
    first, client = serve(database, table)
    write(client, table, range(10), ack=api.DATABASE)
    with harness.Daemon(first.config) as second:
        assert second.stop() == 0
        second.copy_data_of(first)
        second.start()
        with api.Client(second.grpc_address) as other:
            write(other, table, [10], ack=api.DATABASE)
        write(client, table, [11])  # taken into the journal: the fence shows at the flush
        processes.wait_until(lambda: client.table_status(table).state == "stopped", 30,
                             "the fenced pipeline to stop")
        code, message = refusal(write, client, table, [12])
        assert code == grpc.StatusCode.UNAVAILABLE and "fenced" in message
    assert stored(database, table) == list(range(11))


def test_without_a_journal_level_journal_is_refused_and_database_the_default(database, serve):
    table = database.create(UNKEYED)
    daemon, client = serve(database, f"name: {table}, journal: none")
    code, _ = refusal(write, client, table, [1])
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert client.write(table, api.rows(["id", "name"], [[1, "x"]]), ack=0).accepted == 1
    assert stored(database, table) == [1]
    assert not list((daemon.data_dir / "journal").iterdir())
    with started_again(daemon) as client:
        write(client, table, [2], ack=api.DATABASE)
    assert stored(database, table) == [1, 2]


def test_the_default_level_is_journal(sqlite, serve):
    table = sqlite.create(UNKEYED)
    daemon, client = serve(sqlite, f"name: {table}, batch: {{linger_ms: 3600000}}")
    assert client.write(table, api.rows(["id", "name"], [[1, "x"]]), ack=0).accepted == 1
    assert sqlite.count(table) == 0
    assert pb.ACK_LEVEL_UNSPECIFIED == 0
    with started_again(daemon) as again:
        # Who stops it before it has claimed the table finds the row in the journal.
        processes.wait_until(lambda: again.status().tables[0].state == "running", 30, "a claimed table")
    assert daemon.stop() == 0
    assert stored(sqlite, table) == [1]
