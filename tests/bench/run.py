#!/usr/bin/env python3
"""./dev bench [WORD…]: the daemon beside other ways into the same database, in pairs that run in turn.

Words are lines of the table (1 to 9 and 11; all of them when none is named) and, of the list below it,
latency, memory, recovery, growth, idle, start (`list`: all of these) and drift; `bounds` tells what lines 3
and 8 could reach at most. Every run gets a fresh table whose counts and checksum are compared afterwards.
Prints a table and writes build/bench/results.json.

`./dev bench micro` runs the micro-benchmarks, `./dev bench instructions` counts instructions per row, `./dev
bench flame` draws where the time goes.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

from databases import ROOT
import drift
import latency
import lines
import pairs
import recovery
import resources
import results
from workload import Workload

LIST = ("latency", "memory", "recovery", "growth", "idle", "start")
MEASURES = {"latency": latency.measure, "memory": resources.memory, "recovery": recovery.measure,
            "idle": resources.idle, "start": resources.start}
PAIRED = {**lines.BY_NAME, "growth": lines.GROWTH, "bounds": lines.BOUNDS}
WORDS = (*lines.BY_NAME, *LIST, "drift", "bounds")


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.partition("\n\n")[2],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", metavar="WORD", help=", ".join((*WORDS, "list")))
    parser.add_argument("--rows", type=int, help="1 000 000, and for drift 100 000 000")
    parser.add_argument("--pairs", type=int, default=5)
    arguments = parser.parse_args()
    words = []
    for word in arguments.words or lines.BY_NAME:
        if word not in (*WORDS, "list"):
            parser.error(f"unknown word {word}: choose from {', '.join((*WORDS, 'list'))}")
        words.extend(LIST if word == "list" else [word])
    arguments.words = words
    return arguments


def measure(word, folder, workload, arguments):
    """Yields the results of one word."""
    rows = arguments.rows or 1_000_000
    if word == "drift":
        yield from drift.measure(folder, workload, arguments.rows or drift.ROWS, arguments.pairs)
    elif word in MEASURES:
        yield from MEASURES[word](folder, workload, rows, arguments.pairs)
    else:
        for line in PAIRED[word]:
            yield pairs.measure(line, folder, workload, rows, arguments.pairs)


def main():
    arguments = parse()
    out = ROOT / "build" / "bench" / "results.json"
    found = results.Results(out)
    found.header()
    with tempfile.TemporaryDirectory(prefix="batchsql-bench-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        workload = Workload(folder)
        for word in arguments.words:
            try:
                for result in measure(word, folder, workload, arguments):
                    found.add(result)
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                found.add(results.failed(word, "did not run to its end", str(error)))
    print(f"{found.summary()}; medians; details in {out.relative_to(ROOT)}")
    return 0 if found.sound() else 1


if __name__ == "__main__":
    sys.exit(main())
