"""Keeps the best solution per competition; only a better one on the same data replaces it, atomically.

The replaced one goes into the history (`agent.solution.history`).
"""

import math
from dataclasses import dataclass
from pathlib import Path

from agent.competition.evaluation import (
    load_hold_out,
    write_test_submission,
)
from agent.competition.metrics import metric_of, paired_effect
from agent.competition.prepared import Prepared
from agent.core.contract import README_FILE, SUBMISSION_FILE, VALIDATION_FILE
from agent.core.files import staged_folder, translate_os_errors
from agent.core.untrusted_files import copy_inside
from agent.execution import run_script
from agent.repository.rendering import write_tree
from agent.solution.card import CARD_FILE, Card, card_page, load_card
from agent.solution.history import archive_kept, replacing

PREDICTIONS = "predictions"


@dataclass(frozen=True)
class Kept:
    """Folder of a run's solution, and whether it is now the competition's best."""

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
    """Write the solution to `root` if it is better than the kept one, else to `fallback`.

    Args:
        root: the folder with one subfolder per competition.
        prepared: the prepared data.
        card: the solution's card.
        files: its repository.
        workspace: its workspace, with the predictions for the validation rows.
        fallback: the run's own folder for its best solution.
        submission: the workspace of the kept submission; None means `workspace`.
    """
    competition = prepared.spec.id
    place = root / competition
    final = (submission or workspace) / SUBMISSION_FILE
    with replacing(root, competition):
        verdict = _verdict(place, prepared, card, workspace / VALIDATION_FILE, final)
        folder = place if verdict is None else fallback
        with translate_os_errors(f"Keeping {folder}"), staged_folder(folder, replace=True) as new:
            _write(new, prepared, card, files, workspace / VALIDATION_FILE, final)
            if verdict is None:
                archive_kept(root, competition)
    if verdict is None:
        return Kept(place, True, f"Kept as the best solution of {competition}: {place}")
    return Kept(fallback, False, verdict)


def _verdict(place: Path, prepared: Prepared, card: Card, validation: Path, final: Path) -> str | None:
    """Return a sentence why the kept solution stays; None if the new one replaces it."""
    holder = load_card(place)
    if holder is None or (holder.data_kind == "sample" and card.data_kind == "full"):
        return None
    if holder.metric != card.metric:
        return (
            f"The kept solution of {card.competition} stays: it was scored by {holder.metric}, this run's "
            f"by {card.metric}, and different metrics are not compared."
        )
    if (holder.data_kind, holder.fingerprint) != (card.data_kind, card.fingerprint):
        return (
            f"The kept solution of {card.competition} stays: it was scored on other data "
            f"({holder.data_kind}, {holder.fingerprint[:8]}), and scores on different data are not compared."
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
    """Return the 2.5 % bound of the gain over the kept solution, on audit rows, else on validation rows."""
    metric = metric_of(prepared.spec, run_script)
    part, new = ("audit", final) if prepared.rows.audit else ("val", validation)
    truth, before = load_hold_out(prepared, part, kept / f"{part}.csv")  # type: ignore[arg-type]
    _, after = load_hold_out(prepared, part, new)  # type: ignore[arg-type]
    paired = paired_effect(metric, truth, before, after)
    # A metric that is too slow to resample has no interval, so the difference decides.
    return paired.lower if math.isfinite(paired.lower) else paired.effect * paired.scale


def _write(
    folder: Path, prepared: Prepared, card: Card, files: dict[str, str], validation: Path, final: Path
) -> None:
    write_tree(files, folder / "repository")
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / README_FILE).write_text(card_page(card), encoding="utf-8")
    (folder / PREDICTIONS).mkdir()
    copy_inside(validation.parent.parent, VALIDATION_FILE, folder / PREDICTIONS / "val.csv")
    copy_inside(final.parent.parent, SUBMISSION_FILE, folder / PREDICTIONS / "audit.csv")
    write_test_submission(prepared, final, folder / "submission.csv")
