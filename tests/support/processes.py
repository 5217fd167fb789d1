"""What every started server needs: a port, a scratch folder that outlives nobody, and an end.

A process that a test starts must die with the test, however the test dies (SIGKILL included), and
leave no folder behind. Each `Scratch` folder has a janitor for this: a process detached from the
test's own tree that waits on a pipe whose other end only the test holds. When the pipe closes, the
janitor kills whatever still has its working directory inside the folder, and removes the folder.
This is preferred to PR_SET_PDEATHSIG, which is cleared by setuid, fires when a mere thread ends,
and does not reach a server's own children.
"""

import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

# A unix socket's path has 108 bytes at most; leave room for the socket's own name.
SCRATCH_PATH_MAX = 80
LOG_TAIL_LINES = 60
FIRST_PORT = 20000


class StartError(RuntimeError):
    """A server did not start; the message ends with the tail of its log."""


def wait_until(condition, seconds, what):
    """Polls condition until it is true and returns its value; TimeoutError after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def log_tail(path, lines=LOG_TAIL_LINES):
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        return f"(no log: {error})"
    return "\n".join(text.splitlines()[-lines:])


class Port:
    """A free loopback port that no other harness on this machine hands out while we hold it.

    It lies below the range of outgoing connections, so that it is still ours after a restart. An
    abstract unix socket of the same number marks it as taken; the kernel drops the mark with us.
    Another program may still bind it: starters retry with a new Port then.
    """

    def __init__(self):
        while True:
            self.number = random.randrange(FIRST_PORT, _first_ephemeral_port())
            self._mark = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                self._mark.bind(f"\0batchsql-test-port-{self.number}")
                with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind(("127.0.0.1", self.number))
                return
            except OSError:
                self._mark.close()

    def release(self):
        self._mark.close()


def _first_ephemeral_port():
    try:
        first = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        first = 32768
    return first if first > FIRST_PORT + 1000 else 32768


class Scratch:
    """A temporary folder with a janitor (see above), owned by `user` when the caller is root."""

    def __init__(self, prefix, user=None):
        base = _scratch_base(user)
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=f"batchsql-{prefix}-", dir=base))
        self._pipe = _start_janitor(self.path)
        if user is not None:
            entry = pwd.getpwnam(user)
            os.chown(self.path, entry.pw_uid, entry.pw_gid)

    def close(self):
        """Kills what still runs inside, removes the folder, lets the janitor go. Idempotent."""
        if self._pipe is None:
            return
        kill_inside(self.path)
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._pipe)
        self._pipe = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _scratch_base(user):
    """TMPDIR, unless the server's user could not walk into it or socket paths would be too long."""
    wanted = pathlib.Path(tempfile.gettempdir()).resolve()
    walkable = user is None or all(
        folder.stat().st_mode & stat.S_IXOTH for folder in (wanted, *wanted.parents))
    return wanted if walkable and len(str(wanted)) < SCRATCH_PATH_MAX else pathlib.Path("/tmp")


def _start_janitor(folder):
    """Returns our end of the pipe. Not inheritable, so that only our own death closes it."""
    theirs, ours = os.pipe()
    try:
        # -I and -S: nothing of the caller's environment, and a start in 20 ms.
        subprocess.run([sys.executable, "-I", "-S", os.path.abspath(__file__), "janitor", folder],
                       stdin=theirs, stdout=subprocess.DEVNULL, check=True, cwd="/",
                       start_new_session=True)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    return ours


def _janitor(folder):
    if os.fork() > 0:
        os._exit(0)  # The child leaves the caller's process tree: killing the tree spares it.
    # A test's output ends when every copy of its pipe is closed: keep none.
    with open(os.devnull, "w", encoding="utf-8") as null:
        os.dup2(null.fileno(), 2)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    if os.path.isdir(folder):
        kill_inside(folder)
        shutil.rmtree(folder, ignore_errors=True)


def pids_inside(folder):
    """The processes, other than this one, whose working directory is in the folder."""
    folder = os.path.realpath(folder)
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            directory = os.readlink(f"/proc/{name}/cwd").removesuffix(" (deleted)")
        except OSError:  # Ended meanwhile, a zombie, or not ours to see.
            continue
        if directory == folder or directory.startswith(folder + "/"):
            found.append(int(name))
    return found


def kill_inside(folder, seconds=20):
    """SIGKILLs all that works inside the folder until two looks in a row find nothing."""
    deadline = time.monotonic() + seconds
    empty_looks = 0
    while empty_looks < 2 and time.monotonic() < deadline:
        pids = pids_inside(folder)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        empty_looks = 0 if pids else empty_looks + 1
        time.sleep(0.005)


def unprivileged_user(*candidates):
    """The first existing user of the candidates when we are root; None (stay as we are) if not."""
    if os.geteuid() != 0:
        return None
    for name in (*candidates, "nobody"):
        try:
            pwd.getpwnam(name)
            return name
        except KeyError:
            continue
    raise StartError(f"none of the users {candidates} exists: is the server's package installed?")


def as_user(user, command):
    """The command line that runs `command` as the user. It execs: the process id stays."""
    command = [str(word) for word in command]
    if user is None:
        return command
    entry = pwd.getpwnam(user)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups",
            "--", *command]


def server_environment():
    """A small environment for servers: a caller's PG*, MYSQL_* or LD_PRELOAD must not leak in."""
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8", "TZ": "UTC"}


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "janitor":
        sys.exit("processes.py: this is a library; see servers.py and daemon.py")
    _janitor(sys.argv[2])
