"""`mars run` and `mars resume`."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from agent.cli import options
from agent.cli.exit_codes import EXIT_FAILED
from agent.cli.interrupts import interruptible
from agent.cli.preparation_steps import shown_steps
from agent.core import paths
from agent.engine.run_request import MAX_MINUTES, RunRequest

if TYPE_CHECKING:
    from agent.engine.session import Summary
    from agent.record.observer import Observer


@options.from_declaration(RunRequest)
def run_command(request: RunRequest, as_json: options.Json = False) -> None:
    """Search for the best solution of a competition and keep it."""
    with interruptible(), _reserved_stdout(as_json):
        from agent.engine.session import start

        with shown_steps():
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
        float | None,
        typer.Option(
            min=0.05,
            max=MAX_MINUTES,
            callback=options.finite,
            help="New total time budget of the run, in minutes.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Continue a run that was interrupted, killed or finished."""
    with interruptible(), _reserved_stdout(as_json):
        from agent.engine.session import resume

        summary = resume(run, minutes, paths.home(), _observers(as_json))
    _report(summary, as_json)


def _reserved_stdout(as_json: bool) -> AbstractContextManager[object]:
    """Keep stdout for the JSON object: what an installed tracker or planner prints goes to stderr."""
    return redirect_stdout(sys.stderr) if as_json else nullcontext()


def _observers(as_json: bool) -> "Callable[[str], Observer]":
    from agent.report.observer import make_observer

    console = Console(stderr=as_json)
    return lambda metric: make_observer(console, as_json, metric)


def _report(summary: "Summary", as_json: bool) -> None:
    """Print the outcome of the run; exit with code 1 without a valid solution."""
    state, node, kept = summary.run.state, summary.chosen, summary.kept
    if as_json:
        print(json.dumps(_as_json(summary)))
    elif node is None or node.result is None or kept is None:
        # A narrow tree cuts the reasons; the page of a node has all of its reason.
        first = next((f" | mars show {summary.run.id} {number}" for number in sorted(state.nodes)), "")
        ended = f" The search ended because {state.finished.reason}." if state.finished else ""
        print(f"No valid solution was found.{ended} For the reasons: mars tree {summary.run.id}{first}")
    else:
        audit = node.result.audit_metric
        ended = f"Ended:    {state.finished.reason}.\n" if state.finished else ""
        print(
            f"Best: node {node.name}, validation {node.metric:.5f}"
            + (f", audit {audit:.5f}" if audit is not None else "")
            + f" ({len(state.valid)} of {len(state.nodes)} nodes valid, {state.elapsed_s:.0f} s).\n"
            f"{_expected_line(summary)}{ended}{_refit_line(summary)}"
            f"Solution: {kept.folder / 'repository'}\n"
            f"Next:     mars tree {summary.run.id} | mars report {summary.run.id}"
        )
    if node is None:
        raise typer.Exit(EXIT_FAILED)


def _expected_line(summary: "Summary") -> str:
    """Return the expected score of the chosen node, and how it was estimated; empty without an estimate."""
    from agent.report import formatting

    finished = summary.run.state.finished
    if finished is None or finished.expected is None:
        return ""
    return f"Expected: {formatting.expected(finished.expected)} ({finished.expected.how}).\n"


def _refit_line(summary: "Summary") -> str:
    """Return the outcome of `--refit`, or why there was no refit; empty without `--refit`."""
    from agent.report import formatting

    refit = summary.chosen.refit if summary.chosen else None
    finished = summary.run.state.finished
    if refit is not None:
        return f"Refit:    {formatting.refit(refit)}\n"
    return f"Refit:    {finished.no_refit}\n" if finished and finished.no_refit else ""


def _as_json(summary: "Summary") -> dict[str, object]:
    from agent.report.live_layout import StatusCounts

    state, node = summary.run.state, summary.chosen
    result = node.result if node else None
    expected = state.finished.expected if state.finished else None
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
            "expected": expected.model_dump() if expected else None,
        },
        "nodes": len(state.nodes),
        "valid_nodes": len(state.valid),
        "failed_smoke_runs": StatusCounts.of(state).smoke_failures,
        "end_reason": state.finished.end_reason if state.finished else None,
        "ended": state.finished.reason if state.finished else None,
        "seconds": round(state.elapsed_s, 2),
        "usd": round(state.spend.usd, 6) if state.spend.is_priced else None,
        "solution_path": str(summary.kept.folder) if summary.kept else None,
    }
