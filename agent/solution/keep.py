"""Keeps the best solution per competition, replaced atomically and only by a better one on the same data."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from agent.competition.evaluation import SUBMISSION_FILE, VALIDATION_FILE, load_hold_out, strip_audit
from agent.competition.files import aside, machine_errors
from agent.competition.metrics import metric_of, paired_effect
from agent.competition.prepared import Prepared
from agent.execution import run_script
from agent.repository.render import write_tree
from agent.solution.card import FILE, README, Card, describe, load_card

PREDICTIONS = "predictions"


@dataclass(frozen=True)
class Kept:
    """Where a run's solution is, and whether it is the competition's best now."""

    folder: Path
    replaced: bool
    sentence: str


def keep(
    root: Path,
    prepared: Prepared,
    card: Card,
    files: dict[str, str],
    workspace: Path,
    fallback: Path,
    submission: Path | None = None,
) -> Kept:
    """Writes the solution below `root` (one folder per competition) when it deserves the place.

    Otherwise it goes to `fallback`, so that a run's own best is never lost. `submission` is the workspace
    whose submission is kept, where that is not `workspace`, which holds the validation rows' predictions.
    """
    place = root / prepared.spec.id
    final = (submission or workspace) / SUBMISSION_FILE
    verdict = _verdict(place, prepared, card, workspace / VALIDATION_FILE, final)
    folder = place if verdict is None else fallback
    with machine_errors(f"Keeping {folder}"), aside(folder, replace=True) as new:
        _write(new, prepared, card, files, workspace / VALIDATION_FILE, final)
    if verdict is None:
        return Kept(place, True, f"Kept as the best solution of {prepared.spec.id}: {place}")
    return Kept(fallback, False, verdict)


def _verdict(place: Path, prepared: Prepared, card: Card, validation: Path, final: Path) -> str | None:
    """Why the present holder of the place stays, in a sentence; None when it gives way."""
    holder = load_card(place)
    if holder is None or (holder.data_kind == "sample" and card.data_kind == "full"):
        return None
    if holder.metric != card.metric:
        return (
            f"The kept solution of {card.competition} was scored by {holder.metric}, not by {card.metric}, "
            "and stays: scores by different metrics are not compared."
        )
    if (holder.data_kind, holder.fingerprint) != (card.data_kind, card.fingerprint):
        return (
            f"The kept solution of {card.competition} was scored on other data ({holder.data_kind}, "
            f"{holder.fingerprint[:8]}) and stays: scores on different data are not compared."
        )
    lower = _gain_lower_bound(prepared, place / PREDICTIONS, validation, final)
    if lower > 0:
        return None
    return (
        f"The kept solution of {card.competition} stays ({holder.metric} {holder.validation:.5f}): "
        f"this run's {card.validation:.5f} is not clearly better on the same rows "
        f"(lower bound of the gain {lower:+.5f})."
    )


def _gain_lower_bound(prepared: Prepared, kept: Path, validation: Path, final: Path) -> float:
    """2.5 % bound of the new solution's gain over the held one: on the audit rows, else on validation."""
    metric = metric_of(prepared.spec, run_script)
    part, new = ("audit", final) if prepared.rows.audit else ("val", validation)
    truth, before = load_hold_out(prepared, part, kept / f"{part}.csv")  # type: ignore[arg-type]
    _, after = load_hold_out(prepared, part, new)  # type: ignore[arg-type]
    paired = paired_effect(metric, truth, before, after)
    # A metric too slow to be resampled leaves nothing but the difference itself.
    return paired.lower if math.isfinite(paired.lower) else paired.effect * paired.scale


def _write(
    folder: Path, prepared: Prepared, card: Card, files: dict[str, str], validation: Path, final: Path
) -> None:
    write_tree(files, folder / "repository")
    (folder / FILE).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / README).write_text(describe(card), encoding="utf-8")
    (folder / PREDICTIONS).mkdir()
    shutil.copyfile(validation, folder / PREDICTIONS / "val.csv")
    shutil.copyfile(final, folder / PREDICTIONS / "audit.csv")
    strip_audit(prepared, final, folder / "submission.csv")
