"""./dev bench latency: acknowledgements at a tenth of the peak rate, beside one fdatasync and one commit."""

import os
import statistics
import time

import results
from daemon import Daemon, program
from databases import Postgres
from programs import printed, run
from sides import configuration, stop

ROWS_PER_MESSAGE = 100
SYNCS = 1000
COMMITS = 2000
PACED_SECONDS = 20
LINGER_MS = 20  # the default


def sync_p99_ms(folder):
    """Of appending a block to a file on the same disk and fdatasync."""
    block, times = os.urandom(4096), []
    path = folder / "sync-probe"
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(file, 0, SYNCS * len(block))
        os.fsync(file)
        for _ in range(SYNCS):
            os.write(file, block)
            begun = time.monotonic()
            os.fdatasync(file)
            times.append(time.monotonic() - begun)
    finally:
        os.close(file)
        path.unlink()
    return statistics.quantiles(times, n=100)[98] * 1000


def commit_p99_ms(target, workload, rows):
    target.fresh_table()
    return float(printed(run([program("bench_direct_writers"), "--connections", 1, target.dsn,
                              workload.file(min(rows, COMMITS))]), "p99_ms"))


def one_stream(target, workload, rows, *arguments):
    """What bench_stream_client printed, and whether the table then holds what was sent."""
    expected = workload.expected_facts(target, rows)
    target.fresh_table()
    with Daemon(configuration(target, connections=1)) as daemon:
        output = run([program("bench_stream_client"), "--server", daemon.grpc_address,
                      "--rows-per-message", ROWS_PER_MESSAGE, *arguments, workload.file(rows)])
        stop(daemon)
    return output, target.facts() == expected


def measure(folder, workload, rows, pairs):
    journal, database, syncs, commits, exact = [], [], [], [], True
    with Postgres(folder) as target:
        output, exact = one_stream(target, workload, rows)
        rate = rows / float(printed(output, "seconds")) / 10
        paced_rows = max(ROWS_PER_MESSAGE, min(rows, int(rate * PACED_SECONDS)))
        paced = ("--rows-per-second", f"{rate:.0f}", "--ack")
        for _ in range(pairs):
            for level, p99s in (("journal", journal), ("database", database)):
                output, good = one_stream(target, workload, paced_rows, *paced, level)
                p99s.append(float(printed(output, "p99_ms")))
                exact = exact and good
            syncs.append(sync_p99_ms(folder))
            commits.append(commit_p99_ms(target, workload, rows))
    more = {"unit": "ms", "at_most": True, "rows": paced_rows, "rows_per_second": rate}
    yield results.paired("latency journal", "p99 of JOURNAL at a tenth of the peak", journal,
                         [3 * sync + 2 for sync in syncs], exact, 1.0,
                         compared_with="3 × p99 of fdatasync + 2 ms", sync_p99_ms=syncs, **more)
    yield results.paired("latency database", "p99 of DATABASE at a tenth of the peak", database,
                         [LINGER_MS + 3 * commit for commit in commits], exact, 1.0,
                         compared_with="linger + 3 × p99 of a one-row commit", commit_p99_ms=commits,
                         **more)
