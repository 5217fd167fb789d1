"""What a process uses, as /proc tells: memory, processor time, open files; what a folder takes; and what the
daemon's metrics say."""

import os
import pathlib
import re
import threading
import time

from programs import Failed

MIB = 1 << 20


def resident_bytes(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def processor_seconds(pid):
    # The name, in brackets, may hold anything.
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def folder_bytes(folder):
    """On disk; files may go while we look."""
    total = 0
    for path in pathlib.Path(folder).rglob("*"):
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def metric(daemon, name):
    """The series of the table events; None before there is one."""
    found = re.search(rf'^{name}\{{[^}}]*table="events"[^}}]*\}} (\S+)$', daemon.metrics(), re.MULTILINE)
    return float(found[1]) if found else None


class Watch:
    """Calls `look` every so often on a thread of its own while the block lasts; `seen` holds
    (seconds since the beginning, value). A look that failed is told at the block's end."""

    def __init__(self, look, every_seconds=0.1):
        self._look, self._every, self.seen = look, every_seconds, []
        self._error = None

    def __enter__(self):
        self._end = threading.Event()
        self._begun = time.monotonic()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._end.set()
        self._thread.join()
        if self._error is not None and kind is None:
            raise Failed(f"what a program uses cannot be seen: {self._error}")

    def values(self):
        return [value for _, value in self.seen]

    def _run(self):
        try:
            while not self._end.wait(self._every):
                self.seen.append((time.monotonic() - self._begun, self._look()))
        except Exception as error:
            self._error = error


def memory_watch(pid):
    return Watch(lambda: resident_bytes(pid))
