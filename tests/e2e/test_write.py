"""Rows in, rows in the table: both forms, both calls, every database, and exact answers."""

import datetime
import decimal
import json
import random

import pytest

import client as api
from client import ABSENT, pb

NAMES = ["id", "name", "amount", "weight", "flag", "seen", "payload", "day"]
DDL = ("id {id} NOT NULL PRIMARY KEY, name {text}, amount {decimal}, weight {double}, flag {bool}, "
       "seen {instant}, payload {bytes}, day {date}")
KEYED = "id {id} NOT NULL PRIMARY KEY, name {text} NOT NULL"
UTC = datetime.timezone.utc


def workload(first, count):
    """Rows with NULLs, characters of one to four bytes and every kind of cell; always the same."""
    source = random.Random(first)
    table = []
    for row_id in range(first, first + count):
        row = [row_id, f"naïve – 数据 😀 {source.randrange(10 ** 9)}",
               f"{source.randrange(-10 ** 9, 10 ** 9) / 100:.2f}", source.randrange(10 ** 9) / 64,
               source.random() < 0.5,
               datetime.datetime(2024, 2, 29, 23, 59, 59, source.randrange(10 ** 6), UTC),
               source.randbytes(8), datetime.date(2000, 1, 1 + source.randrange(28))]
        if row_id % 7 == 0:
            row[1 + source.randrange(7)] = None
        table.append(row)
    return table


def two_places(text):
    """Where a database keeps decimals as text, it keeps them without zeros at the end."""
    return f"{decimal.Decimal(text):.2f}"


def stored(database, table):
    """The whole table, as the Python values that were sent."""
    payload = database.hexadecimal.format("payload")
    found = []
    for row in database.query(f"SELECT id, name, amount, weight, flag, seen, {payload}, day "
                              f"FROM {table} ORDER BY id"):
        cells = [None if cell in (None, "") else cell for cell in row]
        convert = [int, str, two_places, float, lambda text: text in ("1", "t"), database.instant,
                   bytes.fromhex, datetime.date.fromisoformat]
        found.append([None if cell is None else make(cell) for make, cell in zip(convert, cells)])
    return found


@pytest.mark.parametrize("form", [api.rows, api.columns])
def test_a_stream_of_rows_is_in_the_table_exactly(database, serve, form):
    table = database.create(DDL)
    _, client = serve(database, table)
    sent = workload(1, 3000)
    payloads = [form(NAMES, sent[i:i + 250]) for i in range(0, len(sent), 250)]
    responses = client.stream(table, payloads)
    assert responses[0].last_sequence == 0
    assert responses[-1].committed_through == len(payloads)
    assert responses[-1].rows_committed == len(sent)
    assert not any(response.rejected for response in responses)
    assert stored(database, table) == sent
    # The same again by the database's own arithmetic.
    sums = database.query(f"SELECT COUNT(*), SUM(id), COUNT(name), SUM(weight) FROM {table}")[0]
    assert [float(cell) for cell in sums] == [
        len(sent), sum(row[0] for row in sent), sum(row[1] is not None for row in sent),
        sum(row[3] for row in sent if row[3] is not None)]


def test_acknowledgements_of_a_stream_are_cumulative_and_never_go_back(database, serve):
    table = database.create(KEYED)
    _, client = serve(database, table)
    responses = client.stream(table, [api.rows(["id", "name"], [[i, "x"]]) for i in range(500)])
    marks = [(response.accepted_through, response.journaled_through, response.committed_through,
              response.rows_committed) for response in responses]
    assert marks == sorted(marks)
    assert all(accepted >= journaled >= committed == rows
               for accepted, journaled, committed, rows in marks)
    assert marks[-1] == (500, 500, 500, 500)
    assert database.count(table) == 500


def test_a_stream_keeps_the_numbers_of_its_client(sqlite, serve):
    table = sqlite.create(KEYED)
    _, client = serve(sqlite, table)
    requests = [api.request(table, api.rows(["id", "name"], [[i, "x"]]),
                            kind=pb.WriteStreamRequest, sequence=i) for i in range(41, 44)]
    responses = list(client.ingest.WriteStream(iter(requests), timeout=api.DEADLINE))
    assert responses[-1].committed_through == 43
    assert sqlite.count(table) == 3


