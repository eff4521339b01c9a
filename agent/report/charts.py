"""Positions of axes and marks in the charts of a report, for the SVG templates."""

from dataclasses import dataclass

from agent.memory.lesson import Lesson
from agent.record.state import Node, RunState
from agent.report import formatting
from agent.report.geometry import Scale, robust_range

WIDTH, HEIGHT = 460, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 14, 46


@dataclass(frozen=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    ticks: tuple[Tick, ...]
    name: str


@dataclass(frozen=True)
class Mark:
    """A node in a chart. Each error bar is a pair of positions (low, high), or None."""

    node: Node
    x: float
    y: float
    label: str
    outside: bool = False  # beyond the scale, so drawn at the edge
    x_error: tuple[float, float] | None = None
    y_error: tuple[float, float] | None = None


@dataclass(frozen=True)
class Chart:
    """A frame with axes and marks; `line` is the SVG path data of the chart's line."""

    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    line: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


def timeline(state: RunState, metric: str) -> Chart | None:
    """Return scored nodes over their finishing times, with the best score so far as steps.

    Returns None when no node has a score.
    """
    scored = [node for node in state.nodes.values() if node.metric is not None]
    if not scored:
        return None
    in_minutes = state.elapsed_s >= 120
    unit = 60.0 if in_minutes else 1.0
    # A suspect score is often far off; it would flatten the valid scores.
    trusted = [node for node in scored if node.is_valid] or scored
    lo, hi = robust_range(node.metric for node in trusted if node.metric is not None)
    across = Scale(0.0, max(state.elapsed_s, 1.0) / unit, _LEFT, WIDTH - _RIGHT)
    up = Scale(lo, hi, HEIGHT - _BOTTOM, _TOP)
    marks = tuple(
        Mark(
            node,
            across((node.finished_at_s or 0.0) / unit),
            up(node.metric),
            _label(node),
            not up.contains(node.metric),
        )
        for node in scored
        if node.metric is not None
    )
    return Chart(
        x=_axis(across, f"{'minutes' if in_minutes else 'seconds'} of the run"),
        y=_axis(up, metric),
        marks=marks,
        line=_steps(state, across, up, unit),
    )


def _steps(state: RunState, across: Scale, up: Scale, unit: float) -> str:
    path = ""
    for elapsed_s, node_id in state.best_history:
        x, y = across(elapsed_s / unit), up(state.nodes[node_id].metric or 0.0)
        path += f"H{x}V{y}" if path else f"M{x} {y}"
    return f"{path}H{across(across.hi)}" if path else ""


def validation_against_audit(state: RunState) -> Chart | None:
    """Return validation (x) against audit (y) scores on one scale; None when no node has both."""
    nodes = [node for node in state.nodes.values() if node.result and node.result.audit_metric is not None]
    pairs = [
        (node, result.metric, result.audit_metric)
        for node in nodes
        if (result := node.result) and result.metric is not None and result.audit_metric is not None
    ]
    if not pairs:
        return None
    trusted = [pair for pair in pairs if pair[0].is_valid] or pairs
    lo, hi = robust_range(value for _, *both in trusted for value in both)
    across = Scale(lo, hi, _LEFT, WIDTH - _RIGHT)
    up = Scale(lo, hi, HEIGHT - _BOTTOM, _TOP)
    marks = tuple(
        Mark(
            node,
            across(validation),
            up(audit),
            _label(node),
            not (across.contains(validation) and up.contains(audit)),
            _bar(across, validation, node.result.metric_se if node.result else None),
            _bar(up, audit, node.result.audit_se if node.result else None),
        )
        for node, validation, audit in pairs
    )
    diagonal = f"M{across(lo)} {up(lo)}L{across(hi)} {up(hi)}"
    return Chart(_axis(across, "validation"), _axis(up, "audit"), marks, diagonal)


@dataclass(frozen=True)
class Interval:
    """A lesson's effect as a dot on a bar; the effect is conclusive when the bar does not touch zero."""

    dot: float
    low: float
    high: float
    zero: float
    width: int = 160


def intervals(lessons: list[Lesson]) -> dict[str, Interval]:
    """Return the interval of each lesson that has evidence, by id, on one common scale."""
    measured = [lesson for lesson in lessons if lesson.evidence]
    _, reach = robust_range(abs(lesson.effect) + lesson.conclusive_effect for lesson in measured)
    scale = Scale(-reach, reach, 4, 156)
    return {
        lesson.id: Interval(
            scale(lesson.effect),
            scale(lesson.effect - lesson.conclusive_effect),
            scale(lesson.effect + lesson.conclusive_effect),
            scale(0.0),
        )
        for lesson in measured
    }


def _axis(scale: Scale, name: str) -> Axis:
    ticks = scale.ticks()
    step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
    decimals = next((digits for digits in range(9) if abs(round(step, digits) - step) < 1e-9 * step), 9)
    return Axis(tuple(Tick(scale(value), f"{value:,.{decimals}f}") for value in ticks), name)


def _bar(scale: Scale, value: float, error: float | None) -> tuple[float, float] | None:
    return (scale(value - error), scale(value + error)) if error else None


def _label(node: Node) -> str:
    result = node.result
    text = f"node {node.name}, {node.operator}, {node.status}"
    if result:
        text += f", validation {formatting.score(result.metric, result.metric_se)}"
        if result.audit_metric is not None:
            text += f", audit {formatting.score(result.audit_metric, result.audit_se)}"
    return f"{text}: {formatting.one_line(node.idea.title)}"
