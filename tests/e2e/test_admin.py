"""What tools ask a daemon: its state, its tables, its health, and its API by reflection."""

import os
import subprocess

import grpc
import pytest
from google.protobuf import descriptor_pb2

import client as api
import daemon as harness
from client import pb, wire_bytes, wire_fields

DDL = "id {id} NOT NULL PRIMARY KEY, name {text} NOT NULL, n {id} DEFAULT 5, day {date}"


def describe(client, table):
    return client.ingest.DescribeTable(pb.DescribeTableRequest(table=table), timeout=api.DEADLINE)


def reflect(client, *requests):
    """The answers of reflection: its messages are written and read by hand (they are not ours)."""
    call = client.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    return [dict(wire_fields(answer)) for answer in call(iter(requests), timeout=api.DEADLINE)]


def health(client, service):
    """grpc.health.v1: 1 serving, 2 not."""
    call = client.channel.unary_unary("/grpc.health.v1.Health/Check")
    answer = call(wire_bytes(1, service) if service else b"", timeout=api.DEADLINE)
    return dict(wire_fields(answer)).get(1)


@pytest.mark.parametrize("command", ["status", "dlq list --table t", "dlq replay --table t --all",
                                     "producers list --table t"])
def test_the_address_on_the_command_line_counts_more_than_the_variable(command):
    def asked(*options):
        done = subprocess.run([harness.program("batchsql"), *command.split(), *options], capture_output=True,
                              text=True, timeout=60, check=False,
                              env={**os.environ, "BATCHSQL_SERVER": "127.0.0.1:1"})
        assert done.returncode == 3
        return done.stderr
    assert "127.0.0.1:2" in asked("--server", "127.0.0.1:2")
    assert "127.0.0.1:1" in asked()


def test_status_tells_targets_and_totals(database, serve):
    table = database.create(DDL)
    _, client = serve(database, table, more="limits: {memory_bytes_max: 20000000}")
    client.write(table, api.rows(["id", "name"], [[1, "a"], [2, None], [3, "c"]]))
    client.write(table, api.rows(["id", "name"], [[3, "double"], [4, "d"]]))
    status = client.status()
    assert status.version and status.uptime_seconds > 0
    assert (status.buffered_bytes, status.buffered_bytes_max) == (0, 20_000_000)
    target = status.targets[0]
    assert (target.name, target.kind) == ("db", database.kind)
    assert 1 <= target.connections <= target.connections_max
    entry = client.table_status(table)
    assert (entry.target, entry.state, entry.last_error) == ("db", "running", "")
    assert (entry.queued_rows, entry.queued_bytes) == (0, 0)
    assert (entry.received_rows, entry.rejected_rows, entry.coalesced_rows, entry.committed_rows,
            entry.dead_lettered_rows, entry.dead_letters) == (5, 1, 0, 3, 1, 1)


def test_tables_are_listed_and_described(database, serve):
    tables = sorted([database.create(DDL), database.create(DDL)])
    _, client = serve(database, f"name: {tables[0]}, conflict: update", tables[1])
    assert [column.name for column in describe(client, tables[1]).columns] == [
        "id", "name", "n", "day"]
    described = describe(client, f"db/{tables[0]}")
    assert (described.table, described.target) == (tables[0], "db")
    assert (list(described.key), described.conflict) == (["id"], "update")
    facts = {column.name: (column.type, column.nullable, column.has_default)
             for column in described.columns}
    assert facts["name"] == ("text", False, False)
    assert facts["n"] == ("int64", True, True)
    assert facts["day"][:2] == ("date", True)
    assert facts["id"][:2] == ("int64", False)
    assert all(column.native_type for column in described.columns)
    listed = client.ingest.ListTables(pb.ListTablesRequest(), timeout=api.DEADLINE).tables
    assert [(entry.table, entry.target, entry.state) for entry in listed] == [
        (table, "db", "running") for table in tables]
    with pytest.raises(grpc.RpcError) as raised:
        describe(client, "nowhere")
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


def test_health_of_the_server_and_of_each_service(sqlite, serve):
    _, client = serve(sqlite, sqlite.create(DDL))
    assert health(client, "") == 1
    assert health(client, "batchsql.v1.Ingest") == 1
    assert health(client, "batchsql.v1.Admin") == 1
    with pytest.raises(grpc.RpcError) as raised:
        health(client, "nobody.knows.It")
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_tells_the_services_and_their_methods(sqlite, serve):
    _, client = serve(sqlite, sqlite.create(DDL))
    listed, described, unknown = reflect(
        client, wire_bytes(7, "*"), wire_bytes(4, "batchsql.v1.Ingest"), wire_bytes(4, "no.Such"))
    services = [dict(wire_fields(service))[1].decode() for _, service in wire_fields(listed[6])]
    assert {"batchsql.v1.Ingest", "batchsql.v1.Admin", "grpc.health.v1.Health"} <= set(services)
    file = descriptor_pb2.FileDescriptorProto.FromString(next(
        value for number, value in wire_fields(described[4]) if number == 1))
    assert file.package == "batchsql.v1"
    assert {method.name for method in file.service[0].method} >= {
        "Write", "WriteStream", "DescribeTable", "ListTables"}
    assert 7 in unknown  # error_response
