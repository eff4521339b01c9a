"""Search tree as text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypedDict

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.record.state import Node, RunState
from agent.report import formatting
from agent.report.live_layout import StatusCounts, status

_DEEP = 8  # levels from which the guide lines are drawn closer together

# Terminal widths, in columns, from which further table columns are shown.
_CHANGE_FROM = 60  # also the time
_AUDIT_FROM = 90
_LESSONS_FROM = 170
_DETAILS_FROM = 200


class _Column(TypedDict, total=False):
    ratio: int
    justify: Literal["right"]


_LAYOUT: Mapping[str, _Column] = {
    "what changed": {"ratio": 1},
    "slots or reason": {"ratio": 1},
    "score": {"justify": "right"},
    "folds": {"justify": "right"},
    "audit": {"justify": "right"},
    "time": {"justify": "right"},
}


def render_tree(state: RunState, width: int) -> RenderableType:
    """Return every node below its parent, with its change, score, time and status.

    Wider terminals get standard errors and audit scores, then lessons, then a column of details.

    Args:
        state: State of the run.
        width: Width of the terminal in columns.
    """
    if not state.nodes:
        return Text("This run has no nodes yet.")
    table = Table(
        box=box.SIMPLE_HEAD, width=width, padding=(0, 1), show_edge=False, header_style="bright_black"
    )
    rows = [_cells(state, guide, node, width) for guide, node in _walk(state, width)]
    names = [name for name in rows[0] if any(row[name].plain for row in rows)]
    if "folds" in names and {row["folds"].plain for row in rows} <= {"", "1"}:
        names.remove("folds")  # all scores are of the validation rows
    for name in names:
        # Scores and states are never cut off.
        least = max(row[name].cell_len for row in rows) if name in ("score", "status") else None
        table.add_column(name, **_LAYOUT.get(name, {}), no_wrap=True, overflow="ellipsis", min_width=least)
    for row in rows:
        table.add_row(*(row[name] for name in names))
    return Group(table, Text(), _summary(state))


def _walk(state: RunState, width: int) -> Iterator[tuple[str, Node]]:
    """Yield guide lines and node, depth first. A stack replaces recursion because chains can be long."""
    deep = max((len(state.ancestors(node)) for node in state.nodes.values()), default=0) > _DEEP
    fork, end, pass_by, gap = ("├", "└", "│", " ") if deep else ("├─ ", "└─ ", "│  ", "   ")
    # A narrow terminal keeps its room for what changed.
    longest = width // 3 if width >= _AUDIT_FROM else width // 6
    stack = [("", "", root) for root in reversed(state.roots)]
    while stack:
        guide, below, node = stack.pop()
        yield guide if len(guide) <= longest else f"…{guide[-longest:]}", node
        children = [state.nodes[child] for child in node.children]
        for child in reversed(children):
            is_last = child is children[-1]
            stack.append((below + (end if is_last else fork), below + (gap if is_last else pass_by), child))


def _cells(state: RunState, guide: str, node: Node, width: int) -> dict[str, Text]:
    """Return the cells of a node by column; every node has the same columns."""
    result = node.result
    is_best = state.best is not None and state.best.id == node.id
    label = Text(guide, style="bright_black")
    label.append(node.name, style="bold default")
    label.append(f" {node.operator}", style=f"not bold {formatting.OPERATOR_STYLE[node.operator]}")
    error = result.metric_se if result and width >= _AUDIT_FROM else None
    cells = {"node": label}
    if width >= _CHANGE_FROM:
        cells["what changed"] = Text(
            _change(node) if width < _DETAILS_FROM else formatting.one_line(node.idea.title)
        )
    if width >= _DETAILS_FROM:
        cells["slots or reason"] = Text(_details(node))
    cells["score"] = Text(formatting.score(node.metric, error), style="bold" if is_best else "")
    if width >= _AUDIT_FROM:
        cells["folds"] = Text(str(result.folds) if result and result.metric is not None else "")
        audit_se = result.audit_se if result and width >= _LESSONS_FROM else None
        cells["audit"] = Text(formatting.score(result.audit_metric if result else None, audit_se))
    if width >= _LESSONS_FROM:
        cells["cites"] = Text(_first_ids(node.idea.cited_lessons))
        cells["lessons"] = Text(_learned(state, node))
    if width >= _CHANGE_FROM:
        cells["time"] = Text(formatting.duration(node.seconds) if result else "")
    return cells | {"status": status(node, is_best)}


def _change(node: Node) -> str:
    blends = f", {_blends(node)}" if len(node.parents) > 1 else ""
    return formatting.what_changed(node) + blends + (f": {_reason(node)}" if _reason(node) else "")


def _details(node: Node) -> str:
    """Return the changed slots, the members of a blend and the reason of a failure."""
    parts = (formatting.one_line(formatting.changes(node)), _blends(node), _reason(node))
    return "; ".join(part for part in parts if part)


def _blends(node: Node) -> str:
    return f"blends {formatting.origin(node)}" if len(node.parents) > 1 else ""


def _reason(node: Node) -> str:
    return formatting.one_line(node.result.reason) or formatting.cut(node.result) if node.result else ""


def _first_ids(lessons: Sequence[str], most: int = 2) -> str:
    """Return the first lesson ids and the number of further ones: `00001 00002 +3`."""
    more = f" +{len(lessons) - most}" if len(lessons) > most else ""
    return " ".join(lessons[:most]) + more


def _learned(state: RunState, node: Node) -> str:
    """Return the lessons learned from a node; a single lesson with its verdict: `00005 helps`."""
    lesson = state.learned.get(node.lessons[0]) if len(node.lessons) == 1 else None
    return f"{lesson.id} {lesson.verdict}" if lesson and lesson.evidence else _first_ids(node.lessons)


def _summary(state: RunState) -> Text:
    nodes = formatting.counted(len(state.nodes), "node")
    text = Text(f"{nodes}: {StatusCounts.of(state)}; {formatting.clock(state.elapsed_s)} used")
    if state.finished and state.finished.chosen is not None:
        text.append(f"; best node {state.finished.chosen:03d}")
    if state.finished and state.finished.expected is not None:
        text.append(f"\nexpected: {formatting.expected(state.finished.expected)}")
    if state.finished:
        text.append(f"\nended: {formatting.one_line(state.finished.reason)}")
    if state.spend.calls or state.spend.lost or state.spend.asked:
        text.append(f"\nlanguage models: {formatting.spend(state.spend)}")
    return text
