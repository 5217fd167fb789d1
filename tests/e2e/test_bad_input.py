"""Bad input: what a client gets for it, that its neighbours are written, and what the log tells."""

import datetime

import grpc
import pytest

import client as api
from client import pb

SECRET = "s3cr3t-value"
NAMES = ["id", "name", "n", "day"]
DDL = "id {id} NOT NULL PRIMARY KEY, name {text} NOT NULL, n {id}, day {date}"


@pytest.fixture
def table(database):
    return database.create(DDL)


@pytest.fixture
def service(database, serve, table):
    return serve(database, table, more="log: {level: debug}\n"
                                       "limits: {request_bytes_max: 100000, row_bytes_max: 100000, "
                                       "request_rows_max: 50, columns_max: 20}")


def refusal(call, *arguments, **fields):
    """(code, message, details) of a call that must fail."""
    with pytest.raises(grpc.RpcError) as raised:
        call(*arguments, **fields)
    error = raised.value
    return error.code(), error.details(), api.status_details(error)


def test_refused_rows_tell_field_reason_and_type_and_the_log_never_the_value(
        database, service, table):
    daemon, client = service
    long_secret = SECRET + "x" * 200
    bad = [
        # row, column at fault, reason, what the detail must name
        ([1, SECRET, SECRET, None], "n", pb.REJECT_REASON_WRONG_TYPE, "text"),
        ([2, None, 1, None], "name", pb.REJECT_REASON_NULL, ""),
        ([3, api.ABSENT, 1, None], "name", pb.REJECT_REASON_MISSING, ""),
        ([4, "x", 2 ** 63, None], "n", pb.REJECT_REASON_OUT_OF_RANGE, ""),
        ([5, "x", 4.5, None], "n", pb.REJECT_REASON_INEXACT, ""),
        ([6, 4711_0815, 1, None], "name", pb.REJECT_REASON_WRONG_TYPE, "int"),
        ([7, "x", 1, long_secret], "day", pb.REJECT_REASON_WRONG_TYPE, "text"),
        ([8, [SECRET], 1, None], "name", pb.REJECT_REASON_WRONG_TYPE, "list"),
        ([None, SECRET, 1, None], "id", pb.REJECT_REASON_NULL, ""),
    ]
    good = [[100, "good", 1, datetime.date(2024, 2, 29)], [101, "too", None, None]]
    sent = [good[0]] + [row for row, *_ in bad] + [good[1]]
    answer = client.write(table, api.rows(NAMES, sent))
    assert answer.accepted == 2
    assert [(row.row, row.field, row.reason) for row in answer.rejected] == [
        (index + 1, field, reason) for index, (_, field, reason, _) in enumerate(bad)]
    for refused, (*_, named) in zip(answer.rejected, bad):
        assert refused.detail and named in refused.detail
        assert SECRET not in refused.detail and "47110815" not in refused.detail
    assert database.query(f"SELECT id FROM {table} ORDER BY id") == [("100",), ("101",)]
    assert SECRET not in daemon.log_text and "47110815" not in daemon.log_text


def test_an_unknown_column_refuses_only_the_rows_that_have_it(database, service, table):
    _, client = service
    sent = [[1, "a", "x"], [2, "b", api.ABSENT], [3, "c", None]]
    for form in (api.rows, api.columns):
        answer = client.write(table, form(["id", "name", "nix"], sent))
        rejected = [(row.row, row.field, row.reason) for row in answer.rejected]
        assert (0, "nix", pb.REJECT_REASON_UNKNOWN_COLUMN) in rejected
        assert 1 not in [index for index, *_ in rejected]
        database.execute(f"DELETE FROM {table}")


def test_values_that_only_the_database_refuses_stay_out_of_the_log(database, serve):
    table = database.create("id {id} NOT NULL PRIMARY KEY, name {text} CHECK (name <> '" + SECRET
                            + "')")
    daemon, client = serve(database, table, more="log: {level: debug}")
    for attempt in range(2):
        answer = client.write(table, api.rows(["id", "name"], [[1, SECRET], [2 + attempt, "x"]]))
        assert [(row.row, row.reason) for row in answer.rejected] == [
            (0, pb.REJECT_REASON_CONSTRAINT)]
        assert SECRET not in answer.rejected[0].detail
    assert "the database refused rows" in daemon.log_text
    assert SECRET not in daemon.log_text


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_over_long_text(running_databases, serve, kind):
    database = running_databases(kind)
    table = database.create("id {id} NOT NULL PRIMARY KEY, name {short}")
    _, client = serve(database, table)
    answer = client.write(table, api.rows(["id", "name"], [[1, "数据数据数据数据"],
                                                           [2, "数据数据数据数据!"]]))
    assert [(row.row, row.field, row.reason) for row in answer.rejected] == [
        (1, "name", pb.REJECT_REASON_TOO_LONG)]
    assert database.query(f"SELECT name FROM {table}") == [("数据数据数据数据",)]


