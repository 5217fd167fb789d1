#!/usr/bin/env python3
"""./dev bench: one million rows of workload W into each database over one gRPC stream, beside the
database's own way of loading a file. Each pair runs in turn (A B A B …); every run gets a fresh table,
and a run whose rows are not all in the table exactly once ends the benchmark with an error. Prints a
table and writes build/bench/results.json.
"""

import argparse
import json
import pathlib
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from daemon import Daemon, program  # noqa: E402
from servers import MariaDbServer, PostgresServer  # noqa: E402

COLUMNS = "id, ts, user_id, name, amount, payload"
CREATE = {
    "postgresql": "CREATE TABLE events (id BIGINT PRIMARY KEY, ts TIMESTAMPTZ, user_id INT, "
                  "name VARCHAR(64), amount DOUBLE PRECISION, payload TEXT)",
    "mysql": "CREATE TABLE events (id BIGINT PRIMARY KEY, ts DATETIME(6), user_id INT, "
             "name VARCHAR(64), amount DOUBLE, payload TEXT) ENGINE=InnoDB",
    "sqlite": "CREATE TABLE events (id INTEGER PRIMARY KEY, ts TIMESTAMP, user_id INTEGER, "
              "name VARCHAR(64), amount DOUBLE, payload TEXT)",
}


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"bench: {command[0]} exited {done.returncode}")
    return done.stdout


def printed_seconds(output):
    return float(re.search(r"seconds=([\d.]+)", output)[1])


class Postgres:
    """`psql \\copy` against a server of its own."""

    kind = "postgresql"
    theirs = "psql \\copy"

    def __init__(self, folder):
        self.server = PostgresServer()
        self.folder = folder

    def __enter__(self):
        self.server.__enter__()
        self.dsn = self.server.dsn
        return self

    def __exit__(self, *error):
        return self.server.__exit__(*error)

    def sql(self, text):
        return run(["psql", self.dsn, "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", text])

    def fresh_table(self):
        self.sql("SET client_min_messages = warning; DROP TABLE IF EXISTS events")
        self.sql(CREATE[self.kind])

    def load_by_hand(self, file):
        begun = time.monotonic()
        self.sql(f"\\copy events ({COLUMNS}) FROM '{file}' (FORMAT csv, HEADER)")
        return time.monotonic() - begun

    def facts(self):
        return self.sql("SELECT count(*), count(DISTINCT id), min(id), max(id), sum(user_id), "
                        "sum(length(name)), sum(length(payload)) FROM events").strip()


class MariaDb:
    """`LOAD DATA LOCAL INFILE` by the mariadb client against a server of its own."""

    kind = "mysql"
    theirs = "LOAD DATA LOCAL"

    def __init__(self, folder):
        self.server = MariaDbServer()
        self.folder = folder

    def __enter__(self):
        self.server.__enter__()
        self.dsn = self.server.dsn
        url = urllib.parse.urlsplit(self.dsn)
        self.options = self.folder / "client.cnf"
        self.options.touch(mode=0o600)
        self.options.write_text(
            f"[client]\nhost={url.hostname}\nport={url.port}\nuser={url.username}\n"
            f"password={url.password}\nprotocol=tcp\nlocal-infile=1\n")
        self.database = url.path[1:]
        return self

    def __exit__(self, *error):
        return self.server.__exit__(*error)

    def sql(self, text):
        return run(["mariadb", f"--defaults-file={self.options}", "-BN", self.database, "-e", text])

    def fresh_table(self):
        self.sql("DROP TABLE IF EXISTS events")
        self.sql(CREATE[self.kind])

    def load_by_hand(self, file):
        begun = time.monotonic()
        self.sql(f"SET time_zone='+00:00'; LOAD DATA LOCAL INFILE '{file}' INTO TABLE events "
                 f"FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' "
                 f"IGNORE 1 LINES ({COLUMNS})")
        return time.monotonic() - begun

    def facts(self):
        return self.sql("SELECT count(*), count(DISTINCT id), min(id), max(id), sum(user_id), "
                        "sum(length(name)), sum(length(payload)) FROM events").strip()


class Sqlite:
    """A prepared INSERT in a loop, on a file."""

    kind = "sqlite"
    theirs = "prepared loop"

    def __init__(self, folder):
        self.dsn = str(folder / "bench.db")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def fresh_table(self):
        with sqlite3.connect(self.dsn) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("DROP TABLE IF EXISTS events")
            database.execute(CREATE[self.kind])
        database.close()

    def load_by_hand(self, file):
        return printed_seconds(run([program("bench_sqlite_loop"), self.dsn, file]))

    def facts(self):
        database = sqlite3.connect(self.dsn)
        row = database.execute("SELECT count(*), count(DISTINCT id), min(id), max(id), sum(user_id), "
                               "sum(length(name)), sum(length(payload)) FROM events").fetchone()
        database.close()
        return "|".join(map(str, row))


def through_daemon(target, file):
    config = (f"targets: [{{name: bench, kind: {target.kind}, dsn: '{target.dsn}', "
              f"connections_max: 1}}]\ntables: [{{name: events, target: bench}}]\n")
    with Daemon(config) as daemon:
        output = run([program("bench_stream_client"), "--server", daemon.grpc_address, file])
        seconds = printed_seconds(output)
        if daemon.stop() != 0:
            sys.exit("bench: the daemon did not stop cleanly")
    return seconds


def measure(target, file, rows, pairs):
    ours, theirs = [], []
    for _ in range(pairs):
        target.fresh_table()
        ours.append(rows / through_daemon(target, file))
        facts = target.facts()
        target.fresh_table()
        theirs.append(rows / target.load_by_hand(file))
        if facts != target.facts() or not re.match(rf"{rows}\D{rows}\D", facts):
            sys.exit(f"bench: {target.kind}: the rows are not what was sent")
    return {"line": target.kind, "what": f"W by rows, one stream, beside {target.theirs}",
            "ours": statistics.median(ours), "theirs": statistics.median(theirs),
            "ratio": statistics.median(a / b for a, b in zip(ours, theirs)), "exact": True,
            "ours_range": [min(ours), max(ours)], "theirs_range": [min(theirs), max(theirs)]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split(":")[1].strip())
    parser.add_argument("lines", nargs="*", metavar="LINE",
                        help="postgresql, mysql, sqlite; all when none is named")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    targets = {target.kind: target for target in (Postgres, MariaDb, Sqlite)}
    for line in arguments.lines:
        if line not in targets:
            parser.error(f"unknown line {line}: choose from {', '.join(targets)}")
    results = []
    with tempfile.TemporaryDirectory(prefix="batchsql-bench-") as name:
        folder = pathlib.Path(name)
        file = folder / "w.csv"
        with open(file, "wb") as out:
            subprocess.run([program("batchsql"), "generate", "--rows", str(arguments.rows), "--seed",
                            "1", "--format", "csv"], stdout=out, check=True)
        print(f"{'line':<12}{'batchsqld':>14}{'by hand':>14}{'ratio':>8}   compared with")
        for line in arguments.lines or targets:
            with targets[line](folder) as target:
                result = measure(target, str(file), arguments.rows, arguments.pairs)
            results.append(result)
            print(f"{line:<12}{result['ours']:>12.0f}/s{result['theirs']:>12.0f}/s"
                  f"{result['ratio']:>8.2f}   {target.theirs}", flush=True)
    out = ROOT / "build" / "bench" / "results.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=2) + "\n")
    print(f"rows: {arguments.rows}, pairs: {arguments.pairs}, medians; details in {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
