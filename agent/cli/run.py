"""`mars run`, `mars resume` and `mars runs`."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Column, Table

from agent import paths
from agent.database import open_database
from agent.errors import MarsError
from agent.record.store import list_runs
from agent.report.observer import Observer, make_observer
from agent.session import RunRequest, Summary, open_run, resume, start

EXIT_NONE_KEPT = 1
EXIT_INTERRUPTED = 130

Minutes = Annotated[float, typer.Option(min=0.05, help="Wall-clock budget of the run.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, all else on stderr.")]


def register(app: typer.Typer) -> None:
    app.command("run")(run_command)
    app.command("resume")(resume_command)
    app.command("runs")(runs_command)


def run_command(
    competition: Annotated[str, typer.Option(help="A bundled competition's name, or a folder of your own.")],
    minutes: Minutes = 10.0,
    node_minutes: Annotated[
        float | None,
        typer.Option(
            min=0.02, help="Limit of one experiment [default: a sixth of --minutes, twice that near the end]."
        ),
    ] = None,
    max_nodes: Annotated[int | None, typer.Option(min=1, help="Stop after this many experiments.")] = None,
    planner: Annotated[Literal["library"], typer.Option(help="Who proposes ideas.")] = "library",
    policy: Annotated[
        Literal["mcts", "greedy", "random"], typer.Option(help="How the tree of experiments grows.")
    ] = "mcts",
    blueprint: Annotated[
        Path | None, typer.Option(help="Execute this one blueprint and nothing else.")
    ] = None,
    lessons: Annotated[Path | None, typer.Option(help="Start from these exported lessons too.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Experiments at once; they share the cores.")] = 1,
    data: Annotated[
        Literal["auto", "full", "sample"], typer.Option(help="auto: the real data if it is here.")
    ] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of every decision and every experiment.")] = 0,
    cold: Annotated[
        bool, typer.Option("--cold", help="A fresh process per experiment instead of a warm parent.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Searches for the best solution of a competition and keeps it."""
    request = RunRequest(
        competition=competition,
        minutes=minutes,
        node_minutes=node_minutes,
        max_nodes=max_nodes,
        policy=policy,
        blueprint=blueprint,
        lessons=lessons,
        workers=workers,
        data=data,
        seed=seed,
        cold=cold,
    )
    with interruptible():
        summary = start(request, paths.home(), _observers(as_json))
    _report(summary, as_json)


def resume_command(
    run: Annotated[str, typer.Argument(help="Id of a run, a part of it, or `latest`.")],
    minutes: Annotated[float | None, typer.Option(min=0.05, help="New total budget of the run.")] = None,
    as_json: Json = False,
) -> None:
    """Goes on with a run that was interrupted, killed or ended."""
    with interruptible():
        summary = resume(run, minutes, paths.home(), _observers(as_json))
    _report(summary, as_json)


def runs_command() -> None:
    """Lists recorded runs, the latest first."""
    home = paths.home()
    engine = open_database(home.database)
    rows = list_runs(engine)
    # An id that is cut off cannot be copied.
    name = Column("run", no_wrap=True, min_width=max((len(row.id) for row in rows), default=3))
    table = Table(name, "data", "nodes", "valid", "best", "minutes", "ended", box=None)
    for row in rows:
        try:
            state = open_run(row.id, home, engine).state
        except MarsError as error:
            table.add_row(row.id, str(error))
            continue
        best = f"{state.best.metric:.5f}" if state.best else "-"
        ended = state.finished.reason if state.finished else "no: `mars resume` goes on"
        counts = (str(len(state.nodes)), str(len(state.valid)))
        table.add_row(row.id, state.run.data_kind, *counts, best, f"{state.elapsed_s / 60:.1f}", ended)
    Console().print(table)


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C and SIGTERM end a run in order: what runs is killed, what happened is on record."""
    try:
        yield
    except KeyboardInterrupt:
        print("Interrupted; the state is saved: `mars resume latest` goes on.", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _observers(as_json: bool) -> Callable[[str], Observer]:
    console = Console(stderr=as_json)
    return lambda metric: make_observer(console, as_json, metric)


def _report(summary: Summary, as_json: bool) -> None:
    """Prints how it ended; exit code 1 when no valid solution was found."""
    state, node, kept = summary.run.state, summary.chosen, summary.kept
    if as_json:
        print(json.dumps(_as_json(summary)))
    elif node is None or node.result is None or kept is None:
        print(f"No valid solution was found. See: mars tree {summary.run.id}")
    else:
        audit = node.result.audit_metric
        print(
            f"Best: node {node.name}, validation {node.metric:.5f}"
            + (f", audit {audit:.5f}" if audit is not None else "")
            + f" ({len(state.valid)} of {len(state.nodes)} nodes valid, {state.elapsed_s:.0f} s).\n"
            f"Solution: {kept.folder / 'repository'}\n"
            f"Look:     mars tree {summary.run.id} | mars report {summary.run.id}"
        )
    if node is None:
        raise typer.Exit(EXIT_NONE_KEPT)


def _as_json(summary: Summary) -> dict[str, object]:
    state, node = summary.run.state, summary.chosen
    result = node.result if node else None
    return {
        "run_id": summary.run.id,
        "competition": state.run.competition,
        "data": state.run.data_kind,
        "best": {
            "node": node.name if node else None,
            "metric": summary.run.metric.name,
            "audit_metric": result.audit_metric if result else None,
            "val": result.metric if result else None,
        },
        "nodes": len(state.nodes),
        "valid_nodes": len(state.valid),
        "seconds": round(state.elapsed_s, 2),
        "usd": 0.0,
        "solution_path": str(summary.kept.folder) if summary.kept else None,
    }
