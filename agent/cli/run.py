"""`mars run`, `mars resume` and `mars runs`."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from agent.cli import options
from agent.core import paths
from agent.core.database import open_database
from agent.core.errors import Interrupted, MarsError
from agent.engine.request import RunRequest
from agent.engine.session import Run, Summary, open_run, resume, start
from agent.record.journal import list_runs
from agent.record.observer import Observer
from agent.record.run_lock import is_locked
from agent.report import formatting
from agent.report.observer import make_observer

EXIT_NONE_KEPT = 1
EXIT_INTERRUPTED = 130


def register(app: typer.Typer) -> None:
    app.command("run")(run_command)
    app.command("resume")(resume_command)
    app.command("runs")(runs_command)


def run_command(
    competition: options.Competition,
    minutes: options.Minutes = 10.0,
    node_minutes: options.NodeMinutes = None,
    max_nodes: options.MaxNodes = None,
    max_usd: options.MaxUsd = None,
    planner: options.Planner = "library",
    model: options.Model = None,
    replay_of: options.ReplayOf = None,
    policy: options.Policy = "mcts",
    blueprint: options.Blueprint = None,
    lessons: options.Lessons = None,
    workers: options.Workers = 1,
    share_gpus: options.ShareGpus = False,
    data: options.Data = "auto",
    seed: options.Seed = 0,
    cold: options.Cold = False,
    executor: options.Executor = None,
    repository: options.From = None,
    pin: options.Pin = None,
    forbid: options.Forbid = None,
    hint: options.Hint = "",
    refit: options.Refit = False,
    offline: options.Offline = False,
    as_json: options.Json = False,
) -> None:
    """Search for the best solution of a competition and keep it."""
    request = RunRequest(
        competition=competition,
        minutes=minutes,
        node_minutes=node_minutes,
        max_nodes=max_nodes,
        policy=policy,
        blueprint=blueprint,
        lessons=lessons,
        workers=workers,
        share_gpus=share_gpus,
        data=data,
        seed=seed,
        cold=cold,
        executor=executor,
        pinned=tuple(pin or ()),
        forbidden=tuple(forbid or ()),
        hint=hint,
        imported=repository,
        refit=refit,
        planner=planner,
        model=model,
        replay_of=replay_of,
        max_usd=max_usd,
        offline=offline,
    )
    with interruptible():
        summary = start(request, paths.home(), _observers(as_json))
    _report(summary, as_json)


def resume_command(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Id of a run, a part of the id, or `latest`: the newest interrupted run that is not "
            "running. With --minutes, `latest` may also be a finished run.",
        ),
    ],
    minutes: Annotated[
        float | None, typer.Option(min=0.05, help="New total time budget of the run, in minutes.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Continue a run that was interrupted, killed or finished."""
    with interruptible():
        summary = resume(run, minutes, paths.home(), _observers(as_json))
    _report(summary, as_json)


def runs_command() -> None:
    """List the recorded runs, newest first."""
    home = paths.home()
    engine = open_database(home.database)
    rows = list_runs(engine)
    # An id must not be cut off: users copy it.
    name = Column("run", no_wrap=True, min_width=max((len(row.id) for row in rows), default=3))
    best, minutes = Column("best", min_width=7), Column("minutes", min_width=7)
    table = Table(name, "data", "metric", "nodes", "valid", best, minutes, "state", box=None)
    for row in rows:
        try:
            run = open_run(row.id, home, engine)
        except MarsError as error:
            table.add_row(row.id, str(error))
            continue
        state = run.state
        score = f"{state.best.metric:.5f}" if state.best else "-"
        counts = (str(len(state.nodes)), str(len(state.valid)))
        description = (row.id, state.run.data_kind, run.metric.name)
        table.add_row(*description, *counts, score, f"{state.elapsed_s / 60:.1f}", _run_state(run))
    Console().print(table)


def _run_state(run: Run) -> str:
    """Return why the run ended, or how to continue it."""
    if run.state.finished is not None:
        return run.state.finished.reason
    if is_locked(run.folder):
        return "running"
    if run.state.run.experiment:
        return "stopped: start again with `mars lessons verify`"
    return "stopped: continue with `mars resume`"


@contextmanager
def interruptible() -> Iterator[None]:
    """Handle Ctrl-C and SIGTERM: print how to continue and exit with code 130. The record is complete."""
    try:
        yield
    except KeyboardInterrupt as error:
        if isinstance(error, Interrupted):
            advice = f"The state is saved. Continue with `mars resume {error.run}`."
        else:
            advice = "There is nothing to resume: start the command again."
        print(f"Interrupted. {advice}", file=sys.stderr)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _observers(as_json: bool) -> Callable[[str], Observer]:
    console = Console(stderr=as_json)
    return lambda metric: make_observer(console, as_json, metric)


def _report(summary: Summary, as_json: bool) -> None:
    """Print the outcome of the run; exit with code 1 without a valid solution."""
    state, node, kept = summary.run.state, summary.chosen, summary.kept
    if as_json:
        print(json.dumps(_as_json(summary)))
    elif node is None or node.result is None or kept is None:
        print(f"No valid solution was found. For the reasons: mars tree {summary.run.id}")
    else:
        audit = node.result.audit_metric
        print(
            f"Best: node {node.name}, validation {node.metric:.5f}"
            + (f", audit {audit:.5f}" if audit is not None else "")
            + f" ({len(state.valid)} of {len(state.nodes)} nodes valid, {state.elapsed_s:.0f} s).\n"
            f"{_refit_line(summary)}"
            f"Solution: {kept.folder / 'repository'}\n"
            f"Next:     mars tree {summary.run.id} | mars report {summary.run.id}"
        )
    if node is None:
        raise typer.Exit(EXIT_NONE_KEPT)


def _refit_line(summary: Summary) -> str:
    """Return the outcome of `--refit`, or why there was no refit; empty without `--refit`."""
    refit = summary.chosen.refit if summary.chosen else None
    finished = summary.run.state.finished
    if refit is not None:
        return f"Refit:    {formatting.refit(refit)}\n"
    return f"Refit:    {finished.no_refit}\n" if finished and finished.no_refit else ""


def _as_json(summary: Summary) -> dict[str, object]:
    state, node = summary.run.state, summary.chosen
    result = node.result if node else None
    refit_requested = state.run.refit_rows is not None
    refit = {"refit": node.refit.model_dump() if node and node.refit else None} if refit_requested else {}
    return refit | {
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
        "usd": round(state.spend.usd, 6) if state.spend.is_priced else None,
        "solution_path": str(summary.kept.folder) if summary.kept else None,
    }
