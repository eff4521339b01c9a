"""Layout of the live screen."""

from collections import Counter, deque
from dataclasses import dataclass, field

from rich import box
from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from agent.memory.lesson import Lesson
from agent.record.events import CurvePoint, NodeResult, Status
from agent.record.state import Node, RunState
from agent.report import formatting

LATEST_NODES = 12
_LINES_AROUND_NODES = 14  # headline, budget, best, rules, header of the table, lesson
_NARROW = 100  # terminal columns below which the least important table columns are left out


@dataclass
class StatusCounts:
    """Number of ended nodes by status; counted as nodes end, so that no screen walks the whole tree."""

    counts: Counter[Status] = field(default_factory=Counter)
    smoke_failures: int = 0
    """Number of the failed nodes that failed in their smoke run."""

    @classmethod
    def of(cls, state: RunState) -> "StatusCounts":
        found = cls()
        for node in state.nodes.values():
            if node.result is not None:
                found.count(node.result)
        return found

    def count(self, result: NodeResult) -> None:
        self.counts[result.status] += 1
        self.smoke_failures += result.failed_in_smoke_run

    def __str__(self) -> str:
        order: tuple[Status, ...] = ("valid", "suspect", "failed", "pruned")
        parts = [f"{self.counts[status]} {status}" for status in order if self.counts[status]]
        text = ", ".join(parts)
        if not self.smoke_failures:
            return text
        failed = f"{self.counts['failed']} failed"
        return text.replace(failed, f"{failed} ({self.smoke_failures} in the smoke run)")


@dataclass
class View:
    """Content of one picture of the live screen."""

    headline: str
    metric: str
    state: RunState
    latest: deque[int]
    status_counts: StatusCounts
    last_lesson: Lesson | None
    running: dict[int, CurvePoint | None] = field(default_factory=dict)
    elapsed_s: float = 0.0


def draw(view: View, width: int, height: int) -> RenderableType:
    """Draw one picture that fits `width` columns and `height` lines; the run must have started."""
    guarantees = view.state.missing_guarantees[:2]
    around = _LINES_AROUND_NODES + len(guarantees) + max(len(view.running), 1)
    rows = max(1, min(LATEST_NODES, height - around))
    return Group(
        *_header(view),
        *(
            _cut(f"incomplete isolation: {formatting.one_line(guarantee)}", "yellow")
            for guarantee in guarantees
        ),
        Text(),
        _budget(view, width),
        _best(view),
        Rule("latest nodes", style="bright_black", align="left"),
        _nodes(view, rows, width),
        Rule("running now", style="bright_black", align="left"),
        _running(view, width),
        Text(),
        _lesson(view.last_lesson),
    )


def _cut(text: str, style: str = "") -> Text:
    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _header(view: View) -> tuple[Text, Text]:
    run = view.state.run
    facts = _cut("")
    facts.append(formatting.data_kind(run), style="black on yellow" if run.data_kind == "sample" else "bold")
    facts.append(f"  {run.competition}  {view.metric}, {formatting.direction(view.state.higher_is_better)}")
    return _cut(view.headline, "bold"), facts


def _budget(view: View, width: int) -> Table:
    run, state = view.state.run, view.state
    left_s = max(run.budget_s - int(view.elapsed_s), 0.0)
    nodes = f"{len(state.nodes)}" + (f" of {run.max_nodes}" if run.max_nodes is not None else "")
    time = Table.grid(padding=(0, 2))
    time.add_row(
        ProgressBar(total=run.budget_s, completed=min(view.elapsed_s, run.budget_s), width=_bar_width(width)),
        f"{formatting.clock(view.elapsed_s)} of {formatting.clock(run.budget_s)}, "
        f"{formatting.clock(left_s)} left",
    )
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="bright_black", no_wrap=True)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_row("time ", time)
    grid.add_row("nodes", f"{nodes}   {view.status_counts}")
    if run.models:
        grid.add_row("model", Text(formatting.spend(state.spend)))
    return grid


def _bar_width(width: int) -> int:
    return 30 if width >= _NARROW else 12


