"""What a competition is: the typed form of `competition.yaml`."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent.errors import SetupError

Task = Literal["classification", "multilabel", "regression"]
Role = Literal["image", "text", "number", "category", "embedding", "group", "time"]

FILE_COLUMN = "file_path"


class InputColumn(BaseModel):
    """One input of a row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Column of the tables; for images, the name given to the picture.")
    role: Role
    path: str | None = Field(
        default=None,
        description="Images: where a row's file is below the folder, e.g. '{split}/{id}.png'; "
        "{split} is train or test, any other name is a column of the table.",
    )


class Sources(BaseModel):
    """Where the full data can be had; no part of the data's fingerprint."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kaggle: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$",
        description="Kaggle's name of the competition, the last part of its address.",
    )
    mle_bench_metric: str | None = Field(
        default=None,
        description="What MLE-bench's grader measures, where that is not `metric`: the metric of data that "
        "MLE-bench prepared.",
    )


class CompetitionSpec(BaseModel):
    """Data, metric and submission format of one competition."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Name on the command line.")
    title: str
    task: Task
    metric: str = Field(description="A name from `agent.competition.metrics`.")
    train: str = Field(default="train.csv", description="Labelled table, below the data folder.")
    test: str | None = Field(
        default="test.csv", description="Table to predict; null: the rows of the sample submission."
    )
    sample_submission: str = "sample_submission.csv"
    id_column: str = "id"
    targets: tuple[str, ...] = Field(min_length=1, description="Label column(s) of the training table.")
    label_table: str | None = Field(
        default=None, description="Table whose first column lists every permitted label, in class order."
    )
    inputs: tuple[InputColumn, ...] = Field(min_length=1)
    fold_column: str | None = Field(
        default=None,
        description="Column of a user's own folds: the last validates, k-fold training follows the others.",
    )
    mix_audit: bool = Field(
        default=True, description="Whether audit rows may be mixed into the rows to predict."
    )
    data_script: str | None = Field(
        default=None, description="Script that makes the full data: script.py OUT --seed S."
    )
    sample_script: str | None = Field(
        default=None, description="Script that makes a sample of the same schema: script.py OUT --seed S."
    )
    sources: Sources = Sources()
    llm_may_see_rows: bool = False

    @field_validator("targets", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @property
    def image_input(self) -> InputColumn | None:
        """The picture of a row, if rows have one."""
        return next((column for column in self.inputs if column.role == "image"), None)

    def columns_with(self, *roles: Role) -> list[str]:
        """Names of the inputs that have one of the roles."""
        return [column.name for column in self.inputs if column.role in roles]


def load_spec(file: Path) -> CompetitionSpec:
    """Reads `competition.yaml`; raises SetupError with the file and the faulty key."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        return CompetitionSpec.model_validate(content)
    except OSError as error:
        raise SetupError(f"{file}: cannot be read ({error.strerror}).") from error
    except yaml.YAMLError as error:
        raise SetupError(f"{file}: is no valid YAML: {' '.join(str(error).split())}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        raise SetupError(f"{file}: '{where}': {first['msg']}.") from error
