"""What a process uses, as /proc tells: memory, processor time, open files; and what a folder takes."""

import os
import pathlib
import re
import threading
import time

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


class Watch:
    """Calls `look` every so often on a thread of its own while the block lasts; `seen` holds
    (seconds since the beginning, value)."""

    def __init__(self, look, every_seconds=0.1):
        self._look, self._every, self.seen = look, every_seconds, []

    def __enter__(self):
        self._end = threading.Event()
        self._begun = time.monotonic()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def values(self):
        return [value for _, value in self.seen]

    def _run(self):
        while not self._end.wait(self._every):
            self.seen.append((time.monotonic() - self._begun, self._look()))


def memory_watch(pid):
    return Watch(lambda: resident_bytes(pid))
