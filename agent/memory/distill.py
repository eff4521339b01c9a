"""Turns the comparison of two nodes into a lesson with a measured effect (after MARS, reflective memory)."""

from agent.memory.lesson import Evidence, Lesson, Scope
from agent.memory.store import DRAFT_ID
from agent.repository.idea import Change

_WORDS = {"helps": "helps", "hurts": "hurts", "inconclusive": "makes no measurable difference"}


def distill(scope: Scope, title: str, changes: tuple[Change, ...], evidence: Evidence, scores: str) -> Lesson:
    """A lesson from one comparison; `title` names the child's idea, `scores` says both metrics."""
    what = describe(changes) or title
    verdict = evidence.verdict
    effect = f"{evidence.effect:+.1%} ± {evidence.standard_error:.1%}"
    rule = {
        "helps": f"Prefer {what} on {scope.task} tasks of this size.",
        "hurts": f"Avoid {what} on {scope.task} tasks of this size.",
        "inconclusive": f"Do not spend time on {what} before something larger is solved.",
    }[verdict]
    return Lesson(
        id=DRAFT_ID,
        kind="solution",
        title=f"{what[:1].upper()}{what[1:]} {_WORDS[verdict]}",
        summary=f"Relative error reduction {effect} at {evidence.time_factor:.2f} times the run time.",
        findings=(
            f"Node {evidence.child:03d} against {evidence.parent:03d} on the same validation rows: {scores}; "
            f"error reduced by {effect} (paired over rows, seeds included), "
            f"time {evidence.time_factor:.2f} times."
        ),
        key_lesson=rule,
        scope=scope,
        changes=changes,
        evidence=(evidence,),
    )


def describe(changes: tuple[Change, ...]) -> str:
    """The changes in words: `loss asymmetric instead of bce and epochs 8 instead of 5`."""
    return " and ".join(
        f"{change.slot.replace('_', ' ')} {change.new} instead of {change.old}" for change in changes
    )
