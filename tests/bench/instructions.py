#!/usr/bin/env python3
"""./dev bench instructions [--update]: instructions per row, counted by callgrind on fixed rows.

The stages between wire and database one by one, and the daemon as a whole with rows in both forms. Exit
status 1 where one takes 10 % more than the repository's instructions.json says, where rows take more than
three times what columns do, or where more than 1 % of the daemon's instructions are spent on metrics.
"""

import argparse
import json
import pathlib
import re
import sys
import tempfile

from databases import Postgres, ROOT
from callgrind import Profile
from daemon import Daemon, program
from programs import Failed, run
from sides import configuration
from workload import Workload

BASELINE = pathlib.Path(__file__).with_name("instructions.json")
GROWTH_MAX = 1.1
ROWS_BY_COLUMNS_MAX = 3
METRICS_SHARE_MAX = 0.01
STAGE_ROWS = 10_000
# Two loads of whole batches: what is not done per row falls out of their difference.
FEW_ROWS, MANY_ROWS = 10_000, 60_000
# Batches close on rows, never on age: the program is slow under callgrind.
BATCH = "batch: {rows_max: 10000, linger_ms: 60000}"
START_SECONDS = 300
STOP_SECONDS = 300
# Where metrics are at home, and the figures that are kept for them alone. A function may begin with inlined
# code of another file, so its name counts too.
METRICS_FILES = re.compile(r"/(core|server)/([a-z_]+/)*"
                           r"([a-z_]*metric[a-z_]*|pipeline_collector|rolling_count)\.|prometheus")
METRICS_FUNCTIONS = re.compile(r"batchsql::(\w*Metric\w*|RollingCount|CollectPipelines)\b|prometheus::")


def is_metrics(file, binary, function):
    return bool(METRICS_FILES.search(file) or "prometheus" in binary or METRICS_FUNCTIONS.match(function))


def valgrind(out, *options):
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *options]


def count_stages(folder):
    stages = run([program("bench_stages")]).split()
    for stage in stages:
        out = folder / stage
        run([*valgrind(out, "--collect-atstart=no", "--toggle-collect=batchsql::bench::CountedStage*"),
             program("bench_stages"), stage, STAGE_ROWS])
        yield stage, Profile(out, is_metrics).total / STAGE_ROWS


def daemon_profile(target, workload, folder, rows, form):
    expected = workload.expected_facts(target, rows)
    target.fresh_table()
    out = folder / f"daemon-{form}-{rows}"
    with Daemon(configuration(target, 1, table=BATCH), launcher=valgrind(out),
                start_seconds=START_SECONDS) as daemon:
        run([program("bench_stream_client"), "--server", daemon.grpc_address, "--form", form,
             workload.file(rows)])
        if daemon.stop(STOP_SECONDS) != 0:
            raise Failed(f"the daemon did not stop cleanly:\n{daemon.log_text[-2000:]}")
    if target.facts() != expected:
        raise Failed("the table does not hold what was sent")
    return Profile(out, is_metrics)


def count_daemon(folder, form):
    """(instructions per row, share of them in metrics)"""
    with Postgres(folder) as target:
        workload = Workload(folder)
        few = daemon_profile(target, workload, folder, FEW_ROWS, form)
        many = daemon_profile(target, workload, folder, MANY_ROWS, form)
    total = many.total - few.total
    return total / (MANY_ROWS - FEW_ROWS), (many.inside - few.inside) / total


def judge(counts, shares, baseline):
    """Prints every count beside its baseline; returns what is wrong."""
    wrong = []
    print(f"{'instructions per row':<24}{'now':>10}{'kept':>10}{'ratio':>8}")
    for name, count in counts.items():
        kept = baseline.get(name)
        print(f"{name:<24}{count:>10.1f}{kept or 0:>10.1f}{count / kept if kept else 0:>8.2f}")
        if kept is None:
            wrong.append(f"{name} has no baseline: run with --update")
        elif count > GROWTH_MAX * kept:
            wrong.append(f"{name}: {count:.1f}, more than {GROWTH_MAX} × {kept:.1f}")
    ratio = counts["daemon_rows"] / counts["daemon_columns"]
    print(f"rows by columns, the daemon: {ratio:.2f}, at most {ROWS_BY_COLUMNS_MAX}")
    if ratio > ROWS_BY_COLUMNS_MAX:
        wrong.append(f"rows take {ratio:.2f} times what columns do")
    for name, share in shares.items():
        print(f"metrics, of {name}: {100 * share:.3f} %, at most {100 * METRICS_SHARE_MAX:g} %")
        if share > METRICS_SHARE_MAX:
            wrong.append(f"{name}: metrics take {100 * share:.2f} %")
    return wrong


def main():
    parser = argparse.ArgumentParser(prog="./dev bench instructions", description=__doc__.partition(": ")[2],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="keep what is counted now")
    arguments = parser.parse_args()
    shares = {}
    with tempfile.TemporaryDirectory(prefix="batchsql-bench-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        try:
            counts = dict(count_stages(folder))
            for form in ("rows", "columns"):
                counts[f"daemon_{form}"], shares[f"daemon_{form}"] = count_daemon(folder, form)
        except Failed as error:
            sys.exit(f"bench: {error}")
    counts = {name: round(count, 1) for name, count in counts.items()}
    if arguments.update:
        BASELINE.write_text(json.dumps(counts, indent=2) + "\n", encoding="utf-8")
        print(f"kept in {BASELINE.relative_to(ROOT)}")
    kept = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    wrong = judge(counts, shares, kept)
    for finding in wrong:
        print(f"bench: {finding}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
