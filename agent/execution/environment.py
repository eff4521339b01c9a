"""Environment variables of a candidate: an allow-list, so that the user's keys never reach the candidate."""

import os
import sys
from pathlib import Path

from agent.execution.base import Job
from agent.execution.hardware import hub_cache

# The user's set-up may name libraries and devices here; these variables hold no secrets.
_PASSED_ON = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")


def interpreter_environment(threads: int, scratch: Path) -> dict[str, str]:
    """Return the variables that an interpreter needs at start-up: hashing, thread pools, temporary files.

    Args:
        threads: Size of every numerical thread pool.
        scratch: Folder for HOME and TMPDIR.
    """
    variables = {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        # Threads that spin while waiting slow each other down on a shared core.
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
        "NO_ALBUMENTATIONS_UPDATE": "1",
    }
    pools = ("OMP", "MKL", "OPENBLAS", "NUMEXPR")
    variables |= {f"{pool}_NUM_THREADS": str(threads) for pool in pools}
    if hub_cache().is_dir():
        variables["HF_HUB_CACHE"] = str(hub_cache())
    return variables | {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def candidate_environment(job: Job, scratch: Path) -> dict[str, str]:
    """Return the complete environment of one job."""
    variables = interpreter_environment(job.threads, scratch)
    variables["MARS_SEED"] = str(job.seed)
    variables["MARS_TIME_LIMIT_S"] = f"{job.time_hint_s:g}"
    if job.folds is not None:
        variables["MARS_FOLDS"] = str(job.folds)
    if job.gpu is not None:
        variables["CUDA_VISIBLE_DEVICES"] = job.gpu
    if job.cache is not None:
        variables["MARS_CACHE_DIR"] = str(job.cache)
    return variables