def test_bad_utf8_is_refused_by_row(database, service, table):
    """Bytes that no proto3 library sends: a valid text whose bytes are then spoilt."""
    daemon, client = service
    for form in (api.rows, api.columns):
        database.execute(f"DELETE FROM {table}")
        good = api.request(table, form(["id", "name"], [[1, "good"], [2, "BAD!"], [3, "good"]]))
        spoilt = good.SerializeToString().replace(b"BAD!", b"\xc3\x28\xff\xfe")
        answer = client.raw_write(spoilt)
        assert [(row.row, row.field, row.reason) for row in answer.rejected] == [
            (1, "name", pb.REJECT_REASON_BAD_UTF8)]
        assert database.count(table) == 2
    assert b"\xff\xfe" not in daemon.log.read_bytes()


def test_a_nul_in_text_is_refused_where_the_database_cannot_store_it(database, service, table):
    _, client = service
    answer = client.write(table, api.rows(["id", "name"], [[1, "a\0b"], [2, "b"]]))
    if database.kind == "postgresql":
        assert [(row.row, row.field, row.reason) for row in answer.rejected] == [
            (0, "name", pb.REJECT_REASON_NUL_CHARACTER)]
        assert database.count(table) == 1
    else:
        assert not answer.rejected
        name = database.hexadecimal.format("name")
        assert database.query(f"SELECT {name} FROM {table} WHERE id = 1") == [("610062",)]


def test_requests_that_are_refused_whole(sqlite, serve):
    table = sqlite.create(DDL)
    _, client = serve(sqlite, table)
    uneven = api.rows(["id", "name"], [[1, "a"], [2, "b"]])
    del uneven.rows[1].values[1]
    short_column = api.columns(["id", "name"], [[1, "a"], [2, "b"]])
    short_column.columns[0].ints.values.pop()
    short_presence = api.columns(["id", "name"], [[1, "a"], [2, None]])
    short_presence.columns[1].presence = b"\2"
    past_the_end = api.columns(["id", "name"], [[1, "a"], [2, "b"]])
    past_the_end.columns[1].texts.ends[1] = 3
    twice = api.rows(["id", "id"], [[1, 2]])
    for payload in (None, pb.Rows(), pb.Columns(), api.rows(["id", "name"], []), uneven,
                    short_column, short_presence, past_the_end, twice,
                    api.columns(["id", "id"], [[1, 2]])):
        code, message, details = refusal(client.write, table, payload)
        assert code == grpc.StatusCode.INVALID_ARGUMENT, payload
        assert message and "BadRequest" in details
        if payload is not None:
            code, *_ = refusal(client.stream, table, [payload])
            assert code == grpc.StatusCode.INVALID_ARGUMENT, payload
    assert sqlite.count(table) == 0
    assert client.write(table, api.rows(["id", "name"], [[1, "a"]])).accepted == 1


def test_limits_are_named(database, service, table):
    daemon, client = service
    cases = {"limits.request_bytes_max": api.rows(["id", "name"], [[1, "x" * 100_001]]),
             "limits.request_rows_max": api.rows(["id", "name"], [[i, "x"] for i in range(51)]),
             "limits.columns_max": api.rows([f"c{i}" for i in range(21)], [[1] * 21])}
    for limit, payload in cases.items():
        for call, argument in ((client.write, payload), (client.stream, [payload])):
            code, message, _ = refusal(call, table, argument)
            assert code == grpc.StatusCode.RESOURCE_EXHAUSTED, limit
            assert limit in message
    # Far beyond: gRPC itself stops reading it.
    code, *_ = refusal(client.write, table, api.rows(["id", "name"], [[1, "x" * 10_000_000]]))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert database.count(table) == 0
    assert "xxxxxxxx" not in daemon.log_text


def test_a_row_beyond_its_limit(sqlite, serve):
    table = sqlite.create(DDL)
    _, client = serve(sqlite, table, more="limits: {row_bytes_max: 2000}")
    for form in (api.rows, api.columns):
        sqlite.execute(f"DELETE FROM {table}")
        sent = form(["id", "name"], [[1, "a"], [2, "x" * 3000]])
        try:
            answer = client.write(table, sent)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "limits.row_bytes_max" in error.details()
        else:
            assert [(row.row, row.reason) for row in answer.rejected] == [
                (1, pb.REJECT_REASON_TOO_LONG)]
            assert "limits.row_bytes_max" in answer.rejected[0].detail


def test_unknown_tables_and_levels(sqlite, serve):
    table = sqlite.create(DDL)
    _, client = serve(sqlite, f"name: {table}, journal: none")
    payload = api.rows(["id", "name"], [[1, "a"]])
    for call, argument in ((client.write, payload), (client.stream, [payload])):
        code, message, _ = refusal(call, "nowhere", argument)
        assert code == grpc.StatusCode.NOT_FOUND and "nowhere" in message
        code, *_ = refusal(call, table, argument, ack=api.JOURNAL)
        assert code == grpc.StatusCode.FAILED_PRECONDITION
        code, *_ = refusal(call, table, argument, ack=99)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        code, *_ = refusal(call, "", argument)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        code, *_ = refusal(call, "t" * 256, argument)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        code, *_ = refusal(call, table, argument, producer_id="p" * 256)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert sqlite.count(table) == 0


