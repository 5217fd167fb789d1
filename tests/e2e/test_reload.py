"""SIGHUP: a new configuration is served without a restart, and a bad one changes nothing."""

import signal
import subprocess
import threading

import grpc
import pytest

import client as api
import daemon as harness
import processes

KEYED = "id {id} NOT NULL PRIMARY KEY, name {text} NOT NULL"
KINDS = ("sqlite", "postgresql")
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
    return hang_up(daemon, config, "the configuration is reloaded")


def rows(*ids):
    return api.rows(["id", "name"], [[i, "x"] for i in ids])


def wait_for_rows(database, table, count):
    processes.wait_until(lambda: database.count(table) == count, 60, f"{count} rows")


def refused(client, table, **fields):
    with pytest.raises(grpc.RpcError) as raised:
        client.write(table, rows(999), **fields)
    return raised.value.code(), raised.value.details()


def tables_of(client):
    return [entry.table for entry in client.status().tables]


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
    assert daemon.metrics().count(f'batchsql_batch_success_total{{database="db",table="{removed}"') == 1
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


def test_no_row_is_lost_or_doubled_while_a_table_is_made_anew(database, serve):
    table = database.create(KEYED)
    daemon, client = serve(database, table)
    stop, failures = threading.Event(), []
    written = [0, 0, 0]

    def produce(number):
        sequence = 0
        while not stop.is_set() or sequence < 20:
            sequence += 1
            request = dict(ack=api.JOURNAL if number else api.DATABASE,
                           producer_id=f"p{number}", sequence=sequence)
            while True:
                try:
                    client.write(table, rows(sequence * 10 + number), **request)
                    break
                except grpc.RpcError as error:
                    if error.code() != grpc.StatusCode.UNAVAILABLE:
                        failures.append(error)
                        return
            written[number] = sequence

    threads = [threading.Thread(target=produce, args=[n]) for n in range(3)]
    for thread in threads:
        thread.start()
    try:
        for linger in (1, 200, 0, 7, 20):
            reload(daemon, config_of(database, f"{table}, batch: {{linger_ms: {linger}}}"))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    wait_for_rows(database, table, sum(written))
    found = sorted(int(i) for i, in database.query(f"SELECT id FROM {table}"))
    assert found == sorted(s * 10 + n for n in range(3) for s in range(1, written[n] + 1))
    assert daemon.stop() == 0


def test_a_bad_file_changes_nothing_and_is_reported_as_check_does(database, serve):
    table = database.create(KEYED)
    daemon, client = serve(database, table)
    bad = config_of(database, f"{table}, conflict: maybe", more="limits: {request_rows_max: 0}")
    log = hang_up(daemon, bad, "nothing has changed")
    check = subprocess.run([harness.program(), "--config", str(daemon.config_file), "--check"],
                           capture_output=True, text=True, check=False, timeout=30)
    assert check.returncode == 2
    lines = [line for line in check.stderr.splitlines() if line]
    assert len(lines) >= 2
    for line in lines:
        assert line in log
    assert client.write(table, rows(1, 2)).accepted == 2
    assert "is reloaded" not in log


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
    assert client.write(second, rows(1)).accepted == 1
    assert client.write(first, rows(1), ack=api.JOURNAL).accepted == 1
    assert daemon.stop() == 0
