"""./dev bench recovery: a journal of 1 GiB is read back at a start, beside cat from a cold cache."""

import json
import math
import os
import subprocess
import time
import urllib.request

import away
import results
from daemon import Daemon
from databases import Postgres
from programs import Failed
from sides import configuration, stop
from watch import folder_bytes

BYTES = 1 << 30   # for a million rows asked for; in proportion for fewer
BYTES_PER_ROW = 96
ACCEPT_SECONDS = 600

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def journal_files(daemon):
    return [path for path in daemon.data_dir.rglob("*") if path.is_file()]


def forget(files, sync=True):
    """Out of the page cache: what was read or written before is read from the disk again. Without `sync` what
    is not yet written stays."""
    for path in files:
        file = os.open(path, os.O_RDONLY)
        try:
            if sync:
                os.fsync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(file)


def cat_seconds(files):
    begun = time.monotonic()
    subprocess.run(["cat", *files], stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - begun


def accept_one_row(daemon, row_id, level="journal"):
    """Returns once a row has reached the level; a start in which nobody listens yet is waited for."""
    body = json.dumps({"id": row_id}).encode()
    until = time.monotonic() + ACCEPT_SECONDS
    while time.monotonic() < until:
        try:
            request = urllib.request.Request(
                f"{daemon.http_url}/v1/tables/events/rows?ack={level}", data=body,
                headers={"Content-Type": "application/json"})
            with _direct.open(request, timeout=ACCEPT_SECONDS) as answer:
                if answer.status == 200:
                    return
        except OSError:  # an error status, too
            time.sleep(0.005)
    raise Failed(f"no row was accepted within {ACCEPT_SECONDS} s")


def one_run(target, rows):
    """(bytes, seconds to the first accepted row, seconds of cat, rows written by then, exact)."""
    target.fresh_table()
    with Daemon(configuration(target, connections=2), wait_ready=False) as daemon:
        accept_one_row(daemon, rows + 1, "database")  # the table is open
        target.server.stop()
        away.load(daemon, rows)
        daemon.kill9()
        target.server.start()
        files = journal_files(daemon)
        size = folder_bytes(daemon.data_dir)
        for _ in range(2):  # the first brings them into what a host may keep below our cache
            forget(files)
            cat = cat_seconds(files)
        forget(files)
        begun = time.monotonic()
        daemon.start()
        accept_one_row(daemon, rows + 2)
        accepted = time.monotonic() - begun
        written = int(target.sql("SELECT count(*) FROM events"))
        away.wait_until_written(daemon)
        stop(daemon)
    return size, accepted, cat, written, target.holds_generated(rows, others=2)


def measure(folder, _, rows, pairs):
    wanted = min(1, rows / 1e6) * BYTES
    count = math.ceil(wanted / BYTES_PER_ROW)
    ours, theirs, exact, early = [], [], True, True
    with Postgres(folder) as target:
        for _ in range(pairs):
            size, accepted, cat, written, good = one_run(target, count)
            ours.append(size / accepted / 1e6)
            theirs.append(size / cat / 1e6)
            exact = exact and good
            early = early and written < count
    result = results.paired("recovery", f"a journal of {size >> 20} MiB, start to the first new row", ours,
                            theirs, exact, 0.5, unit="MB/s", rows=count,
                            compared_with="cat of its files, cold cache", accepted_before_replay=early)
    yield {**result, "met": result["met"] and early}
