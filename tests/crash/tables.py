"""The tables of a run in each database, and the daemon's configuration for them.

Databases are tests/e2e's: reading and preparing go past the daemon, the proxy and the drivers.
"""

import rows

COLUMNS = ("id {id} NOT NULL{key}, producer {id} NOT NULL, sequence {id} NOT NULL, "
           "idx {id} NOT NULL, version {id} NOT NULL, amount {id} NOT NULL CHECK (amount >= 0), "
           "payload {text} NOT NULL")
TAKEN_CELLS = "0, 0, 0, 0, 0, 'taken'"


def create(database):
    """Makes the tables of a run."""
    for table in rows.TABLES:
        columns = COLUMNS.replace("{key}", " PRIMARY KEY" if table.unique else "")
        database.create(columns, table.name)
    _take_ids(database)


def empty(database):
    """Throws all rows away; only while nothing is on its way into the tables."""
    verb = "DELETE FROM" if database.kind == "sqlite" else "TRUNCATE TABLE"
    for table in rows.TABLES:
        database.execute(f"{verb} {table.name}")
    _take_ids(database)


def read(database, table):
    """All rows, as (id, the other cells as text)."""
    return [(int(row[0]), row[1:])
            for row in database.query(f"SELECT {', '.join(rows.NAMES)} FROM {table.name}")]


def _take_ids(database):
    taken = ", ".join(f"({number}, {TAKEN_CELLS})" for number in rows.TAKEN_IDS)
    database.execute(f"INSERT INTO {rows.TABLES[1].name} ({', '.join(rows.NAMES)}) VALUES {taken}")


def configuration(database, random_, with_journal, grace_ms, plan):
    """The daemon's configuration for one round. Small segments rotate and are trimmed often.

    `grace_ms`: how long the journal keeps what is committed, for a target that moves back.
    """
    tables = []
    for table in rows.TABLES:
        batch = (f"batching: {random_.choice(plan.batchings)}, "
                 f"batch: {{rows_max: {random_.choice((50, 500, 5000))}, "
                 f"linger_ms: {random_.choice(plan.lingers_ms)}}}")
        journal = (f"producers: {random_.choice(plan.producers)}, " if with_journal
                   else "journal: none, ")
        tables.append(f"  - {{name: {table.name}, conflict: {table.conflict}, {journal}{batch}}}")
    return (database.target() + "tables:\n" + "\n".join(tables)
            + "\nshutdown: {grace_ms: 2000}\n"
            f"limits: {{journal_segment_bytes: 262144, journal_grace_ms: {grace_ms}}}\n")
