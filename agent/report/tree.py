"""The search tree as text."""

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agent.record.state import Node, RunState
from agent.report import wording
from agent.report.screen import Tally, status

_NARROW = 90
_DEEP = 8  # levels from which on the guide lines are drawn closer


def render_tree(state: RunState, width: int) -> RenderableType:
    """Every node below its parent, with what it changed, its score, time and status; `width` in columns."""
    if not state.nodes:
        return Text("This run has no nodes yet.")
    table = Table(
        box=box.SIMPLE_HEAD, width=width, padding=(0, 1), show_edge=False, header_style="bright_black"
    )
    table.add_column("node", no_wrap=True)
    table.add_column("what changed", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("score", justify="right", no_wrap=True)
    if width >= _NARROW:
        table.add_column("audit", justify="right", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for guide, node in _walk(state, width):
        table.add_row(*_cells(state, guide, node, width))
    return Group(table, Text(), _summary(state))


def _walk(state: RunState, width: int) -> Iterator[tuple[str, Node]]:
    """Depth first with the guide lines that lead to each node; a stack, since chains can be long."""
    deep = max((len(state.ancestors(node)) for node in state.nodes.values()), default=0) > _DEEP
    fork, end, pass_by, gap = ("├", "└", "│", " ") if deep else ("├─ ", "└─ ", "│  ", "   ")
    stack = [("", "", root) for root in reversed(state.roots)]
    while stack:
        guide, below, node = stack.pop()
        yield guide if len(guide) <= width // 3 else f"…{guide[-width // 3 :]}", node
        children = [state.nodes[child] for child in node.children]
        for child in reversed(children):
            is_last = child is children[-1]
            stack.append((below + (end if is_last else fork), below + (gap if is_last else pass_by), child))


def _cells(state: RunState, guide: str, node: Node, width: int) -> list[Text]:
    result = node.result
    is_best = state.best is not None and state.best.id == node.id
    label = Text(guide, style="bright_black")
    label.append(node.name, style="bold default")
    label.append(f" {node.operator}", style=f"not bold {wording.OPERATOR_STYLE[node.operator]}")
    cells = [
        label,
        Text(_change(node)),
        Text(
            wording.score(node.metric, result.metric_se if result else None), style="bold" if is_best else ""
        ),
    ]
    if width >= _NARROW:
        cells.append(Text(wording.number(result.audit_metric if result else None)))
    return [*cells, Text(wording.duration(node.seconds) if result else ""), status(node, is_best)]


def _change(node: Node) -> str:
    reason = f": {wording.one_line(node.result.reason)}" if node.result and node.result.reason else ""
    blends = f", blends {wording.origin(node)}" if len(node.parents) > 1 else ""
    return wording.what_changed(node) + blends + reason


def _summary(state: RunState) -> Text:
    text = Text(f"{len(state.nodes)} nodes: {Tally.of(state)}; {wording.clock(state.elapsed_s)} used")
    if state.finished and state.finished.chosen is not None:
        text.append(f"; kept node {state.finished.chosen:03d}")
    return text
