"""Lock of a run (one process per run, released when the process dies) and its heartbeat."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agent.core.errors import SetupError

_BEAT_S = 1.0
# A process that only asks whether a run is active holds the lock for a moment.
_LOCK_WAIT_S = 0.5
_LOCK, _HOLDER = "lock", "holder"


class Heartbeat:
    """Touches the lock file about once a second, which shows when a killed process was last alive."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last = 0.0
        self.last_alive = file.stat().st_mtime

    def beat(self) -> None:
        now = time.monotonic()
        if now - self._last >= _BEAT_S:
            self._last = now
            os.utime(self._file)


@dataclass(frozen=True)
class RunProcess:
    """The process that holds a run. Its start time distinguishes it from a later process with the same id."""

    pid: int
    started: str  # clock ticks since boot (Linux); empty on other systems

    @classmethod
    def of(cls, pid: int) -> "RunProcess":
        try:
            status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return cls(pid, "")
        return cls(pid, status.rpartition(")")[2].split()[19])


def new_run_folder(parent: Path, stem: str) -> Path:
    """Create `stem-NNN` below `parent`, with the first unused number."""
    number = 0
    with _writable(parent):
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            folder = parent / f"{stem}-{number:03d}"
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
            else:
                return folder


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SetupError(
            f"{folder}: cannot be written ({error.strerror}); set MARS_HOME to a writable folder."
        ) from error


@contextmanager
def run_lock(folder: Path) -> Iterator[Heartbeat]:
    """Lock the run until the block ends.

    Raises:
        SetupError: another process holds the lock, or the folder cannot be written.
    """
    file = folder / _LOCK
    with _writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = file.open("a")
    with handle:
        deadline = time.monotonic() + _LOCK_WAIT_S
        while not _try_lock(handle, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise SetupError(
                    f"Run {folder.name} is active in another process; wait for its end, "
                    f"or stop it with `mars stop {folder.name}`."
                )
            time.sleep(_LOCK_WAIT_S / 10)
        heartbeat = Heartbeat(file)
        me = RunProcess.of(os.getpid())
        # In a separate file, since the lock file's modification time is the heartbeat.
        (folder / _HOLDER).write_text(f"{me.pid} {me.started}", encoding="utf-8")
        yield heartbeat


def is_locked(folder: Path) -> bool:
    """Whether a process is working on the run in this folder."""
    try:
        handle = (folder / _LOCK).open()
    except FileNotFoundError:
        return False
    with handle:
        return not _try_lock(handle, fcntl.LOCK_SH)


@contextmanager
def try_run_lock(folder: Path) -> Iterator[bool]:
    """Lock the run for a short block; yields False if another process holds it or there is no run."""
    try:
        handle = (folder / _LOCK).open()
    except OSError:
        yield False
        return
    with handle:
        yield _try_lock(handle, fcntl.LOCK_EX)


def holder(folder: Path) -> RunProcess | None:
    """Return the process that locked the run last; `is_locked` tells whether it still holds the lock."""
    try:
        pid, _, started = (folder / _HOLDER).read_text(encoding="utf-8").partition(" ")
        return RunProcess(int(pid), started)
    except (OSError, ValueError):
        return None


def _try_lock(handle: IO[str], how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
