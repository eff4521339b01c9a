"""What an experiment taught, with the evidence that it rests on."""

import math
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.competition.spec import Task
from agent.repository.idea import Change

Verdict = Literal["helps", "hurts", "inconclusive"]

# An effect within this many standard errors of zero steers nothing (DESIGN.md, Memory).
CONCLUSIVE_ERRORS = 2.0
UNNUMBERED = "00000"
"""Id of a lesson that no store has numbered yet."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scope(_Frozen):
    """Where a lesson was learned."""

    task: Task
    family: str
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

    @property
    def verdict(self) -> Verdict:
        if abs(self.effect) <= CONCLUSIVE_ERRORS * self.standard_error:
            return "inconclusive"
        return "helps" if self.effect > 0 else "hurts"


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

    @cached_property
    def effect(self) -> float:
        """Mean of the effects, weighted by inverse variance."""
        weights = [_weight(item) for item in self.evidence]
        return sum(w * item.effect for w, item in zip(weights, self.evidence, strict=True)) / sum(weights)

    @cached_property
    def standard_error(self) -> float:
        return math.sqrt(1.0 / sum(_weight(item) for item in self.evidence))

    @cached_property
    def time_factor(self) -> float:
        """Geometric mean over the evidence."""
        logs = [math.log(max(item.time_factor, 1e-3)) for item in self.evidence]
        return math.exp(sum(logs) / len(logs))

    @cached_property
    def verdict(self) -> Verdict:
        pooled = self.evidence[0].model_copy(
            update={"effect": self.effect, "standard_error": self.standard_error}
        )
        return pooled.verdict

    @cached_property
    def confirmations(self) -> int:
        """Comparisons that point the way of the pooled effect."""
        return sum(item.effect * self.effect > 0 for item in self.evidence)

    @cached_property
    def contradictions(self) -> int:
        return sum(item.effect * self.effect < 0 for item in self.evidence)

    @cached_property
    def confidence(self) -> float:
        """Probability, in 0.5..1, that the sign of the effect is right (normal approximation)."""
        error = self.standard_error
        return 1.0 if error == 0 else 0.5 * (1 + math.erf(abs(self.effect) / error / math.sqrt(2)))


def _weight(item: Evidence) -> float:
    return 1.0 / max(item.standard_error, 1e-6) ** 2
