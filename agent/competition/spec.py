"""What a competition is: the typed form of `competition.yaml`."""

import ast
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agent.errors import SetupError
from agent.userfiles import read_yaml

Task = Literal["classification", "multilabel", "regression", "segmentation"]
Role = Literal["image", "text", "number", "category", "embedding", "signal", "group", "time"]
PredictionKind = Literal["label", "label_set", "probability", "value", "ranking", "mask"]

FILE_COLUMN = "file_path"
# What whoever writes code that reads the tables has to know of their cells.
CELLS: dict[Role, str] = {
    "image": f"no cell of that name; the column {FILE_COLUMN} has the picture's path below input/",
    "text": "words; blank where there are none",
    "number": "a number; blank where it is missing",
    "category": "one of several levels; blank where it is missing",
    "embedding": "what its own family makes of it",
    "signal": "numbers in order, parted by blanks, as many as the row has; blank where it is missing",
    "group": "what the rows of one group share; the rows to predict may lack the column",
    "time": "a date, or a number that sorts",
}
OWN_METRIC = "metric.py"

_OWN_METRIC_BYTES = 100_000
_SERVED: dict[Task, tuple[PredictionKind, ...]] = {
    "classification": ("label", "probability"),
    "multilabel": ("label_set", "probability"),
    "regression": ("value",),
    "segmentation": (),
}


class InputColumn(BaseModel):
    """One input of a row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Column of the tables; for images, the name given to the picture.")
    role: Role = Field(
        description="What the cells hold; signal: numbers in the order of time, parted by blanks, "
        "as many as a row happens to have."
    )
    path: str | None = Field(
        default=None,
        description="Images: where a row's file is below the folder, e.g. '{split}/{id}.png'; "
        "{split} is train or test, any other name is a column of the table.",
    )

    @property
    def cell(self) -> str:
        """What the cells of such a column hold."""
        return CELLS[self.role]


class MetricParameters(BaseModel):
    """What a metric with parameters must be told; the others take none."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    beta: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="F-beta: how many times as much recall counts as precision.",
    )
    k: int | None = Field(
        default=None, ge=1, le=1000, description="MAP@k, NDCG@k: how many labels a row may name."
    )
    quantile: float | None = Field(
        default=None, gt=0, lt=1, description="Pinball loss: the quantile that is to be predicted."
    )

    @property
    def given(self) -> dict[str, float]:
        """Those that are set, by name."""
        return self.model_dump(exclude_none=True)


class OwnMetric(BaseModel):
    """What must be known of a competition's own `metric.py` without running it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    definition: str = Field(description="One sentence for users and planners.", min_length=1)
    prediction: PredictionKind = Field(description="What a submission holds.")
    higher_is_better: bool
    best: float | None = Field(
        default=None, description="The score of perfect predictions; null: 1 where higher is better, else 0."
    )
    code: str = Field(default="", description="The text of metric.py; read from the file, never given.")


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
    metric: str = Field(
        description="A name from `agent.competition.metrics`, or metric.py: the competition's own."
    )
    metric_parameters: MetricParameters = MetricParameters()
    own_metric: OwnMetric | None = Field(default=None, description="For metric: metric.py, and only then.")
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

    @model_validator(mode="after")
    def _own_metric_is_described(self) -> "CompetitionSpec":
        if (self.metric == OWN_METRIC) != (self.own_metric is not None):
            raise ValueError(f"own_metric describes `metric: {OWN_METRIC}`; give both or neither")
        if self.own_metric is not None and self.own_metric.prediction not in _SERVED[self.task]:
            served = " or ".join(_SERVED[self.task]) or "another: it has none"
            raise ValueError(f"own_metric.prediction of the task {self.task} must be {served}")
        return self

    @property
    def image_input(self) -> InputColumn | None:
        """The picture of a row, if rows have one."""
        return next((column for column in self.inputs if column.role == "image"), None)

    def columns_with(self, *roles: Role) -> list[str]:
        """Names of the inputs that have one of the roles."""
        return [column.name for column in self.inputs if column.role in roles]


def load_spec(file: Path) -> CompetitionSpec:
    """Reads `competition.yaml`; raises SetupError with the file and the faulty key."""
    spec = read_yaml(file, CompetitionSpec)
    if spec.own_metric is None:
        return spec
    if spec.own_metric.code:
        raise SetupError(f"{file}: 'own_metric.code': belongs into the file {OWN_METRIC}.")
    own = spec.own_metric.model_copy(update={"code": _read_own_metric(file.with_name(OWN_METRIC))})
    return spec.model_copy(update={"own_metric": own})


def _read_own_metric(file: Path) -> str:
    """The text of a competition's metric; it must be Python, with a function `score`."""
    try:
        if file.stat().st_size > _OWN_METRIC_BYTES:
            raise SetupError(f"{file}: is larger than {_OWN_METRIC_BYTES // 1000} kB.")
        code = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SetupError(f"{file}: is no readable Python module ({error}).") from error
    return metric_code(code, file)


def metric_code(code: str, file: Path) -> str:
    """The text of a `metric.py` as it is; raises SetupError where it is no Python with a function `score`."""
    if len(code.encode("utf-8")) > _OWN_METRIC_BYTES:
        raise SetupError(f"{file}: is larger than {_OWN_METRIC_BYTES // 1000} kB.")
    try:
        tree = ast.parse(code)
    except (ValueError, SyntaxError, RecursionError) as error:
        raise SetupError(f"{file}: is no readable Python module ({error}).") from error
    if not any(isinstance(node, ast.FunctionDef) and node.name == "score" for node in tree.body):
        raise SetupError(f"{file}: must define `def score(truth, prediction)`.")
    return code
