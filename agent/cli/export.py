"""`mars export`: a solution as a folder that runs without MARS."""

from collections.abc import Callable
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
    as_git: Annotated[
        bool,
        typer.Option(
            "--git",
            help="Make the folder a git repository: one commit for each revision that led to the node, with "
            "idea, scores and lessons, and a tag for each kept solution.",
        ),
    ] = False,
) -> None:
    """Write a node's repository to a folder that runs without MARS. An ensemble includes its members."""
    from agent.engine.trials.execution import TIME_HINT_SHARE
    from agent.record.opened_run import open_run
    from agent.reproduce.execution import full_run_limits
    from agent.solution.export import export

    home = paths.home()
    opened = open_run(run, home)
    node = _best_node(opened) if len(target) == 1 else find_node(opened, _number(target))
    if node.result is None:
        raise SetupError(f"Node {node.name} has not finished; export another node.")
    folder = Path(target[-1])
    if inference and as_git:
        raise SetupError("--git exports the code that trains, --inference a trained model; use one of them.")
    if inference:
        _export_predictor(opened, home, node, folder, copy_input)
        return
    files = opened.lineage.read(node.result.commit)
    limits = full_run_limits(opened)
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
        complete=_git_history(opened, home, node) if as_git else lambda folder: None,
    )
    print(f"Node {node.name} ({node.idea.title}) is in {folder}. To run it, see its README.md.")
    if as_git:
        from agent.solution.git_export import BRANCH, NOTES

        print(
            f"Its history is on branch {BRANCH} of {folder}. To push it: git push URL {BRANCH} --tags {NOTES}"
        )


def _export_predictor(run: "Run", home: paths.Home, node: "Node", folder: Path, copy_input: bool) -> None:
    """Write a folder that only predicts; print how its predictions compare with the run's."""
    from agent.reproduce.predictors import export_inference

    inference_export = export_inference(run, home, node, folder, copy_input=copy_input)
    print(f"{inference_export.executed} {inference_export.compared(str(folder))}")
    exported = "The refit of node" if inference_export.refitted else "Node"
    print(f"{exported} {node.name} ({node.idea.title}) is in {folder}, ready to predict; see its README.md.")


def _git_history(run: "Run", home: paths.Home, node: "Node") -> Callable[[Path], None]:
    """Return a function that turns the exported folder into a git repository."""
    from agent.solution.git_export import kept_tags, write_history
    from agent.solution.history import entries
    from agent.solution.revisions import revisions_of

    events, metric = run.journal.timed_events(), run.prepared.spec.metric
    revisions = revisions_of(run.id, run.state, metric, events, node)
    cards = [entry.card for entry in entries(home.solutions, run.prepared.spec.id)]
    tags = kept_tags(run.id, cards)
    return lambda folder: write_history(folder, revisions, run.lineage.read, tags)


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
