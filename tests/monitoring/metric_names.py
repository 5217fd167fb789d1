#!/usr/bin/python3
"""Which metrics the docs, rules and dashboards name, and whether a daemon has them.

    metric_names.py [--prefix PREFIX] [FILE]    the text of /metrics; - or none: standard input

Exit status 1 and one line for each difference between docs/monitoring.md and the daemon.
"""

import argparse
import dataclasses
import re
import sys

import monitoring_files

# Our metrics begin with `batchsql_`, recording rules with `batchsql:`. A prefix as `prod_` goes
# before both, in expressions and in `record`, and nowhere else.
OWN_NAME = re.compile(r"(?<![\w:])batchsql[_:][\w:]*")
PROCESS_NAME = re.compile(r"(?<![\w:])process_\w+")
TABLE_ROW = re.compile(r"^\| `((?:batchsql|process)_\w+)` \| (\w+)[^|]*\| ([^|]*)\|", re.M)
STRING = re.compile(r"\"[^\"]*\"|'[^']*'")
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")
# Other programs' series, and what Prometheus makes itself.
FOREIGN = ("batchsql_custom_",)


@dataclasses.dataclass(frozen=True)
class Metric:
    type: str
    labels: frozenset


def documented():
    """name → Metric, from the tables of docs/monitoring.md."""
    text = (monitoring_files.ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    return {name: Metric(kind, frozenset(re.findall(r"`(\w+)`", labels)))
            for name, kind, labels in TABLE_ROW.findall(text)}


def names_in(expression):
    """The names of metrics and recording rules in an expression, without those in strings."""
    bare = STRING.sub('""', expression)
    return set(OWN_NAME.findall(bare)) | set(PROCESS_NAME.findall(bare))


def with_prefix(expression, prefix):
    """The expression for a daemon with a prefix, as `prod_`. Strings stay as they are."""
    parts = re.split(f"({STRING.pattern})", expression)
    parts[::2] = [OWN_NAME.sub(lambda name: prefix + name.group(), part) for part in parts[::2]]
    return "".join(parts)


def family(name, metrics):
    """The metric that a series belongs to: for a histogram's part the histogram; None: unknown."""
    if name in metrics:
        return name
    for part in HISTOGRAM_PARTS:
        base = name.removesuffix(part)
        if base != name and base in metrics and metrics[base].type == "histogram":
            return base
    return None


def exposed(text, prefix=""):
    """name → type, of the daemon's own metrics in the text of /metrics, without the prefix."""
    found = {}
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
        if name.startswith(prefix + "batchsql_"):
            found[name.removeprefix(prefix)] = kind
        elif name.startswith(("process_", "batchsql_")):
            found[name] = kind
    return {name: kind for name, kind in found.items() if not name.startswith(FOREIGN)}


def differences(text, prefix=""):
    """Lines that say where docs/monitoring.md and the text of /metrics disagree."""
    there, described = exposed(text, prefix), documented()
    found = [f"{name}: in docs/monitoring.md, not in /metrics"
             for name in sorted(described.keys() - there.keys())]
    found += [f"{name}: in /metrics, not in docs/monitoring.md"
              for name in sorted(there.keys() - described.keys())]
    found += [f"{name}: a {there[name]} in /metrics, a {described[name].type} in docs/monitoring.md"
              for name in sorted(there.keys() & described.keys())
              if there[name] != described[name].type]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default="-")
    parser.add_argument("--prefix", default="")
    arguments = parser.parse_args()
    source = sys.stdin if arguments.file == "-" else open(arguments.file, encoding="utf-8")
    found = differences(source.read(), arguments.prefix)
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
