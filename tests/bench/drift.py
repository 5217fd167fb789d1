"""./dev bench drift: one hundred million rows into one table, and nothing may grow or slow down meanwhile.

Free disk is checked first. The run is cut into tenths: the speed of the last three is compared with that of
the second to the fourth, and so are memory, open files and the daemon's disk space.
"""

import re
import shutil
import statistics

import away
import results
from daemon import Daemon
from databases import Postgres
from programs import Failed
from sides import configuration, stop
from watch import MIB, Watch, folder_bytes, open_files, resident_bytes

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


def look(daemon):
    """(rows committed, resident bytes, open files, bytes of the data folder)"""
    found = re.search(r'^batchsql_records_processed_total\{[^}]*table="events"[^}]*\} (\S+)$',
                      daemon.metrics(), re.MULTILINE)
    return (float(found[1]) if found else 0.0, resident_bytes(daemon.pid), open_files(daemon.pid),
            folder_bytes(daemon.data_dir))


def load_and_look(target, rows):
    """What was seen, by the second, and whether every row is there."""
    target.fresh_table()
    config = configuration(target, connections=2, limits=f"journal_grace_ms: {GRACE_MS}")
    with Daemon(config) as daemon:
        with Watch(lambda: look(daemon), every_seconds=1 if rows > 10_000_000 else 0.1) as watch:
            away.load(daemon, rows)
            away.wait_for(target, rows)
        stop(daemon)
    return watch.seen, target.holds_generated(rows)


def tenths(seen):
    """The looks by tenth of the run, without those before the first and after the last row."""
    rows = [value[0] for _, value in seen]
    working = [look for look in seen if min(rows) < look[1][0] < max(rows)]
    if len(working) < 20:
        raise Failed(f"only {len(working)} looks at the run: load more rows")
    size = len(working) / 10
    return [working[int(i * size):int((i + 1) * size)] for i in range(10)]


def speed(part):
    (first, begin), (last, end) = part[0], part[-1]
    return (end[0] - begin[0]) / (last - first)


def measure(folder, _, rows, __):
    check_disk(folder, rows)
    with Postgres(folder) as target:
        seen, exact = load_and_look(target, rows)
    parts = tenths(seen)
    early, late = parts[1:4], parts[7:10]
    yield results.paired("drift speed", "speed at the end of the run", [statistics.mean(map(speed, late))],
                         [statistics.mean(map(speed, early))], exact, SPEED_MIN, rows=rows,
                         compared_with="speed at its beginning", tenths=[speed(part) for part in parts])
    for index, name, unit, divisor in ((1, "memory", "MiB", MIB), (2, "files", "files", 1),
                                       (3, "disk", "MiB", MIB)):
        most = [max(value[index] for part in group for _, value in part) for group in (early, late)]
        yield results.paired(f"drift {name}", f"most {name} at the end of the run", [most[1] / divisor],
                             [(most[0] + SLACK[name]) / divisor], exact, GROWTH_MAX, unit=unit, at_most=True,
                             rows=rows, compared_with="the most at its beginning, and a little")
