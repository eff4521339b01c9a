"""Card of a kept solution: its origin, scores and environment."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.competition.prepared import DataKind, Prepared
from agent.core.errors import SetupError
from agent.core.format import counted, duration
from agent.record.events import LeakageProbe, NodeResult, RefitResult
from agent.record.state import Node, RunState
from agent.repository.git_source import GitSource

CARD_FILE = "card.json"


class LeaderboardScore(BaseModel):
    """A leaderboard score that the user reported after a submission."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    score: float
    metric: str
    reported_at: str = Field(description="ISO 8601, UTC.")


class RefitScores(BaseModel):
    """A refit on all labelled rows with frozen choices: audit scores, or agreement of the predictions."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kept: bool = Field(description="Whether `submission.csv` is the refit's.")
    reason: str = Field(description="Why the refit was not kept; empty if it was.")
    audit_before: float | None
    audit_after: float | None
    seconds: float
    on_audit_rows: bool = Field(default=False, description="Whether the audit rows were training rows.")
    agreement: float | None = Field(
        default=None, description="Correlation of the predictions for the test rows with those before."
    )


class Card(BaseModel):
    """Origin and scores of a solution. Stored as `card.json` next to the repository."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    competition: str
    data_kind: DataKind
    fingerprint: str
    metric: str
    higher_is_better: bool
    validation: float
    validation_se: float | None
    folds: int = Field(default=1, description="Number of folds that `validation` covers, from fold 0.")
    validation_rows: int | None = Field(
        default=None, description="Number of rows that `validation` covers; None in older cards."
    )
    audit: float | None = Field(description="Score on the audit rows; None without audit rows.")
    audit_se: float | None
    audit_protected: bool = Field(description="Whether isolation kept the audit labels from candidates.")
    run: str
    node: int
    operator: str
    lineage: tuple[int, ...] = Field(
        description="Ancestors of the node, the draft last; for an ensemble its members."
    )
    idea: str
    lessons: tuple[str, ...]
    facts: dict[str, str]
    probe: LeakageProbe | None = Field(
        default=None, description="Leakage probe, if edits or a user wrote part of the code."
    )
    seconds: float = Field(description="Run time of `python main.py`, for an ensemble with its members.")
    seed: int
    threads: int
    nodes: int
    predict_ms: float | None = Field(
        default=None, description="Measured milliseconds per row of predicting; None: not measured."
    )
    predict_rows: int | None = Field(default=None, description="Rows of the batch that was timed.")
    predict_limit_ms: float | None = Field(
        default=None, description="Milliseconds per row that the user asked for; None: no limit."
    )
    environment: dict[str, str]
    locked: bool = Field(default=False, description="Whether the repository has a requirements.lock.")
    kept_at: str
    expected: float | None = Field(
        default=None,
        description="Estimate of the score that the choice among many nodes does not bias, if there is one.",
    )
    expected_se: float | None = Field(default=None, description="Standard error of that estimate.")
    expected_interval: tuple[float, float] | None = Field(
        default=None, description="Its 95 % interval; None in older cards."
    )
    expected_how: str = Field(default="", description="How it was estimated; empty in older cards.")
    refit: RefitScores | None = Field(
        default=None, description="Scores of the refit, if any; `audit` belongs to the kept submission."
    )
    imported_from: GitSource | None = Field(
        default=None, description="Git revision that the lineage starts from, if one was imported."
    )
    positive_class: str = Field(
        default="", description="What one probability or the metric means, one sentence; empty for others."
    )
    leaderboard: tuple[LeaderboardScore, ...] = Field(
        default=(), description="Scores reported by the user, the latest last; no choice uses them."
    )


