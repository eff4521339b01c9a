"""Prints what parts of MARS are worth: policies, warm start, lessons, sizes of ensembles, single steps."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from compare import WORK
from entrants import MARS, SECOND, VARIANTS
from nodes import SIZES
from problem import HIGHER_IS_BETTER
from ranks import TIE, duel, errors_by_table, interval
from results import Result, comparable, read_results

ABLATED = [name for name in VARIANTS if name != MARS]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ablations`."""
    parser.add_argument("--work", type=Path, default=WORK, help="folder with results.jsonl")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--threads", type=int, default=1)


def ablations(arguments: argparse.Namespace) -> None:
    """Print all ablations that the stored results allow."""
    stored = read_results(arguments.work / "results.jsonl")
    results = comparable(stored, arguments.minutes, arguments.threads, "wall")
    print(ablations_text([result for result in results if result.entrant in VARIANTS]))


def ablations_text(results: Sequence[Result]) -> str:
    """Return Markdown with duels of MARS against its variants, ensemble sizes and the worth of nodes."""
    parts = [
        "## Ablations",
        _duels(results),
        _second_runs(results),
        _ensembles(results),
        _blends(results),
        _steps(results),
    ]
    return "\n\n".join(part for part in parts if part)


def _duels(results: Sequence[Result]) -> str:
    if not results:
        return "No run of MARS was measured under these conditions."
    errors = errors_by_table(results)
    lines = [
        "| variant | what differs | mars better on | mars's error against it |",
        "| --- | --- | --- | --- |",
    ]
    for name in ABLATED:
        against = duel(errors, MARS, name)
        if against is not None:
            difference = against.difference.text(percent=True)
            lines.append(
                f"| {name} | {VARIANTS[name].text} | {against.wins} of {against.tables} | {difference} |"
            )
    return "\n".join(lines) if len(lines) > 2 else ""


def _second_runs(results: Sequence[Result]) -> str:
    """Compare each second run with the first run in the same home."""
    shares = [
        result.error / max(result.facts["earlier_errors"][0], TIE) - 1
        for result in results
        if result.entrant == SECOND and result.error is not None and result.facts.get("earlier_errors")
    ]
    if not shares:
        return ""
    better = sum(share < -TIE for share in shares)
    change = interval(np.array(shares)).text(percent=True)
    return (
        f"- A second run in the same home has a lower private error than the first one in {better} of "
        f"{len(shares)} pairs; its error against it: {change}."
    )


def _ensembles(results: Sequence[Result]) -> str:
    """Compare greedy ensembles of all nodes by size with the single node that validation prefers."""
    curves = [result.facts["ensembles"] for result in results if result.facts.get("ensembles")]
    if not curves:
        return ""
    lines = ["| members chosen | error against one | runs |", "| --- | --- | --- |"]
    for size in map(str, SIZES):
        shares = [curve[size] / max(curve["1"], TIE) - 1 for curve in curves if size in curve]
        lines.append(f"| {size} | {interval(np.array(shares)).text(percent=True)} | {len(shares)} |")
    return "\n".join(lines)


def _blends(results: Sequence[Result]) -> str:
    """Compare each run's ensemble with its single node of the best validation score, on private rows."""
    shares = []
    for result in results:
        nodes = [node for node in result.facts.get("tree") or [] if node["private_error"] is not None]
        blends = [node for node in nodes if node["operator"] == "ensemble"]
        singles = [node for node in nodes if node["operator"] != "ensemble" and node["score"] is not None]
        if blends and singles:
            sign = -1 if result.metric in HIGHER_IS_BETTER else 1
            best = min(singles, key=lambda node: sign * node["score"])
            shares.append(blends[-1]["private_error"] / max(best["private_error"], TIE) - 1)
    if not shares:
        return ""
    better = sum(share < -TIE for share in shares)
    worse = sum(share > TIE for share in shares)
    return (
        f"- The ensemble's private error against that of the single node with the best validation score: "
        f"{interval(np.array(shares)).text(percent=True)} in {len(shares)} runs, lower in {better}, "
        f"higher in {worse}, at most {100 * max(shares):+.1f} %."
    )


def _steps(results: Sequence[Result]) -> str:
    """Say how many steps improve on their parent, and how far the kept solution is from the best node."""
    improved, steps, regrets, counts = 0, 0, [], []
    for result in results:
        tree = result.facts.get("tree") or []
        errors = {node["node"]: node["private_error"] for node in tree if node["private_error"] is not None}
        for node in tree:
            parents = [errors[parent] for parent in node["parents"] if parent in errors]
            if node["operator"] == "improve" and parents:
                steps += 1
                improved += node["node"] in errors and errors[node["node"]] < min(parents) - TIE
        if errors and result.error is not None:
            regrets.append(result.error / max(min(errors.values()), TIE) - 1)
            counts.append(len(tree))
    if not steps or not regrets:
        return ""
    regret = interval(np.array(regrets)).text(percent=True)
    return (
        f"- {100 * improved / steps:.0f} % of {steps} steps improve on their parent on the private rows.\n"
        f"- The kept solution's private error is {regret} above that of the best node of its run.\n"
        f"- Nodes per run: {np.mean(counts):.0f} in the mean."
    )
