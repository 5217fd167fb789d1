#!/usr/bin/python3
"""Real database servers for tests: private, on loopback, durable as in production, gone with us.

    with PostgresServer() as server:
        ...  server.dsn, server.port, server.socket_folder, server.pid
        server.kill9(); server.start()          # same port, same data

    servers.py run postgres mariadb -- COMMAND…   # the servers live as long as the command

`run` passes BATCHSQL_TEST_POSTGRES_DSN, _PID and _SOCKET (BATCHSQL_TEST_MYSQL_… for mariadb; for
pgbouncer both its own BATCHSQL_TEST_PGBOUNCER_… and those of the PostgreSQL behind it) to the
command, and exits with its status. A kind whose DSN the caller's environment already names is not
started: the command then runs against that server, and has no _PID or _SOCKET of it.

Everything lives in one scratch folder (processes.Scratch): no exit leaves a process or a file.
"""

import argparse
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

import processes
import templates

START_SECONDS = 60
STOP_SECONDS = 60
PORT_TRIES = 5
USER = "batchsql"
PASSWORD = "pw"
DATABASE = "batchsql"


class DatabaseServer:
    """One server: its scratch folder, its port, its process. Not for use by several threads.

    Subclasses say how to initialise a data folder, how to start the program and when it is ready.
    `settings` are server settings by name, on top of the server's own durable defaults.
    """

    kind = ""           # In names: folders, the command line.
    environment = ""    # The prefix of the variables that `run` sets.
    users = ()          # The system users it may run as when we are root.
    port_lost = re.compile("")  # What its log says when another program has the port.

    def __init__(self, settings=None):
        self.settings = dict(settings or {})
        self.port = None
        self._port = None
        self._process = None
        self._scratch = None

    def __enter__(self):
        self._user = processes.unprivileged_user(*self.users)
        self._scratch = processes.Scratch(self.kind, self._user)
        try:
            self.log = self._scratch.path / "server.log"
            self.data = self._scratch.path / "data"
            self.socket_folder = self._scratch.path
            templates.provide(self._template_key(), self.data, self._initialise)
            self.log.unlink(missing_ok=True)  # What the initialisation said is of no interest now.
            self._start_on_a_free_port()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the server without ceremony (its data is thrown away) and removes its folder."""
        if self._process is not None:
            # Asked first, so that it ends its own children and leaves init none to bury.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._send_stop("immediate")
                self._process.wait(5)
        if self._scratch is not None:
            self._scratch.close()
        self._reap()
        if self._port is not None:
            self._port.release()

    @property
    def pid(self):
        """The server's main process, or None while it is down."""
        return self._process.pid if self._process else None

    def start(self):
        """Starts a server that is down, on its port and data, and waits until it serves."""
        if self._process is not None:
            raise RuntimeError(f"{self.kind} is already running")
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                processes.as_user(self._user, self._command()), cwd=self._scratch.path,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=processes.server_environment(), start_new_session=True)
        try:
            processes.wait_until(self._ready_or_ended, START_SECONDS, f"{self.kind} to serve")
        except BaseException as error:
            self.kill9()
            if isinstance(error, TimeoutError):
                raise processes.StartError(f"{error}\n{processes.log_tail(self.log)}") from None
            raise

    def stop(self, mode="fast"):
        """fast: ends sessions and shuts down cleanly. immediate: as a crash, to be recovered."""
        self._send_stop(mode)
        try:
            self._process.wait(STOP_SECONDS)
        finally:
            self.kill9()

    def kill9(self):
        """SIGKILL to every process of the server; returns when all of them are gone."""
        processes.kill_inside(self._scratch.path)
        self._reap()

    def run_environment(self):
        """What `run` tells the command about this server."""
        return {f"{self.environment}_DSN": self.dsn, f"{self.environment}_PID": str(self.pid),
                f"{self.environment}_SOCKET": str(self.socket_path)}

    def _start_on_a_free_port(self):
        for attempt in range(PORT_TRIES):
            self._port = processes.Port()
            self.port = self._port.number
            try:
                return self.start()
            except processes.StartError:
                lost = self.port_lost.search(processes.log_tail(self.log))
                if not lost or attempt == PORT_TRIES - 1:
                    raise
                self._port.release()
                self.log.unlink()

    def _ready_or_ended(self):
        if self._process.poll() is not None:
            raise processes.StartError(f"{self.kind} ended with status {self._process.returncode} "
                                       f"at its start\n{processes.log_tail(self.log)}")
        return self._is_ready()

    def _reap(self):
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _initialise_with(self, command, script=""):
        """Runs one step of making a data folder, as the server's user."""
        with open(self.log, "ab") as log:
            done = subprocess.run(
                processes.as_user(self._user, command), input=script.encode(), stdout=log,
                stderr=log, cwd=self._scratch.path, env=processes.server_environment(), check=False)
        if done.returncode != 0:
            raise processes.StartError(f"{command[0]} ended with status {done.returncode}\n"
                                       f"{processes.log_tail(self.log)}")


