"""Two daemons with one identity: the first is stopped (SIGSTOP), a second one runs on a copy of its
data directory, and the first goes on. It must find itself fenced, and an operator brings it back.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import client as api
import daemon as harness
import processes
import rows

CLAIM_SECONDS = 10
STOPS_MAX = 20
STOP_SECONDS = 10
LOCK_SECONDS = 0.5
TWIN_SECONDS = 60   # Until the second daemon wrote all that its copy holds.
FENCE_SECONDS = 30  # Until every pipeline of the first one knows.
ADOPT_SECONDS = 30
ANSWER_SECONDS = 60  # Longer than a database is down.
HEADER_BYTES = 4096


class Twin(harness.Daemon):
    """The second daemon: its data directory is a copy, made when it is started."""

    def __init__(self, first):
        super().__init__(first.config, wait_ready=False)
        self._first = first

    def start(self):
        shutil.copytree(self._first.data_dir, self.data_dir)
        super().start()


def fork(world):
    """Plays it on a running daemon, and may leave it running. False: it did not come to it."""
    first = world.daemon
    try:  # Before its first claim it has no identity that could be copied.
        processes.wait_until(lambda: _all_are(first, "running"), CLAIM_SECONDS, "a claimed daemon")
    except TimeoutError:
        return False
    if not _stop_idle(world, first):
        return False
    try:
        if not _run_twin(world, first):
            return False
    finally:
        first.send_signal(signal.SIGCONT)
    if world.sabotage == "no-fence":
        world.wait_daemon(2)  # Time to do what a fenced daemon must not.
    elif not _is_fenced(world, first):
        return False
    world.kill_daemon("fenced")
    _adopt(world, first)
    return True


def _stop_idle(world, first):
    """Stops it where its transaction keeps nobody out: one on a server is cut off, one of SQLite is waited
    for. False: it did not come to it."""
    for _ in range(STOPS_MAX):
        first.send_signal(signal.SIGSTOP)
        processes.wait_until(lambda: _stands_still(first.pid), STOP_SECONDS, "a daemon to stand still")
        if world.proxy:
            world.proxy.cut_all()
            return True
        if world.database.can_be_written(LOCK_SECONDS):
            return True
        first.send_signal(signal.SIGCONT)
    return False


def _stands_still(pid):
    """A thread that is in the kernel goes on until it leaves it, and may take a lock there."""
    for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
        state = (thread / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        if state != "T":
            return False
    return True


def _is_fenced(world, first):
    try:
        processes.wait_until(lambda: _all_are(first, "stopped"), FENCE_SECONDS,
                             "a fenced daemon to stop")
    except TimeoutError as error:
        world.problem(f"{error}: {_states(first)}")
        return False
    return True


def _run_twin(world, first):
    with Twin(first) as twin:
        try:
            processes.wait_until(lambda: _is_done(twin), TWIN_SECONDS,
                                 "the second daemon to be done")
        except TimeoutError as error:
            world.problem(f"{error}: {_states(twin)}\n{processes.log_tail(twin.log, 40)}")
            return False
        twin.stop()
        world.count("forks")
        return True


def _tables(daemon):
    with api.Client(daemon.grpc_address) as client:
        return client.status().tables


def _is_done(daemon):
    return _all_are(daemon, "running") and all(
        table.queued_rows == 0 for table in _tables(daemon))


def _all_are(daemon, state):
    tables = _tables(daemon)
    return len(tables) >= len(rows.TABLES) and all(table.state == state for table in tables)


def _states(daemon):
    return ", ".join(f"{table.table} {table.state} {table.queued_rows} {table.last_error}"
                     for table in _tables(daemon))


def _adopt(world, first):
    """`batchsql journal adopt`: each journal goes on behind what the second daemon committed."""
    ends = _ask_for_ends(world.database)
    for journal in sorted((first.data_dir / "journal").iterdir()):
        fresh = first.data_dir / f"adopted-{journal.name}"
        done = subprocess.run(
            [harness.program("batchsql"), "journal", "adopt", journal, "--out", fresh,
             "--from-lsn", str(_end_of(journal, ends) + 1)],
            capture_output=True, text=True, timeout=ADOPT_SECONDS, check=False,
            env={**os.environ, "LD_PRELOAD": ""})
        if done.returncode != 0:
            raise RuntimeError(f"adopting {journal.name} failed: {done.stdout}{done.stderr}")
        shutil.rmtree(journal)
        pathlib.Path(fresh).rename(journal)


def _ask_for_ends(database):
    """What is committed of each pipeline. The database may just be dying: asks until it answers."""
    answers = []

    def ask():
        with contextlib.suppress(RuntimeError):
            answers[:] = database.query(
                f"SELECT {database.hexadecimal.format('pipeline')}, MAX(range_to), MAX(frontier) "
                "FROM batchsql_watermark GROUP BY pipeline")
        return answers

    processes.wait_until(ask, ANSWER_SECONDS, "a database that answers")
    return {bytes.fromhex(pipeline): max(int(to), int(frontier))
            for pipeline, to, frontier in answers}


def _end_of(journal, ends):
    """What the target committed of the journal; a segment's header names its pipeline."""
    for segment in sorted(journal.iterdir()):
        with open(segment, "rb") as file:
            header = file.read(HEADER_BYTES)
        for pipeline, end in ends.items():
            if pipeline in header:
                return end
    raise RuntimeError(f"{journal.name} belongs to no pipeline of the target")
