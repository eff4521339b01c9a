"""Prepare a checked-out repository for a run, without trusting the files that an earlier run left."""

import os
import shutil
import stat
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
from agent.execution.allowlist import is_below
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
    """Delete the temporary files of a workspace, either unused or already cleaned of unsafe files."""
    scratch = scratch_folder(workspace)
    if scratch.is_symlink():
        scratch.unlink()
    shutil.rmtree(scratch, ignore_errors=True)


def remove_unsafe_files(job: Job) -> None:
    """Delete files with which a candidate could mislead or block the harness.

    A submission that links to the private answers would score well, and reading a pipe would never end. All
    links that lead out of the workspace are deleted, and everything that is neither a file nor a folder.
    """
    allowed = [job.workspace, job.input, job.metadata]
    for folder, folders, files in os.walk(job.workspace):
        for path in (Path(folder, name) for name in (*folders, *files)):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                path.chmod(mode | stat.S_IRWXU)  # the candidate may have removed access
                continue
            if stat.S_ISLNK(mode):
                unwanted = not is_below(Path(os.path.realpath(path)), allowed)
            else:
                unwanted = not stat.S_ISREG(mode)
            if unwanted:
                path.unlink()


def log_path(job: Job) -> Path:
    """Return the path of the job's log."""
    return job.workspace / HARNESS_FOLDER / job.log_name


def create_log(path: Path) -> BinaryIO:
    """Create a new log file in place of an older log; never follow a link left by a candidate."""
    try:
        _ensure_real_folder(path.parent)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise InfrastructureError(f"{path}: cannot be written: {error.strerror}.") from error
    return os.fdopen(descriptor, "r+b", buffering=0)


def _ensure_real_folder(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    path.mkdir(parents=True, exist_ok=True)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() or link.is_file():
        link.unlink()
    elif link.is_dir():
        shutil.rmtree(link)
    link.symlink_to(target.resolve())