class PostgresServer(DatabaseServer):
    """PostgreSQL: SCRAM over TCP for the user, trust over the socket in the private folder."""

    kind = "postgres"
    environment = "BATCHSQL_TEST_POSTGRES"
    users = ("postgres",)
    port_lost = re.compile("could not bind IPv4 address")

    _initdb = ("--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256",
               "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
    # Each statement by itself: CREATE DATABASE refuses to share a transaction.
    _accounts = (f"CREATE ROLE {USER} LOGIN CREATEDB PASSWORD '{PASSWORD}'",
                 f"CREATE DATABASE {DATABASE} OWNER {USER}")
    # For tests of foreign tables, which the user may then make.
    _extensions = ("CREATE EXTENSION postgres_fdw",
                   f"GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO {USER}")
    _stop_signals = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}

    @property
    def dsn(self):
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def admin_dsn(self):
        """The superuser, over the unix socket; for tests that prepare or break things."""
        return f"postgresql:///{DATABASE}?host={self.socket_folder}&port={self.port}&user=postgres"

    @property
    def socket_path(self):
        return self.socket_folder / f".s.PGSQL.{self.port}"

    def _template_key(self):
        return templates.key_of("postgres", _version(_postgres("postgres")), self._user,
                                os.geteuid(), *self._initdb, *self._accounts, *self._extensions)

    def _initialise(self, data):
        self._initialise_with([_postgres("initdb"), "-D", data, *self._initdb])
        # Single-user mode: the accounts are there before the first start.
        self._initialise_with([_postgres("postgres"), "--single", "-D", data, "postgres"],
                              "\n".join(self._accounts) + "\n")
        self._initialise_with([_postgres("postgres"), "--single", "-D", data, DATABASE],
                              "\n".join(self._extensions) + "\n")

    def _command(self):
        settings = {"port": self.port, "listen_addresses": "127.0.0.1",
                    "unix_socket_directories": self.socket_folder, **self.settings}
        return [_postgres("postgres"), "-D", self.data,
                *(f"--{name}={value}" for name, value in settings.items())]

    def _is_ready(self):
        """As pg_ctl does: the last line of this very process's postmaster.pid."""
        try:
            lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _send_stop(self, mode):
        self._process.send_signal(self._stop_signals[mode])


class PostgresTlsServer(PostgresServer):
    """PostgreSQL whose DSN demands TLS and checks certificate and name (sslmode=verify-full).

    The certificate is for the address 127.0.0.1 only, by an authority made here.
    """

    kind = "postgres-tls"

    @property
    def dsn(self):
        return f"{super().dsn}?sslmode=verify-full&sslrootcert={self._authority}"

    @property
    def _authority(self):
        return self._scratch.path / "authority.crt"

    def _command(self):
        certificate, key = self._scratch.path / "server.crt", self._scratch.path / "server.key"
        if not certificate.exists():
            self._make_certificate(certificate, key)
        self.settings.update(ssl="on", ssl_cert_file=certificate, ssl_key_file=key)
        return super()._command()

    def _make_certificate(self, certificate, key):
        authority_key = self._scratch.path / "authority.key"
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-days", "2"]
        self._initialise_with([*new, "-keyout", authority_key, "-out", self._authority,
                               "-subj", "/CN=batchsql tests"])
        self._initialise_with([*new, "-keyout", key, "-out", certificate, "-subj", "/CN=server",
                               "-CA", self._authority, "-CAkey", authority_key,
                               "-addext", "subjectAltName=IP:127.0.0.1"])


