"""Preparation of raw data: public files for candidates, private answers for the harness.

The harness prepares each competition once per data fingerprint. Rows get opaque ids, and images get opaque
names. See `agent.competition.preparation.splits` for the split and `agent.competition.prepared.Prepared` for
the files.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.metric_sense import check_sense
from agent.competition.positive_class import doubt_positive_class
from agent.competition.preparation.checks import verify_prepared
from agent.competition.preparation.eda import summarize_training_rows
from agent.competition.preparation.media_place import PutFile, choose_put
from agent.competition.preparation.media_rows import CheckedMedia, RowMedia, find_row_media
from agent.competition.preparation.open_set import (
    PseudoNovel,
    choose_pseudo_novel,
    is_open,
    pseudo_novel_rows,
    with_novel_labels,
)
from agent.competition.preparation.part_tables import PartTables, write_parts
from agent.competition.preparation.raw_tables import (
    RawTables,
    fold_ranks,
    has_sample,
    inputs_of_test,
    read_tables,
)
from agent.competition.preparation.sample_form import SubmissionPlan, plan_submission
from agent.competition.preparation.splits import SEED, LabelledRows, Split, may_have_folds, split_rows
from agent.competition.preparation.time_split import TimeSplit, choose_time_split, time_stretches
from agent.competition.prepared import FORMAT, Prepared, RowCounts, load_prepared
from agent.competition.row_ids import settle_ids
from agent.competition.sources.locate import RawData
from agent.competition.spec import FILE_COLUMN, CompetitionSpec
from agent.competition.target import ReadTargets, canonical_spec, read_targets
from agent.competition.target_views import target_views
from agent.core.files import resolve_table, staged_folder, translate_os_errors
from agent.core.paths import Home
from agent.core.steps import report_step

_ID_HEX_DIGITS = 10
# Fields of the specification and of its inputs that are newer than format 1.
_FIELDS_ADDED_LATER = {
    "metric_parameters",
    "own_metric",
    "csv",
    "positive_class",
    "class_order",
    "label_separator",
    "blank_targets",
    "time_split",
    "train_labels",
    "id_from",
    "typed_targets",
}
_INPUT_FIELDS_ADDED_LATER = {"gaps", "day_first"}


@dataclass(frozen=True)
class _PreparationInput:
    """The inputs of preparation."""

    spec: CompetitionSpec  # with the names that candidates see
    raw: RawData
    tables: RawTables
    targets: ReadTargets
    plan: SubmissionPlan
    time_split: TimeSplit
    media: RowMedia | None
    fingerprint: str = ""
    split: Split | None = None  # of all labelled rows; images may drop rows later


def prepare(spec: CompetitionSpec, raw: RawData, home: Home, put: PutFile | None = None) -> Prepared:
    """Prepare the data, or return the result of an earlier call with the same data.

    Args:
        spec: the competition.
        raw: the data of the user.
        home: where the prepared data go.
        put: puts an image at its second place; None: a copy if the disk has room.

    Raises:
        SetupError: the data of the user are invalid. The message names file, row or count.
        InfrastructureError: the disk is full, or files disappeared.
    """
    with translate_os_errors(f"Preparing {spec.id}"):
        report_step("reading the tables")
        source = _read(raw.with_grader_metric(spec), raw)
        root = home.prepared / spec.id / f"{raw.kind}-{source.fingerprint[:12]}"
        if not root.is_dir():
            with staged_folder(root) as folder, _unpacked(source, root.parent) as unpacked:
                _write(unpacked, folder, put)
        return load_prepared(root)


def check_readable(spec: CompetitionSpec, raw: RawData) -> tuple[RowCounts, tuple[str, ...]]:
    """Read and split the data as `prepare` does, without writing files; images are found but not opened.

    Returns:
        The number of rows per part, and warnings for the user.

    Raises:
        SetupError: the data of the user are invalid. The message names file, row or count.
    """
    with translate_os_errors(f"Reading {spec.id}"):
        source = _read(raw.with_grader_metric(spec), raw)
        split = source.split or _split(source, _labelled_rows(source))
    rows = RowCounts(
        train=len(split.train), val=len(split.val), audit=len(split.audit), test=len(source.tables.test)
    )
    warnings = (*source.tables.warnings, *_warnings(source), *source.time_split.warnings, *split.warnings)
    return rows, warnings


def _read(spec: CompetitionSpec, raw: RawData) -> _PreparationInput:
    user_spec = spec
    tables = read_tables(settle_ids(spec), raw.folder)
    targets = read_targets(tables.spec, tables.train, raw.folder)
    spec = canonical_spec(tables.spec, targets)
    plan = plan_submission(spec, tables.spec, targets, tables.sample)
    image = spec.image_input
    media = None if image is None else find_row_media(raw.folder, image, spec, tables)
    time_split = choose_time_split(
        spec,
        tables.train,
        tables.test,
        raw.folder / spec.train,
        raw.folder / (spec.test or spec.sample_submission),
    )
    source = _PreparationInput(spec, raw, tables, targets, plan, time_split, media)
    if image is None and may_have_folds(len(tables.train)):
        source = replace(source, split=_split(source, _labelled_rows(source)))
    fingerprint = _fingerprint(user_spec, raw.folder, media, _later_decisions(source))
    return replace(source, fingerprint=fingerprint)


@contextmanager
def _unpacked(source: _PreparationInput, parent: Path) -> Iterator[_PreparationInput]:
    """Yield the inputs with the images of archives unpacked into a temporary folder."""
    if source.media is None:
        yield source
        return
    with source.media.unpacked(parent) as media:
        yield replace(source, media=media)


def _split(source: _PreparationInput, rows: LabelledRows) -> Split:
    """Split labelled rows. Competitions with images have no folds: a training takes long there."""
    return split_rows(rows, mix_audit=source.spec.mix_audit, allow_folds=source.media is None)


def _later_decisions(source: _PreparationInput) -> str:
    """Return the decisions that earlier versions took otherwise; '' if there is none."""
    spec, final = source.spec, source.plan.final
    decisions = ["canonical cells"] if source.tables.has_canonical_changes else []
    if len(final.columns) != len(source.plan.columns) or final.columns[0].name != spec.id_column:
        decisions.append("canonical submissions")
    times = spec.columns_with("time") if spec.fold_column is None else []
    if source.time_split.column != (times[0] if times else None):
        decisions.append(f"time split: {source.time_split.column}")
    if source.split is not None and (folds := source.split.folds) is not None:
        decisions.append(f"folds: {folds.executed} of {folds.count}")
    return "; ".join(decisions)


def _fingerprint(spec: CompetitionSpec, folder: Path, media: RowMedia | None, decisions: str) -> str:
    """Return the SHA-256 of format, specification, tables (bytes), images (names and sizes) and decisions."""
    # A later field counts only if it is set, so that data prepared earlier keep their fingerprint.
    unset: dict[str, Any] = dict.fromkeys(
        _FIELDS_ADDED_LATER - spec.model_dump(exclude_defaults=True).keys(), True
    )
    unset["inputs"] = {
        index: _INPUT_FIELDS_ADDED_LATER - column.model_dump(exclude_defaults=True).keys()
        for index, column in enumerate(spec.inputs)
    }
    if spec.typed_targets:
        unset["typed_targets"] = {
            index: type(target).model_fields.keys() - target.model_dump(exclude_defaults=True).keys()
            for index, target in enumerate(spec.typed_targets)
        }
    # `sources` does not count: equal data from different sources are the same.
    digest = hashlib.sha256(f"{FORMAT}\n{spec.model_dump_json(exclude=unset | {'sources': True})}\n".encode())
    label_tables = [target.label_table for target in spec.typed_targets]
    names = (spec.train, spec.test, spec.sample_submission, spec.label_table, spec.train_labels)
    for name in (*names, *label_tables):
        if name is not None and (name != spec.sample_submission or has_sample(spec, folder)):
            digest.update(hashlib.sha256(resolve_table(folder, name).read_bytes()).digest())
    for part in [] if media is None else media.fingerprint_parts:
        digest.update(part)
    digest.update(decisions.encode())
    return digest.hexdigest()


def _write(source: _PreparationInput, folder: Path, put: PutFile | None) -> None:
    """Write all files of `Prepared` into an empty folder and verify them."""
    spec, plan, target = source.spec, source.plan, source.targets.target
    rows = _labelled_rows(source)
    media = None if source.media is None else source.media.check(SEED)
    kept = np.arange(len(source.tables.train)) if media is None else media.kept
    warnings = [] if media is None else media.warnings
    if media is not None and put is None:
        put, linked = choose_put((media.media.train, media.media.test), folder)
        warnings += [linked] if linked else []
    rows = rows.take(kept)
    report_step("splitting the rows")
    split = source.split or _split(source, rows)
    report_step("writing tables and media")
    parts = _parts(source, split, kept, media, folder / "public" / "input", put)
    own_folds = None if rows.folds is None else rows.folds[split.train]
    folds = split.folds
    write_parts(parts, spec, folder, 1 if folds is None else folds.executed)
    counts = {name: len(getattr(parts, name)) for name in RowCounts.model_fields}
    prepared = Prepared(
        spec=spec,
        kind=source.raw.kind,
        fingerprint=source.fingerprint,
        classes=target.classes,
        classes_of_targets=tuple(part.classes for part in target.parts),
        submission_columns=plan.columns,
        final=plan.final,
        rows=RowCounts(**counts),
        train_folds=0 if own_folds is None else len(np.unique(own_folds)),
        folds=0 if folds is None else folds.count,
        fold_rows=() if folds is None else folds.sizes,
        folds_forward=folds is not None and folds.is_forward,
        pseudo_novel=dict(_pseudo_novel(source)),
        rendering=None if media is None else media.placement.rendering,
        warnings=(
            *source.tables.warnings,
            *_warnings(source),
            *source.time_split.warnings,
            *warnings,
            *split.warnings,
        ),
        root=folder,
    )
    report_step("summarising the training rows")
    eda = summarize_training_rows(parts.train, spec, prepared.input)
    (folder / "eda.json").write_text(json.dumps(eda, indent=1), encoding="utf-8")
    (folder / "prepared.json").write_text(prepared.model_dump_json(indent=1), encoding="utf-8")
    report_step("verifying what was written")
    verify_prepared(prepared, rows, split)


def _warnings(source: _PreparationInput) -> tuple[str, ...]:
    """Return what the user should know of targets and submission."""
    spec, notes = source.spec, list(source.targets.warnings)
    file = source.raw.folder / (source.tables.spec.train_labels or spec.train)
    pairs = list(zip(target_views(spec), source.targets.parts or (source.targets,), strict=True))
    for view, targets in pairs:
        notes += check_sense(view, targets.target, file)
    notes += source.plan.warnings
    for view, targets in pairs:
        columns = source.plan.columns if view is spec else (spec.id_column, *view.targets)
        if (doubt := doubt_positive_class(view, _class_counts(targets), columns)) is not None:
            notes.append(doubt)
    return tuple(notes)


def _class_counts(targets: ReadTargets) -> dict[str, int]:
    """Return the number of rows of each class by the user's names; empty without classes."""
    target = targets.target
    if target.labels is None or target.classes is None:
        return {}
    rows = target.labels.sum(axis=0)
    return {targets.user_name(name): int(count) for name, count in zip(target.classes, rows, strict=True)}


