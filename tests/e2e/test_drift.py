"""Rows that wait while their table is altered: they wait on, until it is altered back or an operator decides."""

import json
import subprocess

import client as api
import daemon as harness
import processes

DDL = "id {id} NOT NULL PRIMARY KEY, n {id}, note {text}"
GONE = 'column "note" is gone'
WIDE = 20  # rows with a note; one more has none


def batchsql(daemon, *arguments, code=0):
    """Runs `batchsql …` and returns what it wrote to standard output."""
    done = subprocess.run([harness.program("batchsql"), *arguments, "--server", daemon.grpc_address],
                          capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stdout + done.stderr


def wait_for_drift(client, table):
    processes.wait_until(lambda: client.table_status(table).last_error == "schema_drift", 60,
                         "a pause")
    status = client.table_status(table)
    assert (status.state, status.drift) == ("paused", GONE)
    assert (status.queued_rows, status.dead_letters) == (WIDE + 1, 0)


def wait_for_idle(client, table):
    processes.wait_until(lambda: client.table_status(table).state == "running"
                         and client.table_status(table).queued_rows == 0, 60, "an idle table")


def drop_under_waiting_rows(database, serve):
    """A table without its `note`, and a daemon with journaled rows from before: (table, daemon, client)."""
    table, away = database.create(DDL), database.fresh_name("away")
    # One flush at a time: rows that fit wait behind those that do not.
    daemon, client = serve(database, f"name: {table}, conflict: update")
    client.write(table, api.rows(["id", "n", "note"], [[0, 0, "first"]]), ack=api.DATABASE)
    database.execute(f"ALTER TABLE {table} RENAME TO {away}")
    wide = [[key, key, f"note {key}"] for key in range(1, WIDE + 1)]
    client.write(table, api.rows(["id", "n", "note"], wide), ack=api.JOURNAL)
    client.write(table, api.rows(["id", "n"], [[100, 100]]), ack=api.JOURNAL)
    processes.wait_until(lambda: client.table_status(table).state == "paused", 60, "a pause")
    database.execute(f"ALTER TABLE {away} DROP COLUMN note")
    database.execute(f"ALTER TABLE {away} RENAME TO {table}")
    wait_for_drift(client, table)
    assert database.count(table) == 1
    return table, daemon, client


def test_rows_wait_for_a_column_that_comes_back(database, serve):
    table, daemon, client = drop_under_waiting_rows(database, serve)
    assert f"{table}: rows that wait do not fit the table: {GONE}" in batchsql(daemon, "status")
    # New requests are checked against the table as it is.
    late = client.write(table, api.rows(["id", "note"], [[200, "late"]]))
    assert [(row.field, late.accepted) for row in late.rejected] == [("note", 0)]
    database.execute(f"ALTER TABLE {table} ADD COLUMN note {database.types['text']}")
    wait_for_idle(client, table)
    assert database.query(f"SELECT id, n, note FROM {table} WHERE id > 0 ORDER BY id") == [
        (str(key), str(key), f"note {key}") for key in range(1, WIDE + 1)] + [("100", "100", None)]
    status = client.table_status(table)
    assert (status.dead_letters, status.drift, status.last_error) == (0, "", "")


def test_rows_are_not_written_into_a_column_that_would_round_them(database, serve):
    table, odd = database.create(DDL), 2**53 + 1
    _, client = serve(database, f"name: {table}, conflict: update")

    def write(key, number, ack):
        client.write(table, api.rows(["id", "n"], [[key, number]]), ack=ack)

    def recreate(columns):  # behind the daemon's back: nothing has failed
        database.execute(f"DROP TABLE {table}")
        database.create(columns, table)

    write(0, 0, api.DATABASE)
    recreate(DDL.replace("n {id}", "n {double}"))
    write(1, 1, api.DATABASE)
    assert [float(n) for n, in database.query(f"SELECT n FROM {table}")] == [1.0]
    recreate(DDL)
    write(2, 2, api.DATABASE)
    recreate(DDL.replace("n {id}", "n {double}"))
    write(3, odd, api.JOURNAL)
    processes.wait_until(lambda: client.table_status(table).last_error == "schema_drift", 60,
                         "a pause")
    assert database.count(table) == 0
    recreate(DDL)
    wait_for_idle(client, table)
    assert database.query(f"SELECT id, n FROM {table}") == [("3", str(odd))]
    assert client.table_status(table).dead_letters == 0


def test_an_operator_makes_dead_letters_of_rows_that_do_not_fit(database, serve):
    table, daemon, client = drop_under_waiting_rows(database, serve)
    refused = batchsql(daemon, "tables", "reconcile", "--ignore-column", "n", table, code=2)
    assert 'the table has a column "n"' in refused
    assert "no rows were written" in batchsql(daemon, "tables", "reconcile", "nowhere", code=3)
    wait_for_drift(client, table)
    told = batchsql(daemon, "tables", "reconcile", f"db/{table}")
    assert GONE in told
    assert told.splitlines()[-1] == f"reconcile: table={table} waiting={WIDE + 1} drift=yes"
    wait_for_idle(client, table)
    assert database.query(f"SELECT id FROM {table} ORDER BY id") == [("0",), ("100",)]
    assert client.table_status(table).dead_letters == WIDE
    letter = json.loads(batchsql(daemon, "dlq", "show", "--table", table, "1"))
    assert (letter["reason"], letter["column"]) == ("unknown_column", "note")
    assert letter["row"] == {"id": 1, "n": 1, "note": "note 1"}
    again = batchsql(daemon, "tables", "reconcile", table).splitlines()
    assert "no row is known not to fit" in again[0]
    assert again[-1] == f"reconcile: table={table} waiting=0 drift=no"
    assert "note" not in batchsql(daemon, "tables", table)


def test_an_operator_leaves_out_a_column_that_is_gone_also_after_a_kill(database, serve):
    table, daemon, client = drop_under_waiting_rows(database, serve)
    daemon.kill9()
    daemon.start()
    client = api.Client(daemon.grpc_address)
    wait_for_drift(client, table)
    told = json.loads(batchsql(daemon, "tables", "reconcile", table, "--ignore-column", "note",
                               "--ignore-column", "other", "--json"))
    assert (told["state"], told["drift"]) == ("paused", GONE)
    wait_for_idle(client, table)
    assert database.query(f"SELECT id, n FROM {table} ORDER BY id") == [
        (str(key), str(key)) for key in [*range(WIDE + 1), 100]]
    assert client.table_status(table).dead_letters == 0
