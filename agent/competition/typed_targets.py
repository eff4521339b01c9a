"""Targets with a type each: the entries of `targets` in competition.yaml that are more than a name."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from agent.competition.metric_names import canonical_metric
from agent.competition.metric_parameters import MetricParameters

TargetType = Literal["binary", "category", "label_set", "value", "ordinal", "bounded"]

MEAN_OF = "mean_of"
"""Name of the metric that averages the metrics of several targets."""

# What a target is scored by where metric.py scores all targets together.
USUAL_METRICS: Mapping[TargetType, str] = {
    "binary": "accuracy",
    "category": "accuracy",
    "label_set": "micro_f1",
    "value": "r2",
    "ordinal": "qwk",
    "bounded": "r2",
}
# Which types a key belongs to; the other keys belong to all.
TYPES_OF_KEY: Mapping[str, tuple[TargetType, ...]] = {
    "positive_class": ("binary",),
    "order": ("ordinal",),
    "low": ("bounded",),
    "high": ("bounded",),
    "label_separator": ("label_set",),
    "label_table": ("category", "label_set", "ordinal"),
    "novel": ("category",),
    "parent_of": ("category", "binary"),
}


class TypedTarget(BaseModel):
    """One target column, what its cells hold, and how it is scored."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(min_length=1, description="Column of the training table.")
    type: TargetType = Field(
        description="binary: one of two labels; category: one of several; label_set: any number of labels; "
        "value: a number; ordinal: one of several labels in an order; bounded: a number from low to high."
    )
    metric: str | None = Field(
        default=None, description="Metric of this target; null: only where metric.py scores all targets."
    )
    metric_parameters: MetricParameters = MetricParameters()
    weight: float = Field(default=1.0, gt=0, le=1e6, description="Weight of this target in the mean.")
    positive_class: str | None = Field(default=None, description="Binary: the class of a probability.")
    order: tuple[str, ...] | None = Field(
        default=None, description="Ordinal: all labels from the lowest to the highest; null: by value."
    )
    low: float | None = Field(default=None, description="Bounded: the lowest possible number.")
    high: float | None = Field(default=None, description="Bounded: the highest possible number.")
    label_table: str | None = Field(
        default=None, description="Table whose first column lists all labels in class order."
    )
    label_separator: str | None = Field(default=None, min_length=1, description="Label sets: as in the spec.")
    novel: str | None = Field(
        default=None, description="Category: a label that only rows to predict have; no training row has it."
    )
    parent_of: str | None = Field(
        default=None, description="Another category target, each label of which belongs to one label of this."
    )

    @field_validator("metric")
    @classmethod
    def _canonical_metric(cls, name: str | None) -> str | None:
        return None if name is None else canonical_metric(name)

    @field_validator("positive_class", "order", "novel", mode="before")
    @classmethod
    def _labels_are_text(cls, value: object) -> object:
        return labels_as_text(value)

    @model_validator(mode="after")
    def _keys_fit_the_type(self) -> "TypedTarget":
        for key, types in TYPES_OF_KEY.items():
            if getattr(self, key) is not None and self.type not in types:
                raise ValueError(
                    f"the target '{self.name}' is of type {self.type}, but {key} is for {' and '.join(types)}"
                )
        if self.type == "bounded" and (self.low is None or self.high is None or self.low >= self.high):
            raise ValueError(
                f"the bounded target '{self.name}' needs low and high, and low must be below high"
            )
        if self.parent_of == self.name:
            raise ValueError(
                f"the target '{self.name}' is the parent of itself; parent_of names another target"
            )
        if self.order is not None and len(set(self.order)) < max(len(self.order), 2):
            raise ValueError(
                f"order of the target '{self.name}' must list at least two labels, and each label once"
            )
        return self

    @property
    def scored_by(self) -> str:
        """Return the metric of this target, the usual one of its type unless one is named."""
        return self.metric or USUAL_METRICS[self.type]


def labels_as_text(value: object) -> object:
    """Return labels that YAML reads as numbers or booleans, such as `1` or `yes`, as texts."""
    if isinstance(value, (list, tuple)):
        return tuple(labels_as_text(label) for label in value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (int, float)) else value


def check_typed_targets(targets: Sequence[TypedTarget], metric: str) -> None:
    """Raise ValueError if the targets of one competition contradict each other or the metric over all."""
    by_name = {target.name: target for target in targets}
    if len(by_name) < len(targets):
        raise ValueError("targets: two targets have the same name; name each column once")
    for target in targets:
        if metric == MEAN_OF and target.metric is None:
            raise ValueError(
                f"the metric {MEAN_OF} needs the metric of each target, but '{target.name}' has none"
            )
        if target.parent_of is None:
            continue
        child = by_name.get(target.parent_of)
        if child is None or child.type not in ("category", "binary"):
            found = "there is no such target" if child is None else f"that target is of type {child.type}"
            raise ValueError(
                f"parent_of of the target '{target.name}' names '{target.parent_of}', but {found}; "
                "name a target of type category"
            )
        if child.parent_of is not None and child.parent_of == target.name:
            raise ValueError(
                f"the targets '{target.name}' and '{child.name}' are each the parent of the other"
            )
