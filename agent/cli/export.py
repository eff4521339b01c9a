"""`mars export`: a solution as a folder that runs without MARS."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.inspect import find_node
from agent.cli.options import RunName
from agent.core import paths
from agent.core.errors import SetupError

if TYPE_CHECKING:
    from agent.record.opened_run import Run
    from agent.record.state import Node


def export_command(
    run: RunName,
    target: Annotated[
        list[str],
        typer.Argument(
            metavar="[NODE] DIR",
            help="Number of a node (default: the run's best) and a new or empty folder.",
        ),
    ],
    copy_input: Annotated[
        bool, typer.Option("--copy-input", help="Copy the media instead of linking to them.")
    ] = False,
    inference: Annotated[
        bool,
        typer.Option(
            "--inference",
            help="Train the node again (refit it if the run kept a refit), keep the trained weights, and "
            "write a folder that only predicts, without labelled rows.",
        ),
    ] = False,
) -> None:
    """Write a node's repository to a folder that runs without MARS. An ensemble includes its members."""
    from agent.engine.trials.execution import TIME_HINT_SHARE
    from agent.record.opened_run import open_run
    from agent.reproduce.execution import recorded_limits
    from agent.solution.export import export

    home = paths.home()
    opened = open_run(run, home)
    node = _best_node(opened) if len(target) == 1 else find_node(opened, _number(target))
    if node.result is None:
        raise SetupError(f"Node {node.name} has not finished; export another node.")
    folder = Path(target[-1])
    if inference:
        from agent.reproduce.predictors import export_inference

        inference_export = export_inference(opened, home, node, folder, copy_input=copy_input)
        print(f"{inference_export.executed} {inference_export.compared(str(folder))}")
        exported = "The refit of node" if inference_export.refitted else "Node"
        print(
            f"{exported} {node.name} ({node.idea.title}) is in {folder}, ready to predict; see its README.md."
        )
        return
    files = opened.lineage.read(node.result.commit)
    limits = recorded_limits(opened.journal.events(), opened.metric.higher_is_better)
    time_limits = {number: limit * TIME_HINT_SHARE for number, limit in limits.items()}
    export(
        opened.id,
        opened.state,
        node,
        files,
        opened.prepared,
        home,
        folder,
        time_limits,
        copy_input=copy_input,
    )
    print(f"Node {node.name} ({node.idea.title}) is in {folder}. To run it, see its README.md.")


def _number(target: list[str]) -> int:
    if len(target) != 2 or not target[0].isdecimal():
        raise SetupError(f"'{' '.join(target)}': give a folder, or a node number and a folder.")
    return int(target[0])


def _best_node(run: "Run") -> "Node":
    """Return the node that the run kept, or would keep now."""
    from agent.solution.choose import choose

    finished = run.state.finished
    kept = finished.chosen if finished else None
    node = run.state.nodes[kept] if kept is not None else choose(run.state)
    if node is None:
        raise SetupError(
            f"Run {run.id} has no valid node. To export another node: mars export {run.id} NODE DIR"
        )
    return node
