"""batchsqld for end-to-end tests: the real program on free ports in a scratch folder of its own.

    with Daemon('targets: [{name: main, kind: sqlite, dsn: "file.db"}]') as daemon:
        ...  daemon.grpc_address, daemon.http_url, daemon.log_text
        daemon.kill9(); daemon.start()      # same ports, same data
        assert daemon.stop() == 0

The daemon's working directory is the scratch folder: relative paths in a configuration end there.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.request

import processes
import templates

START_SECONDS = 30
STOP_SECONDS = 60
PATIENCE_SECONDS = 30  # for an answer that a loaded machine may be slow to give
# What AddressSanitizer, UndefinedBehaviorSanitizer and ThreadSanitizer begin a report with.
FINDING = re.compile(r"^(==\d+==ERROR: |WARNING: ThreadSanitizer|.*: runtime error: )", re.MULTILINE)
OWN_KEYS = re.compile(r"^(grpc|http|data_dir)\s*:", re.MULTILINE)
# The machine's proxies are for the outside: nothing here leaves the loopback.
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def program(name="batchsqld"):
    """The path of one of our executables: BATCHSQL_BIN_DIR, or the release build's."""
    folder = os.environ.get("BATCHSQL_BIN_DIR") or templates.REPOSITORY / "build" / "bin"
    return str(pathlib.Path(folder) / name)


def http_get(url, seconds=5):
    """(status, body) of a GET; an error status is an answer too. OSError when nobody answers."""
    try:
        with _direct.open(url, timeout=seconds) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


class Daemon:
    """One batchsqld. `config` is YAML without grpc, http and data_dir: those are the harness's.

    `arguments` go on its command line, `environment` on top of the caller's; `launcher` is a command
    that it is given to, as valgrind, with more time to start. With
    wait_ready=False, start() returns as soon as HTTP answers, ready or not (a database may be
    unreachable on purpose). A sanitizer's finding in its log fails the test, however the daemon
    ended. Not for use by several threads.
    """

    def __init__(self, config="", arguments=(), environment=None, wait_ready=True,
                 launcher=(), start_seconds=START_SECONDS):
        self.config = config
        self.arguments = list(arguments)
        self.environment = dict(environment or {})
        self.wait_ready = wait_ready
        self.launcher = list(launcher)
        self.start_seconds = start_seconds
        self.exit_code = None  # Of the last life that ended; negative: the signal that killed it.
        self._process = None

    def __enter__(self):
        self._scratch = processes.Scratch("daemon")
        self._ports = [processes.Port(), processes.Port()]
        self.grpc_port, self.http_port = (port.number for port in self._ports)
        self.grpc_address = f"127.0.0.1:{self.grpc_port}"
        self.http_url = f"http://127.0.0.1:{self.http_port}"
        self.folder = self._scratch.path
        self.data_dir = self.folder / "data"
        self.config_file = self.folder / "batchsql.yaml"
        self.log = self.folder / "daemon.log"
        try:
            self.write_config(self.config)
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        log = self.log_text
        self.close()
        found = FINDING.search(log)
        if found:
            raise AssertionError(f"a sanitizer's finding in the daemon:\n{log[found.start():]}")

    def close(self):
        """Ends the daemon without ceremony and removes its folder."""
        self._scratch.close()
        self._reap()
        for port in self._ports:
            port.release()

    @property
    def pid(self):
        """The daemon's process, or None while it is down."""
        return self._process.pid if self._process else None

    @property
    def has_ended(self):
        """True when nothing runs, also where it ended by itself and nobody waited for it yet."""
        return self._process is None or self._process.poll() is not None

    @property
    def log_text(self):
        """All it wrote so far, over every start of this Daemon."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def write_config(self, text):
        """Replaces the configuration file, as an editor would: by a rename."""
        if OWN_KEYS.search(text):
            raise ValueError("grpc, http and data_dir are set by the harness")
        fresh = self.config_file.with_suffix(".new")
        fresh.write_text(f'data_dir: "{self.data_dir}"\ngrpc: {{listen: "{self.grpc_address}"}}\n'
                         f'http: {{listen: "127.0.0.1:{self.http_port}"}}\n{text}\n',
                         encoding="utf-8")
        fresh.rename(self.config_file)
        self.config = text

    def start(self):
        """Starts a daemon that is down, on the same ports and data."""
        if self._process is not None:
            raise RuntimeError("the daemon is already running")
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [*self.launcher, program(), "--config", str(self.config_file), *self.arguments], cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **self.environment})
        try:
            processes.wait_until(self._ready_or_ended, self.start_seconds, "batchsqld to be ready")
        except BaseException as error:
            self.kill9()
            if isinstance(error, TimeoutError):
                raise processes.StartError(f"{error}\n{processes.log_tail(self.log)}") from None
            raise

    def send_signal(self, number):
        self._process.send_signal(number)

    def wait(self, seconds=STOP_SECONDS):
        """Waits for its end; returns its exit code (negative: the signal that killed it)."""
        self._process.wait(seconds)
        self._reap()
        return self.exit_code

    def stop(self, seconds=STOP_SECONDS):
        """SIGTERM: it drains and ends. Returns its exit code."""
        self.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill9(self):
        """SIGKILL; returns when it is gone."""
        processes.kill_inside(self.folder)
        self._reap()

    @contextlib.contextmanager
    def paused(self):
        """Nothing of it runs until the block ends."""
        self.send_signal(signal.SIGSTOP)
        try:
            os.waitid(os.P_PID, self.pid, os.WSTOPPED)
            yield
        finally:
            self.send_signal(signal.SIGCONT)

    def copy_data_of(self, other):
        """Makes its data directory, while it is down, that of another daemon at this instant."""
        shutil.rmtree(self.data_dir, ignore_errors=True)
        with other.paused():
            shutil.copytree(other.data_dir, self.data_dir)

    def metrics(self):
        """The text of /metrics."""
        status, body = http_get(f"{self.http_url}/metrics", PATIENCE_SECONDS)
        if status != 200:
            raise RuntimeError(f"/metrics answered {status}: {body}")
        return body

    def is_ready(self):
        try:
            return http_get(f"{self.http_url}/readyz")[0] == 200
        except OSError:
            return False

    def _ready_or_ended(self):
        if self._process.poll() is not None:
            raise processes.StartError(f"batchsqld ended with status {self._process.returncode} "
                                       f"at its start\n{processes.log_tail(self.log)}")
        if self.wait_ready:
            return self.is_ready()
        try:
            return http_get(f"{self.http_url}/healthz")[0] > 0
        except OSError:
            return False

    def _reap(self):
        if self._process is not None:
            self.exit_code = self._process.wait()
            self._process = None
