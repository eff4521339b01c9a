"""The specification of a competition: the typed form of `competition.yaml`."""

import ast
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agent.competition.metric_names import canonical_metric
from agent.competition.metric_parameters import MetricParameters
from agent.competition.typed_targets import MEAN_OF, TypedTarget, check_typed_targets, labels_as_text
from agent.core.contract import COMPETITION_ID
from agent.core.errors import SetupError
from agent.core.yaml_files import first_fault, read_yaml

SingleTask = Literal["classification", "multilabel", "regression", "segmentation"]
Task = Literal["classification", "multilabel", "regression", "segmentation", "several"]
Role = Literal["image", "text", "number", "category", "embedding", "signal", "group", "time"]
SinglePrediction = Literal["label", "label_set", "probability", "value", "ranking", "mask"]
PredictionKind = Literal["label", "label_set", "probability", "value", "ranking", "mask", "several"]

FILE_COLUMN = "file_path"
# Descriptions of the cells per role, for prompts to models that write code.
CELL_DESCRIPTIONS: dict[Role, str] = {
    "image": f"no column of that name; the column {FILE_COLUMN} holds the path of the image below input/",
    "text": "words; blank if missing",
    "number": "a number; blank if missing",
    "category": "one of several levels; blank if missing",
    "embedding": "defined by the family that reads it",
    "signal": "numbers in time order, separated by blanks, any number per row; blank if missing",
    "group": "the same value for all rows of a group; the rows to predict may lack the column",
    "time": "a date or a number, in time order",
}
METRIC_FILE = "metric.py"

_MAX_OWN_METRIC_BYTES = 100_000
_OWN_METRIC_PREDICTIONS: dict[Task, tuple[PredictionKind, ...]] = {
    "classification": ("label", "probability"),
    "multilabel": ("label_set", "probability"),
    "regression": ("value",),
    "segmentation": (),
    "several": ("several",),
}


class InputColumn(BaseModel):
    """One input column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Column of the tables; for images, any name.")
    role: Role = Field(
        description="What the cells hold; signal: numbers in time order, separated by blanks, "
        "any number per row."
    )
    path: str | None = Field(
        default=None,
        description="Images: path of the file below the folder, e.g. '{split}/{id}.png'; "
        "{split} is train or test, and any other name is a column of the table. '**/' stands for any folders "
        "and a final '.*' for any ending: '**/{id}.*' finds files by name, also if the cell has the path of "
        "another machine, another case or fewer zeros. Archives such as train.zip count as folders.",
    )
    gaps: tuple[str, ...] | None = Field(
        default=None,
        description="Cells that mean a missing value, beside blank cells; null: the usual words (NA, ?) in "
        "number and time columns, none in other columns.",
    )
    day_first: bool | None = Field(
        default=None,
        description="Times: whether 03/04/2024 is 3 April; null: decided from the cells of all tables.",
    )

    @property
    def cell_description(self) -> str:
        """Return a description of the cells of the column."""
        return CELL_DESCRIPTIONS[self.role]


class OwnMetric(BaseModel):
    """Description of the `metric.py` of a competition, known without running the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    definition: str = Field(description="One sentence for users and planners.", min_length=1)
    prediction: PredictionKind = Field(description="What a submission holds.")
    higher_is_better: bool
    best: float | None = Field(
        default=None, description="The score of perfect predictions; null: 1 if higher is better, else 0."
    )
    code: str = Field(
        default="", description="The text of metric.py; read from the file, not from competition.yaml."
    )


class Sources(BaseModel):
    """Sources of the full data. They are not part of the data fingerprint."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kaggle: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$",
        description="Name of the competition on Kaggle, the last part of its address.",
    )
    mle_bench_metric: str | None = Field(
        default=None,
        description="Metric of the grader of MLE-bench, if different from `metric`; used for data that "
        "MLE-bench prepared.",
    )


class CsvForm(BaseModel):
    """The form of the text tables. A null field is decided for each file from its content."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    separator: str | None = Field(default=None, min_length=1, max_length=1, description="Between two cells.")
    decimal: Literal[".", ","] | None = Field(default=None, description="Decimal mark of numbers.")
    thousands: str | None = Field(
        default=None, min_length=1, max_length=1, description="Between groups of three digits."
    )
    encoding: str | None = Field(default=None, description="Encoding, such as utf-8, utf-16 or cp1252.")


