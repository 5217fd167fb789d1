"""./dev bench drift: one hundred million rows into one table, and nothing may grow or slow down meanwhile.

Free disk is checked first. The run is cut into tenths: the speed of the last three is compared with that of
the second to the fourth, and so are the daemon's processor time for a row, memory, open files and disk
space. A database has its own reasons to slow down, autovacuum among them: the same rows by its own client
tell by how much.

The table's pages leave the page cache as they are written. Else it grows by 13 GB, and on a virtual machine
whose host gives memory page by page, every process pays for that from some point on: twice the kernel time.
"""

import contextlib
import shutil
import statistics
import subprocess

import away
import results
from daemon import Daemon
from databases import COLUMNS, Postgres, generate
from programs import Failed
from recovery import forget
from sides import configuration, stop
from watch import MIB, Watch, folder_bytes, metric, open_files, processor_seconds, resident_bytes

ROWS = 100_000_000
TABLE_BYTES_PER_ROW = 170    # heap and index of PostgreSQL
OTHER_BYTES = 14 << 30       # write-ahead log, journals within their limit, what the machine needs
# So that a segment goes soon, and the disk space that the run ends with is its steady state.
GRACE_MS = 10_000
SPEED_MIN = 0.9
GROWTH_MAX = 1.1
SLACK = {"memory": 16 * MIB, "files": 8, "disk": 128 * MIB}


def check_disk(folder, rows):
    needed = rows * TABLE_BYTES_PER_ROW + OTHER_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Failed(f"{rows} rows need about {needed >> 30} GiB of disk, {free >> 30} GiB are free")


def let_cache_go(target):
    for path in target.server.data.glob("base/*/*"):
        with contextlib.suppress(FileNotFoundError):  # a file may go while we look
            forget([path], sync=False)


def look(daemon, target):
    """(rows committed, resident bytes, open files, bytes of the data folder, processor seconds)"""
    let_cache_go(target)
    return (metric(daemon, "batchsql_records_processed_total") or 0, resident_bytes(daemon.pid),
            open_files(daemon.pid), folder_bytes(daemon.data_dir), processor_seconds(daemon.pid))


def load_and_look(target, rows):
    """What was seen, by the second, and whether every row is there."""
    target.fresh_table()
    config = configuration(target, connections=2, limits=f"journal_grace_ms: {GRACE_MS}")
    with Daemon(config) as daemon:
        with Watch(lambda: look(daemon, target), every_seconds(rows)) as watch:
            # To the end at the pace of the database: a backlog would be written without a client beside it.
            away.load(daemon, rows, ack="database")
        stop(daemon)
    return watch.seen, target.holds_generated(rows)


def look_by_hand(target):
    let_cache_go(target)
    return (int(target.sql("SELECT coalesce(max(tuples_processed), 0) FROM pg_stat_progress_copy")),)


def load_by_hand_and_look(target, rows):
    target.fresh_table()
    copy = f"COPY events ({COLUMNS}) FROM STDIN (FORMAT csv, HEADER)"
    with (Watch(lambda: look_by_hand(target), every_seconds(rows)) as watch,
          subprocess.Popen(generate(rows), stdout=subprocess.PIPE) as made,
          subprocess.Popen(["psql", target.dsn, "-qX", "-v", "ON_ERROR_STOP=1", "-c", copy],
                           stdin=made.stdout) as psql):
        if psql.wait() != 0:
            raise Failed("psql could not load the rows")
    return watch.seen


def every_seconds(rows):
    return 1 if rows > 10_000_000 else 0.1


def tenths(seen):
    """The looks by tenth of the run, without those before the first and after the last row."""
    rows = [value[0] for _, value in seen]
    working = [look for look in seen if 0 < look[1][0] < max(rows)]
    if len(working) < 20:
        raise Failed(f"only {len(working)} looks at the run: load more rows")
    size = len(working) / 10
    return [working[int(i * size):int((i + 1) * size)] for i in range(10)]


def speed(part):
    (first, begin), (last, end) = part[0], part[-1]
    return (end[0] - begin[0]) / (last - first)


def speeds(line, what, parts, rows, exact, gate):
    """The last three tenths beside the second to the fourth."""
    return results.paired(line, what, [statistics.mean(map(speed, parts[7:10]))],
                          [statistics.mean(map(speed, parts[1:4]))], exact, gate, rows=rows,
                          compared_with="speed at its beginning", tenths=[speed(part) for part in parts])


def microseconds_a_row(parts):
    begin, end = parts[0][0][1], parts[-1][-1][1]
    return 1e6 * (end[4] - begin[4]) / (end[0] - begin[0])


def measure(folder, _, rows, __):
    check_disk(folder, rows)
    with Postgres(folder) as target:
        seen, exact = load_and_look(target, rows)
        by_hand = load_by_hand_and_look(target, rows)
    parts = tenths(seen)
    early, late = parts[1:4], parts[7:10]
    yield speeds("drift speed", "speed at the end of the run", parts, rows, exact, SPEED_MIN)
    yield speeds("drift by hand", "the same with psql \\copy", tenths(by_hand), rows, True, None)
    yield results.paired("drift processor", "the daemon's processor time at the end of the run",
                         [microseconds_a_row(late)], [microseconds_a_row(early)], exact, GROWTH_MAX,
                         unit="µs/row", at_most=True, rows=rows, compared_with="the same at its beginning")
    for index, name, unit, divisor in ((1, "memory", "MiB", MIB), (2, "files", "files", 1),
                                       (3, "disk", "MiB", MIB)):
        most = [max(value[index] for part in group for _, value in part) for group in (early, late)]
        yield results.paired(f"drift {name}", f"most {name} at the end of the run", [most[1] / divisor],
                             [(most[0] + SLACK[name]) / divisor], exact, GROWTH_MAX, unit=unit, at_most=True,
                             rows=rows, compared_with="the most at its beginning, and a little")
