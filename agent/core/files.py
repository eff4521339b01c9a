"""Safe paths in untrusted folders, atomic creation of folders, and file errors as messages."""

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from agent.core.errors import InfrastructureError, SetupError
from agent.core.locks import temporary_folder
from agent.core.trees import remove_tree

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_FICLONE = 0x40049409  # ioctl of Linux that lets a file share the blocks of another one
_SAME_TIME_S = 946_684_800  # 2000-01-01; ZIP archives know no time before 1980
_NO_PERMISSION = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def translate_os_errors(doing: str) -> Iterator[None]:
    """Turn an OSError in the block into an error with a message that starts with `doing`.

    Raises:
        SetupError: this user may not read or write a file or folder.
        InfrastructureError: the disk is full, or the machine failed in another way.
    """
    try:
        yield
    except OSError as error:
        first = _first_of(error)
        where = f"{first.filename}: " if first.filename else ""
        reason = first.strerror or str(first)
        if first.errno in _NO_PERMISSION:
            raise SetupError(f"{doing}: {where}{reason}; give this user the permissions.") from error
        raise InfrastructureError(f"{doing}: {where}{reason}{space_hint(first)}.") from error


def space_hint(error: OSError) -> str:
    """Return what to do if the disk is full, as the end of a sentence."""
    return "; free some space and run again" if error.errno in _DISK_FULL else ""


def _first_of(error: OSError) -> OSError:
    """Return the first of the errors that a copy of a folder collects; else the error itself."""
    if not isinstance(error, shutil.Error) or not isinstance(error.args[0], list):
        return error
    _, target, reason = error.args[0][0]
    number = re.match(r"\[Errno (\d+)\]", str(reason))
    return error if number is None else OSError(int(number[1]), os.strerror(int(number[1])), str(target))


def is_contained(relative: str) -> bool:
    """Return whether a relative path stays below its base folder. Links are not followed."""
    path = PurePosixPath(relative)
    return (
        bool(path.parts)
        and not path.is_absolute()
        and ".." not in path.parts
        and not set(relative) & {"\\", "\0"}
    )


def resolve_inside(folder: Path, relative: str) -> Path:
    """Return `folder / relative`; raise SetupError if the path, or a link in the path, leaves the folder."""
    file = folder / relative
    if not is_contained(relative) or not file.resolve().is_relative_to(folder.resolve()):
        raise SetupError(f"{folder}: the path {relative!r} leaves the folder; name files below it.")
    return file


def resolve_table(folder: Path, relative: str) -> Path:
    """Return `folder / relative`, the path of a table. A link may lead into the parent of the folder.

    Raises:
        SetupError: the path leaves the folder, or a link leads to the answers or out of the parent.
    """
    file = folder / relative
    if not is_contained(relative):
        raise SetupError(f"{folder}: the path {relative!r} leaves the folder; name files below it.")
    base = folder.resolve()
    target = file.resolve()
    if target.is_relative_to(base):
        if target != base.joinpath(relative) and target.is_relative_to(base / "answers"):
            raise SetupError(f"{file}: the link leads into answers/, which MARS hides; link another file.")
        return file
    if not target.is_relative_to(link_limit(base)):
        raise SetupError(
            f"{file}: the link leads to {target}, outside of {base.parent}; MARS follows links only within "
            "that folder, so that a folder from others cannot read your files. Copy the file."
        )
    return file


def link_limit(base: Path) -> Path:
    """Return the folder that links of a user's folder may lead into: its parent, unless that is the root."""
    return base if base.parent == Path(base.anchor) else base.parent


@contextmanager
def staged_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Create a temporary folder beside `target` and rename it to `target` at the end of the block.

    An error in the block deletes the temporary folder. If another process has created `target` meanwhile,
    that folder stays, unless `replace` is set.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(f".{target.name}-", target.parent) as folder:
        folder.chmod(0o755)
        yield folder
        _move_into_place(folder, target, replace)


def _move_into_place(folder: Path, target: Path, replace: bool) -> None:
    if replace and target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
        target.rename(old)  # replaces the empty folder `old` in one step
        folder.rename(target)
        remove_tree(old, ignore_errors=True)
        return
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def copy_timeless(source: str | Path, target: str | Path) -> None:
    """Copy a file to a new one, with the time of all such copies.

    The copy shares the blocks of its source where the file system can do that.
    """
    with open(source, "rb") as content, open(target, "xb") as copy:
        try:
            fcntl.ioctl(copy, _FICLONE, content.fileno())
        except OSError:  # another file system, or one that shares no blocks
            shutil.copyfileobj(content, copy, 1 << 20)
    set_timeless(target)


def set_timeless(file: str | Path) -> None:
    """Give a file the same times as all others, so that they do not tell where it came from."""
    os.utime(file, (_SAME_TIME_S, _SAME_TIME_S))


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Create a hard link, or a copy if the file system cannot link (other device, too many links)."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copyfile(source, target)
