"""The program `batchsql`, as the tests here run it."""

import os
import subprocess

import daemon as harness


def run(*arguments, status=0, seconds=60):
    """Runs `batchsql ARGUMENTS…`; its (standard output, standard error)."""
    environment = {name: value for name, value in os.environ.items()
                   if not name.lower().endswith("_proxy")}
    done = subprocess.run([harness.program("batchsql"), *map(str, arguments)], text=True,
                          capture_output=True, timeout=seconds, env=environment)
    assert done.returncode == status, f"status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout, done.stderr
