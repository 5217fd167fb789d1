#!/usr/bin/env python3
"""./dev bench-away: rows at level JOURNAL while PostgreSQL is away, and then all of them in the table.

Loads rows of workload W with the database stopped, samples the daemon's resident memory, starts the
database and waits for every row. Exit status 1 where memory passed its bound (idle + the buffer + 64 MiB)
or a row is missing, doubled or changed.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import run as bench  # noqa: E402
from daemon import Daemon, program  # noqa: E402

MIB = 1 << 20
BOUND_BESIDE = 64 * MIB
DRAIN_SECONDS = 1800


def resident_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


class MemoryWatch:
    """The most memory that a process had, sampled ten times a second while the block lasts."""

    def __init__(self, pid):
        self.pid, self.most = pid, 0

    def __enter__(self):
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        while not self._end.wait(0.1):
            self.most = max(self.most, resident_bytes(self.pid))


def load(daemon, rows, seed):
    """Generates rows into the daemon; returns the seconds that it took."""
    begun = time.monotonic()
    with subprocess.Popen([program("batchsql"), "generate", "--rows", str(rows), "--seed", str(seed),
                           "--format", "csv"], stdout=subprocess.PIPE) as made:
        done = subprocess.run([program("batchsql"), "load", "-", "--table", "events", "--ack", "journal",
                               "--server", daemon.grpc_address], stdin=made.stdout, text=True,
                              capture_output=True, check=False)
    if done.returncode != 0 or f"rows={rows} rejected=0" not in done.stdout:
        sys.exit(f"bench-away: load ended with {done.returncode}: {done.stdout}{done.stderr}")
    return time.monotonic() - begun


def wait_for(target, rows):
    until = time.monotonic() + DRAIN_SECONDS
    while time.monotonic() < until:
        if int(target.sql("SELECT count(*) FROM events")) >= rows:
            return
        time.sleep(1)
    sys.exit(f"bench-away: after {DRAIN_SECONDS} s rows are missing")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--buffer-mib", type=int, default=256, help="limits.memory_bytes_max")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="batchsql-away-") as name, \
            bench.Postgres(pathlib.Path(name)) as target:
        target.fresh_table()
        config = (f"targets: [{{name: bench, kind: postgresql, dsn: '{target.dsn}'}}]\n"
                  f"tables: [{{name: events, target: bench}}]\n"
                  f"limits: {{memory_bytes_max: {arguments.buffer_mib * MIB}}}\n")
        with Daemon(config) as daemon:
            time.sleep(2)
            idle = resident_bytes(daemon.pid)
            target.server.stop()
            with MemoryWatch(daemon.pid) as watch:
                taken = load(daemon, arguments.rows, seed=1)
                away = watch.most
                target.server.start()
                begun = time.monotonic()
                wait_for(target, arguments.rows)
                written = time.monotonic() - begun
            bound = idle + arguments.buffer_mib * MIB + BOUND_BESIDE
            facts = re.split(r"\D", target.facts())[:2]
            exact = facts == [str(arguments.rows)] * 2
            met = max(away, watch.most) <= bound
            print(f"away: rows={arguments.rows} idle_mib={idle / MIB:.0f} most_mib={away / MIB:.0f} "
                  f"most_while_written_mib={watch.most / MIB:.0f} bound_mib={bound / MIB:.0f} "
                  f"taken_per_second={arguments.rows / taken:.0f} "
                  f"written_per_second={arguments.rows / written:.0f} "
                  f"exact={'yes' if exact else 'no'} met={'yes' if met else 'no'}")
            return 0 if met and exact else 1


if __name__ == "__main__":
    sys.exit(main())