class PgBouncerServer(DatabaseServer):
    """pgbouncer in transaction mode before a PostgreSQL of its own (`server`)."""

    kind = "pgbouncer"
    environment = "BATCHSQL_TEST_PGBOUNCER"
    users = ("postgres",)
    port_lost = re.compile("Address already in use")

    def __init__(self, settings=None):
        super().__init__(settings)
        self.server = PostgresServer()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.server)
            super().__enter__()
            stack.pop_all()
        return self

    def close(self):
        super().close()
        self.server.close()

    @property
    def dsn(self):
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def socket_path(self):
        return self.socket_folder / f".s.PGSQL.{self.port}"

    def run_environment(self):
        return {**self.server.run_environment(), **super().run_environment()}

    def _template_key(self):
        return templates.key_of("pgbouncer", self._user)

    def _initialise(self, data):
        self._initialise_with(["mkdir", data])  # It keeps nothing.

    def _command(self):
        # The accounts' file opens both doors: the clients' and the server's.
        accounts = self._scratch.path / "users.txt"
        accounts.write_text(f'"{USER}" "{PASSWORD}"\n', encoding="utf-8")
        settings = {"listen_addr": "127.0.0.1", "listen_port": self.port,
                    "unix_socket_dir": self.socket_folder, "auth_type": "scram-sha-256",
                    "auth_file": accounts, "admin_users": USER, "pool_mode": "transaction",
                    "max_client_conn": 500, "default_pool_size": 40, **self.settings}
        configuration = self._scratch.path / "pgbouncer.ini"
        configuration.write_text(
            f"[databases]\n{DATABASE} = host=127.0.0.1 port={self.server.port}\n[pgbouncer]\n" +
            "".join(f"{name} = {value}\n" for name, value in settings.items()), encoding="utf-8")
        return ["pgbouncer", configuration]

    def _is_ready(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            try:
                connection.connect(str(self.socket_path))
            except OSError:
                return False
        return True

    def _send_stop(self, mode):
        self._process.send_signal(signal.SIGTERM if mode == "immediate" else signal.SIGINT)


class MariaDbServer(DatabaseServer):
    """MariaDB: a password over TCP for the user, root without one over the private socket."""

    kind = "mariadb"
    environment = "BATCHSQL_TEST_MYSQL"
    users = ("mysql",)
    port_lost = re.compile(r"Bind on TCP/IP port|Do you already have another")

    _install = ("--auth-root-authentication-method=normal", "--skip-test-db",
                "--skip-name-resolve")
    # Bootstrap mode knows no accounts before FLUSH PRIVILEGES. Root may come by the socket only.
    # The pattern lets the user make databases of its own, one per test.
    _accounts = (
        "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host <> 'localhost')",
        "FLUSH PRIVILEGES",
        f"CREATE USER {USER}@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('{PASSWORD}')",
        f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4",
        rf"GRANT ALL ON `{DATABASE}`.* TO {USER}@'%'",
        rf"GRANT ALL ON `{DATABASE}\_%`.* TO {USER}@'%'")

    @property
    def dsn(self):
        return f"mysql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def socket_path(self):
        return self.socket_folder / "mariadb.sock"

    def _template_key(self):
        return templates.key_of("mariadb", _version("mariadbd"), self._user, os.geteuid(),
                                *self._install, *self._accounts)

    def _initialise(self, data):
        # Names of temporary tables are unique in one server only: a shared folder makes two clash.
        folders = (f"--datadir={data}", f"--tmpdir={self._scratch.path}")
        self._initialise_with(["mariadb-install-db", "--no-defaults", *folders, *self._install])
        self._initialise_with(
            ["mariadbd", "--no-defaults", *folders, "--bootstrap", "--skip-networking"],
            "".join(f"{statement};\n" for statement in self._accounts))

    def _command(self):
        # The compiled-in default character set is latin1; Debian's configuration, which
        # --no-defaults leaves out, says utf8mb4 too.
        settings = {"datadir": self.data, "port": self.port, "bind-address": "127.0.0.1",
                    "socket": self.socket_path, "pid-file": self._scratch.path / "mariadb.pid",
                    "tmpdir": self._scratch.path, "skip-name-resolve": "ON",
                    "innodb-flush-log-at-trx-commit": 1, "character-set-server": "utf8mb4",
                    "collation-server": "utf8mb4_general_ci", **self.settings}
        return ["mariadbd", "--no-defaults",
                *(f"--{name}={value}" for name, value in settings.items())]

    def _is_ready(self):
        """True once it greets: a packet whose first byte is the protocol's version, 10.

        Asked over the socket in its own folder: the port may be another server's. The port is
        bound before the socket.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self.socket_path))
                greeting = connection.recv(5, socket.MSG_WAITALL)
            except OSError:
                return False
        return len(greeting) == 5 and greeting[4] == 10

    def _send_stop(self, mode):
        if mode == "immediate":  # MariaDB has no signal for it; recovery starts from the same.
            self._process.kill()
        else:
            self._process.terminate()


SERVERS = {"postgres": PostgresServer, "postgres-tls": PostgresTlsServer,
           "pgbouncer": PgBouncerServer, "mariadb": MariaDbServer}


def _postgres(program):
    """The program of the newest installed PostgreSQL: Debian keeps them out of PATH."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{program}"),
                   key=lambda path: int(path.parts[4]) if path.parts[4].isdigit() else 0)
    if not found:
        raise processes.StartError(f"PostgreSQL's {program} is not installed: run ./dev setup")
    return str(found[-1])


