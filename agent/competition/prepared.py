"""The prepared data of a competition: public metadata for candidates, private answers for the harness."""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.competition.final_columns import FinalForm
from agent.competition.pictures.rendering import Rendering
from agent.competition.spec import CompetitionSpec
from agent.competition.target_views import target_views
from agent.core.errors import SetupError

DataKind = Literal["full", "sample"]
FORMAT = 1
GROUPS_FILE = "groups.csv"  # below `private`
ORIGINAL_LABELS_FILE = "original_labels.csv"  # below `private`


class RowCounts(BaseModel):
    """The number of rows of each part."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: int
    val: int
    audit: int = Field(description="Labelled rows hidden among the rows to predict; 0 without an audit part.")
    test: int


class Prepared(BaseModel):
    """The data of a competition, split once per data fingerprint and stored in `root`.

    Files below `root`:

    * `prepared.json`: this record. `eda.json`: aggregates over the training rows.
    * `public/input`: media under opaque names.
    * `public/metadata`: `train.csv`, `val.csv`, `test.csv` (test rows and audit rows mixed), `classes.csv`
      (for several targets with types with the columns `target` and `label`)
      and `sample_submission.csv`, all with opaque ids. With `train_folds`, the fold column of `train.csv` and
      `val.csv` holds 0, 1, ...; the validation rows form the last fold.
      With `folds`, `folds.csv` has two columns, the id and the fold: 0 for the rows of `val.csv`, 1 and more
      for those of `train.csv`.
      With `pseudo_novel`, some classes have no row in `train.csv`; in `val.csv` they have the novel label.
    * `private`: `val.csv` and `audit.csv` (opaque id and targets), and `ids.csv` with the columns `opaque`,
      `original` and `part` (train, val, audit or test). Test rows are in the order of the original sample
      submission, whose cells are in `sample.csv`, columns by place. With `folds`, `folds.csv` holds id and
      targets of the executed folds, fold by fold; it begins with the rows of `val.csv`. With a group input,
      `groups.csv` holds id and group number of the labelled rows (missing in data of earlier versions).
      With `pseudo_novel`, `original_labels.csv` holds id and targets of validation and audit rows as the user
      gave them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    spec: CompetitionSpec
    kind: DataKind
    fingerprint: str = Field(
        description="Hex SHA-256 of the tables, the names and sizes of the media, and the specification."
    )
    classes: tuple[str, ...] | None = Field(
        description="Labels in class order; None for regression and for several targets with types."
    )
    classes_of_targets: tuple[tuple[str, ...] | None, ...] = Field(
        default=(), description="The same for each of several targets with types."
    )
    submission_columns: tuple[str, ...] = Field(description="Header of the submissions of candidates.")
    final: FinalForm | None = Field(
        default=None, description="Form of the file to submit; None: that of candidates (earlier versions)."
    )
    rows: RowCounts
    train_folds: int = Field(
        default=0, description="Number of the user's folds in the training rows; 0 without a fold column."
    )
    folds: int = Field(
        default=0, description="Number of folds of the rows of train.csv and val.csv; 0: one part held out."
    )
    fold_rows: tuple[int, ...] = Field(
        default=(), description="Number of rows of each executed fold, fold 0 (the validation rows) first."
    )
    folds_forward: bool = Field(
        default=False, description="Whether only rows of higher folds, which are earlier, train for a fold."
    )
    pseudo_novel: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="By target, known classes that count as novel in validation and audit rows; a refit gets "
        "their labels.",
    )
    rendering: Rendering | None = Field(
        default=None, description="The 8-bit form of pictures with more bits or with transparency."
    )
    warnings: tuple[str, ...] = Field(default=(), description="Warnings for the user, one sentence each.")
    root: Path = Field(exclude=True)

    @property
    def folds_executed(self) -> int:
        """Return the number of folds that are held out in turn; 1 without folds."""
        return max(len(self.fold_rows), 1)

    def rows_of_folds(self, folds: int) -> int:
        """Return the number of rows of the first folds; without folds, of the validation rows."""
        return sum(self.fold_rows[:folds]) if self.fold_rows else self.rows.val

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Return the user's names of the classes, in class order."""
        names = self.final.label_names if self.final is not None else {}
        return None if self.classes is None else tuple(names.get(label, label) for label in self.classes)

    @property
    def views(self) -> tuple[tuple[CompetitionSpec, tuple[str, ...] | None], ...]:
        """Return each target as a competition of its own, with its classes."""
        classes = self.classes_of_targets if self.spec.task == "several" else (self.classes,)
        return tuple(zip(target_views(self.spec), classes, strict=True))

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
        """Return aggregates over the training rows (see `agent.competition.preparation.eda`)."""
        content: dict[str, object] = json.loads((self.root / "eda.json").read_text(encoding="utf-8"))
        return content


def load_prepared(root: Path) -> Prepared:
    """Read `prepared.json`; raise SetupError if the file is missing, damaged or of another format."""
    file = root / "prepared.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Prepared.model_validate({**content, "root": root})
    except (OSError, ValueError, ValidationError) as error:
        raise SetupError(
            f"{file}: the file does not hold prepared data of format {FORMAT}; delete {root} and run again."
        ) from error
