"""`mars tree`, `mars show`, `mars diff` and `mars report`: views of a recorded run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from agent.cli.options import RunName
from agent.core import paths
from agent.core.errors import SetupError

if TYPE_CHECKING:
    from agent.record.lesson_rates import Rates
    from agent.record.opened_run import Run
    from agent.record.state import Node
    from agent.report.node_files import RunFiles

NodeName = Annotated[int, typer.Argument(metavar="NODE", help="Number of a node.")]


def tree_command(run: RunName) -> None:
    """Show the search tree of a run and the cost of its language models by role and purpose."""
    from agent.record.lesson_rates import rates
    from agent.record.opened_run import open_run
    from agent.report.tree import render_tree

    console = Console()
    home = paths.home()
    state = open_run(run, home).state
    console.print(render_tree(state, console.width))
    if state.calls:
        from agent.llm.prices import load_prices
        from agent.report.spending import render_spending

        prices = load_prices(home.prices)
        console.print(render_spending(state, lambda model: prices.at(state.run.llm_host, model)))
    console.print(_lesson_use(rates(state)))


def show_command(
    run: RunName,
    node: NodeName,
    calls: Annotated[
        bool,
        typer.Option(
            "--calls",
            help="Show all messages to and from language models about this node, also if the node was never "
            "created.",
        ),
    ] = False,
) -> None:
    """Show a node: idea, scores, lessons, failure analysis and folder."""
    from agent.record.opened_run import open_run
    from agent.report.node_view import render_calls, render_node

    opened = open_run(run, paths.home())
    asked = opened.state.calls.get(node, [])
    if calls and (asked or find_node(opened, node)):  # calls may belong to a node that was never created
        Console().print(render_calls(asked, opened.journal.text))
        return
    found, files = find_node(opened, node), _files(opened)
    page = render_node(opened.state, found, files.workspace(found), files.log(found), files.analysis(found))
    Console().print(page)


def diff_command(
    run: RunName,
    node: NodeName,
    other: Annotated[
        int | None, typer.Argument(metavar="NODE", help="Compare with this node. Default: the parent.")
    ] = None,
) -> None:
    """Show the code diff of a node against its parent or another node."""
    from agent.record.opened_run import open_run
    from agent.report.node_view import print_diff

    opened = open_run(run, paths.home())
    found = find_node(opened, node)
    if other is None:
        diff = _files(opened).diff(opened.state, found)
    else:
        diff = opened.lineage.diff(_commit(find_node(opened, other)), _commit(found))
    print_diff(Console(), diff)


def report_command(
    run: RunName,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write. Default: report.html in the run's folder."),
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option("--png", metavar="DIR", help="Also write the pictures as PNG files to this folder."),
    ] = None,
) -> None:
    """Write a self-contained HTML report of a run and print the names of the written files."""
    from agent.record.opened_run import open_run
    from agent.report.html import ReportContext, write_report
    from agent.solution.card import load_card

    opened = open_run(run, paths.home())
    home = paths.home()
    card = load_card(home.solutions / opened.prepared.spec.id)
    kept = card is not None and card.run == opened.id
    context = ReportContext(
        run=opened.id,
        title=opened.prepared.spec.title,
        metric=opened.metric,
        load_files=_files(opened).load,
        kept=home.solutions / opened.prepared.spec.id if kept else None,
        home=home.root,
    )
    file = output or opened.folder / "report.html"
    pictures: list[Path] = []
    if png is not None:
        from agent.report.plots import write_plots

        pictures = write_plots(opened.state, context.title, opened.metric, png)
    write_report(opened.state, context, file)
    for written in (file, *pictures):
        print(written)


def _lesson_use(found: "Rates") -> str:
    if found.utilisation is None:
        return "lessons: none were available"
    text = f"lessons: cited by {100 * found.utilisation:.0f} % of the nodes with lessons available"
    if found.transfer is None:
        return text
    return f"{text}; {100 * found.transfer:.0f} % of the citations refer to another branch or run"


def _files(run: "Run") -> "RunFiles":
    from agent.report.node_files import RunFiles

    return RunFiles(run.folder, run.lineage.diff, run.lineage.read)


def find_node(run: "Run", number: int) -> "Node":
    """Return a node of the run by its number.

    Raises:
        SetupError: The run has no node of this number.
    """
    if number not in run.state.nodes:
        calls = (
            f" To see its model calls: mars show {run.id} {number} --calls"
            if number in run.state.calls
            else ""
        )
        raise SetupError(
            f"Run {run.id} has no node {number}; its nodes are 1 to {len(run.state.nodes)}.{calls}"
        )
    return run.state.nodes[number]


def _commit(node: "Node") -> str:
    if node.result is None:
        raise SetupError(f"Node {node.name} has not finished, so it has no code to compare yet.")
    return node.result.commit
