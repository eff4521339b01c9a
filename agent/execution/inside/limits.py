"""Resource limits of a candidate; its child processes inherit them."""

import resource

from .task import Task


def apply_limits(task: Task) -> None:
    """Set the task's limits on this process; a lower existing limit stays.

    The memory limit is RLIMIT_DATA: RLIMIT_AS would also count the virtual memory that torch only reserves.
    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, task.file_bytes)
    if task.memory_bytes is not None:
        _lower(resource.RLIMIT_DATA, task.memory_bytes)
    if task.processes is not None:
        _lower(resource.RLIMIT_NPROC, task.processes)


def _lower(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))
