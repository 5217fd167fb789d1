"""The three databases as the end-to-end tests see them: a DSN for the daemon, SQL for the test.

The test's own SQL never goes through the daemon or its drivers: psql and mariadb over the server's
private socket, and Python's sqlite3.
"""

import contextlib
import datetime
import hashlib
import itertools
import pathlib
import sqlite3
import subprocess
import tempfile

import processes
import servers

KINDS = ("sqlite", "postgresql", "mysql")
SEPARATOR = "\x1f"  # Between columns of psql's output: no test value holds it.
_names = itertools.count(1)


class Database:
    """One database. `types` are the column types of one and the same table in its dialect."""

    kind = ""
    types = {}
    hexadecimal = ""  # An expression for the digits of bytes.
    utc_text = ""     # An expression for an instant as 2024-02-29 23:59:59.999999.
    hash_of = None    # Of hashlib: what checksum() computes.

    def fresh_name(self, stem="t"):
        return f"{stem}_{next(_names)}"

    def create(self, columns, name=None):
        """Makes a table. `columns` is DDL in which {type} stands for this database's name of it."""
        name = name or self.fresh_name()
        self.execute(f"CREATE TABLE {name} ({columns.format(**self.types)})")
        return name

    def count(self, table):
        return int(self.query(f"SELECT COUNT(*) FROM {table}")[0][0])

    def checksum(self, table, text):
        """Computed by the database: hash_of the non-NULL values of the expression `text`, in the
        order of their bytes, with line feeds between them. None where all are NULL."""
        return self._checksum(table, text)

    def target(self):
        """The `targets` of a configuration."""
        return f'targets: [{{name: db, kind: {self.kind}, dsn: "{self.dsn}"}}]\n'

    def instant(self, text):
        """A timestamp of this database's output, as a datetime in UTC."""
        moment = datetime.datetime.fromisoformat(text.replace(" ", "T").replace("Z", "+00:00"))
        return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)


class Sqlite(Database):
    kind = "sqlite"
    types = {"id": "INTEGER", "text": "TEXT", "short": "TEXT", "double": "REAL",
             "decimal": "DECIMAL TEXT", "bool": "BOOLEAN", "bytes": "BLOB",
             "instant": "TIMESTAMPTZ", "date": "DATE"}
    hexadecimal = "hex({})"
    utc_text = "replace(substr({}, 1, 26), 'T', ' ')"
    hash_of = hashlib.sha3_256

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="batchsql-sqlite-")
        self.path = pathlib.Path(self._folder.name) / "test.db"
        self.dsn = str(self.path)

    def close(self):
        self._folder.cleanup()

    def query(self, sql):
        with contextlib.closing(sqlite3.connect(self.path, timeout=30)) as connection:
            with connection:
                rows = connection.execute(sql).fetchall()
        return [tuple(None if cell is None else str(cell) for cell in row) for row in rows]

    execute = query

    def can_be_written(self, seconds):
        """Within that time nobody else's transaction is in the way."""
        with contextlib.closing(sqlite3.connect(self.path, timeout=seconds,
                                                isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
        return True

    def _checksum(self, table, text):
        # sha3 is the command line tool's own.
        return _run(["sqlite3", "-batch", str(self.path)],
                    f"SELECT lower(hex(sha3(group_concat(v, char(10)), 256))) FROM (SELECT {text} v "
                    f"FROM {table} WHERE {text} IS NOT NULL ORDER BY v COLLATE BINARY);").strip()


class Postgres(Database):
    kind = "postgresql"
    types = {"id": "BIGINT", "text": "TEXT", "short": "VARCHAR(8)", "double": "DOUBLE PRECISION",
             "decimal": "NUMERIC(12, 2)", "bool": "BOOLEAN", "bytes": "BYTEA",
             "instant": "TIMESTAMPTZ", "date": "DATE"}
    hexadecimal = "upper(encode({}, 'hex'))"
    utc_text = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
    hash_of = hashlib.md5

    def __init__(self, server):
        self.server = server
        self.dsn = server.dsn

    def close(self):
        self.server.close()

    def query(self, sql):
        text = _run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-F", SEPARATOR,
                     "-P", "null=\\N", "-d", self.server.admin_dsn],
                    f"SET TIME ZONE 'UTC';\n{sql};")
        return [tuple(None if cell == "\\N" else cell for cell in line.split(SEPARATOR))
                for line in text.splitlines()]

    def _checksum(self, table, text):
        return self.query(f"SELECT md5(string_agg(v, E'\\n' ORDER BY v COLLATE \"C\")) "
                          f"FROM (SELECT ({text})::text v FROM {table}) t")[0][0]

    def execute(self, sql):
        # As the user of the daemon: the tables are its own.
        self.query(f"SET ROLE {servers.USER}; {sql}")


class MariaDb(Database):
    kind = "mysql"
    types = {"id": "BIGINT", "text": "TEXT", "short": "VARCHAR(8)", "double": "DOUBLE",
             "decimal": "DECIMAL(12, 2)", "bool": "BOOLEAN", "bytes": "BLOB",
             "instant": "DATETIME(6)", "date": "DATE"}
    hexadecimal = "hex({})"
    utc_text = "{}"  # DATETIME(6), which holds UTC
    hash_of = hashlib.md5

    def __init__(self, server):
        self.server = server
        self.dsn = server.dsn

    def close(self):
        self.server.close()

    def query(self, sql):
        text = _run(["mariadb", "--no-defaults", "--default-character-set=utf8mb4", "-u", "root",
                     "-S", str(self.server.socket_path), "-N", "-B", servers.DATABASE], f"{sql};")
        return [tuple(None if cell == "NULL" else cell for cell in line.split("\t"))
                for line in text.splitlines()]

    execute = query

    def _checksum(self, table, text):
        return self.query("SET SESSION group_concat_max_len = 1 << 28; "
                          f"SELECT MD5(GROUP_CONCAT(v ORDER BY CAST(v AS BINARY) SEPARATOR '\\n')) "
                          f"FROM (SELECT CAST({text} AS CHAR) v FROM {table}) t")[0][0]


def _run(command, script):
    done = subprocess.run(command, input=script, capture_output=True, text=True, check=False,
                          env=processes.server_environment(), timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


def open_database(kind):
    """A database of this kind; its server, where it has one, is started and ends with close()."""
    if kind == "sqlite":
        return Sqlite()
    server = {"postgresql": servers.PostgresServer, "mysql": servers.MariaDbServer}[kind]()
    server.__enter__()
    return {"postgresql": Postgres, "mysql": MariaDb}[kind](server)
