"""Runs a line: pairs in turn (A B A B …), each run into a fresh table whose contents are compared."""

import statistics

import results
from databases import DATABASES
from lines import VOID_BELOW
from programs import run
from daemon import program


def measure(line, folder, workload, rows, pairs):
    """The line's result. Failed where a program failed."""
    rows = min(rows, line.rows_max)
    with DATABASES[line.database](folder) as target:
        expected = workload.expected_facts(target, rows)
        ours, theirs, exact = [], [], True
        for _ in range(pairs):
            for side, speeds, tables, writes in (
                    (line.ours, ours, line.tables[0], True),
                    (line.theirs, theirs, line.tables[1], line.theirs_writes)):
                _prepare(line, target, workload, rows, tables)
                speeds.append(rows / side(target, workload, rows))
                exact = exact and (not writes or _facts(target, tables) == expected)
    void = line.reference is not None and statistics.median(theirs) < VOID_BELOW * line.reference
    return results.paired(line.name, line.what, ours, theirs, exact, line.gate, line.goal, void=void,
                          reference=line.reference, rows=rows, database=line.database,
                          compared_with=line.compared_with)


def _prepare(line, target, workload, rows, tables):
    if tables > 1:
        target.fresh_table(tables)
    else:
        target.fresh_table()
    if line.filled:
        run([program("bench_copy_loader"), target.dsn, workload.file_of_other_values(rows)])
        target.analyze()


def _facts(target, tables):
    return target.facts(tables) if tables > 1 else target.facts()
