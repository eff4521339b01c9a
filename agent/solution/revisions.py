"""The revisions that led to a node, as commits for people: messages, machine-readable notes, dates."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.memory.lesson import Lesson
from agent.record.events import Event, FixProposed, NodeFinished, NodeResult
from agent.record.state import Node, RunState
from agent.solution.card import score_text

_WIDTH = 76


@dataclass(frozen=True)
class Revision:
    """One executed revision of a node: the code of its idea, or the code after a fix."""

    commit: str  # in the run's own git repository
    node: int
    parents: tuple[int, ...]  # positions of the parents in the list of revisions
    is_result: bool  # the last revision of its node
    recorded_at: datetime
    message: str
    note: dict[str, object]


@dataclass(frozen=True)
class _Run:
    id: str
    state: RunState
    metric: str
    times: Mapping[tuple[int, int], datetime]  # by node and number of fixes before the revision


def revisions_of(
    run: str, state: RunState, metric: str, events: Sequence[tuple[datetime, Event]], node: Node
) -> list[Revision]:
    """Return the revisions from the drafts to the node, parents first.

    An ensemble's members come first, each with its own line; revisions that lines share occur once.

    Args:
        run: Id of the run.
        state: State of the run.
        metric: Name of the metric.
        events: Events of the run with the times when they were recorded.
        node: A finished node.
    """
    recorded = _Run(run, state, metric, _times(events))
    found: list[Revision] = []
    results: dict[int, int] = {}  # position of the last revision, by node
    pending = [node.id]
    while pending:
        current = state.nodes[pending[-1]]
        missing = [parent for parent in current.parents if parent not in results]
        if missing:
            pending += reversed(missing)
            continue
        pending.pop()
        if current.id in results:
            continue
        parents = tuple(results[parent] for parent in current.parents)
        for number in range(len(current.attempts) + 1):
            found.append(_revision(recorded, current, number, parents))
            parents = (len(found) - 1,)
        results[current.id] = len(found) - 1
    return found


def _times(events: Sequence[tuple[datetime, Event]]) -> dict[tuple[int, int], datetime]:
    times: dict[tuple[int, int], datetime] = {}
    fixes: dict[int, int] = {}
    for time, event in events:
        if isinstance(event, FixProposed | NodeFinished):
            number = fixes.get(event.node, 0)
            times[event.node, number] = time
            fixes[event.node] = number + 1
    return times


def _revision(run: _Run, node: Node, number: int, parents: tuple[int, ...]) -> Revision:
    assert node.result is not None
    is_result = number == len(node.attempts)
    result = node.result if is_result else node.attempts[number].failed
    cited = node.cited_lessons if number == 0 else node.attempts[number - 1].fix.cites
    taught = tuple(node.lessons) if is_result else ()
    return Revision(
        commit=result.commit,
        node=node.id,
        parents=parents,
        is_result=is_result,
        recorded_at=run.times[node.id, number],
        message=_message(run, node, number, result, cited, taught),
        note=_note(run, node, number, result, cited, taught),
    )


def _message(
    run: _Run,
    node: Node,
    number: int,
    result: NodeResult,
    cited: Sequence[str],
    taught: Sequence[str],
) -> str:
    fix = node.attempts[number - 1].fix if number else None
    subject = f"{node.operator}: {node.idea.title}" if fix is None else f"fix {number}: {fix.title}"
    if fix is None:
        parts = _plan(node) + _change(run.state, node)
    else:
        parts = [f"Cause: {fix.cause}"] if fix.cause else []
        parts.append(f"Edited: {', '.join(dict.fromkeys(edit.file for edit in fix.edits))}")
    parts += _scores(run, result)
    known = {**run.state.offered, **run.state.learned}
    for title, ids in (("cited", cited), ("taught", taught)):
        if ids:
            lessons = "; ".join(f"{name} {_title(known.get(name))}" for name in ids)
            parts.append(f"Lessons {title}: {lessons}")
    parts.append(f"Run {run.id}, node {node.name}, commit {result.commit[:12]}")
    lines = textwrap.TextWrapper(_WIDTH, subsequent_indent="  ", break_long_words=False)
    return f"{_clean(subject)}\n\n" + "\n".join(lines.fill(_clean(part)) for part in parts) + "\n"


def _plan(node: Node) -> list[str]:
    idea = node.idea
    parts = ("Model", idea.model), ("Data", idea.data), ("Training", idea.training)
    return [f"{name}: {text}" for name, text in (*parts, ("Evaluation", idea.evaluation))]


def _change(state: RunState, node: Node) -> list[str]:
    """Return the blueprint of a draft, or what differs from the parent."""
    idea, parts = node.idea, []
    imported = state.run.imported
    if state.is_imported(node) and imported is not None:
        parts.append(f"Imported from: {imported.source or 'a folder'}")
    if node.parent is None and idea.blueprint is not None:
        slots = ", ".join(f"{name}={value}" for name, value in idea.blueprint.slots.items())
        parts.append(f"Blueprint {idea.blueprint.family}: {slots}")
    if idea.changes:
        changes = ", ".join(f"{change.slot} {change.old} -> {change.new}" for change in idea.changes)
        parts.append(f"Changed slots: {changes}")
    if idea.plan:
        parts.append(f"Written modules: {', '.join(module.file for module in idea.plan)}")
    if idea.edited_files:
        parts.append(f"Edited: {', '.join(idea.edited_files)}")
    return parts


def _scores(run: _Run, result: NodeResult) -> list[str]:
    data = ", on generated sample data" if run.state.run.data_kind == "sample" else ""
    scores = ("Validation", result.metric, result.metric_se), ("Audit", result.audit_metric, result.audit_se)
    parts = [
        f"{name} {run.metric}: {score_text(value, error)}{data}"
        for name, value, error in scores
        if value is not None
    ]
    if result.folds > 1:
        parts[0] += f", out-of-fold over {result.folds} folds"
    if result.status != "valid":
        parts.append(f"Status: {result.status}. {result.reason}")
    return parts


def _note(
    run: _Run,
    node: Node,
    number: int,
    result: NodeResult,
    cited: Sequence[str],
    taught: Sequence[str],
) -> dict[str, object]:
    known = {**run.state.offered, **run.state.learned}
    return {
        "run": run.id,
        "node": node.id,
        "fixes": number,
        "operator": node.operator,
        "parents": list(node.parents),
        "commit": result.commit,
        "data": run.state.run.data_kind,
        "status": result.status,
        "reason": result.reason,
        "metric": run.metric,
        "higher_is_better": run.state.higher_is_better,
        "validation": _score_note(result.metric, result.metric_se),
        "folds": result.folds,
        "audit": _score_note(result.audit_metric, result.audit_se),
        "seconds": round(result.seconds, 2),
        "blueprint": node.idea.blueprint.model_dump(mode="json") if node.idea.blueprint else None,
        "changes": [change.model_dump(mode="json") for change in node.idea.changes],
        "lessons": {
            "cited": [_lesson_note(name, known.get(name)) for name in cited],
            "taught": [_lesson_note(name, known.get(name)) for name in taught],
        },
    }


def _score_note(value: float | None, error: float | None) -> dict[str, float | None] | None:
    return None if value is None else {"score": value, "standard_error": error}


def _lesson_note(name: str, lesson: Lesson | None) -> dict[str, object]:
    if lesson is None:
        return {"id": name}
    measured = bool(lesson.evidence)  # a debug lesson has no effect on a score
    return {
        "id": name,
        "kind": lesson.kind,
        "title": lesson.title,
        "key_lesson": lesson.key_lesson,
        "effect": lesson.effect if measured else None,
        "standard_error": lesson.standard_error if measured else None,
        "verdict": lesson.verdict if measured else None,
    }


def _title(lesson: Lesson | None) -> str:
    return lesson.title if lesson is not None else "(not in this run's record)"


def _clean(text: str) -> str:
    """Return the text on one line, without control characters, which models may write."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
