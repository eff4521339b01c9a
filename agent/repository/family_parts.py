"""Parts of `family.yaml` that say where something applies and what the search may expect."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.competition.metrics import Trait
from agent.competition.spec import PredictionKind, Role, Task

Value = bool | int | float | str


class Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Condition(Frozen):
    """When a slot, move or draft applies; omitted fields, and facts that are not known, are not tested."""

    tasks: tuple[Task, ...] = ()
    metrics: tuple[str, ...] = Field(default=(), description="Names of metrics, any of them.")
    metric_traits: tuple[Trait, ...] = Field(
        default=(), description="Traits, any of which the metric must have; new metrics may have them too."
    )
    predictions: tuple[PredictionKind, ...] = Field(
        default=(), description="What a submission may hold: label, label_set, probability, ranking, value."
    )
    roles: tuple[Role, ...] = Field(default=(), description="Roles that some input must have.")
    min_train: int | None = None
    max_train: int | None = None
    min_test: int | None = Field(default=None, description="Fewest rows to predict.")
    device: Literal["cpu", "cuda"] | None = None
    min_numbers: int | None = Field(default=None, description="Least number of inputs with the role number.")
    min_times: int | None = Field(default=None, description="Least number of inputs with the role time.")
    min_categories: int | None = Field(
        default=None, description="Least number of inputs with the role category."
    )
    min_texts: int | None = Field(default=None, description="Least number of inputs with the role text.")
    max_inputs: int | None = Field(default=None, description="Greatest number of inputs.")
    max_classes: int | None = Field(default=None, description="Greatest number of classes.")
    has_gaps: bool | None = Field(default=None, description="Whether a number or time input has empty cells.")
    min_levels: int | None = Field(
        default=None, description="Least number of levels of the largest category."
    )
    max_levels: int | None = Field(
        default=None, description="Greatest number of levels of the largest category."
    )
    skewed: bool | None = Field(default=None, description="Whether a number input is strongly skewed.")
    skewed_target: bool | None = Field(default=None, description="Whether a target is strongly skewed.")
    max_side: int | None = Field(default=None, description="Greatest mean side of the pictures, in pixels.")
    min_side: int | None = Field(default=None, description="Least mean side of the pictures, in pixels.")
    slots: dict[str, tuple[Value, ...]] = Field(
        default_factory=dict,
        description="Slot values, any of which the blueprint (of a move: the parent's) must have.",
    )


class SearchRange(Frozen):
    """Bounds of the numbers that the search tries; a user may pin others."""

    range: tuple[float, float]
    when: Condition = Field(default=Condition(), description="Where the bounds hold.")

    @model_validator(mode="after")
    def _is_ordered(self) -> "SearchRange":
        if self.range[0] > self.range[1]:
            raise ValueError(f"search_ranges: {list(self.range)} is empty; write the lower bound first")
        return self


class JointCost(Frozen):
    """A factor of the cost of blueprints in which several slots have some values together."""

    slots: dict[str, tuple[Value, ...]] = Field(min_length=1)
    cost: float = Field(gt=0, allow_inf_nan=False)

    def applies(self, slots: Mapping[str, Value]) -> bool:
        """Return whether each of its slots has one of its values, as far as it is among `slots`."""
        return all(slots[name] in values for name, values in self.slots.items() if name in slots)


class CachedWork(Frozen):
    """Work whose result stays in the cache, so that later nodes with equal values need not repeat it."""

    when: Condition = Field(default=Condition(), description="Blueprints that do this work.")
    slots: tuple[str, ...] = Field(min_length=1, description="Slots that the result depends on.")
    apart: tuple[str, ...] = Field(
        default=(),
        description="Slots whose values are worked on one by one, with a result each.",
    )
    without: tuple[Value, ...] = Field(default=(), description="Values of these slots that need no work.")

    def parts(self, slots: Mapping[str, Value]) -> tuple[tuple[Value, ...], ...]:
        """Return a key for each result that a blueprint needs."""
        common = tuple(slots[name] for name in self.slots if name not in self.apart)
        apart = [slots[name] for name in self.apart if slots[name] not in self.without]
        return tuple((value, *common) for value in apart) if self.apart else (common,)


class PretrainedWeights(Frozen):
    """Where the pretrained weights of the values of some slots come from.

    Weights are at hand in a package, in a file `VALUE.safetensors` or `VALUE.pth` or a folder `VALUE` of a
    sentence-transformers model of the user's weights, or in the hub's cache.
    """

    slots: tuple[str, ...] = Field(min_length=1, description="Slots whose values are networks.")
    without: tuple[Value, ...] = Field(default=(), description="Values for which there are no weights.")
    packages: dict[str, str] = Field(default_factory=dict, description="Distributions by value.")
    hub: str | None = Field(
        default=None, description="Organisation of the hub's repositories `VALUE` or `VALUE.*`."
    )
