"""Preparation: raw data becomes what candidates may see and what only the harness may see.

Done once per competition and data fingerprint. Rows get opaque ids, pictures opaque names; the split is
that of `agent.competition.splits`. The layout is described at `agent.competition.prepared.Prepared`.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.eda import explore
from agent.competition.files import aside, inside, machine_errors
from agent.competition.layout import Parts, write_parts
from agent.competition.media import MediaFiles, broken_media, find_media, place_media, require_decoder
from agent.competition.prepared import FORMAT, Prepared, RowCounts, load_prepared
from agent.competition.rawtables import RawTables, carried_inputs, fold_ranks, read_tables
from agent.competition.sources import RawData
from agent.competition.spec import FILE_COLUMN, CompetitionSpec
from agent.competition.splits import SEED, LabelledRows, Split, split_rows
from agent.competition.tables import parse_times
from agent.competition.target import Target, canonical_cells, read_target
from agent.competition.verify import verify
from agent.paths import Home

_ID_HEX_DIGITS = 10
_LATER_FIELDS = ("metric_parameters", "own_metric")  # of the specification, added after format 1


@dataclass(frozen=True)
class _Source:
    """All that preparation reads."""

    spec: CompetitionSpec
    raw: RawData
    tables: RawTables
    train_media: MediaFiles | None
    test_media: MediaFiles | None
    fingerprint: str


def prepare(spec: CompetitionSpec, raw: RawData, home: Home) -> Prepared:
    """Prepares the data, or returns what an earlier call prepared from the same data.

    Raises:
        SetupError: whatever is wrong with the user's data, with file, row or count.
        InfrastructureError: the disk is full or files vanished.
    """
    with machine_errors(f"Preparing {spec.id}"):
        source = _read(raw.graded(spec), raw)
        root = home.prepared / spec.id / f"{raw.kind}-{source.fingerprint[:12]}"
        if not root.is_dir():
            with aside(root) as folder:
                _write(source, folder)
        return load_prepared(root)


def _read(spec: CompetitionSpec, raw: RawData) -> _Source:
    tables = read_tables(spec, raw.folder)
    train_media = test_media = None
    if (image := spec.image_input) is not None:
        require_decoder()
        train_media = find_media(raw.folder, image, tables.train, "train", raw.folder / spec.train)
        test_table = raw.folder / (spec.test or spec.sample_submission)
        test_media = find_media(raw.folder, image, tables.test, "test", test_table)
    fingerprint = _fingerprint(spec, raw.folder, [train_media, test_media])
    return _Source(spec, raw, tables, train_media, test_media, fingerprint)


def _fingerprint(spec: CompetitionSpec, folder: Path, media: list[MediaFiles | None]) -> str:
    """SHA-256 over format, specification, tables (bytes) and pictures (names and sizes)."""
    # What is left at its default is left out where the field is new: data prepared before keep their name.
    unset = {name for name in _LATER_FIELDS if name not in spec.model_dump(exclude_defaults=True)}
    # The same data are the same, wherever they came from.
    digest = hashlib.sha256(f"{FORMAT}\n{spec.model_dump_json(exclude=unset | {'sources'})}\n".encode())
    for name in (spec.train, spec.test, spec.sample_submission, spec.label_table):
        if name is not None:
            digest.update(hashlib.sha256(inside(folder, name).read_bytes()).digest())
    for files in media:
        if files is not None:
            digest.update("\0".join(files.names).encode() + files.sizes.tobytes())
    return digest.hexdigest()


def _write(source: _Source, folder: Path) -> None:
    """Writes all of `Prepared` into an empty folder and checks it."""
    spec = source.spec
    target = read_target(spec, source.tables.train, source.raw.folder)
    rows = _labelled_rows(source, target)
    kept, warnings = _usable(source)
    rows = rows.take(kept)
    split = split_rows(rows, mix_audit=spec.mix_audit)
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
    eda = explore(parts.train, spec, prepared.input)
    (folder / "eda.json").write_text(json.dumps(eda, indent=1), encoding="utf-8")
    (folder / "prepared.json").write_text(prepared.model_dump_json(indent=1), encoding="utf-8")
    verify(prepared, rows, split)


def _parts(
    source: _Source, split: Split, kept: NDArray[np.intp], classes: tuple[str, ...] | None, public_input: Path
) -> Parts:
    """Gives every row its opaque id and its picture's link, and sorts the rows into their parts."""
    spec, tables = source.spec, source.tables
    train = tables.train.iloc[kept].reset_index(drop=True)
    train_ids, test_ids = _opaque_ids(source.fingerprint, train[spec.id_column], tables.test[spec.id_column])
    inputs = carried_inputs(spec, tables.test)
    labelled = pd.concat([train[inputs], canonical_cells(spec, train)], axis=1)
    if spec.fold_column is not None:  # rows to predict have none, hence audit rows have none either
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
    return Parts(train_part, val, audit, test, ids, tables.sample, classes)


def _labelled_rows(source: _Source, target: Target) -> LabelledRows:
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
    """One number a group; rows without a group are groups of their own."""
    codes: NDArray[np.intp] = pd.factorize(values)[0].astype(np.intp)
    blank = np.flatnonzero(values.to_numpy() == "")
    codes[blank] = codes.max() + 1 + np.arange(len(blank))
    return codes


def _usable(source: _Source) -> tuple[NDArray[np.intp], list[str]]:
    """Labelled rows with a readable picture; rows to predict are kept whatever their picture is like."""
    spec, folder = source.spec, source.raw.folder
    if source.train_media is None or source.test_media is None:
        return np.arange(len(source.tables.train)), []
    broken, faults = broken_media(source.train_media, folder / spec.train, SEED)
    warnings = [f"{fault}; these rows were dropped." for fault in faults]
    _, faults = broken_media(source.test_media, folder / (spec.test or spec.sample_submission), SEED)
    warnings += [f"{fault}; these rows must be predicted all the same." for fault in faults]
    return np.flatnonzero(~broken), warnings


def _opaque_ids(
    fingerprint: str, train: "pd.Series[str]", test: "pd.Series[str]"
) -> tuple[list[str], list[str]]:
    """Ids that tell nothing of the original ones, nor labelled rows from rows to predict."""
    keys = [f"train/{name}" for name in train] + [f"test/{name}" for name in test]
    digests = [hashlib.sha256(f"{fingerprint}/{key}".encode()).hexdigest() for key in keys]
    digits = _ID_HEX_DIGITS
    while len({digest[:digits] for digest in digests}) < len(digests):
        digits += 1
    ids = [f"r{digest[:digits]}" for digest in digests]
    return ids[: len(train)], ids[len(train) :]
