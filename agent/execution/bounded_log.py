"""A log file of bounded size that keeps the start and the end of the output."""

import os
import shutil
import time
from pathlib import Path

from agent.core.errors import InfrastructureError
from agent.execution.workspace import create_log

_REFRESH_EVERY_S = 1.0
_RECENT_BYTES = 1 << 16


class BoundedLog:
    """Log of a running candidate. Above the size limit, the kept end is rewritten about once a second."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self._file = create_log(path)
        self._head_limit = limit - limit // 2
        self._head_size = 0
        self._tail_limit = limit // 2
        self._tail = bytearray()
        self._omitted = 0
        self._next_refresh = 0.0
        self._recent = b""

    def write(self, data: bytes) -> None:
        """Append a piece of output.

        Raises:
            InfrastructureError: The log file cannot be written.
        """
        self._recent = (self._recent + data)[-_RECENT_BYTES:]
        room = self._head_limit - self._head_size
        self._write_at(self._head_size, data[:room])
        self._head_size += len(data[:room])
        if len(data) > room:
            self._keep_tail(data[room:])

    def recent(self) -> str:
        """Return the last 64 KiB of the output as text; undecodable bytes are replaced."""
        return self._recent.decode(errors="replace")

    def close(self) -> None:
        """Write the kept end and close the file. If the candidate moved the file, restore it first."""
        try:
            self._write_tail()
            if not self._is_in_place():
                self._restore()
        finally:
            self._file.close()

    def _is_in_place(self) -> bool:
        try:
            return os.path.samestat(os.lstat(self.path), os.fstat(self._file.fileno()))
        except OSError:
            return False

    def _restore(self) -> None:
        with create_log(self.path) as copy:
            self._file.seek(0)
            shutil.copyfileobj(self._file, copy)

    def _keep_tail(self, data: bytes) -> None:
        self._tail += data
        surplus = max(0, len(self._tail) - self._tail_limit)
        del self._tail[:surplus]
        self._omitted += surplus
        now = time.monotonic()
        if now >= self._next_refresh:
            self._next_refresh = now + _REFRESH_EVERY_S
            self._write_tail()

    def _write_tail(self) -> None:
        note = f"\n[... {self._omitted} bytes left out ...]\n".encode() if self._omitted else b""
        self._write_at(self._head_size, note + self._tail)
        self._file.truncate(self._head_size + len(note) + len(self._tail))

    def _write_at(self, position: int, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._file.fileno(), view, position)
                position += written
                view = view[written:]
        except OSError as error:
            raise InfrastructureError(f"{self.path}: cannot be written: {error.strerror}.") from error
