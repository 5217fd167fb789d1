"""The ledger: the counts of a pipeline, over kills and restarts, and their comparison with the table."""

import datetime
import json
import re
import subprocess
import threading
import urllib.request

import grpc
import pytest

import client as api
import daemon as harness
import processes
from client import admin_pb

DDL = "id {id} NOT NULL, name {text}, x {double}, raw {bytes}, day {date}, at {instant}, n {id}"
CHECKED = "id {id} NOT NULL PRIMARY KEY, n {id} NOT NULL CHECK (n < 100)"
NAMES = ["id", "name", "x", "raw", "day", "at"]


def audit(daemon, *arguments, code=0):
    """Runs `batchsql audit`; what it wrote to standard output."""
    done = subprocess.run(
        [harness.program("batchsql"), "audit", "--server", daemon.grpc_address, *arguments],
        capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code < 2 else done.stderr


def last_line(text):
    return text.splitlines()[-1]


def line_of(table, acknowledged, in_target, missing, extra, rest):
    return (f"audit: table={table} acknowledged={acknowledged} in_target={in_target} "
            f"missing={missing} extra={extra} {rest}")


def audited(client, table):
    return client.admin.Audit(admin_pb.AuditRequest(table=table), timeout=api.DEADLINE)


def excess(status):
    """What the sides of the equation differ by."""
    return (status.received_rows + status.recovered_rows + status.replayed_rows
            - status.rejected_rows - status.deduplicated_rows - status.coalesced_rows
            - status.committed_rows - status.dead_lettered_rows - status.lost_rows
            - status.queued_rows)


def integrity(daemon):
    with urllib.request.urlopen(daemon.http_url + "/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return float(re.search(r"^batchsql_data_integrity_rate\{[^}]*\} (\S+)$", text, re.M)[1])


def replay_as(client, table, row_json):
    """Writes the table's only live letter again."""
    letter, = client.admin.ListDeadLetters(
        admin_pb.ListDeadLettersRequest(table=table), timeout=api.DEADLINE).letters
    replayed, = client.admin.ReplayDeadLetters(admin_pb.ReplayDeadLettersRequest(
        table=table, replays=[admin_pb.DeadLetterReplay(id=letter.id, row_json=row_json)]),
        timeout=api.DEADLINE).replayed
    assert not replayed.error


def sample(first, count):
    day = datetime.date(2024, 2, 29)
    instant = datetime.datetime(2024, 2, 29, 12, 30, 1, 123456, tzinfo=datetime.timezone.utc)
    return [[key, f"größer {key}", key / 3, bytes([key % 256, 0]), day, instant]
            for key in range(first, first + count)]


def kill_and_start(daemon):
    daemon.kill9()
    daemon.start()
    return api.Client(daemon.grpc_address)


def wait_until_running(client, table):
    processes.wait_until(lambda: client.table_status(table).state == "running"
                         and client.table_status(table).queued_rows == 0, 60, "an idle table")


class Load(threading.Thread):
    """Writes what ends in every way: repeated, refused by validation, by the database, coalesced."""

    def __init__(self, address, table):
        super().__init__()
        self.address = address
        self.table = table
        self.stop = threading.Event()
        self.sequence = 0

    def run(self):
        with api.Client(self.address) as client:
            while not self.stop.is_set():
                try:
                    self.write(client)
                except grpc.RpcError:
                    self.stop.wait(0.1)  # killed: the next process takes it

    def write(self, client):
        key = self.sequence * 7
        payload = api.rows(["id", "n"], [[key, 1], [key + 1, 2], [key + 1, 3], [key + 2, None],
                                         [key + 3, 1000], [key + 4, 5]])
        sequence = self.sequence + 1
        for _ in range(2 if sequence % 3 == 0 else 1):
            client.write(self.table, payload, producer_id="p", sequence=sequence, ack=api.JOURNAL)
        self.sequence = sequence


@pytest.mark.parametrize("conflict", ["insert", "update"])
def test_the_counts_balance_under_load_and_at_rest_and_over_a_kill(database, serve, conflict):
    table = database.create(CHECKED)
    daemon, client = serve(database, f"name: {table}, conflict: {conflict}")
    load = Load(daemon.grpc_address, table)
    load.start()
    try:
        for _ in range(100):
            assert excess(client.table_status(table)) == 0
        processes.wait_until(lambda: load.sequence > 50, 60, "fifty requests")
        client = kill_and_start(daemon)
        killed_at = load.sequence
        while load.sequence < killed_at + 20:
            assert excess(client.table_status(table)) == 0
    finally:
        load.stop.set()
        load.join()
    wait_until_running(client, table)
    status = client.table_status(table)
    assert excess(status) == 0
    assert status.rejected_rows and status.deduplicated_rows and status.dead_lettered_rows
    assert (status.coalesced_rows > 0) == (conflict == "update")
    report = audited(client, table)
    assert report.dead_lettered_rows == load.sequence * (2 if conflict == "insert" else 1)
    assert (report.committed_rows + report.coalesced_rows + report.dead_lettered_rows
            == load.sequence * 5)
    assert (report.received_rows - report.rejected_rows - report.deduplicated_rows
            == load.sequence * 5)
    assert not report.findings
    if conflict == "insert":
        assert report.committed_rows == database.count(table) == load.sequence * 3


def test_status_prints_every_term(sqlite, serve):
    table = sqlite.create(CHECKED)
    daemon, client = serve(sqlite, table)
    client.write(table, api.rows(["id", "n"], [[1, 1], [2, 2]]))
    done = subprocess.run([harness.program("batchsql"), "status", "--server", daemon.grpc_address],
                          capture_output=True, text=True, check=True, timeout=60)
    header, row = (line for line in done.stdout.splitlines()[-2:])
    assert header.split() == ["ROWS", "OF", "RECEIVED", "RECOVERED", "REPLAYED", "REJECTED",
                              "REPEATED", "COALESCED", "COMMITTED", "DEAD", "LOST", "QUEUED"]
    assert row.split() == [table, "2", "0", "0", "0", "0", "0", "2", "0", "0", "0"]


def test_an_audit_finds_what_was_deleted_doubled_and_altered(database, serve):
    table = database.create(DDL)
    daemon, client = serve(database, f"name: {table}, exclusive: true")
    client.write(table, api.rows(NAMES, sample(0, 300)))
    client.write(table, api.columns(NAMES, sample(300, 300)))
    assert last_line(audit(daemon)) == line_of(table, 600, 600, 0, 0, "contents=equal ok")
    client = kill_and_start(daemon)
    client.write(table, api.rows(["id", "n"], [[600, 5], [601, None]]))
    assert last_line(audit(daemon, "--table", table)) == line_of(
        table, 602, 602, 0, 0, "contents=equal ok")

    database.execute(f"UPDATE {table} SET name = 'other' WHERE id = 17")
    text = audit(daemon, code=1)
    assert last_line(text) == line_of(table, 602, 602, 0, 0, "contents=differs mismatch")
    database.execute(f"UPDATE {table} SET name = 'größer 17' WHERE id = 17")
    audit(daemon)

    database.execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE id = 17")
    text = audit(daemon, code=1)
    assert last_line(text) == line_of(table, 602, 603, 0, 1, "contents=differs mismatch")
    database.execute(f"DELETE FROM {table} WHERE id = 17")
    text = audit(daemon, code=1)
    assert last_line(text) == line_of(table, 602, 601, 1, 0, "contents=differs mismatch")
    answer = json.loads(audit(daemon, "--table", table, "--json", code=1))
    assert answer["verdict"] == "AUDIT_VERDICT_MISMATCH"
    assert (answer["missing_rows"], answer["extra_rows"]) == ("1", "0")


def test_a_table_that_others_write_to_is_counted(database, serve):
    table = database.create(CHECKED)
    daemon, client = serve(database, table)
    client.write(table, api.rows(["id", "n"], [[1, 1], [2, 2], [3, 300]]))
    database.execute(f"INSERT INTO {table} VALUES (10, 1)")
    assert last_line(audit(daemon)) == line_of(table, 2, 3, 0, 1, "contents=none ok")
    database.execute(f"DELETE FROM {table} WHERE id <> 1")
    assert last_line(audit(daemon, code=1)) == line_of(table, 2, 1, 1, 0, "contents=none mismatch")


def test_an_audit_is_right_while_rows_come(database, serve):
    table = database.create(CHECKED)
    daemon, client = serve(database, f"name: {table}, exclusive: true")
    load = Load(daemon.grpc_address, table)
    load.start()
    try:
        processes.wait_until(lambda: load.sequence > 10, 60, "ten requests")
        seen = set()
        while len(seen) < 5:
            report = audited(client, table)
            assert (report.verdict, report.digest) == (
                admin_pb.AUDIT_VERDICT_OK, admin_pb.AUDIT_DIGEST_EQUAL), report
            seen.add(report.committed_rows)
    finally:
        load.stop.set()
        load.join()


def test_without_a_journal_the_ledger_is_in_the_target(database, serve):
    table = database.create(DDL)
    daemon, client = serve(database, f"name: {table}, exclusive: true, journal: none")
    client.write(table, api.rows(NAMES, sample(0, 10)))
    client = kill_and_start(daemon)
    client.write(table, api.rows(NAMES, sample(10, 10)))
    assert last_line(audit(daemon)) == line_of(table, 20, 20, 0, 0, "contents=equal ok")


def test_the_integrity_rate_outlives_a_kill(sqlite, serve):
    table = sqlite.create(CHECKED)
    daemon, client = serve(sqlite, table)
    client.write(table, api.rows(["id", "n"], [[1, 1], [2, 2], [3, 3], [4, 400]]))
    assert integrity(daemon) == 0.75
    processes.wait_until(lambda: any(daemon.data_dir.glob("journal/*/ledger")), 30, "a ledger")
    client = kill_and_start(daemon)
    wait_until_running(client, table)
    assert integrity(daemon) == 0.75
    replay_as(client, table, '{"id":4,"n":4}')
    processes.wait_until(lambda: integrity(daemon) == 1, 30, "an integrity of 1")


def test_a_replay_of_a_letter_in_the_target_is_forgiven_too(database, serve):
    table = database.create(CHECKED)
    daemon, client = serve(database, f"name: {table}, journal: none")
    client.write(table, api.rows(["id", "n"], [[1, 1], [2, 2], [3, 3], [4, 400]]))
    assert integrity(daemon) == 0.75
    replay_as(client, table, '{"id":4,"n":4000}')  # refused again: a new letter
    assert integrity(daemon) == 0.75
    replay_as(client, table, '{"id":4,"n":4}')
    assert integrity(daemon) == 1


def test_an_audit_of_what_there_is_not(sqlite, serve):
    table = sqlite.create(CHECKED)
    daemon, _ = serve(sqlite, table)
    assert "NOT_FOUND" in audit(daemon, "--table", "none", code=3)
