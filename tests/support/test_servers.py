"""The harness itself: servers serve, survive their restarts, and never survive their tests."""

import os
import pathlib
import pwd
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading

import pytest

import daemon
import processes
import servers
import templates

SUPPORT = pathlib.Path(__file__).resolve().parent
RUN = [sys.executable, str(SUPPORT / "servers.py"), "run"]
KINDS = ["mariadb", "postgres"]  # Those that keep data.


def sql(server, statement):
    """Runs SQL as the tests' user over TCP, by the database's own client; its output, stripped."""
    if server.kind != "mariadb":
        command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", server.dsn, "-c", statement]
    else:
        command = ["mariadb", "--no-defaults", "--batch", "--skip-column-names", "-h127.0.0.1",
                   f"-P{server.port}", f"-u{servers.USER}", f"-p{servers.PASSWORD}",
                   "--default-character-set=utf8mb4", servers.DATABASE, "-e", statement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def wait_for_nothing_in(folder):
    processes.wait_until(lambda: not folder.exists() and not processes.pids_inside(folder), 20,
                         f"the janitor to clean {folder}")


@pytest.fixture(params=KINDS, scope="module")
def server(request):
    with servers.SERVERS[request.param]() as running:
        yield running


def test_user_makes_and_reads_a_table(server):
    sql(server, "CREATE TABLE t (i BIGINT PRIMARY KEY, s TEXT)")
    sql(server, "INSERT INTO t VALUES (1, 'élan 𝄞')")
    assert sql(server, "SELECT i, s FROM t").split(None, 1)[0].startswith("1")
    assert "𝄞" in sql(server, "SELECT s FROM t")


def test_pgbouncer_hands_out_sessions_by_the_transaction():
    with servers.PgBouncerServer() as bouncer:
        assert sql(bouncer, "SELECT 1") == "1"
        assert sql(bouncer.server, "SELECT count(*) FROM pg_stat_activity "
                   "WHERE usename = current_user AND pid <> pg_backend_pid()") == "1"
        folders = bouncer.socket_folder, bouncer.server.socket_folder
    for folder in folders:
        wait_for_nothing_in(folder)


def test_postgres_tls_serves_who_checks_its_certificate():
    with servers.PostgresTlsServer() as server:
        assert sql(server, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == "t"


def test_commits_are_durable_as_in_production(server):
    if server.kind == "postgres":
        assert sql(server, "SHOW fsync") == "on"
        assert sql(server, "SHOW synchronous_commit") == "on"
        assert sql(server, "SHOW full_page_writes") == "on"
    else:
        assert sql(server, "SELECT @@innodb_flush_log_at_trx_commit, @@innodb_doublewrite") == "1\t1"
        assert sql(server, "SELECT @@character_set_database") == "utf8mb4"


def test_user_ends_its_own_sessions(server):
    if server.kind == "postgres":
        own = ("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
               "WHERE usename = current_user AND pid <> pg_backend_pid()")
        assert sql(server, own) == "0"
    else:
        # A victim of the same user: found by its query, ended by KILL without any privilege.
        with subprocess.Popen(
                ["mariadb", "--no-defaults", "-h127.0.0.1", f"-P{server.port}",
                 f"-u{servers.USER}", f"-p{servers.PASSWORD}", "-e", "SELECT SLEEP(60)"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as victim:
            find = "SELECT id FROM information_schema.processlist WHERE info = 'SELECT SLEEP(60)'"
            victim_id = processes.wait_until(lambda: sql(server, find), 20, "the victim's session")
            sql(server, f"KILL CONNECTION {victim_id}")
            assert victim.wait(20) != 0


def test_server_runs_unprivileged_and_on_loopback_only(server):
    uid = pathlib.Path(f"/proc/{server.pid}").stat().st_uid
    assert uid != 0
    if os.geteuid() == 0:
        assert pwd.getpwuid(uid).pw_name in server.users
    listening = listening_addresses(server.port)
    assert listening == {"0100007F"}, "127.0.0.1 as /proc/net/tcp writes it"
    assert server.socket_path.exists()
    assert server.socket_path.parent.stat().st_mode & 0o077 == 0


def listening_addresses(port):
    found = set()
    for table in ("tcp", "tcp6"):
        path = pathlib.Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            address, _, number = line.split()[1].partition(":")
            if int(number, 16) == port and line.split()[3] == "0A":
                found.add(address)
    return found


@pytest.mark.parametrize("mode", ["kill9", "immediate", "fast"])
def test_restart_keeps_port_and_committed_rows(server, mode):
    table = f"restart_{mode}"
    sql(server, f"CREATE TABLE {table} (i INT)")
    sql(server, f"INSERT INTO {table} VALUES (42)")
    port = server.port
    if mode == "kill9":
        server.kill9()
    else:
        server.stop(mode)
    assert server.pid is None
    assert not processes.pids_inside(server.data)
    server.start()
    assert server.port == port
    assert sql(server, f"SELECT i FROM {table}") == "42"


def test_settings_reach_the_server():
    with servers.PostgresServer(settings={"max_connections": 17}) as server:
        assert sql(server, "SHOW max_connections") == "17"
    with servers.MariaDbServer(settings={"max-connections": 17}) as server:
        assert sql(server, "SELECT @@max_connections") == "17"


def test_failed_start_shows_the_log_and_leaves_nothing(monkeypatch):
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        # A folder of its own: other tests start servers meanwhile.
        folder = pathlib.Path(name)
        folder.chmod(0o777)
        monkeypatch.setattr(processes, "_scratch_base", lambda user: name)
        check_failed_starts(folder)


def check_failed_starts(folder):
    with pytest.raises(processes.StartError, match="unrecognized configuration parameter"):
        servers.PostgresServer(settings={"no_such_setting": 1}).__enter__()
    with pytest.raises(processes.StartError, match="no-such-setting"):
        servers.MariaDbServer(settings={"no-such-setting": 1}).__enter__()
    assert not list(folder.glob("batchsql-*-*"))


@pytest.mark.parametrize("kind", KINDS)
def test_port_lost_to_another_program_is_replaced(kind, monkeypatch):
    with servers.SERVERS[kind]() as first:
        ports = iter([first.port])
        real = processes.Port

        def taken_port_first():
            port = real()
            port.number = next(ports, port.number)
            return port

        monkeypatch.setattr(processes, "Port", taken_port_first)
        with servers.SERVERS[kind]() as second:
            assert second.port != first.port
            assert sql(second, "SELECT 1") == "1"


def test_two_of_each_start_in_parallel_from_an_empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCHSQL_TEST_CACHE", str(tmp_path / "cache"))
    answers = []

    def use(kind):
        with servers.SERVERS[kind]() as server:
            sql(server, "CREATE TABLE t (i INT)")
            answers.append(sql(server, "SELECT count(*) FROM t"))

    threads = [threading.Thread(target=use, args=(kind,)) for kind in KINDS * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["0"] * 4
    left = [path.name for path in (tmp_path / "cache").iterdir()]
    assert sorted(name.split("-")[0] for name in left) == KINDS, "one template each, no leftovers"


def test_ports_are_handed_out_once():
    ports = [processes.Port() for _ in range(200)]
    assert len({port.number for port in ports}) == len(ports)
    for port in ports:
        port.release()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_dead_parent_leaves_no_process_and_no_file(end, tmp_path):
    script = textwrap.dedent("""
        import os, signal, sys, time
        import servers
        with servers.PostgresServer() as one, servers.MariaDbServer() as two:
            print(one.data.parent, two.data.parent, flush=True)
            signal.pause()
        """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": str(SUPPORT)},
                          stderr=subprocess.DEVNULL, cwd=tmp_path) as parent:
        inside = [pathlib.Path(word) for word in parent.stdout.readline().split()]
        assert len(inside) == 2
        assert all(processes.pids_inside(folder) for folder in inside)
        parent.send_signal(end)
        parent.wait(30)
    for folder in inside:
        wait_for_nothing_in(folder)


def test_killing_the_whole_process_tree_leaves_nothing_either():
    """As ctest does at a time-out: every descendant by SIGKILL."""
    command = [*RUN, "postgres", "--", "sh", "-c",
               'dirname "$BATCHSQL_TEST_POSTGRES_SOCKET"; echo $$; exec sleep 1000']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        folder = pathlib.Path(parent.stdout.readline().strip())
        command_pid = int(parent.stdout.readline())
        assert processes.pids_inside(folder)
        for pid in descendants(parent.pid):
            os.kill(pid, signal.SIGKILL)
    wait_for_nothing_in(folder)
    processes.wait_until(lambda: not is_alive(command_pid), 10, "the command to die too")


def test_command_dies_with_a_killed_runner():
    with subprocess.Popen([*RUN, "mariadb", "--", "sh", "-c", "echo $$; exec sleep 1000"],
                          stdout=subprocess.PIPE, text=True) as parent:
        command_pid = int(parent.stdout.readline())
        parent.kill()
    processes.wait_until(lambda: not is_alive(command_pid), 10, "the command to die too")


def descendants(pid):
    found = [pid]
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True,
                             text=True, check=False)
    for child in listing.stdout.split():
        found += descendants(int(child))
    return found


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_run_passes_servers_and_exit_status():
    script = ('test -S "$BATCHSQL_TEST_POSTGRES_SOCKET" && test -S "$BATCHSQL_TEST_MYSQL_SOCKET" '
              '&& kill -0 $BATCHSQL_TEST_POSTGRES_PID $BATCHSQL_TEST_MYSQL_PID '
              '&& psql -XAtq "$BATCHSQL_TEST_POSTGRES_DSN" -c "SELECT 1" >/dev/null '
              '&& test -n "$BATCHSQL_TEST_MYSQL_DSN" && exit 23')
    done = subprocess.run([*RUN, "postgres", "mariadb", "--", "sh", "-c", script], check=False,
                          capture_output=True, text=True)
    assert done.returncode == 23, done.stderr
    assert "log of postgres" in done.stderr, "a failed command's servers show their logs"


def test_run_names_the_variable_and_reports_a_signal():
    done = subprocess.run([*RUN, "--env", "MINE", "postgres", "--", "sh", "-c",
                           'psql -XAtq "$MINE" -c "SELECT 5" && kill -9 $$'],
                          check=False, capture_output=True, text=True)
    assert done.stdout.strip() == "5"
    assert done.returncode == 128 + signal.SIGKILL


def test_run_uses_a_server_that_the_caller_names():
    dsn = "mysql://someone@127.0.0.1:1/else"
    done = subprocess.run([*RUN, "mariadb", "--", "sh", "-c", "echo $BATCHSQL_TEST_MYSQL_DSN"],
                          env={**os.environ, "BATCHSQL_TEST_MYSQL_DSN": dsn}, check=False,
                          capture_output=True, text=True)
    assert done.stdout.strip() == dsn
    assert done.returncode == 0


def test_harness_works_for_an_ordinary_user():
    """Root becomes nobody for this; anybody else already is ordinary."""
    user = processes.unprivileged_user("nobody")
    with processes.Scratch("ordinary", user) as scratch:
        copy = scratch.path / "support"
        subprocess.run(["cp", "-r", SUPPORT, copy], check=True)
        environment = {"BATCHSQL_TEST_CACHE": str(scratch.path / "cache"),
                       "TMPDIR": str(scratch.path), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            processes.as_user(user, ["/usr/bin/python3", copy / "servers.py", "run", "postgres",
                                         "mariadb", "--", "sh", "-c",
                                         'psql -XAtq "$BATCHSQL_TEST_POSTGRES_DSN" -c "SELECT 7"; '
                                         "ps -o ruid= -p $BATCHSQL_TEST_MYSQL_PID"]),
            env=environment, cwd=scratch.path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        uid = pwd.getpwnam(user).pw_uid if user else os.geteuid()
        assert done.stdout.split() == ["7", str(uid)]


FAKE_DAEMON = """#!/usr/bin/python3
import http.server, re, signal, sys, time
text = open(sys.argv[sys.argv.index("--config") + 1]).read()
if "fail: true" in text:
    sys.exit("batchsql.yaml:4: unknown key 'fail'")
if "finding: " in text:
    print(re.search("finding: (.*)", text).group(1), flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if self.path == "/readyz" and "ready: false" in text else 200)
        self.end_headers()
        self.wfile.write(b"metric 1")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
port = int(re.search(r'http: {listen: "127.0.0.1:([0-9]+)"}', text).group(1))
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def fake_daemon(tmp_path, monkeypatch):
    """A stand-in for batchsqld: the harness is tested here, not the daemon."""
    path = tmp_path / "batchsqld"
    path.write_text(FAKE_DAEMON)
    path.chmod(0o755)
    monkeypatch.setenv("BATCHSQL_BIN_DIR", str(tmp_path))


@pytest.mark.usefixtures("fake_daemon")
class TestDaemon:
    def test_serves_restarts_and_stops(self):
        with daemon.Daemon("tables: []") as running:
            assert "data_dir" in running.config_file.read_text()
            assert running.metrics() == "metric 1"
            first = running.pid
            running.kill9()
            assert running.pid is None
            running.start()
            assert running.pid != first
            assert running.stop() == 0
            folder = running.folder
        assert not folder.exists()

    def test_bad_configuration_is_shown(self):
        with pytest.raises(processes.StartError, match="unknown key 'fail'"):
            daemon.Daemon("fail: true").__enter__()

    @pytest.mark.parametrize("finding", [
        "WARNING: ThreadSanitizer: data race (pid=7)", "==7==ERROR: AddressSanitizer: SEGV",
        "core/a.cc:1:2: runtime error: signed integer overflow"])
    def test_a_sanitizers_finding_fails_the_test(self, finding):
        with pytest.raises(AssertionError, match="finding"):
            with daemon.Daemon(f"# finding: {finding}"):
                pass

    def test_unready_daemon_can_be_asked_for(self):
        with daemon.Daemon("ready: false", wait_ready=False) as running:
            assert not running.is_ready()

    def test_refuses_keys_that_the_harness_sets(self):
        with pytest.raises(ValueError, match="set by the harness"):
            daemon.Daemon("data_dir: /elsewhere").__enter__()


def test_cache_of_another_user_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCHSQL_TEST_CACHE", "/proc/nowhere")
    monkeypatch.setattr(templates.tempfile, "gettempdir", lambda: str(tmp_path))
    assert templates.cache_folder() == tmp_path / f"batchsql-servers-{os.geteuid()}"
