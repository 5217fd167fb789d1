#!/usr/bin/env python3
"""./dev bench flame [KIND…]: where the processors' time goes while rows flow into a database.

Samples the daemon and the database's server with perf, while W goes through one gRPC stream in
row form, and draws build/bench/flame-KIND.svg: a bar is a function, as wide as the time spent in it and in
what it calls, which stands on it (Brendan Gregg, "The Flame Graph", CACM 59(6), 2016). KIND is postgresql
or mysql; both when none is named. Needs the right to use perf.
"""

import argparse
import collections
import html
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

from databases import DATABASES, ROOT
from daemon import Daemon, program
from programs import Failed, run
from sides import CONNECTIONS, configuration, stop
from workload import Workload

KINDS = ("postgresql", "mysql")
HERTZ = 499
STACK_BYTES = 16_384  # copied with each sample: there are no frame pointers
WIDTH, BAR, MARGIN, CHARACTER = 1200, 17, 10, 6.8
NARROWEST = 0.002  # of the whole
SKIPPED = re.compile(r"^(\[unknown\]|_start|__libc_start\S*|start_thread|clone3?|__GI_\S*|std::\S*invoke\S*|"
                     r"std::thread::_State_impl\S*|0x[0-9a-f]+)$")
# Name of a colour, colour, and the frames that have it: the first that matches.
COLOURS = (("batchsqld", "#f2a65a", re.compile(r"^batchsql|^bench")),
           ("gRPC and Protobuf", "#f5d76e", re.compile(r"^grpc|^absl|^google|^protobuf|chttp2|^upb")),
           ("kernel", "#e58b88", re.compile(r"^\[k\] ")),
           ("all else", "#b9c6d8", re.compile("")))


def function_name(symbol, library):
    """Without parameters and template arguments."""
    if "kernel" in library or library == "[vdso]":
        return "[k] " + symbol
    while True:
        shorter = re.sub(r"<[^<>]*>", "", symbol)
        if shorter == symbol:
            break
        symbol = shorter
    symbol = symbol.replace("(anonymous namespace)::", "")
    return symbol.partition("(")[0].strip() or "[unknown]"


def samples(text):
    """(thread's name, frames from the outermost on) of each sample that `perf script` printed."""
    for block in text.split("\n\n"):
        lines = block.strip("\n").split("\n")
        frames = []
        for line in lines[1:]:
            found = re.match(r"\s+[0-9a-f]+ (.*) \((.*)\)$", line)
            if found:
                frames.append(function_name(found[1], found[2].rpartition("/")[2]))
        if frames:
            yield lines[0].strip(), [frame for frame in reversed(frames) if not SKIPPED.match(frame)]


class Bar:
    def __init__(self):
        self.samples = 0
        self.above = collections.defaultdict(Bar)

    def add(self, frames):
        self.samples += 1
        if frames:
            self.above[frames[0]].add(frames[1:])


def stack(text):
    root = Bar()
    for thread, frames in samples(text):
        root.add([thread, *frames])
    if root.samples == 0:
        raise Failed("perf took no sample")
    return root


def place(name, bar, left, depth, scale, placed):
    """Appends (depth, left, width, name, samples) of the bar and of those on it."""
    width = bar.samples * scale
    placed.append((depth, left, width, name, bar.samples))
    for above, child in sorted(bar.above.items()):
        if child.samples * scale >= NARROWEST * WIDTH:
            place(above, child, left, depth + 1, scale, placed)
        left += child.samples * scale


def colour_of(name):
    return next(colour for _, colour, pattern in COLOURS if pattern.search(name))


def draw(title, root):
    placed = []
    place("all", root, MARGIN, 0, (WIDTH - 2 * MARGIN) / root.samples, placed)
    height = (max(bar[0] for bar in placed) + 4) * BAR
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
             'font-family="monospace" font-size="11">',
             f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
             f'<text x="{MARGIN}" y="{BAR}" font-size="13">{html.escape(title)}</text>']
    left = WIDTH - MARGIN - 150 * len(COLOURS)
    for number, (name, colour, _) in enumerate(COLOURS):
        lines.append(f'<rect x="{left + 150 * number}" y="6" width="12" height="12" fill="{colour}"/>'
                     f'<text x="{left + 150 * number + 16}" y="{BAR}">{name}</text>')
    for depth, left, width, name, count in placed:
        top = height - (depth + 1) * BAR
        text = html.escape(f"{name}: {100 * count / root.samples:.1f} %")
        shown = html.escape(name[:int(width / CHARACTER)]) if width > 4 * CHARACTER else ""
        lines.append(f'<g><title>{text}</title><rect x="{left:.1f}" y="{top}" width="{width:.1f}" '
                     f'height="{BAR - 1}" fill="{colour_of(name)}"/>'
                     f'<text x="{left + 2:.1f}" y="{top + 12}">{shown}</text></g>')
    return "\n".join([*lines, "</svg>", ""])


def processes(pid):
    """The process and its children."""
    children = subprocess.run(["pgrep", "--parent", str(pid)], stdout=subprocess.PIPE, text=True, check=False)
    return [str(pid), *children.stdout.split()]


def record(target, file, data):
    with Daemon(configuration(target, CONNECTIONS)) as daemon:
        perf = ["perf", "record", "--freq", HERTZ, "--call-graph", f"dwarf,{STACK_BYTES}", "--output", data]
        pids = ",".join([str(daemon.pid), *processes(target.server.pid)])  # and what these start
        sampling = subprocess.Popen([str(word) for word in (*perf, "--pid", pids)],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        run([program("bench_stream_client"), "--server", daemon.grpc_address, file])
        sampling.send_signal(signal.SIGINT)
        said = sampling.communicate()[1]
        stop(daemon)
    if not data.exists():
        raise Failed(f"perf recorded nothing: {said}")


def flame(kind, folder, rows):
    data = folder / f"{kind}.perf"
    workload = Workload(folder)
    with DATABASES[kind](folder) as target:
        target.fresh_table()
        record(target, workload.file(rows), data)
    printed = run(["perf", "script", "--no-inline", "--input", data, "--fields", "comm,ip,sym,dso"])
    out = ROOT / "build" / "bench" / f"flame-{kind}.svg"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(draw(f"W into {kind}, one gRPC stream, row form", stack(printed)))
    print(f"flame: {out.relative_to(ROOT)}")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench flame", description=__doc__.partition("\n\n")[2],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=" or ".join(KINDS))
    parser.add_argument("--rows", type=int, default=3_000_000)
    arguments = parser.parse_args()
    for kind in arguments.kinds or KINDS:
        if kind not in KINDS:
            parser.error(f"no server of kind {kind}: choose from {', '.join(KINDS)}")
    with tempfile.TemporaryDirectory(prefix="batchsql-flame-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        for kind in arguments.kinds or KINDS:
            flame(kind, folder, arguments.rows)


if __name__ == "__main__":
    try:
        main()
    except (Failed, OSError) as error:
        sys.exit(f"flame: {error}")
