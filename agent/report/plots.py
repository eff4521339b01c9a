"""Pictures of a run as PNG files, for papers and slides. Needs the optional package matplotlib."""

from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.competition.metrics import Metric
from agent.core.atomic_files import atomic_file
from agent.core.errors import SetupError
from agent.record.events import Operator
from agent.record.state import Node, RunState
from agent.report import formatting
from agent.report.geometry import robust_range

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BEST_CURVES = 5
_DPI = 150
_INK, _MUTED, _ACCENT = "#1e2126", "#5c626c", "#b0421f"
# The colours of the page; the marker shapes distinguish operators in grey print.
_OPERATORS: dict[Operator, tuple[str, str]] = {
    "draft": ("#2f6cb8", "o"),
    "improve": ("#1f8061", "s"),
    "debug": ("#96690a", "^"),
    "ensemble": ("#7d4aa6", "D"),
}
_LINES = ("#b0421f", "#2f6cb8", "#1f8061", "#7d4aa6", "#96690a")


def write_plots(state: RunState, title: str, metric: Metric, folder: Path) -> list[Path]:
    """Write every picture that the run has data for.

    Pictures: `best_over_time.png` (all scores and the best so far), `score_against_time.png` (score
    against seconds per node), `learning_curves.png` (the metric of the best nodes during training).

    Returns:
        The written files.

    Raises:
        SetupError: matplotlib is not installed.
        InfrastructureError: A file cannot be written.
    """
    if find_spec("matplotlib") is None:
        raise SetupError(
            "--png needs the package matplotlib, which is not installed. "
            "Run `pip install 'mars-search[plots]'` or leave out --png."
        )
    pictures: dict[str, Callable[[RunState, Metric], Figure | None]] = {
        "best_over_time.png": best_over_time,
        "score_against_time.png": score_against_time,
        "learning_curves.png": learning_curves,
    }
    files = []
    for name, draw in pictures.items():
        figure = draw(state, metric)
        if figure is not None:
            subtitle = _plain(f"{title}, {formatting.data_kind(state.run)}")
            figure.suptitle(subtitle, x=0.012, ha="left", fontsize=9, color=_MUTED)
            files.append(_save(figure, folder / name))
    return files


def best_over_time(state: RunState, metric: Metric) -> "Figure | None":
    """Plot scores over the minutes of the run, with the best score so far as steps."""
    scored = _scored(state)
    if not scored:
        return None
    figure, axes = _frame(f"Best {metric.name} over time", "minutes of the run", metric)
    _scatter(axes, scored, lambda node: (node.finished_at_s or 0.0) / 60, state)
    if state.best_history:
        steps = [(at / 60, state.nodes[node].metric) for at, node in state.best_history]
        steps.append((state.elapsed_s / 60, steps[-1][1]))
        times, scores = zip(*steps, strict=True)
        axes.step(times, scores, where="post", color=_ACCENT, lw=1.8, label="best so far", zorder=2)
    axes.set_xlim(left=0)
    _finish(axes, (node.metric for node in scored), "right upper")
    return figure


def score_against_time(state: RunState, metric: Metric) -> "Figure | None":
    """Plot scores with standard errors over the seconds per node, on a logarithmic time scale."""
    scored = [node for node in _scored(state) if node.seconds > 0]
    if not scored:
        return None
    figure, axes = _frame(f"{metric.name} against time per node", "seconds of the node", metric)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _scatter(axes, scored, lambda node: node.seconds, state, errors=True)
    _finish(axes, (node.metric for node in scored), "right upper")
    return figure


def learning_curves(state: RunState, metric: Metric) -> "Figure | None":
    """Plot the validation metric during training, for the best valid nodes that reported it."""
    curves = []
    ranked = sorted(
        (node for node in state.valid if node.metric is not None),
        key=lambda node: state.direction.key(node.metric),
    )
    for node in ranked:
        points = [
            (point.elapsed_s, point.metric)
            for point in (node.result.curve if node.result else ())
            if point.metric is not None
        ]
        if len(points) > 1:
            curves.append((node, points))
    if not curves:
        return None
    figure, axes = _frame("Learning curves of the best nodes", "seconds of the node", metric)
    for colour, (node, points) in zip(_LINES, curves[:BEST_CURVES], strict=False):
        name = f"{node.name} {formatting.one_line(node.idea.title)}"
        label = _plain(name if len(name) <= 90 else f"{name[:89]}…")
        axes.plot(*zip(*points, strict=True), color=colour, lw=1.6, marker=".", ms=5, label=label)
    shown = (value for _, points in curves[:BEST_CURVES] for _, value in points)
    _finish(axes, shown, "lower left")
    return figure


def _scored(state: RunState) -> list[Node]:
    """Return nodes with a trusted score; a suspect score would set the scale."""
    return [node for node in state.nodes.values() if node.metric is not None and node.status != "suspect"]


def _frame(title: str, across: str, metric: Metric) -> "tuple[Figure, Any]":
    """Return an empty figure. It avoids pyplot, whose global state needs a display and leaks figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.4), dpi=_DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(_plain(title), loc="left", fontsize=12, fontweight="bold", color=_INK)
    axes.set_xlabel(across, color=_MUTED)
    direction = formatting.direction(metric.higher_is_better)
    axes.set_ylabel(_plain(f"{metric.name} ({direction})"), color=_MUTED)
    axes.tick_params(colors=_MUTED)
    axes.grid(axis="y", color="#e3dfd7", lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    return figure, axes


def _scatter(
    axes: Any, nodes: Sequence[Node], across: Callable[[Node], float], state: RunState, errors: bool = False
) -> None:
    for operator, (colour, sign) in _OPERATORS.items():
        own = [node for node in nodes if node.operator == operator]
        if not own:
            continue
        x, y = [across(node) for node in own], [node.metric for node in own]
        if errors:
            sizes = [(node.result.metric_se if node.result else None) or 0.0 for node in own]
            axes.errorbar(x, y, yerr=sizes, fmt="none", ecolor=colour, alpha=0.4, lw=1)
        axes.scatter(x, y, s=26, color=colour, marker=sign, label=operator, zorder=3)
    best = state.best
    if best is not None and best in nodes:
        place = (across(best), best.metric)
        axes.annotate(best.name, place, xytext=(0, 8), textcoords="offset points", ha="center", color=_ACCENT)


def _finish(axes: Any, values: Iterable[float | None], legend: str) -> None:
    """Set a scale that ignores outliers, and place the legend outside the axes."""
    axes.set_ylim(*robust_range((value for value in values if value is not None), pad=0.12))
    axes.figure.legend(frameon=False, fontsize=8, loc=f"outside {legend}", labelcolor=_INK)


def _plain(text: str) -> str:
    """Escape dollar signs, which matplotlib reads as the start of a formula."""
    return formatting.one_line(text).replace("$", r"\$")


def _save(figure: "Figure", file: Path) -> Path:
    with atomic_file(file, "picture") as path:
        figure.savefig(path, format="png")
    return file
