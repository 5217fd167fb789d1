"""./dev bench memory, idle and start: what the daemon takes when it works, and when it does not."""

import time

import away
import results
from daemon import Daemon, http_get, program
from databases import Postgres, Sqlite
from programs import run
from sides import configuration, stop
from watch import MIB, memory_watch, processor_seconds, resident_bytes

BUFFER_MIB = 256  # the default of limits.memory_bytes_max
IDLE_MIB = 40
IDLE_SHARE = 0.005
IDLE_SECONDS = 30
SETTLE_SECONDS = 2
# With the database away, ten times the rows of the others.
AWAY_FACTOR = 10


def memory(folder, workload, rows, _):
    with Postgres(folder) as target:
        expected = workload.expected_facts(target, rows)
        target.fresh_table()
        with Daemon(configuration(target, connections=2)) as daemon:
            time.sleep(SETTLE_SECONDS)
            idle = resident_bytes(daemon.pid)
            with memory_watch(daemon.pid) as watch:
                run([program("bench_stream_client"), "--server", daemon.grpc_address, workload.file(rows)])
            most = max(watch.values(), default=idle)
            stop(daemon)
        exact = target.facts() == expected
    more = {"unit": "MiB", "at_most": True}
    yield results.paired("memory idle", "resident memory, idle", [idle / MIB], [IDLE_MIB], True, 1.0,
                         compared_with=f"{IDLE_MIB} MiB", **more)
    yield results.paired("memory ingesting", "resident memory, one stream of W", [most / MIB],
                         [idle / MIB + BUFFER_MIB + 64], exact, 1.0,
                         compared_with="idle + the buffer + 64 MiB", rows=rows, **more)
    found = away.measure(folder, rows * AWAY_FACTOR, BUFFER_MIB)
    yield results.paired("memory away", "resident memory, database away and back",
                         [found["most"] / MIB], [found["bound"] / MIB], found["exact"], 1.0,
                         compared_with="idle + the buffer + 64 MiB", rows=rows * AWAY_FACTOR, **more)


def idle(folder, *_):
    with Postgres(folder) as target:
        target.fresh_table()
        with Daemon(configuration(target, connections=2)) as daemon:
            run([program("batchsql"), "load", "-", "--table", "events", "--server", daemon.grpc_address],
                input="id\n1\n")  # a pipeline that has worked
            time.sleep(SETTLE_SECONDS)
            before = processor_seconds(daemon.pid)
            time.sleep(IDLE_SECONDS)
            share = (processor_seconds(daemon.pid) - before) / IDLE_SECONDS
            stop(daemon)
    yield results.paired("idle", f"processor time of {IDLE_SECONDS} idle seconds", [100 * share],
                         [100 * IDLE_SHARE], True, 1.0, unit="%", at_most=True,
                         compared_with="0.5 % of a core")


def start(folder, _, __, pairs):
    """Reported; there is no gate."""
    figures = []
    for _ in range(pairs):
        target = Sqlite(folder)
        target.fresh_table()
        with Daemon(configuration(target, connections=1), wait_ready=False) as daemon:
            stop(daemon)
            begun = time.monotonic()
            daemon.start()
            while http_get(f"{daemon.http_url}/readyz")[0] != 200:
                time.sleep(0.001)
            figures.append(1000 * (time.monotonic() - begun))
            stop(daemon)
    result = results.paired("start", "start to ready with SQLite", figures, figures, True, None, unit="ms",
                            at_most=True)
    yield {**result, "theirs": None, "theirs_range": None, "ratio": None, "ratio_range": (None, None)}
