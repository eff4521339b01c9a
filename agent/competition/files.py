"""Files of untrusted folders: safe paths, folders written aside, clear errors."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from agent.errors import InfrastructureError, SetupError
from agent.held import temporary_folder

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_NO_RIGHTS = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def machine_errors(doing: str) -> Iterator[None]:
    """Turns an OSError inside the block into one sentence that begins with `doing`.

    Raises:
        SetupError: a file or folder that this user may not read or write.
        InfrastructureError: a full disk or any other failure of the machine.
    """
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        reason = error.strerror or str(error)
        if error.errno in _NO_RIGHTS:
            raise SetupError(f"{doing}: {where}{reason}; give this user the rights.") from error
        hint = "; free some space and run again" if error.errno in _DISK_FULL else ""
        raise InfrastructureError(f"{doing}: {where}{reason}{hint}.") from error


def is_contained(relative: str) -> bool:
    """Whether a relative path, taken literally, stays below the folder that it starts from."""
    path = PurePosixPath(relative)
    return (
        bool(path.parts)
        and not path.is_absolute()
        and ".." not in path.parts
        and not set(relative) & {"\\", "\0"}
    )


def inside(folder: Path, relative: str) -> Path:
    """`folder / relative`; raises SetupError if the path or a link on it leaves the folder."""
    file = folder / relative
    if not is_contained(relative) or not file.resolve().is_relative_to(folder.resolve()):
        raise SetupError(f"{folder}: the path {relative!r} leaves the folder; name files below it.")
    return file


@contextmanager
def aside(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """A new folder beside `target` to fill; it becomes `target` at the end and vanishes on failure.

    When another process has made `target` meanwhile, that one stays, unless `replace` is set.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(f".{target.name}-", target.parent) as folder:
        folder.chmod(0o755)
        yield folder
        _settle(folder, target, replace)


def _settle(folder: Path, target: Path, replace: bool) -> None:
    if replace and target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
        target.rename(old)  # an empty folder is replaced in one step
        folder.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        return
    try:
        folder.rename(target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """A hard link where the file system can, else a copy (other device, too many links)."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copyfile(source, target)
