"""Leases of GPUs: candidates of all runs on this machine never share one unless they are asked to."""

import contextlib
import fcntl
import getpass
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from agent.errors import InfrastructureError
from agent.execution.base import Watch

_ASK_EVERY_S = 0.2


def visible_gpus() -> tuple[str, ...]:
    """What CUDA_VISIBLE_DEVICES may name here, in order; asked without importing torch."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    found = sorted((name for name in found if name.isdigit()), key=int)
    if named is None or not found:
        return tuple(found)
    return tuple(name.strip() for name in named.split(",") if name.strip() not in ("", "-1"))


class GpuLeases:
    """Hands out one GPU per candidate. A lease is a lock on a file, so that it ends with its process.

    With `shared` every candidate may see every GPU and nobody waits.
    """

    def __init__(self, gpus: Sequence[str], *, shared: bool = False, folder: Path | None = None) -> None:
        self._gpus = () if shared else tuple(gpus)
        self._folder = folder or Path(tempfile.gettempdir()) / f"mars-gpus-{getpass.getuser()}"

    @contextlib.contextmanager
    def lease(self, watch: Watch | None = None) -> Iterator[str | None]:
        """The name of a GPU that is this candidate's alone, as soon as one is free.

        None where there is nothing to lease, and when the watch stopped the candidate while it waited.
        """
        held = self._wait(watch)
        if held is None:
            yield None
            return
        descriptor, gpu = held
        try:
            yield gpu
        finally:
            os.close(descriptor)

    def _wait(self, watch: Watch | None) -> tuple[int, str] | None:
        while self._gpus and (watch is None or watch(0.0) is None):
            for gpu in self._gpus:
                if (descriptor := self._try(gpu)) is not None:
                    return descriptor, gpu
            time.sleep(_ASK_EVERY_S)
        return None

    def _try(self, gpu: str) -> int | None:
        """A locked descriptor, or None while another candidate has the GPU."""
        file = self._folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', gpu)}.lock"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise InfrastructureError(f"{file}: a GPU cannot be leased ({error.strerror}).") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor
