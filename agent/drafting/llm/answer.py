"""The answer that a language model gives about a competition, as pydantic models."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agent.competition.metric_names import canonical_metric
from agent.competition.metrics import METRICS
from agent.competition.spec import SinglePrediction, SingleTask

OWN: Final = "own"
"""Metric name of an answer that defines its own metric in code."""

LEAVE_OUT: Final = "leave_out"
InputRole = Literal["number", "category", "text", "leave_out"]

_WHY = "Why, in one sentence."
_WHY_LENGTH = 300


class _AnswerModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RoleAnswer(_AnswerModel):
    """The role of one input column."""

    name: str
    role: InputRole
    why: str = Field(max_length=_WHY_LENGTH, description=_WHY)


class OwnAnswer(_AnswerModel):
    """A metric that is not in the catalogue, as code."""

    definition: str = Field(
        min_length=1, max_length=1000, description="What the metric measures, in one sentence."
    )
    prediction: SinglePrediction
    best: float = Field(description="The score of perfect predictions.")
    code: str = Field(
        description="A Python module that defines `score(truth, prediction)` and uses numpy alone."
    )


class Answer(_AnswerModel):
    """A competition, derived from its description and the facts about its tables."""

    title: str = Field(max_length=200)
    train: str
    test: str = Field(
        description="Empty if there is no test table and the sample submission lists the rows to predict."
    )
    sample_submission: str = Field(description="Empty if there is no sample submission.")
    tables_why: str = Field(max_length=_WHY_LENGTH, description=_WHY)
    id_column: str
    targets: list[str] = Field(min_length=1, max_length=100)
    targets_why: str = Field(max_length=_WHY_LENGTH, description=_WHY)
    task: SingleTask
    task_why: str = Field(max_length=_WHY_LENGTH, description=_WHY)
    metric: str = Field(json_schema_extra={"enum": [*METRICS, OWN]})
    metric_parameter: float | None = Field(description="beta, k or quantile, if the metric needs one.")
    higher_is_better: bool
    metric_why: str = Field(max_length=_WHY_LENGTH, description=_WHY)
    own_metric: OwnAnswer | None = Field(description=f"Only with metric '{OWN}'.")
    group_column: str = Field(
        description="Column whose groups must not be split between training and validation rows, because the "
        "rows to predict belong to new groups. Empty if there is none."
    )
    group_why: str = Field(max_length=_WHY_LENGTH, description=_WHY)
    time_column: str = Field(
        description="Column by which the validation rows must be later than the training rows, because the "
        "rows to predict are later. Empty if there is none."
    )
    time_why: str = Field(max_length=_WHY_LENGTH, description=_WHY)
    inputs: list[RoleAnswer] = Field(max_length=200)

    @field_validator("metric")
    @classmethod
    def _canonical_metric(cls, name: str) -> str:
        return canonical_metric(name)
