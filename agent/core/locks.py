"""Locks on folders; the system releases a lock when its process dies."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from agent.core.trees import remove_tree

TEMPORARY_PREFIX = "mars-held-"
"""Prefix of this program's folders in the system's temporary folder."""


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock the folder until the block ends; a rename keeps the lock."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # without file-system locks, `is_folder_locked` is always true
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def temporary_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Yield a new locked folder and remove it after the block.

    Args:
        prefix: how the folder's name begins.
        parent: where to create the folder; None means the system's temporary folder.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        with lock_folder(folder):
            yield folder
    finally:
        remove_tree(folder, ignore_errors=True)


def is_folder_locked(folder: Path) -> bool:
    """Whether a process has locked the folder; also true where this cannot be determined."""
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
