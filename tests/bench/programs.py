"""Running the programs that a benchmark is made of."""

import hashlib
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


def output_digest(command):
    """Of all that a program writes, which may be much more than fits into memory."""
    digest = hashlib.sha1()
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE) as program:
        while piece := program.stdout.read(1 << 20):
            digest.update(piece)
    if program.returncode != 0:
        raise Failed(f"{command[0]} exited {program.returncode}")
    return digest.hexdigest()
