"""One process per run: a lock that the system releases when the process dies, and a sign of life."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import SetupError

_BEAT_S = 1.0


class Heartbeat:
    """Touches the lock file about once a second, so that a lost attempt's time can be told afterwards."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last = 0.0
        self.last_alive = file.stat().st_mtime

    def beat(self) -> None:
        now = time.monotonic()
        if now - self._last >= _BEAT_S:
            self._last = now
            os.utime(self._file)


@contextmanager
def run_lock(folder: Path) -> Iterator[Heartbeat]:
    """Holds the run; SetupError when another process does, or when the folder cannot be written."""
    file = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = file.open("a")
    except OSError as error:
        raise SetupError(
            f"{folder}: cannot be written ({error.strerror}); point MARS_HOME to a folder that you may write."
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SetupError(
                f"Run {folder.name} is at work in another process; wait for it to end."
            ) from error
        yield Heartbeat(file)
