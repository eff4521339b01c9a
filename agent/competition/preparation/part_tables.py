"""Writing of prepared tables: public tables for candidates, private tables for the harness."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from agent.competition.preparation.sample_form import SubmissionPlan, default_cells
from agent.competition.prepared import GROUPS_FILE, ORIGINAL_LABELS_FILE
from agent.competition.spec import CompetitionSpec
from agent.competition.tables import write_table

FOLD_COLUMN = "fold"  # of folds.csv; readers take the second column


@dataclass(frozen=True)
class PartTables:
    """The tables of all parts, with opaque ids.

    Columns: id, `file_path` for images, inputs and, for labelled rows, targets. `test` is in the order of the
    original sample submission. `ids` has the columns opaque, original and part. `folds` has the fold of each
    row of `train` and `val`, by their index, and is None without folds. `groups` has the group number of each
    labelled row, by their index: its value of the group input, or its stretch of time. It is None where rows
    are independent. `original_labels` has id and targets of the rows of `val` and `audit` as the user gave
    them; None if no class counts as novel there.
    """

    train: pd.DataFrame
    val: pd.DataFrame
    audit: pd.DataFrame
    test: pd.DataFrame
    ids: pd.DataFrame
    plan: SubmissionPlan
    classes: tuple[str, ...] | None
    folds: "pd.Series[int] | None" = None
    groups: "pd.Series[int] | None" = None
    classes_of_targets: tuple[tuple[str, ...] | None, ...] = ()
    original_labels: pd.DataFrame | None = None


def write_parts(parts: PartTables, spec: CompetitionSpec, root: Path, executed: int = 1) -> None:
    """Write `public/metadata` and `private`. Sorting by opaque id hides the origin of a row.

    `executed` is the number of folds that are held out in turn.
    """
    key, metadata, private = spec.id_column, root / "public" / "metadata", root / "private"
    answers = [key, *spec.targets]
    write_table(parts.train.sort_values(key), metadata / "train.csv")
    write_table(parts.val.sort_values(key), metadata / "val.csv")
    to_predict = pd.concat([parts.test, parts.audit[parts.test.columns]]).sort_values(key)
    write_table(to_predict, metadata / "test.csv")
    sample = pd.DataFrame({key: to_predict[key], **default_cells(parts.plan, _first_labels(parts, spec))})
    write_table(sample, metadata / "sample_submission.csv")
    if (classes := _class_table(parts, spec)) is not None:
        write_table(classes, metadata / "classes.csv")
    write_table(parts.val[answers].sort_values(key), private / "val.csv")
    write_table(parts.audit[answers].sort_values(key), private / "audit.csv")
    if parts.folds is not None:
        _write_folds(parts, parts.folds, executed, spec, root)
    if parts.groups is not None:
        labelled = pd.concat([parts.train, parts.val, parts.audit]).sort_values(key)
        groups = pd.DataFrame({key: labelled[key], "number": parts.groups.loc[labelled.index]})
        write_table(groups, private / GROUPS_FILE)
    if parts.original_labels is not None:
        write_table(parts.original_labels.sort_values(key), private / ORIGINAL_LABELS_FILE)
    write_table(parts.ids, private / "ids.csv")
    by_place = parts.plan.cells.set_axis([str(place) for place in range(parts.plan.cells.shape[1])], axis=1)
    write_table(by_place, private / "sample.csv")


def _first_labels(parts: PartTables, spec: CompetitionSpec) -> dict[str, str]:
    """Return the first class of each target with classes."""
    several = parts.classes_of_targets or (parts.classes,) * len(spec.targets)
    return {name: classes[0] for name, classes in zip(spec.targets, several, strict=True) if classes}


def _class_table(parts: PartTables, spec: CompetitionSpec) -> pd.DataFrame | None:
    """Return the labels in class order, of several targets below each other; None without classes."""
    if parts.classes is not None:
        return pd.DataFrame({"label": parts.classes})
    several = zip(spec.targets, parts.classes_of_targets, strict=False)
    rows = [(name, label) for name, classes in several for label in classes or ()]
    return pd.DataFrame(rows, columns=["target", "label"]) if rows else None


def _write_folds(
    parts: PartTables, folds: "pd.Series[int]", executed: int, spec: CompetitionSpec, root: Path
) -> None:
    """Write the fold of each row, and the answers of the executed folds, fold by fold."""
    key = spec.id_column
    labelled = pd.concat([parts.train, parts.val]).sort_values(key)
    fold = folds.loc[labelled.index]
    column = FOLD_COLUMN if key != FOLD_COLUMN else f"{FOLD_COLUMN}_"
    write_table(pd.DataFrame({key: labelled[key], column: fold}), root / "public" / "metadata" / "folds.csv")
    order = fold[fold < executed].sort_values(kind="stable").index
    write_table(labelled.loc[order, [key, *spec.targets]], root / "private" / "folds.csv")
