"""Read `working/progress.jsonl`, an untrusted file, while the candidate appends to it."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_READ_BYTES = 1 << 20
_LINE_BYTES = 1 << 16


class ProgressRecord(BaseModel):
    """One progress line of a candidate. Unknown keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    stage: str = Field(max_length=100, description="For example `train` or `inference`.")
    member: str | int | None = Field(default=None, description="Model of an ensemble.")
    fold: int | None = None
    epoch: int | None = None
    fraction: float | None = Field(default=None, description="Completed share of the whole run, 0 to 1.")
    train_loss: float | None = None
    metric: float | None = Field(
        default=None, description="On the validation rows, as the candidate reports."
    )
    elapsed_s: float = Field(ge=0)


class ProgressReader:
    """Returns each complete record once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0
        self._rest = b""
        self._skipping = False

    def poll(self) -> list[ProgressRecord]:
        """Return the records appended since the last call. Invalid lines are skipped.

        One call reads at most 1 MiB; the next call continues from there.
        """
        lines = (self._rest + self._read()).split(b"\n")
        self._rest = lines.pop()
        if self._skipping and lines:
            lines.pop(0)  # the rest of an overlong line
            self._skipping = False
        if len(self._rest) > _LINE_BYTES:
            self._rest, self._skipping = b"", True
        records = [_parse(line) for line in lines if len(line) <= _LINE_BYTES]
        return [record for record in records if record is not None]

    def _read(self) -> bytes:
        try:
            # The candidate may have put a pipe or a link here: the read must not block or follow a link.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:
            return b""
        try:
            if os.fstat(descriptor).st_size < self._position:  # the candidate has rewritten the file
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
