"""What the program says before it serves: configurations, ports, databases that are away."""

import os
import socket
import subprocess

import grpc
import pytest

import client as api
import daemon as harness
import processes
import servers

DDL = "id {id} NOT NULL PRIMARY KEY, name {text} NOT NULL"


def run(*arguments, environment=None):
    """Runs the daemon's program to its end."""
    return subprocess.run([harness.program(), *map(str, arguments)], capture_output=True, text=True,
                          timeout=60, check=False, env={**os.environ, **(environment or {})})


@pytest.fixture
def configuration(tmp_path):
    def write(text):
        path = tmp_path / "batchsql.yaml"
        path.write_text(text, encoding="utf-8")
        return path
    return write


def test_a_bad_configuration_ends_with_2_and_file_and_line(configuration):
    path = configuration("data_dir: d\ntargets:\n  - kind: sqlite\n    dsn: x.db\n    kinds: 1\n"
                         "tables:\n  - name: t\n    batch: {rows_max: 0}\n")
    for arguments in ([], ["--check"]):
        done = run("--config", path, *arguments)
        assert done.returncode == 2
        lines = done.stderr.splitlines()
        assert [line.split(": ")[0] for line in lines] == [f"{path}:5", f"{path}:8"]
        assert "kinds" in lines[0] and "batch.rows_max" in lines[1]


def test_an_unreadable_configuration_ends_with_2_and_its_name(configuration, tmp_path):
    broken = configuration("targets: [\n  {name: x\n")
    missing = tmp_path / "missing.yaml"
    for path, named in ((broken, f"{broken}:"), (missing, str(missing)), (tmp_path, str(tmp_path))):
        done = run("--config", path)
        assert done.returncode == 2
        assert named in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert run("--nonsense").returncode == 2
    assert run("--config").returncode == 2


def test_check_prints_what_the_daemon_would_do_and_no_password(configuration):
    path = configuration('targets: [{name: pg, kind: postgresql, '
                         'dsn: "postgresql://u:${PW}@127.0.0.1:1/d"}]\n'
                         'tables: [{name: events, conflict: update}]\n')
    done = run("--config", path, "--check", environment={"PW": "s3cr3t"})
    assert done.returncode == 0
    assert "events" in done.stdout and "pg" in done.stdout
    assert "s3cr3t" not in done.stdout + done.stderr
    assert run("--check").returncode == 0
    assert run("--version").stdout.startswith("batchsqld ")


@pytest.mark.parametrize("taken", ["grpc", "http"])
def test_a_port_in_use_ends_with_1_and_a_clear_line(configuration, taken, tmp_path):
    ports = {name: processes.Port() for name in ("grpc", "http")}
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", ports[taken].number))
        holder.listen()
        done = run("--config", configuration(
            f"data_dir: '{tmp_path}/data'\n" + "".join(
                f"{name}: {{listen: '127.0.0.1:{port.number}'}}\n"
                for name, port in ports.items())))
    for port in ports.values():
        port.release()
    assert done.returncode == 1
    line = next(line for line in done.stderr.splitlines() if "cannot start" in line)
    assert f"127.0.0.1:{ports[taken].number}" in line and f"{taken}.listen" in line


def test_two_daemons_do_not_share_a_port(sqlite, serve):
    daemon, _ = serve(sqlite, sqlite.create(DDL))
    done = run("--config", daemon.config_file)
    assert done.returncode == 1
    assert "in use" in done.stderr


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_database_that_is_away_at_the_start(own_database, serve, kind):
    database = own_database(kind)
    table = database.create(DDL)
    database.server.stop()
    daemon, client = serve(database, table)
    payload = api.rows(["id", "name"], [[1, "x"]])
    with pytest.raises(grpc.RpcError) as raised:
        client.write(table, payload)
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert client.table_status(table).state == "opening"
    assert "table cannot be opened" in daemon.log_text
    assert f":{servers.PASSWORD}@" not in daemon.log_text
    database.server.start()
    # By itself, without a client that asks.
    processes.wait_until(lambda: client.table_status(table).state == "running", 30,
                         "the table to be opened")
    assert client.write(table, payload).accepted == 1
    assert database.count(table) == 1


def test_a_wrong_password_is_told_without_the_password(postgres, serve):
    table = postgres.create(DDL)

    class Wrong:
        target = staticmethod(lambda: postgres.target().replace(":pw@", ":wr0ng-s3cr3t@"))
    daemon, client = serve(Wrong, table)
    with pytest.raises(grpc.RpcError) as raised:
        client.write(table, api.rows(["id", "name"], [[1, "x"]]))
    assert raised.value.code() in (grpc.StatusCode.UNAVAILABLE,
                                   grpc.StatusCode.FAILED_PRECONDITION)
    assert "wr0ng-s3cr3t" not in raised.value.details() + daemon.log_text
    assert "password authentication failed" in daemon.log_text or "28P01" in daemon.log_text


def test_a_table_that_is_not_written_exactly_once_must_be_accepted(mariadb, serve):
    table = mariadb.create("id {id} PRIMARY KEY, n {id}")
    mariadb.execute(f"ALTER TABLE {table} ENGINE=Aria")
    payload = api.rows(["id", "n"], [[1, 1], [1, 2], [2, 2]])
    refusing, client = serve(mariadb, table)
    with pytest.raises(grpc.RpcError) as raised:
        client.write(table, payload)
    assert raised.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert "at_least_once" in raised.value.details()
    refusing.stop()
    daemon, client = serve(mariadb, f"name: {table}, delivery: at_least_once")
    assert [row.row for row in client.write(table, payload).rejected] == [1]
    client.write(table, api.rows(["id", "n"], [[3, 3]]))
    assert mariadb.query(f"SELECT id, n FROM {table} ORDER BY id") == [
        ("1", "1"), ("2", "2"), ("3", "3")]
    assert daemon.log_text.count("at least once, not exactly once") == 1
