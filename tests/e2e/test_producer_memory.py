"""What a table remembers of its producers: listed, removed, forgotten after a long silence."""

import json
import subprocess

import pytest

import client as api
import daemon as harness
import processes
from client import admin_pb

DDL = "id {id} NOT NULL PRIMARY KEY, n {id}"


def producers(daemon, *arguments, code=0):
    """Runs `batchsql producers …` and returns what it wrote to standard output."""
    done = subprocess.run(
        [harness.program("batchsql"), "producers", arguments[0], "--server", daemon.grpc_address,
         *map(str, arguments[1:])], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def listed(daemon, table, *arguments):
    answer = json.loads(producers(daemon, "list", "--table", table, "--json", *arguments))
    return [entry["producer_id"] for entry in answer.get("producers", [])]


def write(client, table, producer, sequence, row):
    return client.write(table, api.rows(["id", "n"], [[row, sequence]]), producer_id=producer,
                        sequence=sequence)


def test_a_removed_producer_begins_anew_for_good(database, serve):
    table = database.create(DDL)
    daemon, client = serve(database, table)
    for number, producer in enumerate(["b", "a", "c"]):
        write(client, table, producer, 7, number)
    assert listed(daemon, table) == ["a", "b", "c"]
    shown = producers(daemon, "list", "--table", f"db/{table}", "--limit", 2)
    assert "a " in shown and "7" in shown and "committed" in shown
    assert shown.endswith("more follow: --after b\n")
    assert listed(daemon, table, "--after", "b") == ["c"]

    # Known: the same request is not written again.
    write(client, table, "b", 7, 0)
    assert database.count(table) == 3
    out = producers(daemon, "remove", "--table", table, "b", "nobody")
    assert out == "remove: removed=1 waiting=0 unknown=1\n"
    write(client, table, "b", 2, 10)
    assert database.count(table) == 4
    assert producers(daemon, "remove", "--table", table, "b", "c") == (
        "remove: removed=2 waiting=0 unknown=0\n")

    daemon.stop()
    daemon.start()
    client = api.Client(daemon.grpc_address)
    assert listed(daemon, table) == ["a"]
    write(client, table, "c", 1, 11)
    assert listed(daemon, table) == ["a", "c"]
    assert database.count(table) == 5


def test_a_silent_producer_is_forgotten(sqlite, serve):
    table = sqlite.create(DDL)
    daemon, client = serve(sqlite, table, more="limits: {producer_memory_ms: 1500}")
    write(client, table, "silent", 1, 1)
    numbers = iter(range(2, 1000))

    def silent_is_gone():
        number = next(numbers)
        write(client, table, "busy", number, number)
        return listed(daemon, table) == ["busy"]

    processes.wait_until(silent_is_gone, 60, "the silent producer to be forgotten")
    write(client, table, "silent", 1, 1000)
    assert sqlite.query(f"SELECT n FROM {table} WHERE id = 1000") == [("1",)]


def test_wrong_questions_are_refused(sqlite, serve):
    table = sqlite.create(DDL)
    daemon, client = serve(sqlite, table)
    producers(daemon, "list", "--table", "nowhere", code=3)
    producers(daemon, "remove", "--table", table, code=2)
    for call, request in [
            (client.admin.ListProducers,
             admin_pb.ListProducersRequest(table=table, limit=1001)),
            (client.admin.ForgetProducers, admin_pb.ForgetProducersRequest(table=table)),
            (client.admin.ForgetProducers,
             admin_pb.ForgetProducersRequest(table=table, producer_ids=["p"] * 1001))]:
        with pytest.raises(api.grpc.RpcError) as raised:
            call(request, timeout=api.DEADLINE)
        assert raised.value.code() == api.grpc.StatusCode.INVALID_ARGUMENT