def test_a_stream_may_begin_with_a_request_without_rows(sqlite, serve):
    table = sqlite.create(KEYED)
    _, client = serve(sqlite, table)
    stream = client.open_stream(table)
    stream.send()
    answers = iter(stream)
    assert next(answers).last_sequence == 0  # Before any row was sent.
    stream.send(api.rows(["id", "name"], [[1, "x"]]))
    stream.close()
    assert list(answers)[-1].committed_through == 1
    assert sqlite.count(table) == 1


@pytest.mark.parametrize("form", [api.rows, api.columns])
def test_a_unary_write_is_committed_when_it_is_answered(database, serve, form):
    table = database.create(DDL)
    _, client = serve(database, table)
    sent = workload(1, 50)
    answer = client.write(table, form(NAMES, sent), sequence=7)
    assert (answer.sequence, answer.accepted, list(answer.rejected)) == (7, 50, [])
    assert stored(database, table) == sent


def test_memory_level_answers_before_the_database_and_rows_arrive_at_the_drain(database, serve):
    table = database.create(KEYED)
    # A linger far beyond the test: only the stop of the daemon flushes.
    daemon, client = serve(database, f"name: {table}, batch: {{linger_ms: 3600000}}")
    answer = client.write(table, api.rows(["id", "name"], [[1, "a"], [2, None], [3, "c"]]),
                          ack=api.MEMORY)
    assert (answer.accepted, [row.row for row in answer.rejected]) == (2, [1])
    responses = client.stream(table, [api.rows(["id", "name"], [[4, "d"]])], ack=api.MEMORY)
    assert responses[-1].accepted_through == 1
    assert responses[-1].committed_through == 0
    assert database.count(table) == 0
    assert daemon.stop() == 0
    assert database.query(f"SELECT id, name FROM {table} ORDER BY id") == [
        ("1", "a"), ("3", "c"), ("4", "d")]


def test_absent_cells_take_the_default_and_null_stays_null(database, serve):
    table = database.create("id {id} NOT NULL PRIMARY KEY, n {id} DEFAULT 5")
    _, client = serve(database, table)
    sent = [[1, 10], [2, None], [3, ABSENT]]
    assert client.write(table, api.rows(["id", "n"], sent)).accepted == 3
    sent = [[i + 3, n] for i, n in sent]
    assert client.write(table, api.columns(["id", "n"], sent)).accepted == 3
    assert [n for _, n in database.query(f"SELECT id, n FROM {table} ORDER BY id")] == \
        ["10", None, "5"] * 2


@pytest.mark.parametrize("form", [api.rows, api.columns])
def test_rows_refused_by_daemon_and_database_come_in_one_answer_by_index(database, serve, form):
    table = database.create("id {id} NOT NULL PRIMARY KEY, name {text} NOT NULL, "
                            "n {id} CHECK (n > 0)")
    database.execute(f"INSERT INTO {table} VALUES (3, 'there already', 1)")
    daemon, client = serve(database, table)
    sent = [[1, "a", 1], [2, None, 1], [3, "c", 1], [4, "d", -1], [5, "e", 5]]
    answer = client.write(table, form(["id", "name", "n"], sent))
    assert answer.accepted == 2
    assert [(row.row, row.reason) for row in answer.rejected] == [
        (1, pb.REJECT_REASON_NULL), (2, pb.REJECT_REASON_DUPLICATE_KEY),
        (3, pb.REJECT_REASON_CONSTRAINT)]
    assert answer.rejected[0].field == "name"
    assert all(row.detail for row in answer.rejected)
    assert [name for name, in database.query(f"SELECT name FROM {table} ORDER BY id")] == \
        ["a", "there already", "e"]

    responses = client.stream(table, [form(["id", "name", "n"], [[6, "f", 1]]),
                                      form(["id", "name", "n"], [[1, "double", 1], [7, None, 1],
                                                                 [8, "h", 1]])])
    refused = {(entry.sequence, row.row): row.reason
               for response in responses for entry in response.rejected for row in entry.rows}
    assert refused == {(2, 0): pb.REJECT_REASON_DUPLICATE_KEY, (2, 1): pb.REJECT_REASON_NULL}
    assert responses[-1].rows_committed == 2
    assert database.count(table) == 5
    assert "there already" not in daemon.log_text


