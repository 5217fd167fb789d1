#!/usr/bin/env python3
"""The main job, shown: a daemon without any configuration takes rows and writes them to SQLite.

Loads the airports of the `vega_datasets` package and a generated table through `batchsql load`, then
compares what was sent with what is in the database, row by row by a checksum. Exits 1 when they differ.
"""

import argparse
import csv
import hashlib
import importlib.util
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

HTTP = "http://127.0.0.1:8080"
START_SECONDS = 20
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def program(name):
    root = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(os.environ.get("BATCHSQL_BIN_DIR") or root / "build" / "bin")
    return str((root / folder / name).resolve())


def data_set(name):
    """A file of the package `vega_datasets`, which is not imported: that would need pandas."""
    package = importlib.util.find_spec("vega_datasets")
    if package is None:
        fail("the Python package vega_datasets is missing: run ./dev setup")
    return pathlib.Path(package.origin).parent / "_data" / name


def fail(message):
    print(f"demo: FAILED: {message}", file=sys.stderr)
    sys.exit(1)


def http_get(path):
    with _direct.open(HTTP + path, timeout=5) as response:
        return response.read().decode()


def start_daemon(folder):
    """batchsqld with no configuration: its data lands in `folder`/batchsql-data."""
    log = open(folder / "daemon.log", "w")
    daemon = subprocess.Popen([program("batchsqld")], cwd=folder, stderr=log)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if daemon.poll() is not None:
            fail("batchsqld did not start:\n" + (folder / "daemon.log").read_text())
        try:
            http_get("/readyz")
            return daemon
        except OSError:
            time.sleep(0.05)
    daemon.kill()
    fail(f"batchsqld was not ready within {START_SECONDS} s")


def checksum(rows):
    """Of a table's rows, whatever their order: the sum of their SHA-256 digests, 64 bits of it."""
    total = 0
    for row in rows:
        text = "\x1f".join("\x00" if cell is None else str(cell) for cell in row)
        total += int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    return f"{total % 2**64:016x}"


def sent_rows(file, convert):
    with open(file, newline="") as lines:
        reader = csv.reader(lines)
        next(reader)
        for row in reader:
            yield tuple(make(cell) for make, cell in zip(convert, row))


def instant(text):
    """The form in which SQLite holds a timestamp with time zone."""
    date, clock = text.removesuffix("Z").replace("T", " ").split(" ")
    seconds, _, fraction = clock.partition(".")
    return f"{date} {seconds}.{fraction.ljust(6, '0')}Z"


def load(file, table):
    """Rows per second and the accepted rows, by the client's own last line."""
    command = [program("batchsql"), "load", str(file), "--table", table]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
    match = re.fullmatch(r"load: rows=(\d+) rejected=(\d+) seconds=([\d.]+)", last)
    if done.returncode != 0 or not match:
        fail(f"batchsql load exited {done.returncode}: {last}")
    print(f"  {last}")
    rows, seconds = int(match[1]), float(match[3])
    return rows, rows / max(seconds, 1e-9)


def compare(database, table, file, convert):
    columns = len(convert)
    expected = list(sent_rows(file, convert))
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        stored = connection.execute(f"SELECT * FROM {table}").fetchall()
    if stored and len(stored[0]) != columns:
        fail(f"table {table} has {len(stored[0])} columns, the file {columns}")
    return len(expected), len(stored), checksum(expected), checksum(stored)


def show(name, database, table, file, convert):
    print(f"\n{name}: loading {file.name} into table {table}")
    accepted, rate = load(file, table)
    sent, in_table, sum_sent, sum_table = compare(database, table, file, convert)
    line = (f"demo: database=sqlite sent={sent} in_table={in_table} rows_per_second={rate:.0f} "
            f"checksum_sent={sum_sent} checksum_table={sum_table}")
    if accepted != sent or sent != in_table or sum_sent != sum_table:
        fail(line)
    return line + " ok"


def show_metrics(tables):
    metrics = http_get("/metrics")
    print("\nmetrics, from " + HTTP + "/metrics:")
    for line in metrics.splitlines():
        if line.startswith("batchsql_") and "_bucket" not in line:
            print("  " + line)
    for table, rows in tables.items():
        expected = (f'batchsql_records_processed_total{{database="sqlite",table="{table}",'
                    f'test_name="default"}} {rows}')
        if expected not in metrics.splitlines():
            fail(f"/metrics lacks: {expected}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000, help="generated rows")
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory(prefix="batchsql-demo-") as name:
        folder = pathlib.Path(name)
        events = folder / "events.csv"
        with open(events, "wb") as out:
            subprocess.run([program("batchsql"), "generate", "--rows", str(rows), "--seed", "1",
                            "--format", "csv"], stdout=out, check=True)
        daemon = start_daemon(folder)
        try:
            database = folder / "batchsql-data" / "batchsql.db"
            airports = data_set("airports.csv")
            text = lambda cell: cell or None
            real = show("Real data", database, "airports", airports,
                        [text, text, text, text, text, float, float])
            print(real)
            generated = show("Generated data", database, "events", events,
                             [int, instant, int, text, float, text])
            count = int(re.search(r"sent=(\d+)", real)[1])
            show_metrics({"airports": count, "events": rows})
        finally:
            daemon.terminate()
            code = daemon.wait(30)
        if code != 0:
            fail(f"batchsqld exited {code} on SIGTERM")
        print("\n" + generated)


if __name__ == "__main__":
    main()
