"""What a language model answers when it is asked what a competition is."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.competition.metrics import METRICS
from agent.competition.spec import PredictionKind, Task

OWN: Final = "own"
"""The name that stands for a metric which the answer defines itself."""

LEFT_OUT: Final = "leave_out"
InputRole = Literal["number", "category", "text", "leave_out"]

_WHY = "Why, in one sentence."
_WHY_LENGTH = 300


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RoleAnswer(_Part):
    """What one column is good for."""

    name: str
    role: InputRole
    why: str = Field(max_length=_WHY_LENGTH, description=_WHY)


class OwnAnswer(_Part):
    """A metric that has no name here."""

    definition: str = Field(min_length=1, max_length=1000, description="What it measures, in one sentence.")
    prediction: PredictionKind
    best: float = Field(description="The score of perfect predictions.")
    code: str = Field(description="A Python module with `def score(truth, prediction)`, numpy alone.")


class Answer(_Part):
    """A competition, as its description and the facts about its tables have it."""

    title: str = Field(max_length=200)
    train: str
    test: str = Field(description="Empty: there is none, the sample submission names the rows to predict.")
    sample_submission: str = Field(description="Empty: there is none.")
    tables_why: str = Field(max_length=_WHY_LENGTH, description=_WHY)
    id_column: str
    targets: list[str] = Field(min_length=1, max_length=100)
    targets_why: str = Field(max_length=_WHY_LENGTH, description=_WHY)
    task: Task
    task_why: str = Field(max_length=_WHY_LENGTH, description=_WHY)
    metric: str = Field(json_schema_extra={"enum": [*METRICS, OWN]})
    metric_parameter: float | None = Field(description="beta, k or quantile, where the metric needs it.")
    higher_is_better: bool
    metric_why: str = Field(max_length=_WHY_LENGTH, description=_WHY)
    own_metric: OwnAnswer | None = Field(description=f"With metric '{OWN}', and only then.")
    group_column: str = Field(
        description="Rows that share its value must never be parted between training and validation, since "
        "rows to predict belong to new groups. Empty: there is none."
    )
    group_why: str = Field(max_length=_WHY_LENGTH, description=_WHY)
    time_column: str = Field(
        description="Validation must be later by it than training, as rows to predict are. Empty: none."
    )
    time_why: str = Field(max_length=_WHY_LENGTH, description=_WHY)
    inputs: list[RoleAnswer] = Field(max_length=200)