def _parts(
    source: _PreparationInput,
    split: Split,
    kept: NDArray[np.intp],
    media: CheckedMedia | None,
    public_input: Path,
    put: PutFile | None,
) -> PartTables:
    """Assign opaque ids, put the images under opaque names, and distribute the rows over the parts."""
    spec, tables = source.spec, source.tables
    train = tables.train.iloc[kept].reset_index(drop=True)
    train_ids, test_ids = _opaque_ids(source.fingerprint, train[spec.id_column], tables.test[spec.id_column])
    inputs = inputs_of_test(spec, tables.test)
    labelled = pd.concat([train[inputs], source.targets.cells.iloc[kept].reset_index(drop=True)], axis=1)
    if spec.fold_column is not None:  # neither rows to predict nor audit rows get a fold
        labelled[spec.fold_column] = fold_ranks(train[spec.fold_column]).astype(str)
    test = tables.test[inputs].copy()
    public_input.mkdir(parents=True)
    if media is not None and put is not None:
        train_files, test_files = media.place(train_ids, test_ids, public_input, put)
        labelled.insert(0, FILE_COLUMN, train_files)
        test.insert(0, FILE_COLUMN, test_files)
    labelled.insert(0, spec.id_column, train_ids)
    test.insert(0, spec.id_column, test_ids)

    part = np.full(len(train), "train", dtype=object)
    part[split.val], part[split.audit] = "val", "audit"
    ids = pd.DataFrame(
        {
            "opaque": train_ids + test_ids,
            "original": [*train[spec.id_column], *tables.test[spec.id_column]],
            "part": [*part, *["test"] * len(test_ids)],
        }
    )
    train_part, val, audit = (labelled.iloc[rows] for rows in (split.train, split.val, split.audit))
    folds = None if split.folds is None else pd.Series(split.folds.numbers, index=labelled.index)
    classes, groups = source.targets.target.classes, None
    if names := spec.columns_with("group"):
        groups = pd.Series(_group_codes(train[names[0]]), index=labelled.index)
    elif source.time_split.times is not None:
        groups = pd.Series(time_stretches(source.time_split.times), index=labelled.index)
    of_targets = tuple(part.classes for part in source.targets.target.parts)
    original, novel = None, _pseudo_novel(source)
    if novel:
        original = pd.concat([val, audit])[[spec.id_column, *spec.targets]]
        val, audit = (with_novel_labels(part, novel, spec) for part in (val, audit))
    return PartTables(
        train_part, val, audit, test, ids, source.plan, classes, folds, groups, of_targets, original
    )


