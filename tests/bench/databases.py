"""The databases of the benchmark: servers of their own, fresh tables, and what a table holds.

`facts()` is one text: counts, keys and a checksum of every cell. Two tables of one kind that hold the same
rows have the same facts.
"""

import pathlib
import sqlite3
import sys
import time
import urllib.parse
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from daemon import program  # noqa: E402
from programs import output_digest, printed, run  # noqa: E402
from servers import MariaDbServer, PostgresServer  # noqa: E402

SEED = 1  # of the workload's rows
COLUMNS = "id, ts, user_id, name, amount, payload"


def table_names(tables):
    """As bench_stream_client names them."""
    return ["events"] if tables == 1 else [f"events_{i}" for i in range(tables)]


def generate(rows, seed=SEED):
    """The command that prints rows of workload W as CSV."""
    return [program("batchsql"), "generate", "--rows", str(rows), "--seed", str(seed), "--format", "csv"]


def _union(tables):
    return " UNION ALL ".join(f"SELECT {COLUMNS} FROM {name}" for name in table_names(tables))


class Postgres:
    kind = "postgresql"
    by_hand = "psql \\copy"
    _create = ("CREATE TABLE {} (id BIGINT PRIMARY KEY, ts TIMESTAMPTZ, user_id INT, name VARCHAR(64), "
               "amount DOUBLE PRECISION, payload TEXT)")

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
        return run(["psql", self.dsn, "-qAtX", "-v", "ON_ERROR_STOP=1", "-f", "-"], input=text)

    def fresh_table(self, tables=1):
        old = self.sql("SELECT format('DROP TABLE %I;', relname) FROM pg_class WHERE relkind = 'r' AND "
                       "relname ~ '^events'")
        self.sql(f"{old}\n" + ";\n".join(self._create.format(name) for name in table_names(tables)))
        self.analyze(tables)

    def analyze(self, tables=1):
        """And a checkpoint: no run pays for another one's dirty pages, and its WAL goes into recycled files,
        as on a server that has been running for long (making one takes as long as thousands of rows)."""
        self.sql(";\n".join(f"VACUUM ANALYZE {name}" for name in table_names(tables)))
        run(["psql", self.server.admin_dsn, "-qX", "-c", "CHECKPOINT"])

    def load_by_hand(self, file):
        """Seconds that the database's own client takes."""
        begun = time.monotonic()
        self.sql(f"\\copy events ({COLUMNS}) FROM '{file}' (FORMAT csv, HEADER)")
        return time.monotonic() - begun

    def facts(self, tables=1):
        return self.sql("SELECT count(*), count(DISTINCT id), min(id), max(id), "
                        "sum(hashtextextended((e.*)::text, 0)), sum(hashtextextended((e.*)::text, 1)) "
                        f"FROM ({_union(tables)}) e").strip()

    def holds_generated(self, rows, others=0):
        """Ids 1 to `rows` are there, once and with every cell as `batchsql generate` makes it, and `others`
        with greater ids. Also for tables whose rows were never in a file."""
        if int(self.sql("SELECT count(*) FROM events")) != rows + others:
            return False
        ours = ["psql", self.dsn, "-qAtX", "-v", "ON_ERROR_STOP=1", "-c",
                "COPY (SELECT id, to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS ts, user_id, "
                "name, to_char(amount, 'FM999999990.00') AS amount, payload FROM events "
                f"WHERE id <= {rows} ORDER BY id) TO STDOUT (FORMAT csv, HEADER)"]
        return output_digest(ours) == output_digest(generate(rows))


class MariaDb:
    kind = "mysql"
    by_hand = "LOAD DATA LOCAL by the mariadb client"
    _create = ("CREATE TABLE {} (id BIGINT PRIMARY KEY, ts DATETIME(6), user_id INT, name VARCHAR(64), "
               "amount DOUBLE, payload TEXT) ENGINE=InnoDB")

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
        return run(["mariadb", f"--defaults-file={self.options}", "-BN", self.database], input=text)

    def fresh_table(self):
        self.sql("DROP TABLE IF EXISTS events; " + self._create.format("events"))
        self.analyze()

    def analyze(self):
        self.sql("ANALYZE TABLE events")

    def load_by_hand(self, file):
        begun = time.monotonic()
        self.sql(f"SET time_zone='+00:00'; LOAD DATA LOCAL INFILE '{file}' INTO TABLE events "
                 f"FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' "
                 f"IGNORE 1 LINES ({COLUMNS})")
        return time.monotonic() - begun

    def facts(self):
        row = "CONCAT_WS('|', id, ts, user_id, name, amount, payload)"
        return self.sql(f"SELECT count(*), count(DISTINCT id), min(id), max(id), sum(crc32({row})), "
                        f"sum(crc32(reverse({row}))) FROM events").strip()


class Sqlite:
    kind = "sqlite"
    by_hand = "a prepared INSERT in a loop"
    _create = ("CREATE TABLE events (id INTEGER PRIMARY KEY, ts TIMESTAMP, user_id INTEGER, "
               "name VARCHAR(64), amount DOUBLE, payload TEXT)")

    def __init__(self, folder):
        self.dsn = str(folder / "bench.db")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def fresh_table(self):
        for suffix in ("", "-wal", "-shm"):
            pathlib.Path(self.dsn + suffix).unlink(missing_ok=True)
        with sqlite3.connect(self.dsn) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(self._create)
            database.execute("ANALYZE")
        database.close()

    def load_by_hand(self, file):
        """Seconds of the loop, which has its rows in memory before."""
        return float(printed(run([program("bench_sqlite_loop"), self.dsn, file]), "seconds"))

    def facts(self):
        database = sqlite3.connect(self.dsn)
        rows, ids, check = 0, set(), 0
        for row in database.execute(f"SELECT {COLUMNS} FROM events"):
            rows += 1
            ids.add(row[0])
            check += zlib.crc32(repr(row).encode())
        database.close()
        return f"{rows}|{len(ids)}|{min(ids, default=None)}|{max(ids, default=None)}|{check}"


DATABASES = {database.kind: database for database in (Postgres, MariaDb, Sqlite)}
