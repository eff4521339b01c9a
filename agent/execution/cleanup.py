"""Clean-up of a workspace after a candidate: what could mislead or block the harness is removed."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.core.contract import SUBMISSION_FOLDER, WORKING_FOLDER
from agent.core.trees import open_owned_folder, remove_tree
from agent.core.untrusted_files import MAX_DEPTH
from agent.execution.allowlist import is_below

_MAX_ENTRIES = 1_000_000
_MAX_PATH = 4000  # longer paths cannot be resolved
_SET_ID = stat.S_ISUID | stat.S_ISGID


class _UncleanError(Exception):
    """The clean-up cannot finish; the message says why."""


def clean_workspace(workspace: Path, readable: Sequence[Path]) -> str:
    """Remove what a candidate or a script left that could mislead or block the harness.

    Folders get their permissions back first, from the root down. Links that lead out of the workspace and of
    the readable folders are deleted, and everything that is neither a file nor a folder: a submission that
    links to the private answers would score well, and reading a pipe would never end. Files lose their
    set-user-id bits.

    Args:
        workspace: the folder to clean.
        readable: folders to which links may lead.

    Returns:
        "", or why the clean-up could not finish, in one sentence. The results are removed then.
    """
    try:
        _clean(workspace, [workspace, *readable])
    except (OSError, _UncleanError) as error:
        for name in (WORKING_FOLDER, SUBMISSION_FOLDER):
            remove_tree(workspace / name, ignore_errors=True)
        reason = str(error) if isinstance(error, _UncleanError) else error.strerror or type(error).__name__
        return f"The files that the candidate left cannot be cleaned up ({reason})."
    return ""


def _clean(workspace: Path, allowed: Sequence[Path]) -> None:
    for descriptor, folder, entries in _walk(workspace):
        for entry in entries:
            status = os.lstat(entry, dir_fd=descriptor)
            if stat.S_ISLNK(status.st_mode):
                if not _leads_into(f"{folder}/{os.fsdecode(entry)}", allowed):
                    os.unlink(entry, dir_fd=descriptor)
            elif not stat.S_ISREG(status.st_mode):
                os.unlink(entry, dir_fd=descriptor)
            elif status.st_mode & _SET_ID:
                _drop_set_id(entry, descriptor)


def _walk(root: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Yield an open descriptor, the path and the entries other than folders of each folder below `root`.

    The walk is iterative and holds one descriptor per level.
    """
    seen = 0
    stack: list[tuple[int, str, list[str]]] = []  # open folder, its path, its folders still to visit
    try:
        stack.append((open_owned_folder(root), str(root), []))
        is_new = True
        while stack:
            descriptor, path, folders = stack[-1]
            if is_new:
                others: list[str] = []
                with os.scandir(descriptor) as entries:
                    for entry in entries:
                        seen += 1
                        is_folder = entry.is_dir(follow_symlinks=False)
                        (folders if is_folder else others).append(entry.name)
                if seen > _MAX_ENTRIES:
                    raise _UncleanError(f"more than {_MAX_ENTRIES} files")
                yield descriptor, path, others
            is_new = bool(folders)
            if folders:
                if len(stack) > MAX_DEPTH:
                    raise _UncleanError(f"folders nested more than {MAX_DEPTH} deep")
                name = folders.pop()
                stack.append((open_owned_folder(name, descriptor), f"{path}/{name}", []))
            else:
                os.close(stack.pop()[0])
    finally:
        for descriptor, _, _ in stack:
            os.close(descriptor)


def _leads_into(link: str, allowed: Sequence[Path]) -> bool:
    if len(os.fsencode(link)) > _MAX_PATH:
        return False
    return is_below(Path(os.path.realpath(link)), allowed)


def _drop_set_id(name: str, parent: int) -> None:
    handle = os.open(name, getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{handle}", stat.S_IMODE(os.fstat(handle).st_mode) & ~_SET_ID)
    finally:
        os.close(handle)
