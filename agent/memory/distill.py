"""Turns the comparison of two nodes into a lesson with a measured effect (after MARS, reflective memory)."""

import hashlib
import json
from collections.abc import Sequence

from agent.memory.lesson import UNNUMBERED, Evidence, FixTried, Lesson, Scope
from agent.repository.edits import Edit
from agent.repository.idea import Change, Fix

_WORDS = {"helps": "helps", "hurts": "hurts", "inconclusive": "makes no measurable difference"}


def distill(
    scope: Scope,
    title: str,
    changes: tuple[Change, ...],
    evidence: Evidence,
    scores: str,
    edits: Sequence[Edit] = (),
) -> Lesson:
    """A lesson from one comparison; `title` names the child's idea, `scores` says both metrics.

    Where the child has edits, no effect is its slots' alone: the lesson has their hash instead of changes.
    """
    findings = (
        f"Node {evidence.child:03d} against {evidence.parent:03d} on the same validation rows: {scores}; "
        f"error reduced by {_effect(evidence.effect, evidence.standard_error)} (paired over rows, seeds "
        f"included), time {evidence.time_factor:.2f} times.{_edited(edits, changes)}"
    )
    lesson = Lesson(
        id=UNNUMBERED,
        kind="solution",
        title=title,
        summary="",
        findings=findings,
        key_lesson="",
        scope=scope,
        changes=() if edits else changes,
        edit_hash=hash_of(edits, changes) if edits else "",
        evidence=(evidence,),
    )
    return worded(lesson)


def distill_fix(scope: Scope, fix: Fix, error: str, frames: Sequence[str], tried: FixTried) -> Lesson:
    """A debug lesson from one fix, in the words of who made it; the error's are free of data."""
    where = f" in {frames[0]}" if frames else ""
    outcome = "the error was gone afterwards" if tried.mended else "the error stayed"
    return worded(
        Lesson(
            id=UNNUMBERED,
            kind="debug",
            title=fix.title,
            summary=fix.cause,
            findings=f"{error}{where}, node {tried.node:03d}: {outcome}.",
            key_lesson=fix.signs,
            scope=scope,
            changes=(),
            evidence=(),
            fixes=(tried,),
        )
    )


def worded(lesson: Lesson) -> Lesson:
    """The lesson with title, summary and rule that fit all of its evidence.

    A model's words stay for as long as the evidence says what it said when they were found; numbers are
    always those of all the evidence.
    """
    if lesson.edit_hash:
        return lesson.model_copy(update=_of_edits(lesson))
    if not lesson.changes:
        return lesson
    what = describe(lesson.changes)
    rule = {
        "helps": f"Prefer {what} on {lesson.scope.task} tasks of this size.",
        "hurts": f"Avoid {what} on {lesson.scope.task} tasks of this size.",
        "inconclusive": f"Do not spend time on {what} before something larger is solved.",
    }[lesson.verdict]
    return lesson.model_copy(
        update={
            "title": f"{what[:1].upper()}{what[1:]} {_WORDS[lesson.verdict]}",
            "summary": _summary(lesson),
            "key_lesson": rule,
        }
    )


def _of_edits(lesson: Lesson) -> dict[str, str]:
    words = lesson.words
    plan = words.plan if words is not None else lesson.title
    if words is not None and lesson.is_in_words:
        summary = f"{words.summary} {_summary(lesson)}".strip()
        return {"title": words.title, "summary": summary, "key_lesson": words.key_lesson}
    rule = f"The edit '{plan}' {_WORDS[lesson.verdict]} on {lesson.scope.task} tasks of this size."
    return {"title": plan, "summary": _summary(lesson), "key_lesson": rule}


def _summary(lesson: Lesson) -> str:
    count = len(lesson.evidence)
    return (
        f"Relative error reduction {_effect(lesson.effect, lesson.standard_error)} at "
        f"{lesson.time_factor:.2f} times the run time, from {count} comparison{'s' if count > 1 else ''}."
    )


def hash_of(edits: Sequence[Edit], changes: Sequence[Change]) -> str:
    """Hex SHA-256 of a change that is more than slots: equal for equal edits beside equal changes."""
    content = [[one.model_dump() for one in edits], [one.model_dump() for one in changes]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _edited(edits: Sequence[Edit], changes: tuple[Change, ...]) -> str:
    """What was edited, and what changed beside it, as a further sentence; empty without edits."""
    if not edits:
        return ""
    files = ", ".join(dict.fromkeys(edit.file for edit in edits))
    return f" Edited: {files}" + (f", together with {describe(changes)}." if changes else ".")


def _effect(effect: float, error: float) -> str:
    return f"{effect:+.1%} ± {error:.1%}"


def describe(changes: tuple[Change, ...]) -> str:
    """The changes in words: `loss asymmetric instead of bce and epochs 8 instead of 5`."""
    return " and ".join(
        f"{change.slot.replace('_', ' ')} {change.new} instead of {change.old}" for change in changes
    )
