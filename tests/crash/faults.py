"""The faults of a round: three threads that draw from generators of their own.

Lives ends the daemon again and again, each life in its own way; DatabaseFaults does the same to the
database; ConnectionFaults cuts what is between them. All end when the world's `over` is set.
"""

import errno
import subprocess
import sys
import threading
import time

import fail_io
import fork
import proxy
import world as worlds

# Where the daemon kills itself, and how often it passes there first, at most.
JOURNAL_POINTS = {"journal.before_append": 60, "journal.after_append": 60,
                  "journal.before_sync": 60, "journal.after_sync": 60, "journal.rotate": 3,
                  "journal.trim": 2, "journal.recovery": 2}
FLUSH_POINTS = {"flush.before_commit": 25, "flush.after_commit": 25}
STRIKE_SECONDS = 2  # A fault of the connection that meets none is given up.
POINT_SECONDS = 3  # A life whose point is not reached is ended by then.


class FaultThread:
    """`random_` decides everything this thread does, in order."""

    def __init__(self, world, random_, plan):
        self.world, self.random, self.plan = world, random_, plan
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def join(self, seconds):
        self._thread.join(seconds)
        if self._thread.is_alive():
            raise TimeoutError(f"{type(self).__name__} did not end within {seconds} s")

    def _run(self):
        try:
            while not self.world.over.is_set():
                self.step()
        except Exception as error:
            self.world.problem(f"{type(self).__name__} failed: {error!r}")

    def pause(self, low, high):
        self.world.over.wait(self.random.uniform(low, high))

    def choose(self, weights):
        return self.random.choices(list(weights), list(weights.values()))[0]


class Lives(FaultThread):
    """One life of the daemon after the other."""

    def step(self):
        getattr(self, self.choose(self.plan.lives))()

    def any_moment(self):
        if self.world.start_daemon():
            self.world.wait_daemon(self.random.uniform(0.3, 2.5))
        self.world.kill_daemon("killed at any moment")

    def named_point(self):
        point = self.choose(self.plan.points)
        limits = {**JOURNAL_POINTS, **FLUSH_POINTS}
        count = self.random.randint(1, limits[point])
        if self.world.start_daemon(f"{point}:{count}"):
            self.world.wait_daemon(POINT_SECONDS)
        self.world.kill_daemon(f"{point}:{count}", point)

    def torn_write(self):
        kind = self.random.choice((fail_io.PREFIX_ONLY, fail_io.GARBAGE, fail_io.LOST_PAGE))
        after, cut = self.random.randint(0, 100), self.random.getrandbits(31)
        orders = self.world.daemon.orders
        before = orders.count(worlds.JOURNAL, "tears")
        orders.tear(worlds.JOURNAL, kind, after, cut)
        if self.world.start_daemon():
            self.world.wait_daemon(POINT_SECONDS)
        struck = orders.count(worlds.JOURNAL, "tears") > before
        self.world.kill_daemon("torn write", "torn write" if struck else None)
        orders.clear()

    def failing_io(self):
        """A write or a sync of the journal fails; the daemon lives on until it is killed."""
        fail = self.random.choice(("fail_writes", "fail_syncs"))
        after, error = self.random.randint(0, 30), self.random.choice((errno.EIO, errno.ENOSPC))
        life = self.random.uniform(0.5, 2.5)
        if self.world.moves_back:
            error = errno.EIO  # On a full disk segments give way that the older database needs.
        if self.world.start_daemon():
            getattr(self.world.daemon.orders, fail)(worlds.JOURNAL, error, after)
            self.world.wait_daemon(life)
        self._note_failures()
        self.world.kill_daemon(f"{fail} {errno.errorcode[error]}")

    def full_disk(self):
        """No write below the data directory succeeds for a while; then all is as before."""
        if self.world.moves_back:  # As in failing_io.
            return self.any_moment()
        calm, full = self.random.uniform(0.1, 0.8), self.random.uniform(0.3, 1.5)
        if self.world.start_daemon():
            self.world.wait_daemon(calm)
            self.world.daemon.orders.fail_writes(worlds.JOURNAL, errno.ENOSPC, sticks=True)
            self.world.wait_daemon(full)
            self._note_failures()
            self.world.wait_daemon(calm)
        return self.world.kill_daemon("full disk")

    def clean_stop(self):
        if self.world.start_daemon():
            self.world.wait_daemon(self.random.uniform(0.3, 2))
            self.world.stop_daemon()

    def database_io(self):
        """SQLite: a write or sync of the database's own files fails, mostly within a commit."""
        orders = self.world.daemon.orders
        life = self.random.uniform(0.8, 2.5)
        fail = self.random.choice(("fail_writes", "fail_syncs"))
        if self.world.start_daemon():
            begun = orders.count(worlds.DATABASE, "write_failures"), \
                orders.count(worlds.DATABASE, "sync_failures")
            while life > 0 and not self.world.over.is_set() and not self.world.daemon.has_ended:
                slice_ = self.random.uniform(0.05, 0.3)
                getattr(orders, fail)(worlds.DATABASE, errno.EIO, self.random.randint(0, 20))
                self.world.wait_daemon(slice_)
                life -= slice_
            orders.clear()
            ended = orders.count(worlds.DATABASE, "write_failures"), \
                orders.count(worlds.DATABASE, "sync_failures")
            self.world.counts["cuts"] += sum(ended) - sum(begun)
        self.world.kill_daemon("failing I/O of the database's files")

    def older_file(self):
        """SQLite: the file is replaced by an older copy of it."""
        if not self.world.moves_back:
            return self.any_moment()
        self._snapshot_file()
        if self.world.start_daemon():
            self.world.wait_daemon(self.random.uniform(0.5, 2))
        self.world.kill_daemon("before an older database file")
        self._restore_file()
        return self.world.count("restores")

    def second_daemon(self):
        """A second daemon works on a copy of the data directory while this one is stopped."""
        if self.world.moves_back:  # An adopted journal has not what an older database needs.
            return self.any_moment()
        if self.world.start_daemon():
            self.world.wait_daemon(self.random.uniform(0.5, 1.5))
            if not self.world.over.is_set() and not self.world.daemon.has_ended:
                fork.fork(self.world)
        if self.world.daemon.pid is not None:
            self.world.kill_daemon("beside a second daemon")
        return None

    def _note_failures(self):
        orders = self.world.daemon.orders
        orders.clear()
        self.world.counts["failed_io"] = (orders.count(worlds.JOURNAL, "write_failures")
                                          + orders.count(worlds.JOURNAL, "sync_failures"))

    def _file_set(self):
        path = self.world.database.path
        return [path, path.with_name(path.name + "-wal")]

    def _snapshot_file(self):
        for path in self._file_set():
            copy = path.with_name(path.name + ".older")
            copy.unlink(missing_ok=True)
            if path.exists():
                subprocess.run(["cp", "--reflink=auto", "--", path, copy], check=True, timeout=60)

    def _restore_file(self):
        path = self.world.database.path
        path.with_name(path.name + "-shm").unlink(missing_ok=True)
        for path in self._file_set():
            path.unlink(missing_ok=True)
            copy = path.with_name(path.name + ".older")
            if copy.exists():
                copy.rename(path)