STRATEGIES = {"insert": "", "ignore": "conflict: ignore", "update": "conflict: update",
              "replace": "conflict: replace"}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_ten_thousand_rows_with_seven_bad_ones(database, serve, strategy):
    table = database.create("id {id} NOT NULL PRIMARY KEY, name {text} NOT NULL, "
                            "n {id} CHECK (n > 0)")
    rule = STRATEGIES[strategy]
    _, client = serve(database, f"name: {table}" + (f", {rule}" if rule else ""))
    sent = [[i, f"name {i}", i + 1] for i in range(10_000)]
    bad = {0: (1, None), 1: (2, -1), 4999: (1, None), 5000: (2, 0), 7777: (2, -5), 9998: (1, None),
           9999: (2, -9)}
    for index, (column, value) in bad.items():
        sent[index][column] = value
    answer = client.write(table, api.columns(["id", "name", "n"], sent))
    assert answer.accepted == 9_993
    assert {row.row: row.reason for row in answer.rejected} == {
        index: pb.REJECT_REASON_NULL if column == 1 else pb.REJECT_REASON_CONSTRAINT
        for index, (column, _) in bad.items()}
    good = [row for index, row in enumerate(sent) if index not in bad]
    assert [[int(i), name, int(n)] for i, name, n in database.query(
        f"SELECT id, name, n FROM {table} ORDER BY id")] == good


def test_conflict_strategies_over_the_wire(database, serve):
    ddl = "id {id} NOT NULL PRIMARY KEY, a {text}, b {text}"
    tables = {name: database.create(ddl) for name in STRATEGIES}
    _, client = serve(database, *(f"name: {table}, conflict: {name}"
                                  for name, table in tables.items()))
    for name, table in tables.items():
        client.write(table, api.rows(["id", "a", "b"], [[1, "old", "kept?"]]))
        answer = client.write(table, api.rows(["id", "a"], [[1, "new"], [2, "fresh"]]))
        refused = [row.row for row in answer.rejected]
        assert refused == ([0] if name == "insert" else [])
        expected = {"insert": ("old", "kept?"), "ignore": ("old", "kept?"),
                    "update": ("new", "kept?"), "replace": ("new", None)}[name]
        assert database.query(f"SELECT a, b FROM {table} ORDER BY id") == [
            expected, ("fresh", None)], name


def test_tables_are_made_and_widened_from_their_rows(database, serve):
    daemon, client = serve(database, "name: '*', create: missing, evolve: add_columns")
    table = database.fresh_name("made")
    assert client.write(table, api.rows(["id", "name"], [[1, "a"]])).accepted == 1
    assert client.write(table, api.columns(["id", "extra"], [[2, 0.5]])).accepted == 1
    assert [(int(i), name, extra and float(extra)) for i, name, extra in database.query(
        f"SELECT id, name, extra FROM {table} ORDER BY id")] == [(1, "a", None), (2, None, 0.5)]
    assert "table created" in daemon.log_text


def test_a_list_makes_a_json_column_and_is_an_array_in_it(database, serve):
    _, client = serve(database, "name: '*', create: missing")
    table = database.fresh_name("listed")
    lists = [["a", "{}", "😀", None], [1, -2.5, True], []]
    response = client.write(table, api.rows(["id", "tags"], list(enumerate(lists))))
    assert response.accepted == len(lists) and not response.rejected
    assert [json.loads(tags) for tags, in database.query(
        f"SELECT tags FROM {table} ORDER BY id")] == lists
