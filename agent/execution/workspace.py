"""Prepare a checked-out repository for a run, without trusting the files that an earlier run left."""

import os
from pathlib import Path
from typing import BinaryIO

from agent.core.contract import (
    HARNESS_FOLDER,
    INPUT_FOLDER,
    METADATA_FOLDER,
    SUBMISSION_FOLDER,
    WORKING_FOLDER,
)
from agent.core.errors import InfrastructureError
from agent.core.trees import open_owned_folder, remove_tree
from agent.execution.base import Job


def prepare_workspace(job: Job) -> None:
    """Create `working/`, `submission/`, the two data links and an empty scratch folder."""
    try:
        for name in (WORKING_FOLDER, SUBMISSION_FOLDER, HARNESS_FOLDER):
            _ensure_real_folder(job.workspace / name)
        for name, target in ((INPUT_FOLDER, job.input), (METADATA_FOLDER, job.metadata)):
            _link(job.workspace / name, target)
        if job.cache is not None:
            job.cache.mkdir(parents=True, exist_ok=True)
        clear_scratch(job.workspace)
        scratch_folder(job.workspace).mkdir(exist_ok=True)
    except OSError as error:
        raise InfrastructureError(f"{job.workspace}: the workspace cannot be prepared: {error}.") from error


def scratch_folder(workspace: Path) -> Path:
    """Return the folder of a candidate's temporary files, on the workspace's disk."""
    return workspace / HARNESS_FOLDER / "tmp"


def clear_scratch(workspace: Path) -> None:
    """Delete the temporary files of a workspace."""
    remove_tree(scratch_folder(workspace), ignore_errors=True)


def log_path(job: Job) -> Path:
    """Return the path of the job's log."""
    return job.workspace / HARNESS_FOLDER / job.log_name


def create_log(path: Path) -> BinaryIO:
    """Create a new log file in place of an older log; never follow a link left by a candidate."""
    try:
        _ensure_real_folder(path.parent)
        remove_tree(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise InfrastructureError(f"{path}: cannot be written: {error.strerror}.") from error
    return os.fdopen(descriptor, "r+b", buffering=0)


def _ensure_real_folder(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    path.mkdir(parents=True, exist_ok=True)
    os.close(open_owned_folder(path))  # an earlier execution may have removed access


def _link(link: Path, target: Path) -> None:
    remove_tree(link)
    link.symlink_to(target.resolve())