class DatabaseFaults(FaultThread):
    """Kills and restarts the server; now and then it comes back as it was some time ago."""

    def __init__(self, world, random_, plan):
        self._snapshot = None
        self._restored = False
        super().__init__(world, random_, plan)

    def step(self):
        self.pause(*self.plan.database_pause)
        if self.world.over.is_set():
            return
        back = self.world.moves_back and not self._restored
        getattr(self, "snapshot" if back else self.choose(self.plan.database))()

    def kill(self):
        self.world.server.kill9()
        self._start()

    def immediate_stop(self):
        self.world.server.stop("immediate")
        self._start()

    def snapshot(self):
        """The first time takes the copy, the second time puts it in the place of the present."""
        self.world.server.kill9()
        data = self.world.server.data
        if self._snapshot is None:
            self._snapshot = data.with_name("snapshot")
            subprocess.run(["rm", "-rf", "--", self._snapshot], check=True, timeout=60)
            subprocess.run(["cp", "-a", "--reflink=auto", "--", data, self._snapshot], check=True,
                           timeout=120)
        else:
            subprocess.run(["rm", "-rf", "--", data], check=True, timeout=60)
            self._snapshot.rename(data)
            self._restored = True
            self.world.count("restores")
        self._start()

    def _start(self):
        self.world.count("database_kills")
        self.world.server.start()


class LockHolders(FaultThread):
    """SQLite has no server: another process writes into the file and is killed in its transaction."""

    PROGRAM = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], timeout=20, isolation_level=None)
connection.execute("PRAGMA cache_size = 5")
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE IF NOT EXISTS torture_neighbour (x)")
connection.executemany("INSERT INTO torture_neighbour VALUES (?)", [("x" * 1000,)] * 300)
print("holding", flush=True)
sys.stdin.read()
"""

    def step(self):
        self.pause(*self.plan.database_pause)
        if self.world.over.is_set():
            return
        with subprocess.Popen([sys.executable, "-c", self.PROGRAM, self.world.database.path],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as process:
            try:
                if process.stdout.readline() == b"holding\n":  # Else it found the file locked.
                    self.pause(0.05, 1)
                    self.world.count("database_kills")
            finally:
                process.kill()


class ConnectionFaults(FaultThread):
    """Arms one fault of the proxy after the other."""

    def step(self):
        self.pause(*self.plan.cut_pause)
        kind = self.choose(self.plan.cuts)
        amount = (self.random.randint(0, 200_000) if kind == proxy.AT_BYTE
                  else self.random.uniform(0.02, 0.3) if kind == proxy.DELAY
                  else self.random.uniform(0.5, 2))
        struck = self.world.proxy.arm(kind, amount)
        # No connection may meet it: the daemon is down, or the one that did has ended before its time.
        deadline = time.monotonic() + STRIKE_SECONDS
        while not struck.wait(0.05):
            if self.world.over.is_set() or time.monotonic() > deadline:
                return
        self.world.count("cuts" if kind in proxy.COMMIT_CUTS else f"connections: {kind}")
