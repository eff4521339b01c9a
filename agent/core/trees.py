"""Removal of folders that a candidate has filled: any depth, any permissions, no link followed."""

import contextlib
import os
import stat
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Opens any folder, also one without permissions.
_HANDLE = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_owned_folder(name: str | bytes | Path, parent: int | None = None) -> int:
    """Return a descriptor of a folder whose owner can read, write and enter it from now on.

    Raises:
        OSError: the path is a link or no folder, or another user owns the folder.
    """
    handle = os.open(name, _HANDLE, dir_fd=parent)
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        wanted = (mode | stat.S_IRWXU) & ~(stat.S_ISUID | stat.S_ISVTX)
        if mode != wanted:
            if hasattr(os, "O_PATH"):  # such a descriptor has no permissions itself
                os.chmod(f"/proc/self/fd/{handle}", wanted)
            else:
                os.fchmod(handle, wanted)
        return os.open(".", _FOLDER, dir_fd=handle)
    finally:
        os.close(handle)


def remove_tree(path: Path, *, ignore_errors: bool = False) -> None:
    """Remove a folder, a file or a link, if it is there.

    Args:
        path: what to remove; a link is removed, not followed.
        ignore_errors: leave what cannot be removed.

    Raises:
        OSError: something cannot be removed.
    """
    with contextlib.suppress(OSError if ignore_errors else FileNotFoundError):
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            path.unlink()
            return
        root = open_owned_folder(path)
        try:
            _empty(root)
        finally:
            os.close(root)
        path.rmdir()


def _empty(root: int) -> None:
    """Remove all entries of an open folder.

    A folder inside a folder is first moved up to the root. So neither the depth of the folders nor the
    length of their paths matters.
    """
    moved = 0
    while entries := os.listdir(root):
        for entry in map(os.fsencode, entries):
            if not stat.S_ISDIR(os.lstat(entry, dir_fd=root).st_mode):
                os.unlink(entry, dir_fd=root)
                continue
            folder = open_owned_folder(entry, root)
            try:
                for name in map(os.fsencode, os.listdir(folder)):
                    if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
                        os.close(open_owned_folder(name, folder))  # a folder without permissions cannot move
                        moved = _free_number(root, moved)
                        os.rename(name, b"%d" % moved, src_dir_fd=folder, dst_dir_fd=root)
                    else:
                        os.unlink(name, dir_fd=folder)
            finally:
                os.close(folder)
            os.rmdir(entry, dir_fd=root)


def _free_number(root: int, after: int) -> int:
    """Return the next number that names nothing in the folder."""
    number = after + 1
    while True:
        try:
            os.lstat(b"%d" % number, dir_fd=root)
        except FileNotFoundError:
            return number
        number += 1
