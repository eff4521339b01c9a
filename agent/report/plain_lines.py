"""Plain-text log of a run, for pipes, files and continuous integration."""

import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console

from agent.record.events import (
    CurvePoint,
    Event,
    FixProposed,
    LessonLearned,
    LessonWorded,
    LlmCallBegan,
    LlmCallEnded,
    ModuleWritten,
    NodeFinished,
    NodeProposed,
    NodeResult,
    RefitFinished,
    RefitProposed,
    RepeatFinished,
    RepeatProposed,
    RunFinished,
    RunResumed,
    RunStarted,
)
from agent.record.state import RunState
from agent.report import formatting

# Short enough to show that a long node is alive, long enough to keep a log readable.
PROGRESS_EVERY_S = 60.0


class PlainLines:
    """Writes one line per event, flushed at once, and one progress line a minute."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._event_at = self._written_at = now()

    def started(self, state: RunState, headline: str) -> None:
        self._write(formatting.one_line(headline))
        for guarantee in state.missing_guarantees:
            self._write(f"Warning: incomplete isolation: {formatting.one_line(guarantee)}")

    def on_event(self, event: Event, state: RunState) -> None:
        self._event_at = self._written_at = self._now()
        self._write(f"[{formatting.clock(event.elapsed_s):>7}] {_sentence(event, state)}")

    def on_progress(self, state: RunState, running: Mapping[int, Sequence[CurvePoint]]) -> None:
        now = self._now()
        if now - self._written_at < PROGRESS_EVERY_S:
            return
        self._written_at = now
        elapsed_s = state.elapsed_s + now - self._event_at
        parts = [
            f"{node:03d} {formatting.progress(points[-1])}" for node, points in running.items() if points
        ]
        if parts:
            self._write(f"[{formatting.clock(elapsed_s):>7}] running: {'; '.join(parts)}")

    def note(self, sentence: str) -> None:
        self._write(formatting.one_line(sentence))

    def close(self) -> None:
        self._console.file.flush()

    def _write(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, markup=False, highlight=False, emoji=False)
        self._console.file.flush()


def _sentence(event: Event, state: RunState) -> str:
    match event:
        case RunStarted():
            return _started(event)
        case RunResumed():
            return f"run resumed, total budget {event.minutes:g} min"
        case NodeProposed():
            return _proposed(event, state)
        case ModuleWritten():
            return f"node {event.node:03d}: {event.module.file} written"
        case FixProposed():
            number = len(state.nodes[event.node].attempts)
            fix, cause = formatting.one_line(event.fix.title), formatting.one_line(event.failed.reason)
            return f"node {event.node:03d} fix {number}: {fix}. Error: {cause}"
        case NodeFinished():
            best = state.best is not None and state.best.id == event.node
            return f"node {event.node:03d} {_outcome(event.result)}{', best so far' if best else ''}"
        case RepeatProposed():
            return f"node {event.node:03d} repeat started with another seed"
        case RepeatFinished():
            score = "failed" if event.metric is None else formatting.number(event.metric)
            return f"node {event.node:03d} repeat {score}, {formatting.duration(event.seconds)}"
        case RefitProposed():
            expected = formatting.duration(event.expected_s)
            return f"node {event.node:03d} refit on all labelled rows started, expected at most {expected}"
        case RefitFinished():
            return f"node {event.node:03d} refit: {formatting.refit(event.result)}"
        case LlmCallBegan():
            return f"node {event.node:03d}: asking {event.call.model} ({event.call.purpose})"
        case LlmCallEnded():
            return f"node {event.node:03d}: {formatting.call(event.call)}"
        case LessonLearned():
            lesson = formatting.titled_effect(event.lesson)
            return f"lesson {event.lesson.id} from node {event.node:03d}: {lesson}"
        case LessonWorded():
            merged = f" (merged with the lesson from node {event.node:03d})" if event.instead_of else ""
            return f"lesson {event.lesson.id}{merged}: {formatting.one_line(event.lesson.key_lesson)}"
        case RunFinished():
            chosen = "no valid node" if event.chosen is None else f"best node {event.chosen:03d}"
            no_refit = f". {event.no_refit}" if event.no_refit else ""
            return f"run finished, {chosen}: {formatting.one_line(event.reason + no_refit)}"


def _started(event: RunStarted) -> str:
    run = event.settings
    nodes = f", at most {run.max_nodes} nodes" if run.max_nodes is not None else ""
    return (
        f"run started on {formatting.data_kind(run)} of {run.competition}: {run.minutes:g} min{nodes}, "
        f"policy {run.policy}, seed {run.seed}, {len(event.lessons)} lessons offered"
    )


def _proposed(event: NodeProposed, state: RunState) -> str:
    node = state.nodes[event.node]
    parents = f" of {formatting.origin(node)}" if node.parents else ""
    expected = f", expected {formatting.duration(event.expected_s)}" if event.expected_s is not None else ""
    note = f". {formatting.one_line(node.note)}" if node.note else ""
    return f"node {node.name} {event.operator}{parents}: {formatting.what_changed(node)}{expected}{note}"


def _outcome(result: NodeResult) -> str:
    text = f"{result.status}"
    if result.metric is not None:
        text += f" {formatting.score(result.metric, result.metric_se)}"
        text += f" ({formatting.folds(result)} folds)" if formatting.folds(result) else ""
    if result.audit_metric is not None:
        text += f", audit {formatting.score(result.audit_metric, result.audit_se)}"
    text += f", {formatting.duration(result.seconds)}"
    return f"{text}: {formatting.one_line(result.reason)}" if result.reason else text
