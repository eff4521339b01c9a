"""What preparation leaves behind: metadata for candidates, answers for the harness."""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.competition.spec import CompetitionSpec
from agent.errors import SetupError

DataKind = Literal["full", "sample"]
FORMAT = 1


class RowCounts(BaseModel):
    """How many rows each part holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: int
    val: int
    audit: int = Field(description="Labelled rows hidden among the rows to predict; 0: no audit.")
    test: int


class Prepared(BaseModel):
    """A competition's data, split once per data fingerprint. Stored as `<root>/prepared.json`.

    `public/input` holds media under opaque names; `public/metadata` holds `train.csv`, `val.csv`, `test.csv`
    (test and audit rows mixed), `classes.csv` and `sample_submission.csv`, all with opaque ids; with
    `train_folds` the fold column of `train.csv` and `val.csv` holds 0, 1, ..., validation the last. `private`
    holds `val.csv` and `audit.csv` (opaque id + targets) and `ids.csv` (columns `opaque,original,part` with
    part one of train, val, audit, test; in the order of the original sample submission for test rows).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    spec: CompetitionSpec
    kind: DataKind
    fingerprint: str = Field(
        description="Hex SHA-256 over the tables, the media's names and sizes, the spec."
    )
    classes: tuple[str, ...] | None = Field(description="Labels in class order; None for regression.")
    submission_columns: tuple[str, ...] = Field(description="Header of the sample submission.")
    rows: RowCounts
    train_folds: int = Field(
        default=0, description="How many of the user's own folds the training rows hold; 0: none are given."
    )
    warnings: tuple[str, ...] = Field(default=(), description="What a user should know, a sentence each.")
    root: Path = Field(exclude=True)

    @property
    def input(self) -> Path:
        return self.root / "public" / "input"

    @property
    def metadata(self) -> Path:
        return self.root / "public" / "metadata"

    @property
    def private(self) -> Path:
        return self.root / "private"

    @property
    def eda(self) -> dict[str, object]:
        """Aggregates over the training rows only (see `agent.competition.eda`)."""
        content: dict[str, object] = json.loads((self.root / "eda.json").read_text(encoding="utf-8"))
        return content


def load_prepared(root: Path) -> Prepared:
    """Reads `prepared.json`; raises SetupError if it is missing, damaged or of another format."""
    file = root / "prepared.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Prepared.model_validate({**content, "root": root})
    except (OSError, ValueError, ValidationError) as error:
        raise SetupError(
            f"{file}: is no prepared data of format {FORMAT}; delete {root} and run again."
        ) from error
