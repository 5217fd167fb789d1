"""Initialised data folders, made once and copied for every test server.

A template's key is a hash of all that decides its content, so a change makes a new one. It is made
in a scratch folder and appears in the cache by one rename: tests that race make it twice at worst.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def cache_folder():
    """build/cache/servers of this checkout, or a private folder where that is not ours to write."""
    wanted = os.environ.get("BATCHSQL_TEST_CACHE")
    folder = pathlib.Path(wanted) if wanted else REPOSITORY / "build" / "cache" / "servers"
    if _is_ours(folder):
        return folder
    folder = pathlib.Path(tempfile.gettempdir()) / f"batchsql-servers-{os.geteuid()}"
    if _is_ours(folder):
        return folder
    raise PermissionError(f"{folder} belongs to somebody else: set BATCHSQL_TEST_CACHE")


def _is_ours(folder):
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return folder.stat().st_uid == os.geteuid() and os.access(folder, os.W_OK | os.X_OK)


def key_of(name, *parts):
    """Names a template by all that decides its content."""
    digest = hashlib.sha256("\0".join(str(part) for part in parts).encode()).hexdigest()
    return f"{name}-{digest[:16]}"


def provide(key, target, make):
    """Puts a copy of the template into `target` (absent so far); make(target) initialises one."""
    cached = cache_folder() / key
    if not cached.is_dir():
        make(target)
        _store(target, cached)
    else:
        _copy(cached, target)


def _store(source, cached):
    private = pathlib.Path(tempfile.mkdtemp(prefix="making-", dir=cached.parent))
    try:
        _copy(source, private / "data")
        try:
            os.rename(private / "data", cached)
        except OSError:
            if not cached.is_dir():  # Else another test was faster: its template is as good.
                raise
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _copy(source, target):
    # cp keeps owners and modes, and shares blocks where the file system can.
    subprocess.run(["cp", "-a", "--reflink=auto", "--", source, target], check=True)
