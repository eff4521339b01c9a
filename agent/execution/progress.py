"""Read `working/progress.jsonl`, an untrusted file, while the candidate appends to it."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.core.untrusted_files import open_inside

_READ_BYTES = 1 << 20
_LINE_BYTES = 1 << 16
_MOST = 10**9  # absurd numbers are no progress


class ProgressRecord(BaseModel):
    """One progress line of a candidate. Unknown keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    stage: str = Field(max_length=100, description="For example `train` or `inference`.")
    member: Annotated[str, Field(max_length=100)] | Annotated[int, Field(ge=-_MOST, le=_MOST)] | None = Field(
        default=None, description="Model of an ensemble."
    )
    fold: int | None = Field(default=None, ge=-_MOST, le=_MOST)
    epoch: int | None = Field(default=None, ge=-_MOST, le=_MOST)
    fraction: float | None = Field(default=None, description="Completed share of the whole run, 0 to 1.")
    train_loss: float | None = None
    metric: float | None = Field(
        default=None, description="On the validation rows, as the candidate reports."
    )
    elapsed_s: float = Field(ge=0, le=_MOST)


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
            folder = self._path.parent
            with open_inside(folder.parent, f"{folder.name}/{self._path.name}") as stream:
                descriptor = stream.fileno()
                if os.fstat(descriptor).st_size < self._position:  # the candidate has rewritten the file
                    self._position, self._rest, self._skipping = 0, b"", False
                data = os.pread(descriptor, _READ_BYTES, self._position)
        except OSError:
            return b""
        self._position += len(data)
        return data


def _parse(line: bytes) -> ProgressRecord | None:
    try:
        return ProgressRecord.model_validate_json(line)
    except ValidationError:
        return None
