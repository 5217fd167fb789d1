"""The conductor's side of fail_io.c: builds it, and gives the orders.

An order may stand before the daemon starts, and be given or taken back while it runs.
"""

import errno
import mmap
import pathlib
import struct
import subprocess

PAGE = 4096
FIELDS = ("write_error", "write_after", "write_sticks", "sync_error", "sync_after", "sync_sticks",
          "tear", "tear_after", "write_failures", "sync_failures", "tears", "random")
PREFIX_ONLY, GARBAGE, LOST_PAGE = 1, 2, 3


def build(folder):
    """Compiles the library into the folder."""
    library = folder / "fail_io.so"
    subprocess.run(["cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
                    "-o", library, pathlib.Path(__file__).with_name("fail_io.c"), "-ldl"],
                   check=True, timeout=60)
    return library


class FailIo:
    """Orders for files whose path begins with the prefix; `journal` and `database` in our use."""

    def __init__(self, folder, *prefixes):
        self._library = build(folder)
        self._control = folder / "fail_io.control"
        self._control.write_bytes(bytes(PAGE))
        self._prefixes = prefixes
        with open(self._control, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), PAGE)

    @property
    def environment(self):
        """What the daemon must be started with."""
        return {"LD_PRELOAD": str(self._library),
                "BATCHSQL_FAIL_IO": ":".join(map(str, (self._control, *self._prefixes)))}

    def clear(self):
        """Takes all orders back; what was played stays counted."""
        for index in range(len(self._prefixes)):
            for field in ("write_error", "sync_error", "tear"):
                self._set(index, field, 0)

    def fail_writes(self, index, error=errno.EIO, after=0, sticks=False):
        self._set(index, "write_after", after)
        self._set(index, "write_sticks", int(sticks))
        self._set(index, "write_error", error)

    def fail_syncs(self, index, error=errno.EIO, after=0, sticks=False):
        self._set(index, "sync_after", after)
        self._set(index, "sync_sticks", int(sticks))
        self._set(index, "sync_error", error)

    def tear(self, index, kind, after, random):
        """Ends the process within the write (for LOST_PAGE: the sync) after so many others."""
        self._set(index, "tear_after", after)
        self._set(index, "random", random & 0x7fffffff)
        self._set(index, "tear", kind)

    def count(self, index, field):
        """write_failures, sync_failures or tears so far."""
        return struct.unpack_from("i", self._map, self._offset(index, field))[0]

    def close(self):
        self._map.close()

    def _offset(self, index, field):
        return 4 * (index * len(FIELDS) + FIELDS.index(field))

    def _set(self, index, field, value):
        struct.pack_into("i", self._map, self._offset(index, field), value)
