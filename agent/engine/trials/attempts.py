"""Attempts: an execution that was interrupted leaves its checkpoint to a repeat of the same revision.

The record of an attempt lies beside the node's workspace, where no candidate can write. Nothing of a
checkpoint is read here: a folder is moved, and only the code that wrote it gets it back.
"""

import contextlib
import os
import stat
from pathlib import Path

from agent.core.contract import ATTEMPT_SUFFIX, CHECKPOINT_FOLDER
from agent.core.errors import InfrastructureError
from agent.core.trees import remove_tree
from agent.core.untrusted_files import open_folder_inside
from agent.engine.trials.trial import Trial

_RUNNING = "running"  # hash of the code whose full run is under way
_KEPT = "kept"  # hash of the code that the checkpoint is for
_CHECKPOINT = "checkpoint"


def begin_attempt(trial: Trial) -> Path:
    """Note that the full run of a trial begins.

    Returns:
        The folder that may hold the checkpoint of an interrupted full run.

    Raises:
        InfrastructureError: The note cannot be written.
    """
    folder = _attempt_folder(trial.workspace)
    try:
        folder.mkdir(exist_ok=True)
        (folder / _RUNNING).write_text(trial.code, encoding="utf-8")
        (folder / _KEPT).unlink(missing_ok=True)
    except OSError as error:
        raise InfrastructureError(f"{folder}: cannot be written ({error.strerror}).") from error
    return folder / _CHECKPOINT


def end_attempt(trial: Trial) -> None:
    """Forget an attempt that came to its end, with its checkpoint."""
    remove_tree(_attempt_folder(trial.workspace), ignore_errors=True)
    _take_checkpoint(trial.workspace, None)


def keep_checkpoint(workspace: Path, code: str) -> None:
    """Put the checkpoint of an interrupted attempt aside before its workspace is removed.

    Args:
        workspace: The workspace of the node.
        code: Hash of the code that comes next; a checkpoint of other code is deleted.
    """
    folder = _attempt_folder(workspace)
    if code and _read(folder / _RUNNING) == code:
        _take_checkpoint(workspace, folder / _CHECKPOINT)
        try:
            (folder / _RUNNING).rename(folder / _KEPT)  # what a smoke run leaves from now on does not count
        except OSError:
            remove_tree(folder, ignore_errors=True)
    elif not code or _read(folder / _KEPT) != code:
        remove_tree(folder, ignore_errors=True)


def give_checkpoint(kept: Path, workspace: Path) -> None:
    """Move the checkpoint that was put aside, if there is one, into a workspace."""
    with contextlib.suppress(OSError):  # the training then starts again
        if stat.S_ISDIR(os.lstat(kept).st_mode):
            target = workspace / CHECKPOINT_FOLDER
            target.parent.mkdir(exist_ok=True)
            kept.rename(target)


def _take_checkpoint(workspace: Path, target: Path | None) -> None:
    """Move the checkpoint folder out of a workspace in place of an older one, or delete it (None)."""
    above, _, name = CHECKPOINT_FOLDER.rpartition("/")
    with contextlib.suppress(OSError), open_folder_inside(workspace, above) as parent:
        if not stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
            return
        if target is None:
            remove_tree(workspace / CHECKPOINT_FOLDER)
            return
        remove_tree(target)
        os.rename(name, target, src_dir_fd=parent)


def _attempt_folder(workspace: Path) -> Path:
    return workspace.with_name(f"{workspace.name}{ATTEMPT_SUFFIX}")


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return None
