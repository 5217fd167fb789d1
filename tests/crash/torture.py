#!/usr/bin/python3
"""Tortures batchsqld and proves that nothing acknowledged was lost, doubled or reordered.

Run it by `./dev torture`; docs/testing.md tells what it does and how to read it.
"""

import argparse
import os
import pathlib
import random
import signal
import sys

sys.path[:0] = [str(pathlib.Path(__file__).parents[1] / name) for name in ("e2e", "support")]

import daemon as harness  # noqa: E402
import plan as plans  # noqa: E402
import processes  # noqa: E402
import run as runs  # noqa: E402
import templates  # noqa: E402

KINDS = ("postgresql", "mysql", "sqlite")
SABOTAGE_MINUTES = 2
PASSED, FAILED, BROKEN = 0, 1, 2


def arguments():
    parser = argparse.ArgumentParser(prog="./dev torture", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, help="for each database (default: 2)")
    parser.add_argument("--seed", type=int, help="repeats a run's plan (default: a random one)")
    parser.add_argument("--database", choices=(*KINDS, "all"), default="all")
    parser.add_argument("--journal", choices=("none",), help="none: tables without a journal")
    parser.add_argument("--pgbouncer", action="store_true",
                        help="PostgreSQL through pgbouncer in transaction mode")
    parser.add_argument("--sabotage", choices=plans.SABOTAGES,
                        help="the daemon breaks its promise on purpose: the run must fail")
    parser.add_argument("--expect-caught", action="store_true",
                        help="with --sabotage: 0 when the judge found it, 1 when not")
    parser.add_argument("--keep-dir", help="where a failed daemon's folder is copied to")
    parser.add_argument("--rate", type=int, help="rows per second of each producer")
    settings = parser.parse_args()
    if settings.expect_caught and not settings.sabotage:
        parser.error("--expect-caught goes with --sabotage")
    if settings.minutes is None:
        settings.minutes = SABOTAGE_MINUTES
    if settings.seed is None:
        settings.seed = random.SystemRandom().randrange(1, 1 << 31)
    return settings


def kinds_of(settings):
    if settings.pgbouncer:
        return ("postgresql",)
    return KINDS if settings.database == "all" else (settings.database,)


def torture(settings):
    """The exit status: of the worst database."""
    status = PASSED
    for kind in kinds_of(settings):
        one = runs.Run(kind, settings)
        one.run(60 * settings.minutes)
        print(one.summary(), flush=True)
        if settings.expect_caught:
            status = max(status, PASSED if one.caught else FAILED)
        elif one.failures or one.at_fault:
            status = max(status, FAILED)
    return status


def main():
    settings = arguments()
    print(f"torture: seed={settings.seed} minutes={settings.minutes:g} "
          f"databases={','.join(kinds_of(settings))}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.environ.setdefault("BATCHSQL_BIN_DIR",
                          str(templates.REPOSITORY / "build" / "faults" / "bin"))
    daemon = pathlib.Path(harness.program())
    if not daemon.exists() or b"BATCHSQL_KILL_AT" not in daemon.read_bytes():
        print(f"torture: {daemon} has no fault points: build the preset `faults`", file=sys.stderr)
        return BROKEN
    try:
        return torture(settings)
    except KeyboardInterrupt:
        return 130
    except (processes.StartError, TimeoutError, OSError) as error:
        print(f"torture: broken off: {error}", file=sys.stderr)
        return BROKEN


if __name__ == "__main__":
    sys.exit(main())