class CompetitionSpec(BaseModel):
    """Data, metric and submission format of one competition."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=COMPETITION_ID, description="Name on the command line.")
    title: str
    task: Task
    metric: str = Field(
        description="A name from `agent.competition.metrics`, in any of its spellings, metric.py, or for the "
        "task several mean_of, the weighted mean of the targets' metrics."
    )
    metric_parameters: MetricParameters = MetricParameters()
    own_metric: OwnMetric | None = Field(
        default=None, description="Describes metric.py; set it only for metric: metric.py."
    )
    train: str = Field(default="train.csv", description="Table of labelled rows, below the data folder.")
    test: str | None = Field(
        default="test.csv", description="Table of rows to predict; null: the rows of the sample submission."
    )
    sample_submission: str = "sample_submission.csv"
    id_column: str = "id"
    targets: tuple[str, ...] = Field(min_length=1, description="Label column(s) of the training table.")
    typed_targets: tuple[TypedTarget, ...] = Field(
        default=(),
        description="The targets with their types; in competition.yaml these are entries of `targets`.",
    )
    label_table: str | None = Field(
        default=None, description="Table whose first column lists all labels in class order."
    )
    inputs: tuple[InputColumn, ...] = Field(min_length=1)
    csv: CsvForm = CsvForm()
    positive_class: str | None = Field(
        default=None,
        description="Two classes: the class that one probability belongs to; null: the last class in order.",
    )
    class_order: tuple[str, ...] | None = Field(
        default=None,
        description="All labels from the lowest grade to the highest; for labels without numbers.",
    )
    label_separator: str | None = Field(
        default=None, min_length=1, description="Label sets: the mark between two labels; null: blanks."
    )
    blank_targets: Literal["refuse", "drop"] = Field(
        default="refuse", description="What happens to training rows with a blank or invalid target."
    )
    time_split: str = Field(
        default="auto",
        description="Time input whose latest rows validate; auto: the first one by which the rows to predict "
        "are later; none: no split by time.",
    )
    train_labels: str | None = Field(
        default=None,
        description="Table of the targets, if `train` lacks them; its rows are matched by id or by place.",
    )
    id_from: tuple[str, ...] | None = Field(
        default=None,
        description="Columns that identify a row together; an empty list: the row number. Null: `id_column`.",
    )
    fold_column: str | None = Field(
        default=None,
        description="Column with the user's folds; the last fold is held out first.",
    )
    mix_audit: bool = Field(
        default=True, description="Whether audit rows may be mixed into the rows to predict."
    )
    data_script: str | None = Field(
        default=None, description="Script that generates the full data: script.py OUT --seed S."
    )
    sample_script: str | None = Field(
        default=None, description="Script that generates a sample of the same schema: script.py OUT --seed S."
    )
    sources: Sources = Sources()
    llm_may_see_rows: bool = Field(
        default=False,
        description="Whether language models may see rows of the training table and error messages that "
        "quote "
        "values.",
    )

    @field_validator("metric")
    @classmethod
    def _canonical_metric(cls, name: str) -> str:
        """Return the registry's name of a metric that has several, such as `rmse` for `RMSE`."""
        return canonical_metric(name)

    @model_validator(mode="before")
    @classmethod
    def _split_typed_targets(cls, fields: object) -> object:
        """Take the types out of `targets`, so that the field holds the names of columns alone."""
        if not isinstance(fields, dict) or not isinstance(
            given := fields.get("targets"), (list, tuple, dict)
        ):
            return fields
        entries = [given] if isinstance(given, dict) else list(given)
        if not any(isinstance(entry, (dict, TypedTarget)) for entry in entries):
            return fields
        if any(isinstance(entry, str) for entry in entries):
            raise ValueError("targets: give every target a type, or none: some are names and some have keys")
        typed = [_read_typed_target(entry, index) for index, entry in enumerate(entries)]
        return {**fields, "targets": [target.name for target in typed], "typed_targets": typed}

    @field_validator("targets", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("positive_class", "class_order", mode="before")
    @classmethod
    def _labels_are_text(cls, value: object) -> object:
        return labels_as_text(value)

    @model_validator(mode="after")
    def _types_fit_the_task(self) -> "CompetitionSpec":
        if (self.task == "several") != bool(self.typed_targets):
            raise ValueError(
                "`task: several` and targets with types belong together; write each target as "
                "{name: ..., type: ..., metric: ...}"
            )
        if self.task != "several":
            if self.metric == MEAN_OF:
                raise ValueError(f"the metric {MEAN_OF} is for `task: several`")
            return self
        if self.metric not in (MEAN_OF, METRIC_FILE):
            raise ValueError(
                f"`task: several` takes the metric {MEAN_OF} or {METRIC_FILE}, not {self.metric}"
            )
        for key in ("label_table", "positive_class", "class_order", "label_separator"):
            if getattr(self, key) is not None:
                own = "order" if key == "class_order" else key
                raise ValueError(f"`task: several`: {key} belongs to one target; write {own} into its entry")
        check_typed_targets(self.typed_targets, self.metric)
        return self

    @model_validator(mode="after")
    def _own_metric_is_described(self) -> "CompetitionSpec":
        if (self.metric == METRIC_FILE) != (self.own_metric is not None):
            raise ValueError(
                f"`metric: {METRIC_FILE}` and `own_metric`, which describes that file, belong together; "
                "set both or neither"
            )
        if (
            self.own_metric is not None
            and self.own_metric.prediction not in _OWN_METRIC_PREDICTIONS[self.task]
        ):
            allowed = (
                " or ".join(_OWN_METRIC_PREDICTIONS[self.task])
                or "omitted: metric.py does not support this task"
            )
            raise ValueError(f"own_metric.prediction of the task {self.task} must be {allowed}")
        return self

    @property
    def image_input(self) -> InputColumn | None:
        """Return the image input, or None."""
        return next((column for column in self.inputs if column.role == "image"), None)

    @property
    def column_names(self) -> frozenset[str]:
        """Names of the columns of the prepared tables; a name is schema, not a value of the data."""
        more = (self.id_column, *(self.id_from or ()), *self.targets, self.fold_column or "", FILE_COLUMN)
        return frozenset(
            {column.name for column in self.inputs} | set(more) | {"fold", "label", "target"}
        ) - {""}

    def columns_with(self, *roles: Role) -> list[str]:
        """Return the names of the inputs with one of the roles."""
        return [column.name for column in self.inputs if column.role in roles]


def _read_typed_target(entry: object, index: int) -> TypedTarget:
    try:
        return TypedTarget.model_validate(entry)
    except ValidationError as error:  # the place of the fault is below `targets`, where the user wrote it
        raise ValueError(f"'targets.{index}': {first_fault(error)}") from error


def load_spec(file: Path) -> CompetitionSpec:
    """Read `competition.yaml`; raise SetupError with the file and the invalid key."""
    spec = read_yaml(file, CompetitionSpec)
    if spec.own_metric is None:
        return spec
    if spec.own_metric.code:
        raise SetupError(f"{file}: 'own_metric.code': put the code into the file {METRIC_FILE}.")
    own = spec.own_metric.model_copy(update={"code": _read_own_metric(file.with_name(METRIC_FILE))})
    return spec.model_copy(update={"own_metric": own})


def _read_own_metric(file: Path) -> str:
    """Return the text of a `metric.py`; raise SetupError unless it is Python with a function `score`."""
    try:
        if file.exists() and not file.is_file():
            raise SetupError(f"{file}: the path is not a file.")
        if file.stat().st_size > _MAX_OWN_METRIC_BYTES:
            raise SetupError(f"{file}: the file is larger than {_MAX_OWN_METRIC_BYTES // 1000} kB.")
        code = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SetupError(f"{file}: the file is not a readable Python module ({error}).") from error
    return check_metric_code(code, file)


def check_metric_code(code: str, file: Path) -> str:
    """Return `code` unchanged; raise SetupError unless it is Python with a function `score`."""
    if len(code.encode("utf-8")) > _MAX_OWN_METRIC_BYTES:
        raise SetupError(f"{file}: the file is larger than {_MAX_OWN_METRIC_BYTES // 1000} kB.")
    try:
        tree = ast.parse(code)
    except (ValueError, SyntaxError, RecursionError) as error:
        raise SetupError(f"{file}: the file is not a readable Python module ({error}).") from error
    if not any(isinstance(node, ast.FunctionDef) and node.name == "score" for node in tree.body):
        raise SetupError(f"{file}: the file must define `def score(truth, prediction)`.")
    return code
