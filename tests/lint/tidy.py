#!/usr/bin/python3
"""clang-tidy over many files, two at a time, remembering the clean ones.

    printf 'core/a.cc\\0' | tidy.py --build build/lint --cache build/cache/tidy --jobs 2

A file that passed is not looked at again until something that decides its result changes: itself,
a header of the project (or generated for it) that it reaches, its command line, a .clang-tidy
above it, clang-tidy, or an installed -dev package.
"""

import argparse
import concurrent.futures
import functools
import hashlib
import json
import pathlib
import re
import shlex
import subprocess
import sys

CLANG_TIDY = "clang-tidy-14"
INCLUDE = re.compile(rb'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


class Unit:
    """One file's compile command: what clang-tidy reads, as far as the project decides it."""

    def __init__(self, path, entry):
        self.path = path
        self.command = entry["command"]
        self.folders = tuple(self._include_folders(pathlib.Path(entry["directory"])))

    def _include_folders(self, directory):
        words = iter(shlex.split(self.command))
        for word in words:
            for flag in ("-isystem", "-I"):
                if word.startswith(flag):
                    folder = (directory / (word[len(flag):] or next(words))).resolve()
                    if folder.is_relative_to(REPOSITORY):
                        yield folder

    def key(self, environment):
        digest = hashlib.sha256(environment)
        digest.update(self.command.encode())
        for config in reversed(self.path.parents):
            if (config / ".clang-tidy").is_file():
                digest.update((config / ".clang-tidy").read_bytes())
        for path in sorted(self._reached()):
            digest.update(f"{path}\0{content_hash(path)}\0".encode())
        return digest.hexdigest()

    def _reached(self):
        """The file and every project header that it includes, directly or not."""
        reached, open_ends = {self.path}, [self.path]
        while open_ends:
            path = open_ends.pop()
            for name in includes(path):
                for folder in (path.parent, *self.folders):
                    header = folder / name
                    if header.is_file():
                        if header not in reached:
                            reached.add(header)
                            open_ends.append(header)
                        break
        return reached


@functools.cache
def content_hash(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@functools.cache
def includes(path):
    return [name.decode() for name in INCLUDE.findall(path.read_bytes())]


def environment_hash():
    """The tool and the libraries, by their versions."""
    digest = hashlib.sha256()
    for command in ([CLANG_TIDY, "--version"], ["dpkg-query", "-W", "*-dev"]):
        digest.update(subprocess.run(command, capture_output=True, check=True).stdout)
    return digest.digest()


def load_units(build, names):
    """The units of the named files, and the names that no target compiles."""
    entries = {pathlib.Path(entry["file"]).resolve(): entry
               for entry in json.loads((build / "compile_commands.json").read_text())}
    units, homeless = [], []
    for name in names:
        path = (REPOSITORY / name).resolve()
        if path in entries:
            units.append(Unit(path, entries[path]))
        else:
            homeless.append(name)
    return units, homeless


def check(build, unit):
    """(passed, what clang-tidy said)."""
    done = subprocess.run([CLANG_TIDY, "-p", build, "--quiet", unit.path], capture_output=True,
                          text=True, check=False)
    # On standard error are only counts of suppressed warnings, unless clang-tidy itself failed.
    said = done.stdout if done.stdout.strip() else done.stderr
    return done.returncode == 0, said


def main():
    parser = argparse.ArgumentParser(description="clang-tidy, cached; file names on standard input")
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    names = [name for name in sys.stdin.read().split("\0") if name]
    options.cache.mkdir(parents=True, exist_ok=True)

    units, failed = load_units(options.build, names)
    for name in failed:
        print(f"{name}: no target compiles this file")
    environment = environment_hash()
    marks = {unit: options.cache / unit.key(environment) for unit in units}
    stale = [unit for unit in units if not marks[unit].exists()]
    print(f"tidy: {len(units)} files, {len(stale)} to check", flush=True)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        checks = {pool.submit(check, options.build, unit): unit for unit in stale}
        for done in concurrent.futures.as_completed(checks):
            passed, said = done.result()
            if passed:
                marks[checks[done]].touch()
            else:
                failed.append(checks[done].path)
                print(said, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
