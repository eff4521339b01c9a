"""GPU leases: candidates of all runs on this machine use separate GPUs unless sharing is requested."""

import contextlib
import fcntl
import getpass
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.core.errors import InfrastructureError, SetupError
from agent.core.format import counted
from agent.execution.base import StopCheck

_POLL_S = 0.2
_GATE = "gate"  # lock file of the candidate that chooses its GPUs; no GPU has this name


def visible_gpus() -> tuple[str, ...]:
    """Return the GPU names valid in CUDA_VISIBLE_DEVICES, in order, without importing torch."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    found = sorted((name for name in found if name.isdigit()), key=int)
    if named is None or not found:
        return tuple(found)
    return tuple(name.strip() for name in named.split(",") if name.strip() not in ("", "-1"))


def too_few_gpus(per_node: int, present: int) -> str:
    """Return the sentence that refuses nodes with more GPUs than the machine has."""
    if not present:
        return f"--gpus-per-node {per_node}: this machine has no GPU; omit the option."
    return f"--gpus-per-node {per_node}: this machine has {counted(present, 'GPU')}; use at most {present}."


class GpuLeases:
    """Leases GPUs to candidates. A lease is a file lock, so that it ends with the process.

    A candidate gets all of its GPUs at once or waits without any, so that two candidates never wait for
    each other.

    Args:
        gpus: Names of the GPUs to lease.
        per_candidate: Number of GPUs that each candidate gets.
        shared: Let every candidate see every GPU, without leases.
        folder: Folder of the lock files; None: a folder of the user below the temporary folder.
    """

    def __init__(
        self,
        gpus: Sequence[str],
        *,
        per_candidate: int = 1,
        shared: bool = False,
        folder: Path | None = None,
    ) -> None:
        self._gpus = () if shared else tuple(gpus)
        self._count = per_candidate
        if 0 < len(self._gpus) < per_candidate:
            raise SetupError(too_few_gpus(per_candidate, len(self._gpus)))
        self._folder = folder or Path(tempfile.gettempdir()) / f"mars-gpus-{getpass.getuser()}"

    @contextlib.contextmanager
    def lease(self, stop_check: StopCheck | None = None) -> Iterator[str | None]:
        """Wait for free GPUs and yield their names as CUDA_VISIBLE_DEVICES takes them, such as `0,1`.

        Yields None if no GPU is leased out here, or if the watch stops the candidate during the wait.
        """
        with contextlib.ExitStack() as locks:
            yield self._wait_for_gpus(locks, stop_check)

    def _wait_for_gpus(self, locks: contextlib.ExitStack, stop_check: StopCheck | None) -> str | None:
        while self._gpus and (stop_check is None or stop_check(0.0) is None):
            leased = self._try_lease()
            if leased is not None:
                for descriptor in leased.values():
                    locks.callback(os.close, descriptor)
                return ",".join(leased)
            time.sleep(_POLL_S)
        return None

    def _try_lease(self) -> dict[str, int] | None:
        """Return a locked file descriptor for each leased GPU, or None if too few are free.

        One candidate chooses at a time; otherwise two could each lock a part of what both need.
        """
        gate = self._try_lock(_GATE)
        if gate is None:
            return None
        locked: dict[str, int] = {}
        try:
            for gpu in self._gpus:
                if len(locked) < self._count and (descriptor := self._try_lock(gpu)) is not None:
                    locked[gpu] = descriptor
        finally:
            os.close(gate)
        if len(locked) == self._count:
            return locked
        for descriptor in locked.values():
            os.close(descriptor)
        return None

    def _try_lock(self, gpu: str) -> int | None:
        """Return a locked file descriptor, or None while another candidate holds the lock."""
        file = self._folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', gpu)}.lock"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise InfrastructureError(
                f"{file}: the lock file of a GPU cannot be opened ({error.strerror})."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor
