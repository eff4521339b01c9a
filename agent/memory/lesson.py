"""What an experiment taught, with the evidence that it rests on."""

import copy
import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from agent.competition.spec import Task
from agent.repository.idea import Change

Verdict = Literal["helps", "hurts", "inconclusive"]
VERDICTS: tuple[Verdict, ...] = ("helps", "hurts", "inconclusive")

# An effect within this many standard errors of zero steers nothing (DESIGN.md, Memory).
CONCLUSIVE_ERRORS = 2.0
# What a change of one slot usually does to the error: a little more than the families' priors say.
TYPICAL_EFFECT = 0.1
UNNUMBERED = "00000"
"""Id of a lesson that no store has numbered yet."""


# The family of lessons about code that no family renders.
OWN_CODE = "own code"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scope(_Frozen):
    """Where a lesson was learned."""

    task: Task
    family: str = Field(description="`own code` where no family renders it.")
    magnitude: int = Field(description="Number of training rows, as round(log10(n)).")

    @staticmethod
    def magnitude_of(n_train: int) -> int:
        return round(math.log10(max(n_train, 1)))


class Evidence(_Frozen):
    """One comparison of a node with its parent, over the same validation rows."""

    run: str
    competition: str
    data_kind: str
    parent: int
    child: int
    effect: float = Field(
        description="Relative error reduction, of the larger of both errors; above 0 the change helped."
    )
    standard_error: float = Field(description="Paired over rows, plus the variance between seeds.")
    time_factor: float = Field(description="Seconds of the child over those of the parent.")


class FixTried(_Frozen):
    """One fix of a node that failed, and whether the error was gone afterwards."""

    run: str
    competition: str
    data_kind: str
    node: int
    number: int = Field(description="Of the node's fixes, from 1.")
    mended: bool


def doubt(standard_error: float, changes: int = 1) -> float:
    """How large an effect must be before its sign is believed, as a relative error reduction.

    Of many changes that do little, some seem to do much by chance, the more so the less exactly they were
    measured. Hence an effect counts after it was shrunk towards what changes usually do (normal prior of
    mean 0, `TYPICAL_EFFECT` squared for each changed slot): two standard errors where it was measured well,
    more where it was not.
    """
    usual = TYPICAL_EFFECT * math.sqrt(max(changes, 1))
    return CONCLUSIVE_ERRORS * standard_error * math.sqrt(1 + (standard_error / usual) ** 2)


class Words(_Frozen):
    """A lesson as a language model told it after one comparison; what was measured stands beside it."""

    verdict: Verdict = Field(description="What the evidence said then; the words hold while it still does.")
    plan: str = Field(description="Title of the idea that was compared; what the lesson is called without.")
    run: str
    node: int = Field(description="The child of the comparison.")
    findings: str
    title: str
    summary: str
    key_lesson: str


class Lesson(_Frozen):
    """A general rule, the change it is about and every comparison that speaks for or against it."""

    id: str = Field(pattern=r"^\d{5}$")
    kind: Literal["solution", "debug"]
    title: str
    summary: str
    findings: str
    key_lesson: str
    scope: Scope
    changes: tuple[Change, ...] = Field(
        description="The change in machine-readable form; empty where slots are not all that changed."
    )
    edit_hash: str = Field(default="", description="Of the edits, and slots beside them, that it is about.")
    evidence: tuple[Evidence, ...]
    fixes: tuple[FixTried, ...] = Field(default=(), description="What a debug lesson rests on.")
    words: Words | None = Field(default=None, description="Of a model, for what no slots can say.")
    same_as: str = Field(
        default="",
        description="Id of the lesson that says the same and that it has gone into.",
    )

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy that computes everything anew: pydantic's would keep what the old evidence came to."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_construct(**(copy.deepcopy(fields) if deep else fields) | dict(update or {}))

    @cached_property
    def effect(self) -> float:
        """Mean of the effects, weighted by inverse variance; 0 where none was measured."""
        if not self.evidence:
            return 0.0
        weights = [_weight(item) for item in self.evidence]
        return sum(w * item.effect for w, item in zip(weights, self.evidence, strict=True)) / sum(weights)

    @cached_property
    def standard_error(self) -> float:
        """Infinite where nothing was measured."""
        return math.sqrt(1.0 / sum(map(_weight, self.evidence))) if self.evidence else math.inf

    @cached_property
    def time_factor(self) -> float:
        """Geometric mean over the evidence; 1 without any."""
        if not self.evidence:
            return 1.0
        logs = [math.log(max(item.time_factor, 1e-3)) for item in self.evidence]
        return math.exp(sum(logs) / len(logs))

    @cached_property
    def verdict(self) -> Verdict:
        return self._verdict(self.effect, self.doubt)

    def verdict_of(self, item: Evidence) -> Verdict:
        """What one comparison alone would say."""
        return self._verdict(item.effect, doubt(item.standard_error, len(self.changes)))

    @cached_property
    def doubt(self) -> float:
        """How large the effect must be before it steers anything."""
        return doubt(self.standard_error, len(self.changes))

    @staticmethod
    def _verdict(effect: float, least: float) -> Verdict:
        if abs(effect) <= least:
            return "inconclusive"
        return "helps" if effect > 0 else "hurts"

    @property
    def is_in_words(self) -> bool:
        """Whether its title, summary and rule are a model's, which the evidence still bears out."""
        return self.words is not None and self.words.verdict == self.verdict

    def may_be_the_same(self, other: "Lesson") -> bool:
        """Whether two lessons that no slots can say might be one: of one kind, scope and direction."""
        both_edits = bool(self.edit_hash and other.edit_hash)
        agree = (self.kind, self.scope, self.verdict) == (other.kind, other.scope, other.verdict)
        return both_edits and agree and self.id != other.id and not (self.same_as or other.same_as)

    @cached_property
    def confirmations(self) -> int:
        """Comparisons that point the way of the pooled effect."""
        return sum(item.effect * self.effect > 0 for item in self.evidence)

    @cached_property
    def contradictions(self) -> int:
        return sum(item.effect * self.effect < 0 for item in self.evidence)

    @cached_property
    def confidence(self) -> float:
        """Probability that it is right.

        Of a measured effect: that its sign is (0.5..1, normal approximation). Of fixes: that the next one
        mends (rule of succession).
        """
        if self.fixes:
            return (1 + sum(tried.mended for tried in self.fixes)) / (2 + len(self.fixes))
        errors = CONCLUSIVE_ERRORS * abs(self.effect) / self.doubt if self.doubt else math.inf
        return 0.5 * (1 + math.erf(errors / math.sqrt(2)))


def _weight(item: Evidence) -> float:
    return 1.0 / max(item.standard_error, 1e-6) ** 2
