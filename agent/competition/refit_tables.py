"""The tables of a refit: audit rows train too, and the test rows alone are to be predicted."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from agent.competition.prepared import ORIGINAL_LABELS_FILE, Prepared
from agent.competition.tables import read_table, write_table
from agent.core.files import translate_os_errors

_FOLDS = "folds.csv"


def write_refit_tables(prepared: Prepared, folder: Path) -> None:
    """Write a copy of `public/metadata` with the audit rows in `train.csv` and without them in `test.csv`.

    Classes that count as novel in validation and audit rows get their labels back.

    `folds.csv`, if there is one, lists the audit rows too: stratified by the first target, groups whole.

    Args:
        prepared: the prepared data.
        folder: a new folder. It holds answers, so no candidate of the search may see it.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    key, targets = prepared.spec.id_column, list(prepared.spec.targets)
    with translate_os_errors(f"Writing {folder}"):
        shutil.copytree(prepared.metadata, folder)
        original = None
        if prepared.pseudo_novel:
            original = read_table(prepared.private, ORIGINAL_LABELS_FILE).set_index(key)[targets]
            val = read_table(folder, "val.csv")
            val[targets] = original.loc[val[key]].to_numpy()
            write_table(val, folder / "val.csv")
        if not prepared.rows.audit:
            return
        answers = read_table(prepared.private, "audit.csv").set_index(key)[targets]
        if original is not None:
            answers = original.loc[answers.index]
        train, test = read_table(folder, "train.csv"), read_table(folder, "test.csv")
        is_audit = test[key].isin(answers.index)
        audit = test[is_audit].join(answers, on=key)
        if prepared.spec.fold_column is not None:  # the audit rows come from the last fold of the user
            audit[prepared.spec.fold_column] = read_table(folder, "val.csv")[prepared.spec.fold_column].iloc[
                0
            ]
        write_table(pd.concat([train, audit[train.columns]]).sort_values(key), folder / "train.csv")
        write_table(test[~is_audit], folder / "test.csv")
        sample = read_table(folder, "sample_submission.csv")
        write_table(sample[~sample[key].isin(answers.index)], folder / "sample_submission.csv")
        if (folder / _FOLDS).is_file():
            folds = read_table(folder, _FOLDS)
            added = pd.DataFrame({key: audit[key], "fold": _folds_of(prepared, audit, folds).astype(str)})
            write_table(pd.concat([folds, added]), folder / _FOLDS)


def _folds_of(
    prepared: Prepared, audit: pd.DataFrame, folds: pd.DataFrame
) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """Return the fold of each audit row (A,): the folds in turn, over rows or groups sorted by target."""
    count = folds["fold"].astype(int).max() + 1
    groups = prepared.spec.columns_with("group")
    by = audit[groups[0]] if groups else audit[prepared.spec.id_column]
    codes = pd.factorize(by)[0]
    first_row = np.unique(codes, return_index=True)[1]
    order = np.argsort(audit[prepared.spec.targets[0]].to_numpy()[first_row], kind="stable")
    fold_of_group = np.empty(len(order), dtype=np.intp)
    fold_of_group[order] = np.arange(len(order)) % count
    found: np.ndarray[tuple[int], np.dtype[np.intp]] = fold_of_group[codes]
    return found
