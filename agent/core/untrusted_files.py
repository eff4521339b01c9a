"""Access to files in folders that a candidate or a script has written: links are never followed."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from agent.core.files import is_contained
from agent.core.trees import remove_tree

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe must not block the open call.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC

MAX_DEPTH = 100
"""Largest depth of folders that the harness copies or cleans."""


class UnsafeFileError(OSError):
    """A path is a link, has other names, or is no regular file; `strerror` says which."""

    def __init__(self, problem: str, path: Path) -> None:
        super().__init__(errno.EINVAL, problem, str(path))


@contextmanager
def open_folder_inside(folder: Path, name: str = "") -> Iterator[int]:
    """Yield a descriptor of `folder / name`; neither the folder nor a part of the name may be a link."""
    if name and not is_contained(name):
        raise UnsafeFileError("the path leaves the folder", folder / name)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    descriptor, path = _open_folder(None, str(folder), folder), folder
    try:
        for part in parts:
            path /= part
            inner = _open_folder(descriptor, part, path)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def open_inside(folder: Path, name: str, *, hard_links: bool = False) -> BinaryIO:
    """Open the regular file `folder / name` for reading.

    Each part of the path is opened relative to the one before it.

    Args:
        folder: the folder that a candidate or a script has written.
        name: the path below it.
        hard_links: the file may have other names; only for files that no candidate has made.

    Raises:
        UnsafeFileError: a part of the path is a link, or the file is no regular file or has other names
            (hard links).
        OSError: the file is missing or cannot be read.
    """
    if not is_contained(name):
        raise UnsafeFileError("the path leaves the folder", folder / name)
    above, _, last = name.rpartition("/")
    with open_folder_inside(folder, above) as parent:
        return _open_file(parent, last, folder / name, hard_links)


def _open_folder(parent: int | None, name: str, path: Path) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=parent)
    except OSError as error:
        is_link = error.errno in (errno.ELOOP, errno.ENOTDIR) and path.is_symlink()
        if is_link:
            raise UnsafeFileError("the folder is a link", path) from error
        raise OSError(error.errno, error.strerror, str(path)) from error


def _open_file(parent: int, name: str, path: Path, hard_links: bool = False) -> BinaryIO:
    try:
        # Opening a device may already have an effect, so the kind is checked first and again afterwards.
        _require_plain_file(os.lstat(name, dir_fd=parent), path, hard_links)
        descriptor = os.open(name, _FILE, dir_fd=parent)
    except UnsafeFileError:
        raise
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafeFileError("the file is a link", path) from error
        raise type(error)(error.errno, error.strerror, str(path)) from error
    try:
        _require_plain_file(os.fstat(descriptor), path, hard_links)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _require_plain_file(status: os.stat_result, path: Path, hard_links: bool) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFileError("the file is a link", path)
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError("the path is not a regular file", path)
    if status.st_nlink > 1 and not hard_links:
        raise UnsafeFileError("the file is a hard link to another file", path)


def is_plain_file(folder: Path, name: str) -> bool:
    """Return whether `open_inside` would open the file."""
    try:
        open_inside(folder, name).close()
    except OSError:
        return False
    return True


def read_inside(folder: Path, name: str, limit: int) -> bytes:
    """Return the content of `folder / name`; raise UnsafeFileError if it takes more than `limit` bytes."""
    with open_inside(folder, name) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise UnsafeFileError(f"the file takes more than {limit} bytes", folder / name)
    return content


def copy_inside(folder: Path, name: str, target: Path) -> None:
    """Copy `folder / name` to the new file `target`; see `open_inside`."""
    with open_inside(folder, name) as source, target.open("xb") as copy:
        shutil.copyfileobj(source, copy, 1 << 20)


def copy_tree_inside(folder: Path, name: str, target: Path) -> None:
    """Copy the folder `folder / name` to the new folder `target`.

    Links to files inside the copied folder stay links; every other link, pipe or device is refused.
    """
    pending = [("", 0)]
    while pending:
        below, depth = pending.pop()
        place = "/".join(part for part in (name, below) if part)
        if depth > MAX_DEPTH:
            raise UnsafeFileError(f"the folders are nested more than {MAX_DEPTH} deep", folder / name)
        (target / below).mkdir(parents=not below)
        with open_folder_inside(folder, place) as descriptor:
            for entry in sorted(os.listdir(descriptor)):
                status, inner = os.lstat(entry, dir_fd=descriptor), f"{below}/{entry}".lstrip("/")
                if stat.S_ISDIR(status.st_mode):
                    pending.append((inner, depth + 1))
                elif stat.S_ISLNK(status.st_mode):
                    linked = os.readlink(entry, dir_fd=descriptor)
                    _require_inner_link(linked, inner, folder / place / entry)
                    (target / inner).symlink_to(linked)
                else:
                    with (
                        _open_file(descriptor, entry, folder / place / entry) as source,
                        (target / inner).open("xb") as copy,
                    ):
                        shutil.copyfileobj(source, copy, 1 << 20)


def _require_inner_link(linked: str, place: str, path: Path) -> None:
    """Raise unless a link at `place` of a tree leads into the tree. The text of the link decides."""
    reached = os.path.normpath(os.path.join(os.path.dirname(place), linked))
    if os.path.isabs(linked) or reached == ".." or reached.startswith("../"):
        raise UnsafeFileError("the link leads out of the folder", path)


def write_inside(folder: Path, name: str, content: str) -> None:
    """Write a file of the harness at `folder / name`, in place of whatever is there, links included."""
    with open_folder_inside(folder) as parent:
        try:
            if stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
                remove_tree(folder / name)
            else:
                os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            pass
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, 0o644, dir_fd=parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
