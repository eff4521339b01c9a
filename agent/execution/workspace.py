"""Makes a checked-out repository ready to run, without trusting what an earlier run left in it."""

import os
import shutil
import stat
from pathlib import Path
from typing import BinaryIO

from agent.errors import InfrastructureError
from agent.execution.allowlist import is_below
from agent.execution.base import Job

_OWN = ".mars"


def prepare_workspace(job: Job) -> None:
    """Gives the workspace `working/`, `submission/`, its two links and an empty scratch folder."""
    try:
        for name in ("working", "submission", _OWN):
            _real_folder(job.workspace / name)
        for name, target in (("input", job.input), ("metadata", job.metadata)):
            _link(job.workspace / name, target)
        if job.cache is not None:
            job.cache.mkdir(parents=True, exist_ok=True)
        clear_scratch(job.workspace)
        scratch_folder(job.workspace).mkdir(exist_ok=True)
    except OSError as error:
        raise InfrastructureError(f"{job.workspace}: cannot be made ready: {error}.") from error


def scratch_folder(workspace: Path) -> Path:
    """Where a candidate's temporary files go, on the workspace's disk."""
    return workspace / _OWN / "tmp"


def clear_scratch(workspace: Path) -> None:
    """Removes the temporary files of a workspace that is disarmed or not yet used."""
    scratch = scratch_folder(workspace)
    if scratch.is_symlink():
        scratch.unlink()
    shutil.rmtree(scratch, ignore_errors=True)


def disarm(job: Job) -> None:
    """Removes what a candidate may have left to lead the harness elsewhere or to block it.

    A submission that is a link to the private answers would score well, and one that is a pipe would never
    end. Links out of the workspace go, and everything that is neither file nor folder.
    """
    allowed = [job.workspace, job.input, job.metadata]
    for folder, folders, files in os.walk(job.workspace):
        for path in (Path(folder, name) for name in (*folders, *files)):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                path.chmod(mode | stat.S_IRWXU)  # the owner may look into it again
                continue
            if stat.S_ISLNK(mode):
                unwanted = not is_below(Path(os.path.realpath(path)), allowed)
            else:
                unwanted = not stat.S_ISREG(mode)
            if unwanted:
                path.unlink()


def log_path(job: Job) -> Path:
    """The job's log."""
    return job.workspace / _OWN / job.log_name


def create_log(path: Path) -> BinaryIO:
    """A new file in place of an older log; never follows a link that a candidate may have put there."""
    try:
        _real_folder(path.parent)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise InfrastructureError(f"{path}: cannot be written: {error.strerror}.") from error
    return os.fdopen(descriptor, "r+b", buffering=0)


def _real_folder(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    path.mkdir(parents=True, exist_ok=True)


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() or link.is_file():
        link.unlink()
    elif link.is_dir():
        shutil.rmtree(link)
    link.symlink_to(target.resolve())
