"""Turns the comparison of two nodes into a lesson with a measured effect (after MARS, reflective memory)."""

from agent.memory.lesson import UNNUMBERED, Evidence, Lesson, Scope
from agent.repository.idea import Change

_WORDS = {"helps": "helps", "hurts": "hurts", "inconclusive": "makes no measurable difference"}


def distill(scope: Scope, title: str, changes: tuple[Change, ...], evidence: Evidence, scores: str) -> Lesson:
    """A lesson from one comparison; `title` names the child's idea, `scores` says both metrics."""
    findings = (
        f"Node {evidence.child:03d} against {evidence.parent:03d} on the same validation rows: {scores}; "
        f"error reduced by {_effect(evidence.effect, evidence.standard_error)} (paired over rows, seeds "
        f"included), time {evidence.time_factor:.2f} times."
    )
    lesson = Lesson(
        id=UNNUMBERED,
        kind="solution",
        title=title,
        summary="",
        findings=findings,
        key_lesson="",
        scope=scope,
        changes=changes,
        evidence=(evidence,),
    )
    return worded(lesson)


def worded(lesson: Lesson) -> Lesson:
    """The lesson with title, summary and rule that fit all of its evidence."""
    if not lesson.changes:
        return lesson
    what = describe(lesson.changes)
    rule = {
        "helps": f"Prefer {what} on {lesson.scope.task} tasks of this size.",
        "hurts": f"Avoid {what} on {lesson.scope.task} tasks of this size.",
        "inconclusive": f"Do not spend time on {what} before something larger is solved.",
    }[lesson.verdict]
    count = len(lesson.evidence)
    return lesson.model_copy(
        update={
            "title": f"{what[:1].upper()}{what[1:]} {_WORDS[lesson.verdict]}",
            "summary": (
                f"Relative error reduction {_effect(lesson.effect, lesson.standard_error)} at "
                f"{lesson.time_factor:.2f} times the run time, from {count} "
                f"comparison{'s' if count > 1 else ''}."
            ),
            "key_lesson": rule,
        }
    )


def _effect(effect: float, error: float) -> str:
    return f"{effect:+.1%} ± {error:.1%}"


def describe(changes: tuple[Change, ...]) -> str:
    """The changes in words: `loss asymmetric instead of bce and epochs 8 instead of 5`."""
    return " and ".join(
        f"{change.slot.replace('_', ' ')} {change.new} instead of {change.old}" for change in changes
    )
