"""Lessons and the evidence that supports them."""

import copy
import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.competition.spec import Task
from agent.repository.idea import Change

Verdict = Literal["helps", "hurts", "inconclusive"]
VERDICTS: tuple[Verdict, ...] = ("helps", "hurts", "inconclusive")

# An effect within this many standard errors of zero is inconclusive.
CONCLUSIVE_ERRORS = 2.0
# Prior standard deviation of the effect of one slot change, slightly above the families' priors.
TYPICAL_EFFECT = 0.1
UNNUMBERED = "00000"
"""Id of a lesson before a store numbers it."""


# Family of lessons about code that no family renders.
OWN_CODE = "own code"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_max_length=100_000)


class Scope(_Frozen):
    """Where a lesson was learned."""

    task: Task
    family: str = Field(description="Id of the family; `own code` for code that no family renders.")
    magnitude: int = Field(ge=0, le=18, description="Number of training rows, as round(log10(n)).")
    structure: str = Field(
        default="",
        description="The model or the way of training that the lesson is about, such as `linear`; empty if "
        "the family has no structures or the change is between two, and in lessons of former versions.",
    )

    @staticmethod
    def magnitude_of(n_train: int) -> int:
        return round(math.log10(max(n_train, 1)))


class Evidence(_Frozen):
    """One comparison of a node with its parent, over the same validation rows."""

    run: str
    competition: str
    data_kind: str
    parent: int = Field(ge=0, le=10**6)
    child: int = Field(ge=0, le=10**6)
    effect: float = Field(
        ge=-100,
        le=100,
        description="Error reduction relative to the larger of both errors; above 0 the change helped.",
    )
    standard_error: float = Field(
        ge=0, le=10**6, description="Paired over rows, including the variance between seeds."
    )
    time_factor: float = Field(ge=0, le=10**9, description="Seconds of the child over those of the parent.")


class FixEvidence(_Frozen):
    """One fix of a failed node, and whether the fix removed the error."""

    run: str
    competition: str
    data_kind: str
    node: int = Field(ge=0, le=10**6)
    number: int = Field(ge=0, le=10**6, description="Number among the node's fixes, from 1.")
    mended: bool


def conclusive_effect(standard_error: float, changes: int = 1) -> float:
    """Return the smallest conclusive effect, as a relative error reduction.

    Among many changes with small effects, some look large by chance, the more so the larger their standard
    error. So the effect is first shrunk towards 0 with a normal prior (mean 0, variance `TYPICAL_EFFECT`
    squared per changed slot). The threshold is two standard errors for exact measurements, else more.

    Args:
        standard_error: standard error of the effect.
        changes: number of changed slots.
    """
    usual = TYPICAL_EFFECT * math.sqrt(max(changes, 1))
    return CONCLUSIVE_ERRORS * standard_error * math.sqrt(1 + (standard_error / usual) ** 2)


class LessonText(_Frozen):
    """A language model's wording of a lesson after one comparison."""

    verdict: Verdict = Field(description="Verdict at that time; the words are used while the verdict holds.")
    plan: str = Field(description="Title of the compared idea; the lesson's title without these words.")
    run: str
    node: int = Field(description="The child of the comparison.")
    findings: str
    title: str
    summary: str
    key_lesson: str


