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

from agent.core.errors import InfrastructureError
from agent.execution.base import StopCheck

_POLL_S = 0.2


def visible_gpus() -> tuple[str, ...]:
    """Return the GPU names valid in CUDA_VISIBLE_DEVICES, in order, without importing torch."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    found = sorted((name for name in found if name.isdigit()), key=int)
    if named is None or not found:
        return tuple(found)
    return tuple(name.strip() for name in named.split(",") if name.strip() not in ("", "-1"))


class GpuLeases:
    """Leases one GPU per candidate. A lease is a file lock, so that it ends with the process.

    Args:
        gpus: Names of the GPUs to lease.
        shared: Let every candidate see every GPU, without leases.
        folder: Folder of the lock files; None: a folder of the user below the temporary folder.
    """

    def __init__(self, gpus: Sequence[str], *, shared: bool = False, folder: Path | None = None) -> None:
        self._gpus = () if shared else tuple(gpus)
        self._folder = folder or Path(tempfile.gettempdir()) / f"mars-gpus-{getpass.getuser()}"

    @contextlib.contextmanager
    def lease(self, stop_check: StopCheck | None = None) -> Iterator[str | None]:
        """Wait for a free GPU and yield its name.

        Yields None if no GPU is leased out here, or if the watch stops the candidate during the wait.
        """
        leased = self._wait_for_gpu(stop_check)
        if leased is None:
            yield None
            return
        descriptor, gpu = leased
        try:
            yield gpu
        finally:
            os.close(descriptor)

    def _wait_for_gpu(self, stop_check: StopCheck | None) -> tuple[int, str] | None:
        while self._gpus and (stop_check is None or stop_check(0.0) is None):
            for gpu in self._gpus:
                if (descriptor := self._try_lock(gpu)) is not None:
                    return descriptor, gpu
            time.sleep(_POLL_S)
        return None

    def _try_lock(self, gpu: str) -> int | None:
        """Return a locked file descriptor, or None while another candidate leases the GPU."""
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
