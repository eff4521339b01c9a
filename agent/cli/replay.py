"""`mars replay`: checks that a run can be reproduced from its record."""

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from agent.cli.options import RunName, finite
from agent.core import paths
from agent.reproduce.defaults import TOLERANCE

if TYPE_CHECKING:
    from agent.reproduce.decision_checks import DecisionCheck
    from agent.reproduce.execution import Reexecution
    from agent.reproduce.rendering import RenderedNode

EXIT_DIFFERENT = 1


def replay_command(
    run: RunName,
    execute: Annotated[
        bool, typer.Option("--execute", help="Also execute every node again and compare the metrics.")
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option(
            min=0,
            callback=finite,
            help="Largest difference of two metrics that count as equal. A GPU needs a larger value.",
        ),
    ] = TOLERANCE,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object to stdout and everything else to stderr.")
    ] = False,
) -> None:
    """Repeat every decision and rendering of a run from its record, and compare them byte for byte.

    Nothing is sent to a language model: its recorded answers are used. The exit code is 0 if all decisions
    and repositories are equal (and, with --execute, all metrics agree), else 1.
    """
    from agent.record.opened_run import open_run
    from agent.reproduce.decisions import verify_decisions
    from agent.reproduce.execution import reexecute
    from agent.reproduce.rendering import RenderingCheck

    opened, home = open_run(run, paths.home()), paths.home()
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    decisions = list(verify_decisions(opened, home))
    _print_decisions(console, decisions)
    replayed = RenderingCheck(opened, home).nodes()
    _print_repositories(console, replayed)
    compared: list[Reexecution] = []
    if execute:
        for reexecuted in reexecute(opened, home, tolerance):
            compared.append(reexecuted)
            Console(stderr=True).print(f"node {reexecuted.node:03d} executed", style="dim")
        _print_metrics(console, compared, opened.metric.name, tolerance)
    if as_json:
        print(json.dumps(_as_json(opened.id, decisions, replayed, compared if execute else None, tolerance)))
    same = all(item.same for item in decisions) and all(item.agrees for item in compared)
    if any(item.verdict == "different" for item in replayed) or not same:
        raise typer.Exit(EXIT_DIFFERENT)


def _print_decisions(console: Console, decisions: "list[DecisionCheck]") -> None:
    for item in decisions:
        if item.reason:
            verdict = "same decision" if item.same else "different decision"
            console.print(f"{item.what}: {verdict}. {item.reason}", markup=False)
    same = sum(item.same for item in decisions)
    console.print(f"{same} of {len(decisions)} decisions are equal to the recorded ones.")
    if same < len(decisions):
        console.print(
            "Possible causes: MARS, a family, the competition or the record has changed since the run."
        )


def _print_repositories(console: Console, replayed: "list[RenderedNode]") -> None:
    for item in replayed:
        if item.verdict == "identical":
            continue
        console.print(f"node {item.node:03d}: {item.verdict}. {item.reason}".rstrip(), markup=False)
        for difference in item.differences:
            console.print(f"  {difference.file} {difference.what}. {difference.reason}", markup=False)
    counts = Counter(item.verdict for item in replayed)
    console.print(
        f"{counts['identical']} of {len(replayed)} repositories are byte-identical to their commits, "
        f"{counts['different']} differ, {counts['not rendered']} were not rendered."
    )


def _print_metrics(console: Console, compared: "list[Reexecution]", metric: str, tolerance: float) -> None:
    table = Table("node", f"{metric} recorded", "now", "difference", "seconds", "verdict", box=None)
    for item in compared:
        reexecuted = item.reexecuted
        table.add_row(
            f"{item.node:03d}",
            _score(item.recorded.metric, item.recorded.status),
            "-" if reexecuted is None else _score(reexecuted.metric, reexecuted.status),
            "-" if item.difference is None else f"{item.difference:+.2e}",
            f"{item.recorded.seconds:.1f}" + ("" if reexecuted is None else f" / {reexecuted.seconds:.1f}"),
            _verdict(item),
        )
    console.print(table)
    executed = [item for item in compared if item.reexecuted is not None]
    agreeing = sum(item.agrees for item in executed)
    console.print(
        f"{agreeing} of {len(executed)} executions agree with the record. Metrics within {tolerance:g} "
        "(--tolerance) count as equal."
    )


def _score(metric: float | None, status: str) -> str:
    return status if metric is None else f"{metric:.6f}"


def _verdict(item: "Reexecution") -> str:
    return "agrees" if item.agrees and not item.reason else item.reason


def _as_json(
    run: str,
    decisions: "list[DecisionCheck]",
    replayed: "list[RenderedNode]",
    compared: "list[Reexecution] | None",
    tolerance: float,
) -> dict[str, object]:
    nodes = [
        {
            "node": f"{item.node:03d}",
            "verdict": item.verdict,
            "reason": item.reason,
            "differences": [vars(difference) for difference in item.differences],
        }
        for item in replayed
    ]
    report: dict[str, object] = {
        "run_id": run,
        "decisions": [vars(decision) for decision in decisions],
        "nodes": nodes,
    }
    if compared is not None:
        report["tolerance"] = tolerance
        report["executed"] = [
            {
                "node": f"{item.node:03d}",
                "status": item.recorded.status,
                "metric": item.recorded.metric,
                "status_again": item.reexecuted and item.reexecuted.status,
                "metric_again": item.reexecuted and item.reexecuted.metric,
                "difference": item.difference,
                "agrees": item.agrees,
                "reason": item.reason,
            }
            for item in compared
        ]
    return report
