"""Compares decisions by what they do. Sentences may be reworded between versions of a planner."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.record.events import Review
from agent.repository.family import Family
from agent.repository.idea import Fix, Idea, WrittenModule, with_current_defaults

Decided = Idea | Fix | WrittenModule | Review

# The fields that decide what is executed or judged. All other fields are words.
SUBSTANCE: dict[type[Decided], tuple[str, ...]] = {
    Idea: ("blueprint", "plan", "moves", "edits", "cites"),
    Fix: ("edits", "cites"),
    WrittenModule: ("file", "code", "test", "cites"),
    Review: ("sound",),
}


@dataclass(frozen=True)
class Comparison:
    """How a decision made now differs from the recorded one; empty if both are equal."""

    difference: str = ""  # a sentence
    note: str = ""  # a sentence about decisions that do the same in other words


def compare(recorded: Decided | None, now: Decided | None, difference: str) -> Comparison:
    """Compare two decisions of one kind; None stands for the decision to do nothing.

    Args:
        recorded: the recorded decision.
        now: the decision made now.
        difference: the sentence about the decision made now, if it does something else.
    """
    if recorded == now:
        return Comparison()
    if recorded is None or now is None:
        return Comparison(difference)
    differing = [name for name in type(now).model_fields if getattr(recorded, name) != getattr(now, name)]
    if any(name in SUBSTANCE[type(now)] for name in differing):
        return Comparison(difference)
    return Comparison(note=f"Only the words differ ({', '.join(differing)}).")


def completed(idea: Idea, families: Mapping[str, Family]) -> Idea:
    """Return the idea with the defaults of slots that its family gained later, which change nothing."""
    if idea.blueprint is None:
        return idea
    return idea.model_copy(update={"blueprint": with_current_defaults(idea.blueprint, families)})
