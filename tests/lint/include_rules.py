#!/usr/bin/python3
"""Which folder may include what: the layering of docs/architecture.md, checked by reading includes.

Every #include of the project's own folders must be allowed by a rule below; what no rule names is
refused. Drivers of databases stay inside the .cc files of their own executor.

    include_rules.py [REPOSITORY]      exit status 1 and one line per violation
"""

import fnmatch
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')

# POSIX, and C's headers by their old names. (C++'s own have neither slash nor ".h".)
SYSTEM_FOLDERS = ("sys/*.h", "linux/*.h", "netinet/*.h", "arpa/*.h")
POSIX = {"dirent.h", "errno.h", "fcntl.h", "limits.h", "math.h", "netdb.h", "poll.h", "pthread.h",
         "pwd.h", "signal.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "termios.h", "time.h",
         "unistd.h"}

RPC = ("grpc/*", "grpcpp/*", "google/protobuf/*", "google/rpc/*", "batchsql/v1/*.pb.h")

# Folder -> patterns of headers that its files may include besides the standard library, Abseil and
# spdlog. Its own headers are always among them.
ALLOWED = {
    "core": ("prometheus/*", "xxhash.h"),
    "executors": ("core/*",),
    "config": ("core/*", "yaml-cpp/*"),
    "server": ("core/*", "config/*", *RPC, "prometheus/*", "xxhash.h", "protozero/*", "simdjson.h",
               "civetweb.h", "CivetServer.h", "CLI/*", "csv.h", "zlib.h", "openssl/*",
               "nlohmann/*", "curl/*"),
    "cli": ("core/*", "config/*", *RPC, "CLI/*", "csv.h", "simdjson.h", "xxhash.h", "nlohmann/*",
            "curl/*"),
}
EVERYWHERE = ("absl/*", "spdlog/*")

# The one place where server and executors meet.
WIRING = ("server/main.cc", "server/executor_factory.cc")

# Executor's folder -> the driver headers that its .cc files may include.
DRIVERS = {
    "executors/sqlite": ("sqlite3.h",),
    "executors/postgresql": ("libpq-fe.h", "libpq/*", "postgres_ext.h", "pqxx/*"),
    "executors/mysql": ("cppconn/*", "mysql.h", "mysql/*", "mariadb/*", "mysql_*.h", "mysqld_error.h",
                        "errmsg.h", "mariadb_com.h"),
}


def matches(header, patterns):
    return any(fnmatch.fnmatchcase(header, pattern) for pattern in patterns)


def is_standard(header):
    if "/" in header:
        return matches(header, SYSTEM_FOLDERS)
    return header in POSIX or "." not in header


def refusal(path, header):
    """Why the file (a path relative to the repository) may not include the header, or None."""
    folder = path.split("/")[0]
    if is_standard(header) or matches(header, EVERYWHERE):
        return None
    for owner, drivers in DRIVERS.items():
        if matches(header, drivers):
            if path.startswith(owner + "/") and path.endswith(".cc"):
                return None
            return f"a driver's header belongs in the .cc files of {owner}/ only"
    if header.startswith("executors/"):
        if path in WIRING:
            return None
        return _executor_refusal(path, header)
    if header.startswith(folder + "/") or matches(header, ALLOWED[folder]):
        return None
    return f"{folder}/ may not include it"


def _executor_refusal(path, header):
    if not path.startswith("executors/"):
        return f"only {' and '.join(WIRING)} may include executors"
    own, other = (name.split("/")[1] for name in (path, header))
    if other in (own, "shared") or "/" not in path.removeprefix("executors/"):
        return None
    return "executors include their own folder and executors/shared/ only"


def violations(repository):
    for folder in ALLOWED:
        for path in sorted((repository / folder).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            name = path.relative_to(repository).as_posix()
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                include = INCLUDE.match(line)
                reason = include and refusal(name, include.group(1))
                if reason:
                    yield f"{name}:{number}: includes {include.group(1)}: {reason}"


def main(arguments):
    here = pathlib.Path(__file__).resolve().parents[2]
    repository = pathlib.Path(arguments[0]) if arguments else here
    if not (repository / "core").is_dir():
        sys.exit(f"include_rules.py: no core/ in {repository}")
    found = list(violations(repository))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