class Lesson(_Frozen):
    """A rule, the change it is about, and all comparisons for and against it."""

    id: str = Field(pattern=r"^\d{5}$")
    kind: Literal["solution", "debug"]
    title: str
    summary: str
    findings: str
    key_lesson: str
    scope: Scope
    changes: tuple[Change, ...] = Field(description="The changed slots; empty if edits changed too.")
    edit_hash: str = Field(default="", description="Hash of the edits and of the slots changed with them.")
    evidence: tuple[Evidence, ...]
    fixes: tuple[FixEvidence, ...] = Field(default=(), description="Evidence of a debug lesson.")
    words: LessonText | None = Field(default=None, description="A model's words, for lessons about edits.")
    same_as: str = Field(
        default="",
        description="Id of the equivalent lesson that this lesson was merged into.",
    )

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy without cached properties; pydantic's copy would keep those of the old evidence."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_construct(**(copy.deepcopy(fields) if deep else fields) | dict(update or {}))

    @cached_property
    def effect(self) -> float:
        """Mean of the effects, weighted by inverse variance; 0 without evidence."""
        if not self.evidence:
            return 0.0
        weights = [_weight(item) for item in self.evidence]
        return sum(w * item.effect for w, item in zip(weights, self.evidence, strict=True)) / sum(weights)

    @cached_property
    def standard_error(self) -> float:
        """Standard error of the effect; infinite without evidence."""
        return math.sqrt(1.0 / sum(map(_weight, self.evidence))) if self.evidence else math.inf

    @cached_property
    def time_factor(self) -> float:
        """Geometric mean of the time factors; 1 without evidence."""
        if not self.evidence:
            return 1.0
        logs = [math.log(max(item.time_factor, 1e-3)) for item in self.evidence]
        return math.exp(sum(logs) / len(logs))

    @cached_property
    def verdict(self) -> Verdict:
        return self._verdict(self.effect, self.conclusive_effect)

    def verdict_of(self, item: Evidence) -> Verdict:
        """Return the verdict of one comparison alone."""
        return self._verdict(item.effect, conclusive_effect(item.standard_error, len(self.changes)))

    @cached_property
    def conclusive_effect(self) -> float:
        """Smallest conclusive effect."""
        return conclusive_effect(self.standard_error, len(self.changes))

    @staticmethod
    def _verdict(effect: float, least: float) -> Verdict:
        if abs(effect) <= least:
            return "inconclusive"
        return "helps" if effect > 0 else "hurts"

    @property
    def has_current_model_text(self) -> bool:
        """Whether title, summary and rule are a model's words that still match the verdict."""
        return self.words is not None and self.words.verdict == self.verdict

    def may_be_equivalent(self, other: "Lesson") -> bool:
        """Whether two lessons about edits may be equivalent: same kind, scope and verdict."""
        both_edits = bool(self.edit_hash and other.edit_hash)
        agree = (self.kind, self.scope, self.verdict) == (other.kind, other.scope, other.verdict)
        return both_edits and agree and self.id != other.id and not (self.same_as or other.same_as)

    @cached_property
    def confirmations(self) -> int:
        """Number of comparisons with the sign of the pooled effect."""
        return sum(item.effect * self.effect > 0 for item in self.evidence)

    @cached_property
    def contradictions(self) -> int:
        return sum(item.effect * self.effect < 0 for item in self.evidence)

    @cached_property
    def confidence(self) -> float:
        """Probability that the lesson is right.

        For a measured effect: probability of its sign (0.5..1, normal approximation). For fixes: probability
        that the next fix works (rule of succession).
        """
        if self.fixes:
            return (1 + sum(tried.mended for tried in self.fixes)) / (2 + len(self.fixes))
        errors = (
            CONCLUSIVE_ERRORS * abs(self.effect) / self.conclusive_effect
            if self.conclusive_effect
            else math.inf
        )
        return 0.5 * (1 + math.erf(errors / math.sqrt(2)))


def readable_lessons(recorded: Any) -> Any:
    """Return the lessons of a record without those that no later version can use, such as NaN effects."""
    if not isinstance(recorded, list | tuple):
        return recorded
    return tuple(lesson for item in recorded if (lesson := _readable(item)) is not None)


def _readable(item: Any) -> Any:
    """Return the lesson, or what is no lesson for another reason than its values; None if damaged."""
    try:
        return Lesson.model_validate(item)
    except ValidationError as error:
        of_the_format = {"extra_forbidden", "literal_error", "missing"}
        return item if any(fault["type"] in of_the_format for fault in error.errors()) else None


def _weight(item: Evidence) -> float:
    return 1.0 / max(item.standard_error, 1e-6) ** 2