def _pseudo_novel(source: _PreparationInput) -> PseudoNovel:
    """Return the classes that count as novel in validation and audit rows, by target; mostly none.

    Groups, times and folds of the user decide the split alone.
    """
    spec = source.spec
    is_divided = bool(spec.columns_with("group")) or spec.fold_column is not None
    if is_divided or source.time_split.times is not None or not is_open(spec):
        return {}
    return {
        name: labels for name, labels in choose_pseudo_novel(spec, source.targets.cells).items() if labels
    }


def _labelled_rows(source: _PreparationInput) -> LabelledRows:
    spec, train, target = source.spec, source.tables.train, source.targets.target
    groups = folds = None
    if names := spec.columns_with("group"):
        groups = _group_codes(train[names[0]])
    if spec.fold_column is not None:
        folds = fold_ranks(train[spec.fold_column])
    novel = _pseudo_novel(source)
    unseen = pseudo_novel_rows(source.targets.cells, novel) if novel else None
    return LabelledRows(target, groups, source.time_split.times, folds, unseen)


def _group_codes(values: "pd.Series[str]") -> NDArray[np.intp]:
    """Return the group number of each row (N,). A row with a blank cell forms its own group."""
    codes: NDArray[np.intp] = pd.factorize(values)[0].astype(np.intp)
    blank = np.flatnonzero(values.to_numpy() == "")
    codes[blank] = codes.max() + 1 + np.arange(len(blank))
    return codes


def _opaque_ids(
    fingerprint: str, train: "pd.Series[str]", test: "pd.Series[str]"
) -> tuple[list[str], list[str]]:
    """Return hashed ids that reveal neither the original id nor whether a row is labelled."""
    keys = [f"train/{name}" for name in train] + [f"test/{name}" for name in test]
    digests = [hashlib.sha256(f"{fingerprint}/{key}".encode()).hexdigest() for key in keys]
    digits = _ID_HEX_DIGITS
    while len({digest[:digits] for digest in digests}) < len(digests):
        digits += 1
    ids = [f"r{digest[:digits]}" for digest in digests]
    return ids[: len(train)], ids[len(train) :]
