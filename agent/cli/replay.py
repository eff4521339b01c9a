"""`mars replay`: what the record of a run is worth."""

import json
from collections import Counter
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from agent import paths
from agent.cli.inspect import RunName
from agent.execute_again import TOLERANCE, Again, execute_again
from agent.redecide import Redecided, redecide
from agent.replay import Replay, Replayed
from agent.session import open_run

EXIT_DIFFERENT = 1


def register(app: typer.Typer) -> None:
    app.command("replay")(replay_command)


def replay_command(
    run: RunName,
    execute: Annotated[
        bool, typer.Option("--execute", help="Also run every node again and compare the metrics.")
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option(min=0, help="Largest difference of a metric that counts as equal; a GPU needs more."),
    ] = TOLERANCE,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on stdout, all else on stderr.")
    ] = False,
) -> None:
    """Decides and renders every node of a run anew from its record, and compares: decision and every byte.

    Nothing is sent: language models' answers are the recorded ones. The exit code is 0 when all decisions and
    repositories are the same (and, with --execute, all metrics agree), else 1.
    """
    opened, home = open_run(run, paths.home()), paths.home()
    console = Console(stderr=as_json, highlight=False, soft_wrap=True)
    decisions = list(redecide(opened, home))
    _print_decisions(console, decisions)
    replayed = Replay(opened, home).nodes()
    _print_repositories(console, replayed)
    compared: list[Again] = []
    if execute:
        for again in execute_again(opened, home, tolerance):
            compared.append(again)
            Console(stderr=True).print(f"node {again.node:03d} is executed", style="dim")
        _print_metrics(console, compared, opened.metric.name, tolerance)
    if as_json:
        print(json.dumps(_as_json(opened.id, decisions, replayed, compared if execute else None, tolerance)))
    same = all(one.same for one in decisions) and all(one.agrees for one in compared)
    if any(one.verdict == "different" for one in replayed) or not same:
        raise typer.Exit(EXIT_DIFFERENT)


def _print_decisions(console: Console, decisions: list[Redecided]) -> None:
    for one in decisions:
        if one.reason:
            verdict = "decided the same" if one.same else "decided differently"
            console.print(f"{one.what}: {verdict}. {one.reason}", markup=False)
    same = sum(one.same for one in decisions)
    console.print(f"{same} of {len(decisions)} decisions come out as recorded.")
    if same < len(decisions):
        console.print(
            "What differs: MARS, a family or the competition changed since the run, or the record did."
        )


def _print_repositories(console: Console, replayed: list[Replayed]) -> None:
    for one in replayed:
        if one.verdict == "identical":
            continue
        console.print(f"node {one.node:03d}: {one.verdict}. {one.reason}".rstrip(), markup=False)
        for difference in one.differences:
            console.print(f"  {difference.file} {difference.what}. {difference.reason}", markup=False)
    counts = Counter(one.verdict for one in replayed)
    console.print(
        f"{counts['identical']} of {len(replayed)} repositories are byte-identical to their commits"
        f", {counts['different']} differ, {counts['not rendered']} are not rendered."
    )


def _print_metrics(console: Console, compared: list[Again], metric: str, tolerance: float) -> None:
    table = Table("node", f"{metric} recorded", "again", "difference", "seconds", "verdict", box=None)
    for one in compared:
        again = one.again
        table.add_row(
            f"{one.node:03d}",
            _score(one.recorded.metric, one.recorded.status),
            "-" if again is None else _score(again.metric, again.status),
            "-" if one.difference is None else f"{one.difference:+.2e}",
            f"{one.recorded.seconds:.1f}" + ("" if again is None else f" / {again.seconds:.1f}"),
            _verdict(one),
        )
    console.print(table)
    executed = [one for one in compared if one.again is not None]
    agreeing = sum(one.agrees for one in executed)
    console.print(
        f"{agreeing} of {len(executed)} executions agree with the record; metrics count as equal within "
        f"{tolerance:g} (--tolerance)."
    )


def _score(metric: float | None, status: str) -> str:
    return status if metric is None else f"{metric:.6f}"


def _verdict(one: Again) -> str:
    return "agrees" if one.agrees and not one.reason else one.reason


def _as_json(
    run: str,
    decisions: list[Redecided],
    replayed: list[Replayed],
    compared: list[Again] | None,
    tolerance: float,
) -> dict[str, object]:
    nodes = [
        {
            "node": f"{one.node:03d}",
            "verdict": one.verdict,
            "reason": one.reason,
            "differences": [vars(difference) for difference in one.differences],
        }
        for one in replayed
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
                "node": f"{one.node:03d}",
                "status": one.recorded.status,
                "metric": one.recorded.metric,
                "status_again": one.again and one.again.status,
                "metric_again": one.again and one.again.metric,
                "difference": one.difference,
                "agrees": one.agrees,
                "reason": one.reason,
            }
            for one in compared
        ]
    return report