def _version(program):
    try:
        return subprocess.run([program, "--version"], capture_output=True, text=True, check=True,
                              env=processes.server_environment()).stdout.strip()
    except FileNotFoundError:
        raise processes.StartError(f"{program} is not installed: run ./dev setup") from None


def run(kinds, command, variable=None):
    """Starts the servers, runs the command, and returns its exit status."""
    environment = dict(os.environ)
    with contextlib.ExitStack() as stack:
        running = []
        for kind in kinds:
            name = f"{SERVERS[kind].environment}_DSN"
            if environment.get(name):
                print(f"servers.py: {kind}: using the server of {name}", file=sys.stderr)
                if variable:
                    environment[variable] = environment[name]
                continue
            server = stack.enter_context(SERVERS[kind]())
            running.append(server)
            environment.update(server.run_environment())
            if variable:
                environment[variable] = server.dsn
        status = _run_command(command, environment)
        if status != 0:
            for server in running:
                print(f"--- log of {server.kind} ---\n{processes.log_tail(server.log)}",
                      file=sys.stderr)
        return status


def _run_command(command, environment):
    # The command dies with us; the servers' janitors would otherwise pull them from under it.
    with subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *command],
                          env=environment) as process:
        try:
            status = process.wait()
        except BaseException:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    return status if status >= 0 else 128 - status


def _exit_on_signal(number, _):
    sys.exit(128 + number)


def main(arguments):
    if "--" not in arguments:
        sys.exit("usage: servers.py run [--env NAME] KIND… -- COMMAND…")
    split = arguments.index("--")
    parser = argparse.ArgumentParser(prog="servers.py", description="Real servers for a command.")
    commands = parser.add_subparsers(dest="action", required=True)
    runner = commands.add_parser("run", help="run COMMAND (after --) while the servers are up")
    runner.add_argument("kinds", nargs="+", choices=SERVERS, metavar="|".join(SERVERS))
    runner.add_argument("--env", help="also put the DSN (of the one server) into this variable")
    options = parser.parse_args(arguments[:split])
    command = arguments[split + 1:]
    if not command:
        parser.error("no COMMAND after --")
    if options.env and len(options.kinds) > 1:
        parser.error("--env goes with one server")
    signal.signal(signal.SIGTERM, _exit_on_signal)
    signal.signal(signal.SIGHUP, _exit_on_signal)
    try:
        return run(dict.fromkeys(options.kinds), command, options.env)
    except processes.StartError as error:
        print(f"servers.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
