"""Keeps the best solution per competition, atomically.

A competition is its data and its specification. On the same ones only a better solution replaces the kept
one. On others scores are not compared: the new solution is the kept one. A sample never replaces full data.
The replaced solution goes into the history (`agent.solution.history`).
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.competition.evaluation import write_test_submission
from agent.competition.hold_out import groups_of_part, load_common_rows
from agent.competition.metrics import metric_of, paired_effect
from agent.competition.prepared import Prepared
from agent.core.contract import README_FILE, SUBMISSION_FILE, VALIDATION_FILE
from agent.core.errors import SetupError
from agent.core.files import staged_folder, translate_os_errors
from agent.core.untrusted_files import copy_inside
from agent.execution import run_script
from agent.repository.rendering import write_tree
from agent.solution.card import CARD_FILE, Card, card_page, load_card
from agent.solution.history import Entry, archive_kept, entries, replacing

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
    """Write the solution to `root` if it replaces the kept one, else to `fallback`.

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
    # A refit on the audit rows does not predict them, so the comparison uses the predictions before it.
    is_scored = card.refit is None or not card.refit.on_audit_rows
    audited = final if is_scored else workspace / SUBMISSION_FILE
    former: Entry | None = None
    with replacing(root, competition):
        verdict = _verdict(root, prepared, card, workspace / VALIDATION_FILE, audited)
        folder = place if verdict is None else fallback
        with translate_os_errors(f"Keeping {folder}"), staged_folder(folder, replace=True) as new:
            _write(new, prepared, card, files, workspace / VALIDATION_FILE, audited)
            write_test_submission(prepared, final, new / "submission.csv")
            if verdict is None:
                former = archive_kept(root, competition)
        earlier = _earlier_on_the_same(root, card) if verdict is None else None
    if verdict is not None:
        return Kept(fallback, False, verdict)
    sentences = [f"Kept as the best solution of {competition}: {place}"]
    if former is not None and _identity(former.card) != _identity(card):
        sentences.append(_replaced_sentence(former, card))
        sentences += [_earlier_sentence(earlier)] if earlier is not None else []
    return Kept(place, True, ". ".join(sentences))


def _identity(card: Card) -> tuple[str, str, str]:
    """Return what the scores of two solutions must share to be compared: data, specification and metric."""
    return (card.data_kind, card.fingerprint, card.metric)


def _verdict(root: Path, prepared: Prepared, card: Card, validation: Path, final: Path) -> str | None:
    """Return a sentence why the kept solution stays; None if the new one replaces it."""
    place = root / card.competition
    try:
        holder = load_card(place)
        entries(root, card.competition)
    except SetupError as error:  # nobody can tell what would be replaced
        return f"The kept solution of {card.competition} stays: {error}"
    if holder is None:
        return None
    if (holder.data_kind, card.data_kind) == ("full", "sample"):
        return (
            f"The kept solution of {card.competition} stays: it was made on full data, and a solution on "
            "sample data never replaces it."
        )
    if _identity(holder) != _identity(card):
        return None
    lower = _gain_lower_bound(prepared, place / PREDICTIONS, validation, final)
    if lower > 0:
        return None
    return (
        f"The kept solution of {card.competition} stays ({holder.metric} {holder.validation:.5f}): "
        f"this run's {card.validation:.5f} is not clearly better on the same rows "
        f"(lower bound of the gain {lower:+.5f})."
    )


def _replaced_sentence(former: Entry, card: Card) -> str:
    """Return what the new solution replaced although it is not compared with it, and how to get it back."""
    held = former.card
    if held.data_kind != card.data_kind:
        why = f"was made on {held.data_kind} data"
    elif held.metric != card.metric:
        why = f"was scored by {held.metric}, not by {card.metric}"
    else:
        why = "was made on other data or another competition.yaml"
    name = card.competition
    return (
        f"The former solution (number {former.number}, {held.metric} {held.validation:.5f}) {why}, so "
        f"the two are not compared. It is in the history: `mars solutions {name} --history` shows it, "
        f"`mars solutions {name} --restore {former.number}` brings it back"
    )


def _earlier_on_the_same(root: Path, card: Card) -> Entry | None:
    """Return the latest solution in the history with the data, specification and metric of the new one."""
    known = [one for one in entries(root, card.competition) if not one.is_kept]
    return next((one for one in reversed(known) if _identity(one.card) == _identity(card)), None)


def _earlier_sentence(earlier: Entry) -> str:
    return (
        f"Number {earlier.number} of the history ({earlier.card.metric} {earlier.card.validation:.5f}) was "
        "made on the data of this run too; restore it if it is better"
    )


def _gain_lower_bound(prepared: Prepared, kept: Path, validation: Path, final: Path) -> float:
    """Return the 2.5 % bound of the gain over the kept solution, on audit rows, else on validation rows."""
    metric = metric_of(prepared.spec, run_script)
    part: Literal["val", "audit"] = "audit" if prepared.rows.audit else "val"
    rows = load_common_rows(prepared, part, kept / f"{part}.csv", final if part == "audit" else validation)
    paired = paired_effect(metric, *rows, groups_of_part(prepared, part, int(rows[0].shape[0])))
    # A metric that is too slow to resample has no interval, so the difference decides.
    return paired.lower if math.isfinite(paired.lower) else paired.effect * paired.scale


def _write(
    folder: Path, prepared: Prepared, card: Card, files: dict[str, str], validation: Path, audited: Path
) -> None:
    write_tree(files, folder / "repository")
    (folder / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / README_FILE).write_text(card_page(card), encoding="utf-8")
    (folder / PREDICTIONS).mkdir()
    copy_inside(validation.parent.parent, VALIDATION_FILE, folder / PREDICTIONS / "val.csv")
    copy_inside(audited.parent.parent, SUBMISSION_FILE, folder / PREDICTIONS / "audit.csv")
