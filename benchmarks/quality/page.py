"""Writes the page of a comparison: scores, ranks, duels, and how they were measured."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from entrants import MARS, text_of
from machine import machine_text
from problem import HIGHER_IS_BETTER
from ranks import duel, errors_by_table, mean_ranks
from results import Result

DIGITS = 4


def make_page(
    title: str, results: Sequence[Result], uses: dict[str, str], command: str, first: str = MARS
) -> str:
    """Return a Markdown page.

    Args:
        title: Heading.
        results: Results under equal conditions.
        uses: "dev" or "held-out" by table.
        command: Command that measures this again.
        first: Entrant that duels with all others.
    """
    parts = [f"# {title}", _conditions(results, command), _entrants(results)]
    groups = {"All tables": [*uses], "Held-out tables": [n for n in uses if uses[n] == "held-out"]}
    for heading, names in groups.items():
        chosen = [result for result in results if result.table in names]
        if chosen:
            parts.append(_ranking(heading, chosen, first))
    parts.append(_scores(results, uses))
    return "\n\n".join(part for part in parts if part) + "\n"


def _conditions(results: Sequence[Result], command: str) -> str:
    one = results[0]
    peers = [result for result in results if "commit" not in result.versions]
    commits = sorted({result.versions["commit"] for result in results if "commit" in result.versions})
    versions = (
        ", ".join(f"{name} {version}" for name, version in peers[-1].versions.items()) if peers else "none"
    )
    days = sorted({result.measured[:10] for result in results})
    contended = sum(result.is_contended for result in results)
    failed = sum(result.error is None for result in results)
    lines = [
        f"- Command: `{command}`",
        f"- Each entrant had {one.minutes:g} minutes and {one.threads} core(s); seeds {_seeds(results)}.",
        f"- Machine: {machine_text()}. Measured: {' to '.join(dict.fromkeys((days[0], days[-1])))}.",
        f"- MARS at commit {', '.join(commits) or 'none'}. Peers: {versions}.",
        f"- {len(results)} results, {failed} failed. Others took more than 10 % of the cores in {contended}.",
        "- Intervals are 95 % bootstrap intervals over tables.",
    ]
    if any(result.clock == "cpu" for result in results):
        lines.append("- Peers were held to CPU seconds, MARS to seconds of the wall clock. **Preliminary.**")
    if failed:
        lines.append(f"- Failed: {_failures(results)}.")
    return f"Made by `benchmarks/quality` on {datetime.now(UTC):%Y-%m-%d}.\n\n" + "\n".join(lines)


def _seeds(results: Sequence[Result]) -> str:
    return ", ".join(map(str, sorted({result.seed for result in results})))


def _failures(results: Sequence[Result]) -> str:
    return ", ".join(f"{r.entrant} on {r.table} ({r.seed})" for r in results if r.error is None)


def _entrants(results: Sequence[Result]) -> str:
    names = dict.fromkeys(result.entrant for result in results)
    return "\n".join(f"- `{name}`: {text_of(name)}" for name in names)


def _ranking(heading: str, results: Sequence[Result], first: str) -> str:
    errors = errors_by_table(results)
    lines = [f"## {heading}", "", f"| entrant | mean rank | {first} better on | {first}'s error against it |"]
    lines.append("| --- | --- | --- | --- |")
    ranks = mean_ranks(errors)
    for name in sorted(errors, key=lambda entrant: ranks[entrant].value if entrant in ranks else np.inf):
        rank = ranks[name].text() if name in ranks else "not on all tables"
        against = duel(errors, first, name) if name != first else None
        cells = ["", ""]
        if against:
            ties = f", {against.ties} equal" if against.ties else ""
            cells = [f"{against.wins} of {against.tables}{ties}", against.difference.text(percent=True)]
        lines.append(f"| {name} | {rank} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def _scores(results: Sequence[Result], uses: dict[str, str]) -> str:
    names = list(dict.fromkeys(result.entrant for result in results))
    lines = [
        "## Scores on private rows, mean over seeds",
        "",
        f"| table | use | metric | {' | '.join(names)} |",
    ]
    lines.append("| --- " * (3 + len(names)) + "|")
    for table in uses:
        rows = [result for result in results if result.table == table]
        if not rows:
            continue
        cells, errors = [], []
        for name in names:
            mine = [result for result in rows if result.entrant == name]
            scores = [result.score for result in mine if result.score is not None]
            cells.append(f"{np.mean(scores):.{DIGITS}f}" if scores else ("failed" if mine else ""))
            errors.append(np.mean([r.error for r in mine if r.error is not None]) if scores else np.inf)
        best = min(errors)
        shown = [
            f"**{cell}**" if cell and error == best else cell
            for cell, error in zip(cells, errors, strict=True)
        ]
        arrow = "↑" if rows[0].metric in HIGHER_IS_BETTER else "↓"
        lines.append(f"| {table} | {uses[table]} | {rows[0].metric} {arrow} | {' | '.join(shown)} |")
    return "\n".join(lines)
