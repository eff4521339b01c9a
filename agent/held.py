"""Folders that belong to a living process, by a lock that the system releases when that process dies."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = "mars-held-"
"""How the names of this program's own folders among the system's temporary files begin."""


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Marks the folder as in use until the block ends, also when it is renamed meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # a file system without locks; `is_held` then says so of all
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def temporary_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A new folder, held, that is gone after the block; below `parent`, else among temporary files."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        with held(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_held(folder: Path) -> bool:
    """Whether a process holds the folder, or might: where that cannot be told, it does."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
