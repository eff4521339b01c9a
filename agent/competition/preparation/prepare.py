"""Preparation of raw data: public files for candidates, private answers for the harness.

The harness prepares each competition once per data fingerprint. Rows get opaque ids, and images get opaque
names. See `agent.competition.preparation.splits` for the split and `agent.competition.prepared.Prepared` for
the files.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.preparation.checks import verify_prepared
from agent.competition.preparation.eda import summarize_training_rows
from agent.competition.preparation.media import (
    MediaFiles,
    find_broken_media,
    find_media,
    place_media,
    require_decoder,
)
from agent.competition.preparation.part_tables import PartTables, write_parts
from agent.competition.preparation.raw_tables import RawTables, fold_ranks, inputs_of_test, read_tables
from agent.competition.preparation.splits import SEED, LabelledRows, Split, split_rows
from agent.competition.prepared import FORMAT, Prepared, RowCounts, load_prepared
from agent.competition.sources.locate import RawData
from agent.competition.spec import FILE_COLUMN, CompetitionSpec
from agent.competition.tables import parse_times
from agent.competition.target import Target, canonical_cells, read_target
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
}
_INPUT_FIELDS_ADDED_LATER = {"gaps", "day_first"}


@dataclass(frozen=True)
class _PreparationInput:
    """The inputs of preparation."""

    spec: CompetitionSpec
    raw: RawData
    tables: RawTables
    train_media: MediaFiles | None
    test_media: MediaFiles | None
    fingerprint: str


def prepare(spec: CompetitionSpec, raw: RawData, home: Home) -> Prepared:
    """Prepare the data, or return the result of an earlier call with the same data.

    Raises:
        SetupError: the data of the user are invalid. The message names file, row or count.
        InfrastructureError: the disk is full, or files disappeared.
    """
    with translate_os_errors(f"Preparing {spec.id}"):
        report_step("reading the tables")
        source = _read(raw.with_grader_metric(spec), raw)
        root = home.prepared / spec.id / f"{raw.kind}-{source.fingerprint[:12]}"
        if not root.is_dir():
            with staged_folder(root) as folder:
                _write(source, folder)
        return load_prepared(root)


def _read(spec: CompetitionSpec, raw: RawData) -> _PreparationInput:
    tables = read_tables(spec, raw.folder)
    train_media = test_media = None
    if (image := spec.image_input) is not None:
        require_decoder()
        train_media = find_media(raw.folder, image, tables.train, "train", raw.folder / spec.train)
        test_table = raw.folder / (spec.test or spec.sample_submission)
        test_media = find_media(raw.folder, image, tables.test, "test", test_table)
    fingerprint = _fingerprint(spec, raw.folder, [train_media, test_media])
    return _PreparationInput(spec, raw, tables, train_media, test_media, fingerprint)


def _fingerprint(spec: CompetitionSpec, folder: Path, media: list[MediaFiles | None]) -> str:
    """Return the SHA-256 of format, specification, tables (bytes) and images (names and sizes)."""
    # A later field counts only if it is set, so that data prepared earlier keep their fingerprint.
    unset: dict[str, Any] = dict.fromkeys(
        _FIELDS_ADDED_LATER - spec.model_dump(exclude_defaults=True).keys(), True
    )
    unset["inputs"] = {
        index: _INPUT_FIELDS_ADDED_LATER - column.model_dump(exclude_defaults=True).keys()
        for index, column in enumerate(spec.inputs)
    }
    # `sources` does not count: equal data from different sources are the same.
    digest = hashlib.sha256(f"{FORMAT}\n{spec.model_dump_json(exclude=unset | {'sources': True})}\n".encode())
    for name in (spec.train, spec.test, spec.sample_submission, spec.label_table, spec.train_labels):
        if name is not None:
            digest.update(hashlib.sha256(resolve_table(folder, name).read_bytes()).digest())
    for files in media:
        if files is not None:
            digest.update("\0".join(files.names).encode() + files.sizes.tobytes())
    return digest.hexdigest()


def _write(source: _PreparationInput, folder: Path) -> None:
    """Write all files of `Prepared` into an empty folder and verify them."""
    spec = source.spec
    target = read_target(spec, source.tables.train, source.raw.folder)
    rows = _labelled_rows(source, target)
    kept, warnings = _usable_rows(source)
    rows = rows.take(kept)
    report_step("splitting the rows")
    split = split_rows(rows, mix_audit=spec.mix_audit)
    report_step("writing tables and media")
    parts = _parts(source, split, kept, target.classes, folder / "public" / "input")
    folds = None if rows.folds is None else rows.folds[split.train]
    write_parts(parts, spec, folder)
    counts = {name: len(getattr(parts, name)) for name in RowCounts.model_fields}
    prepared = Prepared(
        spec=spec,
        kind=source.raw.kind,
        fingerprint=source.fingerprint,
        classes=target.classes,
        submission_columns=tuple(source.tables.sample.columns),
        rows=RowCounts(**counts),
        train_folds=0 if folds is None else len(np.unique(folds)),
        warnings=(*source.tables.warnings, *warnings, *split.warnings),
        root=folder,
    )
    report_step("summarising the training rows")
    eda = summarize_training_rows(parts.train, spec, prepared.input)
    (folder / "eda.json").write_text(json.dumps(eda, indent=1), encoding="utf-8")
    (folder / "prepared.json").write_text(prepared.model_dump_json(indent=1), encoding="utf-8")
    report_step("verifying what was written")
    verify_prepared(prepared, rows, split)


def _parts(
    source: _PreparationInput,
    split: Split,
    kept: NDArray[np.intp],
    classes: tuple[str, ...] | None,
    public_input: Path,
) -> PartTables:
    """Assign opaque ids, link the images under opaque names, and distribute the rows over the parts."""
    spec, tables = source.spec, source.tables
    train = tables.train.iloc[kept].reset_index(drop=True)
    train_ids, test_ids = _opaque_ids(source.fingerprint, train[spec.id_column], tables.test[spec.id_column])
    inputs = inputs_of_test(spec, tables.test)
    labelled = pd.concat([train[inputs], canonical_cells(spec, train)], axis=1)
    if spec.fold_column is not None:  # neither rows to predict nor audit rows get a fold
        labelled[spec.fold_column] = fold_ranks(train[spec.fold_column]).astype(str)
    test = tables.test[inputs].copy()
    public_input.mkdir(parents=True)
    if source.train_media is not None and source.test_media is not None:
        labelled.insert(0, FILE_COLUMN, place_media(source.train_media.take(kept), train_ids, public_input))
        test.insert(0, FILE_COLUMN, place_media(source.test_media, test_ids, public_input))
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
    return PartTables(train_part, val, audit, test, ids, tables.sample, classes)


def _labelled_rows(source: _PreparationInput, target: Target) -> LabelledRows:
    spec, train = source.spec, source.tables.train
    groups = times = folds = None
    if names := spec.columns_with("group"):
        groups = _group_codes(train[names[0]])
    if names := spec.columns_with("time"):
        parsed = parse_times(train[names[0]], source.raw.folder / spec.train)
        times = np.asarray(parsed, dtype=np.float64)
    if spec.fold_column is not None:
        folds = fold_ranks(train[spec.fold_column])
    return LabelledRows(target, groups, times, folds)


def _group_codes(values: "pd.Series[str]") -> NDArray[np.intp]:
    """Return the group number of each row (N,). A row with a blank cell forms its own group."""
    codes: NDArray[np.intp] = pd.factorize(values)[0].astype(np.intp)
    blank = np.flatnonzero(values.to_numpy() == "")
    codes[blank] = codes.max() + 1 + np.arange(len(blank))
    return codes


def _usable_rows(source: _PreparationInput) -> tuple[NDArray[np.intp], list[str]]:
    """Return the labelled rows with a readable image, and warnings. Rows to predict are never dropped."""
    spec, folder = source.spec, source.raw.folder
    if source.train_media is None or source.test_media is None:
        return np.arange(len(source.tables.train)), []
    broken, faults = find_broken_media(source.train_media, folder / spec.train, SEED)
    warnings = [f"{fault}; MARS dropped these rows." for fault in faults]
    _, faults = find_broken_media(source.test_media, folder / (spec.test or spec.sample_submission), SEED)
    warnings += [f"{fault}; these rows stay among the rows to predict." for fault in faults]
    return np.flatnonzero(~broken), warnings


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
