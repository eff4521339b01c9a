"""What a kept solution says of itself."""

import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.competition.prepared import DataKind, Prepared
from agent.errors import SetupError
from agent.record.events import NodeResult, Probe, RefitResult
from agent.record.state import Node, RunState

FILE = "card.json"
README = "README.md"


class LeaderboardScore(BaseModel):
    """A score that the user reported back after a submission."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    score: float
    metric: str
    reported_at: str = Field(description="ISO 8601, UTC.")


class RefitScores(BaseModel):
    """What learning from all labelled rows, with every choice frozen, did to the audit score."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kept: bool = Field(description="Whether `submission.csv` is the refit's.")
    reason: str = Field(description="Why it is not; empty where it is.")
    audit_before: float | None
    audit_after: float | None
    seconds: float


class Card(BaseModel):
    """Where a solution comes from and what its scores are. Stored as `card.json` beside the repository."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    competition: str
    data_kind: DataKind
    fingerprint: str
    metric: str
    higher_is_better: bool
    validation: float
    validation_se: float | None
    audit: float | None = Field(description="Score on labelled rows that no candidate could see; None: none.")
    audit_se: float | None
    audit_protected: bool = Field(description="Whether isolation kept the audit labels out of reach.")
    run: str
    node: int
    operator: str
    lineage: tuple[int, ...] = Field(
        description="The nodes it grew from, the draft last; of an ensemble its members."
    )
    idea: str
    lessons: tuple[str, ...]
    facts: dict[str, str]
    probe: Probe | None = Field(
        default=None, description="Of leakage, where edits or a user wrote part of the code."
    )
    seconds: float = Field(description="Run time of `python main.py`, of an ensemble with its members.")
    seed: int
    threads: int
    nodes: int
    environment: dict[str, str]
    kept_at: str
    refit: RefitScores | None = Field(
        default=None, description="Where it was refitted; `audit` is that of the submission that is kept."
    )
    leaderboard: tuple[LeaderboardScore, ...] = Field(
        default=(), description="Reported by the user, the latest last; no part of any choice."
    )


def make_card(prepared: Prepared, state: RunState, run: str, node: Node, higher_is_better: bool) -> Card:
    """The card of a valid node."""
    result: NodeResult | None = node.result
    assert result is not None
    assert result.metric is not None
    blended = node.operator == "ensemble"
    # The search scores a blend from recorded outputs; who runs it alone waits for its members too.
    refit = node.refit
    scored = refit if refit is not None and node.refit_kept else result
    origins = [state.nodes[member] for member in node.parents] if blended else state.ancestors(node)
    return Card(
        competition=prepared.spec.id,
        data_kind=prepared.kind,
        fingerprint=prepared.fingerprint,
        metric=prepared.spec.metric,
        higher_is_better=higher_is_better,
        validation=result.metric,
        validation_se=result.metric_se,
        audit=scored.audit_metric,
        audit_se=scored.audit_se,
        audit_protected=not state.missing_guarantees,
        run=run,
        node=node.id,
        operator=node.operator,
        lineage=tuple(other.id for other in origins),
        idea=node.idea.title,
        lessons=node.idea.cited_lessons,
        facts=result.facts,
        probe=result.probe,
        seconds=round(result.seconds + (sum(member.seconds for member in origins) if blended else 0), 2),
        seed=state.run.seed,
        threads=state.run.threads,
        nodes=len(state.nodes),
        environment=_environment(),
        refit=_refit_scores(result, refit) if refit is not None else None,
        kept_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _refit_scores(result: NodeResult, refit: RefitResult) -> RefitScores:
    return RefitScores(
        kept=refit.status == "kept",
        reason=refit.reason,
        audit_before=result.audit_metric,
        audit_after=refit.audit_metric,
        seconds=round(refit.seconds, 2),
    )


def load_card(folder: Path) -> Card | None:
    """The card of a kept solution; None when there is no solution, SetupError when its card is damaged."""
    file = folder / FILE
    if not file.exists():
        return None
    try:
        return Card.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise SetupError(f"{file}: is no card of a solution; move {folder} away and run again.") from error


def describe(card: Card) -> str:
    """The card as a Markdown page."""
    sample = (
        "\n> **This is a score on the competition's generated sample, not on its real data.**\n"
        if card.data_kind == "sample"
        else ""
    )
    audit = "none (too few labelled rows)" if card.audit is None else _score(card.audit, card.audit_se)
    if card.audit is not None and not card.audit_protected:
        audit += ", **unprotected**: the run had no full isolation"
    rows = [
        ("metric", f"{card.metric}, {'higher' if card.higher_is_better else 'lower'} is better"),
        ("validation", _score(card.validation, card.validation_se)),
        ("audit (labels withheld from every candidate)", audit),
        *_refitted(card),
        *_reported(card),
        ("found by", f"run `{card.run}`, node {card.node:03d} ({card.operator}), of {card.nodes} nodes"),
        ("grew from", ", ".join(f"{node:03d}" for node in card.lineage) or "nothing: a draft"),
        ("lessons cited", ", ".join(card.lessons) or "none"),
        *_probed(card),
        ("run time", f"{card.seconds:.0f} s with {card.threads} CPU thread(s), seed {card.seed}"),
        ("data", f"{card.data_kind}, fingerprint `{card.fingerprint[:16]}`"),
        *((key, value) for key, value in card.facts.items()),
        *((f"{name} version", version) for name, version in card.environment.items()),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return (
        f"# {card.competition}: {card.idea}\n{sample}\n| | |\n| --- | --- |\n{table}\n\n"
        "`repository/` runs alone: `pip install -r requirements.txt`, then `python main.py` in a copy that "
        "has `input/` and `metadata/` of the prepared competition beside it (`mars prepare` makes them).\n"
        "`submission.csv` fits the competition's format; `predictions/` holds what was scored.\n"
    )


def _probed(card: Card) -> list[tuple[str, str]]:
    """What came of shuffled validation answers, if that was tried."""
    if card.probe is None:
        return []
    passed = "passed" if card.probe.verdict == "passed" else "says nothing"
    return [("leakage probe (validation answers shuffled)", f"{passed}: {card.probe.reason}")]


def _refitted(card: Card) -> list[tuple[str, str]]:
    """What came of learning from all labelled rows, if that was tried."""
    refit = card.refit
    if refit is None:
        return []
    before, after = (
        "none" if score is None else f"{score:.5f}" for score in (refit.audit_before, refit.audit_after)
    )
    said = f"audit {before} before, {after} after, {refit.seconds:.0f} s"
    kept = "`submission.csv` is its" if refit.kept else f"`submission.csv` is the former one. {refit.reason}"
    return [("refit on training and validation rows (`python main.py --refit`)", f"{said}; {kept}")]


def _reported(card: Card) -> list[tuple[str, str]]:
    """The leaderboard's line, if the user has reported any."""
    if not card.leaderboard:
        return []
    latest, *earlier = [f"{one.score:.5f} ({one.reported_at[:10]})" for one in reversed(card.leaderboard)]
    before = f"; earlier {', '.join(earlier)}" if earlier else ""
    return [("leaderboard (reported by the user)", latest + before)]


def _score(value: float, error: float | None) -> str:
    return f"{value:.5f}" + (f" ± {error:.5f}" if error is not None else "")


def _environment() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("torch", "timm", "scikit-learn", "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