def _best(view: View) -> Text:
    line = _cut("best   ", "bright_black")
    best = view.state.best
    if best is None or best.result is None:
        return line.append("none yet", style="default")
    line.append(f"{formatting.BEST_SIGN} node {best.name}  ", style="bold green")
    line.append(formatting.score(best.metric, best.result.metric_se), style="bold green")
    if best.result.audit_metric is not None:
        line.append(
            f"   audit {formatting.score(best.result.audit_metric, best.result.audit_se)}", style="default"
        )
    return line.append(f"   {formatting.one_line(best.idea.title)}", style="default")


def _nodes(view: View, rows: int, width: int) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, expand=True, padding=(0, 1), show_edge=False, header_style="bright_black"
    )
    table.add_column("node", no_wrap=True)
    table.add_column("operator", no_wrap=True)
    if width >= _NARROW:
        table.add_column("from", no_wrap=True)
    table.add_column("what changed", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("score", justify="right", no_wrap=True)
    if width >= _NARROW:
        table.add_column("audit", justify="right", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for node_id in list(view.latest)[-rows:]:
        table.add_row(*_node_cells(view.state, view.state.nodes[node_id], width))
    return table


def _node_cells(state: RunState, node: Node, width: int) -> list[Text]:
    wide = width >= _NARROW
    result = node.result
    is_best = state.best is not None and state.best.id == node.id
    reason = f"  {formatting.one_line(result.reason)}" if result and result.reason else ""
    metric_se = result.metric_se if result and wide else None
    cells = [Text(node.name), Text(node.operator, style=formatting.OPERATOR_STYLE[node.operator])]
    if wide:
        cells.append(Text(_short_origin(node)))
    cells += [
        Text(formatting.what_changed(node) + reason),
        Text(formatting.score(node.metric, metric_se), style="bold" if is_best else ""),
    ]
    if wide:
        cells.append(Text(formatting.number(result.audit_metric if result else None)))
    return [*cells, Text(formatting.duration(node.seconds) if result else ""), status(node, is_best)]


def _short_origin(node: Node) -> str:
    """Return the first parent and the number of further members: `010 +2`."""
    others = f" +{len(node.parents) - 1}" if len(node.parents) > 1 else ""
    return f"{node.parent:03d}{others}" if node.parent is not None else formatting.ABSENT


def status(node: Node, is_best: bool) -> Text:
    """Return sign and word of a node's status, `★ best` for the best node."""
    if is_best:
        return Text(f"{formatting.BEST_SIGN} best", style="bold green")
    sign = formatting.STATUS_SIGN[node.status]
    in_smoke_run = " smoke" if node.result is not None and node.result.failed_in_smoke_run else ""
    return Text(f"{sign} {node.status}{in_smoke_run}", style=formatting.STATUS_STYLE[node.status])


def _running(view: View, width: int) -> RenderableType:
    if not view.running:
        return Text(_idle_text(view.state), style="bright_black")
    grid = Table.grid(padding=(0, 2))
    for node_id, point in view.running.items():
        node = view.state.nodes[node_id]
        fraction = min(max(point.fraction, 0.0), 1.0) if point else 0.0
        activity = "repeat" if node.repeating else "refit" if node.refitting else ""
        label = f"{activity} of {node.name}" if activity else f"{node.name} {node.operator}"
        grid.add_row(
            Text(label),
            ProgressBar(total=1.0, completed=fraction, width=_bar_width(width)),
            Text(formatting.progress(point) if point else "starting"),
        )
    return grid


def _idle_text(state: RunState) -> str:
    if state.finished:
        return "nothing: the run has ended"
    asked = state.spend.asked
    return f"waiting for {formatting.one_line(asked)}" if asked else "choosing the next node"


def _lesson(lesson: Lesson | None) -> Text:
    line = _cut("last lesson  ", "bright_black")
    if lesson is None:
        return line.append("none yet", style="default")
    return line.append(f"{lesson.id} {formatting.titled_effect(lesson)}", style="default")
