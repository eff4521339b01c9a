"""Turns comparisons of nodes into lessons with measured effects (MARS, arXiv 2602.02660)."""

import hashlib
import json
from collections.abc import Sequence

from agent.memory.lesson import UNNUMBERED, Evidence, FixEvidence, Lesson, Scope
from agent.repository.edits import Edit
from agent.repository.idea import Change, Fix

_VERDICTS = {"helps": "helps", "hurts": "hurts", "inconclusive": "makes no measurable difference"}


def distill(
    scope: Scope,
    title: str,
    changes: tuple[Change, ...],
    evidence: Evidence,
    scores: str,
    edits: Sequence[Edit] = (),
) -> Lesson:
    """Return the solution lesson of one comparison.

    Args:
        scope: where the lesson was learned.
        title: title of the child's idea.
        changes: the changed slots.
        evidence: the measured effect.
        scores: both metrics in words.
        edits: the child's edits. With edits the effect is not the slots' alone, so the lesson has a hash
            of all changes instead of slot changes.
    """
    error = _error_change(evidence.effect, evidence.standard_error)
    findings = (
        f"Node {evidence.child:03d} against node {evidence.parent:03d} on the same validation rows: "
        f"{scores}, error {error} (paired over rows, with the variance between seeds), "
        f"run time {evidence.time_factor:.2f} times.{_edits_sentence(edits, changes)}"
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
        edit_hash=change_hash(edits, changes) if edits else "",
        evidence=(evidence,),
    )
    return with_generated_text(lesson)


def distill_fix(scope: Scope, fix: Fix, error: str, frames: Sequence[str], tried: FixEvidence) -> Lesson:
    """Return the debug lesson of one fix, in the debugger's words; `error` contains no data values."""
    where = f" in {frames[0]}" if frames else ""
    outcome = "the fix removed the error" if tried.mended else "the error remained"
    return with_generated_text(
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


def with_generated_text(lesson: Lesson) -> Lesson:
    """Return the lesson with title, summary and rule that match all of its evidence.

    A model's words stay while the verdict is the one they were written for. Numbers always cover all the
    evidence.
    """
    if lesson.edit_hash:
        return lesson.model_copy(update=_edit_texts(lesson))
    if not lesson.changes:
        return lesson
    what = describe_changes(lesson.changes)
    title = f"{what[:1].upper()}{what[1:]}{':' if len(lesson.changes) > 1 else ''}"
    structure = f" with {lesson.scope.structure}" if lesson.scope.structure else ""
    rule = {
        "helps": f"Prefer {what}{structure} on {lesson.scope.task} tasks of this size.",
        "hurts": f"Avoid {what}{structure} on {lesson.scope.task} tasks of this size.",
        "inconclusive": f"Try larger changes before {what}.",
    }[lesson.verdict]
    return lesson.model_copy(
        update={
            "title": f"{title} {_VERDICTS[lesson.verdict]}",
            "summary": _summary(lesson),
            "key_lesson": rule,
        }
    )


def _edit_texts(lesson: Lesson) -> dict[str, str]:
    words = lesson.words
    plan = words.plan if words is not None else lesson.title
    if words is not None and lesson.has_current_model_text:
        summary = f"{words.summary} {_summary(lesson)}".strip()
        return {"title": words.title, "summary": summary, "key_lesson": words.key_lesson}
    rule = f"The edit '{plan}' {_VERDICTS[lesson.verdict]} on {lesson.scope.task} tasks of this size."
    return {"title": plan, "summary": _summary(lesson), "key_lesson": rule}


def _summary(lesson: Lesson) -> str:
    count = len(lesson.evidence)
    error = _error_change(lesson.effect, lesson.standard_error)
    return f"Error {error}, run time {lesson.time_factor:.2f} times ({count} pair{'s' if count > 1 else ''})."


def change_hash(edits: Sequence[Edit], changes: Sequence[Change]) -> str:
    """Return the hex SHA-256 of edits and slot changes together."""
    content = [[one.model_dump() for one in edits], [one.model_dump() for one in changes]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _edits_sentence(edits: Sequence[Edit], changes: tuple[Change, ...]) -> str:
    """Return a sentence that names the edited files and the slot changes; empty without edits."""
    if not edits:
        return ""
    files = ", ".join(dict.fromkeys(edit.file for edit in edits))
    return f" Edited: {files}" + (f", together with {describe_changes(changes)}." if changes else ".")


def _error_change(effect: float, error: float) -> str:
    """Return the relative change of the error, e.g. `-8.0 % ± 1.0 %` for a reduction by 8 %."""
    return f"{0.0 - 100 * effect:+.1f} % ± {100 * error:.1f} %"


def describe_changes(changes: tuple[Change, ...]) -> str:
    """Return the changes: `loss asymmetric instead of bce`, or `loss bce → asymmetric, epochs 5 → 8`."""
    named = [(change.slot.replace("_", " "), change) for change in changes]
    if len(named) == 1:
        ((slot, change),) = named
        return f"{slot} {change.new} instead of {change.old}"
    return ", ".join(f"{slot} {change.old} → {change.new}" for slot, change in named)