def make_card(prepared: Prepared, state: RunState, run: str, node: Node, higher_is_better: bool) -> Card:
    """Return the card of a valid node."""
    # Metrics import pandas, which takes longer than most commands that read cards.
    from agent.competition.positive_class import describe_positive_class

    result: NodeResult | None = node.result
    assert result is not None
    assert result.metric is not None
    blended = node.operator == "ensemble"
    # The search blends recorded outputs; a stand-alone run of an ensemble also runs its members.
    refit = node.refit
    # A refit on the audit rows has no score of its own, so the audit score before it stays.
    expected = state.finished.expected if state.finished is not None else None
    scored = refit if refit is not None and node.refit_kept and not refit.on_audit_rows else result
    origins = [state.nodes[member] for member in node.parents] if blended else state.ancestors(node)
    return Card(
        competition=prepared.spec.id,
        data_kind=prepared.kind,
        fingerprint=prepared.fingerprint,
        metric=prepared.spec.metric,
        higher_is_better=higher_is_better,
        validation=result.metric,
        validation_se=result.metric_se,
        folds=result.folds,
        validation_rows=prepared.rows_of_folds(result.folds),
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
        predict_ms=result.predict_ms,
        predict_rows=result.predict_rows,
        predict_limit_ms=state.run.predict_ms,
        environment=_environment(),
        locked=True,
        expected=None if expected is None else expected.value,
        expected_se=None if expected is None else expected.standard_error,
        expected_interval=None if expected is None else (expected.lower, expected.upper),
        expected_how="" if expected is None else expected.how,
        refit=_refit_scores(result, refit) if refit is not None else None,
        imported_from=_imported_from(state, [node, *origins]),
        positive_class=describe_positive_class(prepared) or "",
        kept_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _refit_scores(result: NodeResult, refit: RefitResult) -> RefitScores:
    return RefitScores(
        kept=refit.status == "kept",
        reason=refit.reason,
        audit_before=result.audit_metric,
        audit_after=refit.audit_metric,
        seconds=round(refit.seconds, 2),
        on_audit_rows=refit.on_audit_rows,
        agreement=refit.agreement,
    )


def _imported_from(state: RunState, nodes: Sequence[Node]) -> GitSource | None:
    """Return the imported git revision that one of the nodes descends from, if there is one."""
    roots = ([node, *state.ancestors(node)][-1] for node in nodes)
    if state.run.imported is None or not any(state.is_imported(root) for root in roots):
        return None
    return state.run.imported.source


def load_card(folder: Path) -> Card | None:
    """Return the card of a kept solution; None without a solution, SetupError if the card is damaged."""
    file = folder / CARD_FILE
    if not file.exists():
        return None
    try:
        return Card.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise SetupError(f"{file}: not a valid solution card; move {folder} away and run again.") from error


def card_page(card: Card) -> str:
    """Return the card as a Markdown page."""
    sample = (
        "\n> **This is a score on the competition's generated sample, not on its real data.**\n"
        if card.data_kind == "sample"
        else ""
    )
    audit = "none (too few labelled rows)" if card.audit is None else score_text(card.audit, card.audit_se)
    if card.audit is not None and not card.audit_protected:
        audit += ", **unprotected**: the run was not fully isolated"
    rows = [
        ("metric", f"{card.metric}, {'higher' if card.higher_is_better else 'lower'} is better"),
        *([("classes", card.positive_class)] if card.positive_class else []),
        ("validation", score_text(card.validation, card.validation_se) + _validated(card)),
        ("audit (labels withheld from every candidate)", audit),
        *_expected(card),
        *_refitted(card),
        *_reported(card),
        (
            "found by",
            f"run `{card.run}`, node {card.node:03d} ({card.operator}), of {counted(card.nodes, 'node')}",
        ),
        ("lineage", ", ".join(f"{node:03d}" for node in card.lineage) or "none (a draft)"),
        *([("imported from", str(card.imported_from))] if card.imported_from is not None else []),
        ("lessons cited", ", ".join(card.lessons) or "none"),
        *_probed(card),
        (
            "run time",
            f"{duration(card.seconds)} with {counted(card.threads, 'CPU thread')}, seed {card.seed}",
        ),
        *_predicted(card),
        ("data", f"{card.data_kind}, fingerprint `{card.fingerprint[:16]}`"),
        *((key, value) for key, value in card.facts.items()),
        *((f"{name} version", version) for name, version in card.environment.items()),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    locked = " -c requirements.lock" if card.locked else ""
    lock = (
        "`repository/requirements.lock` lists the versions of the packages with which this solution was "
        "scored.\n"
        if card.locked
        else ""
    )
    return (
        f"# {card.competition}: {card.idea}\n{sample}\n| | |\n| --- | --- |\n{table}\n\n"
        "`repository/` runs without MARS: copy the folder, add `input/` and `metadata/` of the prepared "
        f"competition (`mars prepare` makes them), then `pip install -r requirements.txt{locked}` and "
        "`python main.py`.\n"
        f"{lock}"
        "`submission.csv` has the competition's format; `predictions/` contains the scored predictions.\n"
    )


def _validated(card: Card) -> str:
    """Return which rows the validation score covers: `, out-of-fold over 8 folds, 1200 rows`."""
    over = f", out-of-fold over {card.folds} folds" if card.folds > 1 else ""
    return over + ("" if card.validation_rows is None else f", {card.validation_rows} rows")


def _probed(card: Card) -> list[tuple[str, str]]:
    """Return the table row of the label permutation test, if there is one."""
    if card.probe is None:
        return []
    passed = "passed" if card.probe.verdict == "passed" else "no result"
    return [("label permutation test (validation answers shuffled)", f"{passed}: {card.probe.reason}")]


def _predicted(card: Card) -> list[tuple[str, str]]:
    """Return the table row of the time per row, if the user limited it."""
    if card.predict_limit_ms is None:
        return []
    name = "time per row (`python main.py --predict`)"
    asked = f"asked for at most {card.predict_limit_ms:g} ms"
    if card.predict_ms is None or card.predict_rows is None:
        return [(name, f"not measured; {asked}")]
    met = "" if card.predict_ms <= card.predict_limit_ms else ", **not met**: no solution was faster"
    batch = f"in a batch of {counted(card.predict_rows, 'row')}, without the start of the process"
    return [(name, f"measured {card.predict_ms:.3g} ms {batch}; {asked}{met}")]


def _expected(card: Card) -> list[tuple[str, str]]:
    """Return the table row of the estimate that the choice does not bias, if there is one."""
    if card.expected is None:
        return []
    name = "expected on new rows (the best of many nodes looks too good)"
    text = score_text(card.expected, card.expected_se)
    if card.expected_interval is not None:
        lower, upper = card.expected_interval
        text += f", 95 % interval {lower:.5f} to {upper:.5f}: {card.expected_how}"
    return [(name, text)]


def _refitted(card: Card) -> list[tuple[str, str]]:
    """Return the table row of the refit, if there is one."""
    refit = card.refit
    if refit is None:
        return []
    kept = "`submission.csv` is the refit's"
    if not refit.kept:
        kept = f"`submission.csv` is the original one. {refit.reason}"
    if refit.on_audit_rows or refit.agreement is not None:
        agreement = (
            ""
            if refit.agreement is None
            else f"correlation {refit.agreement:.3f} with the predictions before, "
        )
        text = f"{kept}; {agreement}{refit.seconds:.0f} s. All scores were measured before the refit"
        return [("refit on all labelled rows (`python main.py --refit`)", text)]
    before, after = (
        "none" if score is None else f"{score:.5f}" for score in (refit.audit_before, refit.audit_after)
    )
    scores = f"audit {before} before, {after} after, {refit.seconds:.0f} s"
    return [("refit on training and validation rows (`python main.py --refit`)", f"{scores}; {kept}")]


def _reported(card: Card) -> list[tuple[str, str]]:
    """Return the table row of the leaderboard, if the user has reported a score."""
    if not card.leaderboard:
        return []
    latest, *earlier = [f"{one.score:.5f} ({one.reported_at[:10]})" for one in reversed(card.leaderboard)]
    before = f"; earlier {', '.join(earlier)}" if earlier else ""
    return [("leaderboard (reported by the user)", latest + before)]


def score_text(value: float, error: float | None) -> str:
    """Return a score with its standard error: `0.61230 ± 0.00810`."""
    return f"{value:.5f}" + (f" ± {error:.5f}" if error is not None else "")


def _environment() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("torch", "timm", "scikit-learn", "numpy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
