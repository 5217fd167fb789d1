#!/usr/bin/env python3
"""./dev bench-away: rows at level JOURNAL while PostgreSQL is away, and then all of them in the table.

Loads rows of workload W with the database stopped, samples the daemon's resident memory, starts the
database and waits for every row. Exit status 1 where memory passed its bound (idle + the buffer + 64 MiB)
or a row is missing, doubled or changed.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

from databases import Postgres, generate
from daemon import Daemon, program
from programs import Failed
from sides import configuration
from watch import MIB, memory_watch, metric, resident_bytes

BOUND_BESIDE = 64 * MIB
DRAIN_SECONDS = 1800


def load(daemon, rows, ack="journal"):
    """Generates rows into the daemon; returns the seconds until they were acknowledged."""
    begun = time.monotonic()
    with subprocess.Popen(generate(rows), stdout=subprocess.PIPE) as made:
        done = subprocess.run([program("batchsql"), "load", "-", "--table", "events", "--ack", ack,
                               "--server", daemon.grpc_address], stdin=made.stdout, text=True,
                              capture_output=True, check=False)
    if done.returncode != 0 or f"rows={rows} rejected=0" not in done.stdout:
        raise Failed(f"load ended with {done.returncode}: {done.stdout}{done.stderr}")
    return time.monotonic() - begun


def wait_until_written(daemon, seconds=DRAIN_SECONDS):
    """Asks the daemon, not the database: counting a large table would slow down what is measured."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if metric(daemon, "batchsql_queue_rows") == 0:
            return
        time.sleep(0.2)
    raise Failed(f"after {seconds} s rows are still queued")


def measure(folder, rows, buffer_mib):
    """Figures by name; bytes."""
    with Postgres(folder) as target:
        target.fresh_table()
        limits = f"memory_bytes_max: {buffer_mib * MIB}"
        with Daemon(configuration(target, connections=8, limits=limits)) as daemon:
            time.sleep(2)
            idle = resident_bytes(daemon.pid)
            target.server.stop()
            with memory_watch(daemon.pid) as watch:
                taken = load(daemon, rows)
                away = max(watch.values(), default=idle)
                target.server.start()
                begun = time.monotonic()
                wait_until_written(daemon)
                written = time.monotonic() - begun
            return {"idle": idle, "away": away, "most": max(watch.values(), default=idle),
                    "bound": idle + buffer_mib * MIB + BOUND_BESIDE, "taken_per_second": rows / taken,
                    "written_per_second": rows / written, "exact": target.holds_generated(rows)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--buffer-mib", type=int, default=256, help="limits.memory_bytes_max")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="batchsql-away-") as name:
        try:
            found = measure(pathlib.Path(name), arguments.rows, arguments.buffer_mib)
        except Failed as error:
            sys.exit(f"bench-away: {error}")
    met = found["most"] <= found["bound"]
    print(f"away: rows={arguments.rows} idle_mib={found['idle'] / MIB:.0f} "
          f"most_mib={found['away'] / MIB:.0f} most_while_written_mib={found['most'] / MIB:.0f} "
          f"bound_mib={found['bound'] / MIB:.0f} taken_per_second={found['taken_per_second']:.0f} "
          f"written_per_second={found['written_per_second']:.0f} "
          f"exact={'yes' if found['exact'] else 'no'} met={'yes' if met else 'no'}")
    return 0 if met and found["exact"] else 1


if __name__ == "__main__":
    sys.exit(main())
