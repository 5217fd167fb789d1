"""Running the programs that a benchmark is made of."""

import re
import subprocess


class Failed(RuntimeError):
    """A program failed, or its work is not what it should be; the line it belongs to has no result."""


def run(command, **options):
    """The standard output of a program that must succeed."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failed(f"{command[0]} exited {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout


def printed(output, name):
    """What follows `name=` in it."""
    found = re.search(rf"\b{name}=(\S+)", output)
    if not found:
        raise Failed(f"no {name}= in: {output.strip()[-500:]}")
    return found[1]