def test_a_configured_table_that_the_database_lacks(database, serve):
    daemon, client = serve(database, "missing_table")
    code, message, _ = refusal(client.write, "missing_table", api.rows(["id"], [[1]]))
    assert code == grpc.StatusCode.NOT_FOUND and "missing_table" in message
    assert "missing_table" in daemon.log_text


def test_streams_refuse_what_contradicts_their_first_request(sqlite, serve):
    table = sqlite.create(DDL)
    _, client = serve(sqlite, table, "other")
    payload = api.rows(["id", "name"], [[1, "a"]])
    cases = [({"table": "other", "sequence": 6}, grpc.StatusCode.INVALID_ARGUMENT),
             ({"producer_id": "q", "sequence": 6}, grpc.StatusCode.INVALID_ARGUMENT),
             ({"ack": api.MEMORY, "sequence": 6}, grpc.StatusCode.INVALID_ARGUMENT),
             ({}, grpc.StatusCode.INVALID_ARGUMENT),
             ({"sequence": 8}, grpc.StatusCode.FAILED_PRECONDITION)]
    for index, (second, expected) in enumerate(cases):
        first = {"table": table, "producer_id": f"p{index}", "ack": api.DATABASE, "sequence": 5}
        sent = [api.request(payload=api.rows(["id", "name"], [[index, "a"]]),
                            kind=pb.WriteStreamRequest, **first),
                api.request(payload=payload, kind=pb.WriteStreamRequest, **second)]
        answers = []
        with pytest.raises(grpc.RpcError) as raised:
            for answer in client.ingest.WriteStream(iter(sent), timeout=api.DEADLINE):
                answers.append(answer)
        assert raised.value.code() == expected
        # What was accepted before is written, and acknowledged before the stream ends.
        assert answers[-1].committed_through == 5
        assert sqlite.count(table) == index + 1


def test_names_that_no_database_has_are_refused_before_anything_is_made_of_them(database, serve):
    daemon, client = serve(database, "name: '*', create: missing", more="limits: {tables_max: 3}")
    good = api.request("BAD!", api.rows(["id"], [[1]])).SerializeToString()
    code, *_ = refusal(client.raw_write, good.replace(b"BAD!", b"\xc3\x28\xff\xfe"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    for name in ("", "a.b.c", ".a", "a.", "n\0l", "t" * 256):
        code, *_ = refusal(client.write, name, api.rows(["id"], [[1]]))
        assert code == grpc.StatusCode.INVALID_ARGUMENT, name
    for form in (api.rows, api.columns):
        made = api.request("spoilt", form(["id", "BAD!"], [[1, "a"]])).SerializeToString()
        code, *_ = refusal(client.raw_write, made.replace(b"BAD!", b"\xc3\x28\xff\xfe"))
        assert code == grpc.StatusCode.INVALID_ARGUMENT
    # A quote in a name is only a character.
    quoting = database.fresh_name('q"u`o\'t; DROP TABLE x; --')
    assert client.write(quoting, api.rows(["id", 'c"`\''], [[1, "a"]])).accepted == 1
    assert client.write(database.fresh_name(), api.rows(["id"], [[1]])).accepted == 1
    code, message, details = refusal(client.write, "one_too_many", api.rows(["id"], [[1]]))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED and "limits.tables_max" in message
    assert "RetryInfo" not in details, "trying again would not help"
    assert len(client.status().tables) == 3
    assert "batchsql_batch_size" in daemon.metrics()


def test_garbage_is_refused_and_harms_nobody(sqlite, serve):
    table = sqlite.create(DDL)
    daemon, client = serve(sqlite, table)
    good = api.request(table, api.rows(["id", "name"], [[1, "a"]])).SerializeToString()
    for message in (b"\xff" * 40, b"\x0a\x7f", b"garbage" * 99, good[:-3], b"\x2a\x02\x12\xff",
                    good.replace(b"\x0a\x02id", b"\x0a\x7fid"), b"\x0f\x01"):
        code, *_ = refusal(client.raw_write, message)
        assert code == grpc.StatusCode.INVALID_ARGUMENT, message
    for form in (api.rows, api.columns):
        named = api.request(table, form(["id", "BAD!"], [[1, "a"]])).SerializeToString()
        code, *_ = refusal(client.raw_write, named.replace(b"BAD!", b"\xc3\x28\xff\xfe"))
        assert code == grpc.StatusCode.INVALID_ARGUMENT
    stream = client.channel.stream_stream("/batchsql.v1.Ingest/WriteStream")
    code, *_ = refusal(lambda: list(stream(iter([b"\xff" * 40]), timeout=api.DEADLINE)))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert client.raw_write(good).accepted == 1
    assert daemon.stop() == 0
