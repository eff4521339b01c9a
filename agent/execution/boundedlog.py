"""A log file that never grows beyond its limit: the start of the output and its end are kept."""

import os
import shutil
import time
from pathlib import Path

from agent.errors import InfrastructureError
from agent.execution.workspace import create_log

_END_EVERY_S = 1.0
_RECENT_BYTES = 1 << 16


class BoundedLog:
    """Written while the candidate runs; above the limit the kept end is refreshed about once a second."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self._file = create_log(path)
        self._start_room = limit - limit // 2
        self._start_size = 0
        self._end_limit = limit // 2
        self._end = bytearray()
        self._left_out = 0
        self._next_refresh = 0.0
        self._recent = b""

    def write(self, data: bytes) -> None:
        """Takes the next piece of output; raises InfrastructureError if it cannot be kept."""
        self._recent = (self._recent + data)[-_RECENT_BYTES:]
        room = self._start_room - self._start_size
        self._write_at(self._start_size, data[:room])
        self._start_size += len(data[:room])
        if len(data) > room:
            self._keep_end(data[room:])

    def recent(self) -> str:
        """The last bytes of the output (64 KiB at most) as text, whatever they were."""
        return self._recent.decode(errors="replace")

    def close(self) -> None:
        """Writes the end and closes the file, which is put back if the candidate has moved it away."""
        try:
            self._write_end()
            if not self._in_place():
                self._put_back()
        finally:
            self._file.close()

    def _in_place(self) -> bool:
        try:
            return os.path.samestat(os.lstat(self.path), os.fstat(self._file.fileno()))
        except OSError:
            return False

    def _put_back(self) -> None:
        with create_log(self.path) as copy:
            self._file.seek(0)
            shutil.copyfileobj(self._file, copy)

    def _keep_end(self, data: bytes) -> None:
        self._end += data
        surplus = max(0, len(self._end) - self._end_limit)
        del self._end[:surplus]
        self._left_out += surplus
        now = time.monotonic()
        if now >= self._next_refresh:
            self._next_refresh = now + _END_EVERY_S
            self._write_end()

    def _write_end(self) -> None:
        note = f"\n[... {self._left_out} bytes left out ...]\n".encode() if self._left_out else b""
        self._write_at(self._start_size, note + self._end)
        self._file.truncate(self._start_size + len(note) + len(self._end))

    def _write_at(self, position: int, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self._file.fileno(), view, position)
                position += written
                view = view[written:]
        except OSError as error:
            raise InfrastructureError(f"{self.path}: cannot be written: {error.strerror}.") from error
