"""pgbouncer in transaction mode before a PostgresServer, on a port of its own.

    with PgBouncer(server) as bouncer:
        ...  server.dsn with bouncer.port for server.port
"""

import socket
import subprocess

import processes
import servers

START_SECONDS = 20
SETTINGS = {
    "pool_mode": "transaction",
    "auth_type": "plain",
    "listen_addr": "127.0.0.1",
    "unix_socket_dir": "",
    "default_pool_size": "20",
    "max_client_conn": "200",
    # A server that was down is tried again at once, not after 15 s.
    "server_login_retry": "0.2",
    "ignore_startup_parameters": "extra_float_digits",
}


class PgBouncer:
    """Outlives restarts of its server. Not for use by several threads."""

    def __init__(self, server):
        self._server = server

    def __enter__(self):
        user = processes.unprivileged_user("postgres")  # It refuses to run as root.
        self._scratch = processes.Scratch("pgbouncer", user)
        self._port = processes.Port()
        self.port = self._port.number
        self.log = self._scratch.path / "pgbouncer.log"
        self._process = None
        try:
            with open(self.log, "ab") as log:
                self._process = subprocess.Popen(
                    processes.as_user(user, ["pgbouncer", self._write_settings()]),
                    cwd=self._scratch.path, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    env=processes.server_environment(), start_new_session=True)
            processes.wait_until(self._is_listening, START_SECONDS, "pgbouncer to listen")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._scratch.close()
        if self._process is not None:
            self._process.wait()
        self._port.release()

    @property
    def dsn(self):
        return self._server.dsn.replace(f":{self._server.port}/", f":{self.port}/")

    def _write_settings(self):
        folder = self._scratch.path
        accounts, file = folder / "accounts.txt", folder / "pgbouncer.ini"
        accounts.write_text(f'"{servers.USER}" "{servers.PASSWORD}"\n', encoding="utf-8")
        lines = [f"{name} = {value}" for name, value in SETTINGS.items()]
        file.write_text(f"[databases]\n* = host=127.0.0.1 port={self._server.port}\n"
                        f"[pgbouncer]\nlisten_port = {self.port}\nauth_file = {accounts}\n"
                        + "\n".join(lines) + "\n", encoding="utf-8")
        return file

    def _is_listening(self):
        if self._process.poll() is not None:
            raise processes.StartError(f"pgbouncer ended with status {self._process.returncode}\n"
                                       f"{processes.log_tail(self.log)}")
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True
