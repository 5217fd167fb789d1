"""What each line of the benchmark is: the one place that says so (docs/performance.md shows the results)."""

import dataclasses
import typing

import sides

POSTGRESQL, MARIADB, SQLITE = "postgresql", "mysql", "sqlite"


@dataclasses.dataclass(frozen=True)
class Line:
    """Two programs that run in turn. `reference`: rows/s of the comparison on a quiet machine of the kind
    that the targets were set on; where it runs below VOID_BELOW of that, the line says nothing."""

    name: str
    what: str
    database: str
    compared_with: str
    gate: typing.Optional[float]  # None: the ratio is only told
    goal: typing.Optional[float]
    reference: typing.Optional[float]
    ours: typing.Callable
    theirs: typing.Callable
    rows_max: int = 1_000_000
    filled: bool = False         # every key is in the table before, with other values
    theirs_writes: bool = True
    tables: tuple = (1, 1)       # that ours and theirs write


VOID_BELOW = 0.6

_PSQL = "psql \\copy of the same rows as CSV"
_STREAMS = ("--streams", 64, "--rows-per-message", 1, "--unacknowledged-max", 1000, "--channels", 4)
# Rows that are committed one by one take long, and their rate does not depend on how many they are.
_ONE_BY_ONE = 200_000

LINES = (
    Line("1", "W, one stream, row form, one flush connection", POSTGRESQL, _PSQL, 1.25, 1.6, 280e3,
         sides.stream(connections=1), sides.by_hand),
    Line("2", "as 1", POSTGRESQL, "libpq COPY BINARY, 10 000 rows a transaction", 0.75, 0.9, 517e3,
         sides.stream(connections=1), sides.copy_loader()),
    Line("3", "W, one stream, column form, two flush connections", POSTGRESQL, _PSQL, 1.8, 2.1, 280e3,
         sides.stream("--form", "columns", connections=2), sides.by_hand),
    Line("4", "W as upsert, every row changed", POSTGRESQL,
         "staged COPY BINARY + ON CONFLICT, 10 000 rows a transaction", 0.85, 1.0, None,
         sides.stream(table="conflict: update"), sides.copy_loader("--staged"), filled=True),
    Line("5", "W, one stream, row form", MARIADB, "LOAD DATA LOCAL by the mariadb client", 1.2, 1.6, 170e3,
         sides.stream(), sides.by_hand),
    Line("6", "W, one stream, row form", SQLITE, "prepared inserts, 10 000 rows a transaction", 0.8, 1.2,
         418e3, sides.stream(), sides.by_hand),
    Line("7", "64 streams, one row a message", POSTGRESQL, "64 connections, one INSERT a commit", 4, 6, 11e3,
         sides.stream(*_STREAMS), sides.direct_writers(), rows_max=_ONE_BY_ONE),
    Line("7m", "64 streams, one row a message", MARIADB, "64 connections, one INSERT a commit", 3, 4.5, 15e3,
         sides.stream(*_STREAMS), sides.direct_writers(), rows_max=_ONE_BY_ONE),
    Line("8", "64 unary one-row calls in flight", POSTGRESQL, "empty unary calls, 64 in flight", 0.7, 0.85,
         20.6e3, sides.unary(), sides.empty_calls(), rows_max=_ONE_BY_ONE, theirs_writes=False),
    Line("9", "W, one stream, row form, with a journal", POSTGRESQL, "the same with journal: none", 0.85,
         0.95, None, sides.stream(), sides.stream(table="journal: none")),
    Line("11", "batchsql load of W's CSV file", POSTGRESQL, "psql \\copy of that file", 1.0, 1.3, 280e3,
         sides.load(), sides.by_hand),
)

# What the database and gRPC allow at most: no daemon between, or one that does nothing else.
BOUNDS = (
    Line("bound 3", "libpq COPY BINARY by two connections, without the daemon", POSTGRESQL, _PSQL, None, None,
         None, sides.copy_loader("--connections", 2), sides.by_hand),
    Line("bound 8", "64 unary one-row calls in flight, committed by COPY and nothing else", POSTGRESQL,
         "empty unary calls, 64 in flight", None, None, None, sides.bare_calls(), sides.empty_calls(),
         rows_max=_ONE_BY_ONE, theirs_writes=False),
)

_MANY = ("--rows-per-message", 100, "--channels", 8)

GROWTH = (
    Line("growth tables", "100 tables, 100 streams, two flush connections", POSTGRESQL,
         "one table, 100 streams", 0.8, None, None,
         sides.stream(*_MANY, "--streams", 100, connections=2, tables=100),
         sides.stream(*_MANY, "--streams", 100, connections=2), tables=(100, 1)),
    Line("growth streams", "1000 streams, one table", POSTGRESQL, "8 streams, one table", 0.8, None, None,
         sides.stream(*_MANY, "--streams", 1000, connections=2),
         sides.stream(*_MANY, "--streams", 8, connections=2)),
)

# A number names its line on every database.
BY_NAME = {number: tuple(line for line in LINES if line.name.rstrip("m") == number)
           for number in ("1", "2", "3", "4", "5", "6", "7", "8", "9", "11")}
