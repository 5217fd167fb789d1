"""What is tortured: a daemon, its database, the proxy between them, and what was done to them."""

import collections
import contextlib
import pathlib
import random
import shutil
import sys
import threading

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / name) for name in ("e2e", "support")]

import daemon as harness  # noqa: E402
import databases  # noqa: E402
import fail_io  # noqa: E402
import processes  # noqa: E402
import proxy  # noqa: E402
import servers  # noqa: E402
import tables  # noqa: E402

READY_SECONDS = 60
KILL_SECONDS = 20
MOVING_BACK_SHARE = 0.4  # Of the rounds.
LONG_GRACE_MS, SHORT_GRACES_MS = 600_000, (0, 500)
# A server that was away is tried again soon.
BOUNCER_SETTINGS = {"server_login_retry": 1}
JOURNAL, DATABASE = 0, 1  # The prefixes of fail_io's orders.


class TorturedDaemon(harness.Daemon):
    """The daemon, with fail_io preloaded. `extra` is for the environment of its next start."""

    def __init__(self, config, database_path):
        super().__init__(config, wait_ready=False)
        self.extra = {}
        self.orders = None
        self._database_path = database_path

    def start(self):
        if self.orders is None:
            prefixes = [self.data_dir] + ([self._database_path] if self._database_path else [])
            self.orders = fail_io.FailIo(self.folder, *prefixes)
        self.environment = {**self.orders.environment, **self.extra}
        super().start()


class World:
    """Entered once per run. `problems` are failures that the tables do not show; any thread adds."""

    def __init__(self, kind, with_journal, plan, sabotage=None, pgbouncer=False):
        self.kind, self.with_journal, self.sabotage = kind, with_journal, sabotage
        self._pgbouncer = pgbouncer  # It stands between the proxy and PostgreSQL.
        self._plan = plan
        self.counts = collections.Counter()
        self.points = collections.Counter()
        self.problems = []
        self.over = threading.Event()  # The faults of this round have ended.
        self.moves_back = False  # In this round the database may come back as it was before.
        self._lock = threading.Lock()
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._open_database(stack)
            tables.create(self.database)
            path = None if self.server else self.database.path
            self.daemon = TorturedDaemon(self._configuration(random.Random(0)), path)
            self.daemon.extra = self._sabotage_environment()
            stack.enter_context(self.daemon)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _open_database(self, stack):
        self.proxy = bouncer = None
        if self._pgbouncer:
            bouncer = stack.enter_context(servers.PgBouncerServer(BOUNCER_SETTINGS))
            self.database = databases.Postgres(bouncer.server)
        else:
            self.database = databases.open_database(self.kind)
            stack.callback(self.database.close)
        self.server = getattr(self.database, "server", None)
        if self.server:
            port = (bouncer or self.server).port
            self.proxy = stack.enter_context(proxy.Proxy(("127.0.0.1", port)))
            self.database.dsn = self.server.dsn.replace(f":{self.server.port}/",
                                                        f":{self.proxy.port}/")

    def _configuration(self, random_):
        grace_ms = LONG_GRACE_MS if self.moves_back else random_.choice(SHORT_GRACES_MS)
        return tables.configuration(self.database, random_, self.with_journal, grace_ms,
                                    self._plan)

    def _sabotage_environment(self):
        return {"BATCHSQL_SABOTAGE": self.sabotage} if self.sabotage else {}

    def problem(self, text):
        with self._lock:
            if len(self.problems) < 50:
                self.problems.append(text)

    def count(self, what):
        with self._lock:
            self.counts[what] += 1

    # --- the daemon's lives; one thread at a time -------------------------------------------------

    def reconfigure(self, random_):
        """For the next start and this round. Without a journal there is nothing to replay."""
        self.moves_back = self.with_journal and random_.random() < MOVING_BACK_SHARE
        self.daemon.write_config(self._configuration(random_))

    def start_daemon(self, point=None):
        """False when it died at its named point before it was up."""
        self.daemon.extra = self._sabotage_environment()
        if point:
            self.daemon.extra["BATCHSQL_KILL_AT"] = point
        try:
            self.daemon.start()
            return True
        except processes.StartError as error:
            if self.daemon.exit_code != -9:
                self.problem(f"the daemon did not start: {error}")
            return False

    def wait_daemon(self, seconds):
        """Waits until the daemon's end, the round's, or the time's."""
        with contextlib.suppress(TimeoutError):
            processes.wait_until(lambda: self.daemon.has_ended or self.over.is_set(), seconds,
                                 "a daemon's life")

    def kill_daemon(self, reason, point=None):
        """Ends the daemon, unless a planned death came first; anything else is a problem."""
        planned = point is not None
        if self.daemon.pid is not None:
            by_itself = self.daemon.has_ended
            if not by_itself:
                self.daemon.send_signal(9)
            self.daemon.wait(KILL_SECONDS)
            if by_itself and not (planned and self.daemon.exit_code == -9):
                self.problem(f"the daemon ended by itself with status {self.daemon.exit_code} "
                             f"({reason})\n{processes.log_tail(self.daemon.log, 15)}")
        else:
            by_itself = True
        self.count("kills")
        self.points[point if planned and by_itself else "any moment"] += 1

    def stop_daemon(self):
        """SIGTERM; with its database away it may end with 1, as it says."""
        try:
            code = self.daemon.stop(KILL_SECONDS)
        except Exception as error:
            self.problem(f"SIGTERM did not end the daemon: {error}")
            self.daemon.kill9()
            return
        if code not in (0, 1):
            self.problem(f"SIGTERM ended the daemon with {code}\n"
                         f"{processes.log_tail(self.daemon.log, 15)}")
        self.count("stops")

    # --- between rounds ---------------------------------------------------------------------------

    def heal(self):
        """Everything runs and nothing is armed; the daemon is a fresh one."""
        if self.proxy:
            self.proxy.calm()
        self.daemon.orders.clear()
        if self.server and self.server.pid is None:
            self.server.start()
        if self.daemon.pid is not None:
            self.stop_daemon()
        if not self.start_daemon():
            raise processes.StartError("the daemon does not start with everything in order\n"
                                       + processes.log_tail(self.daemon.log))
        processes.wait_until(self.daemon.is_ready, READY_SECONDS, "a daemon in order to be ready")

    def warnings(self, lines=8):
        """The end of the daemon's log, without what is no news."""
        found = [line for line in self.daemon.log_text.splitlines() if "level=info" not in line]
        return "\n".join(found[-lines:])

    def keep(self, folder):
        """Copies the daemon's folder for a person to look at."""
        shutil.copytree(self.daemon.folder, folder, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("*.so"))
        slots = self.database.query(
            f"SELECT {self.database.hexadecimal.format('pipeline')}, slot, epoch, range_from, "
            "range_to, frontier FROM batchsql_watermark ORDER BY 1, 2")
        pathlib.Path(folder, "watermark.txt").write_text(
            "\n".join(" ".join(row) for row in slots), encoding="utf-8")
