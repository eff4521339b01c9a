"""Reads `working/progress.jsonl` while a candidate appends to it; trusts nothing about what is in it."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_READ_BYTES = 1 << 20
_LINE_BYTES = 1 << 16


class ProgressRecord(BaseModel):
    """One line: how far a candidate is. Unknown keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    stage: str = Field(max_length=100, description="Such as `train` or `inference`.")
    member: str | int | None = Field(default=None, description="Which model of an ensemble.")
    fold: int | None = None
    epoch: int | None = None
    fraction: float | None = Field(default=None, description="Share of the whole run that is done, 0 to 1.")
    train_loss: float | None = None
    metric: float | None = Field(default=None, description="On the validation rows, by the candidate's word.")
    elapsed_s: float = Field(ge=0)


class ProgressReader:
    """Gives each complete record once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._rest = b""
        self._skipping = False

    def poll(self) -> list[ProgressRecord]:
        """The records appended since the last call; lines that are none are passed over.

        Reads 1 MiB at most per call; the rest comes with the next.
        """
        lines = (self._rest + self._read()).split(b"\n")
        self._rest = lines.pop()
        if self._skipping and lines:
            lines.pop(0)  # the end of a line that was given up
            self._skipping = False
        if len(self._rest) > _LINE_BYTES:
            self._rest, self._skipping = b"", True
        records = [_parse(line) for line in lines if len(line) <= _LINE_BYTES]
        return [record for record in records if record is not None]

    def _read(self) -> bytes:
        try:
            # Neither a pipe nor a link that the candidate put there may block or lead elsewhere.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:
            return b""
        try:
            if os.fstat(descriptor).st_size < self._position:  # written anew
                self._position, self._rest, self._skipping = 0, b"", False
            data = os.pread(descriptor, _READ_BYTES, self._position)
        except OSError:
            return b""
        finally:
            os.close(descriptor)
        self._position += len(data)
        return data


def _parse(line: bytes) -> ProgressRecord | None:
    try:
        return ProgressRecord.model_validate_json(line)
    except ValidationError:
        return None
