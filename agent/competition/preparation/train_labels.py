"""Targets in a table of their own: matched by id, or by place."""

from pathlib import Path

import pandas as pd

from agent.competition.row_ids import find_column, joined_keys, rename_columns
from agent.competition.spec import CompetitionSpec
from agent.competition.tables import require_columns, require_unique
from agent.core.errors import SetupError, redacted_as


@redacted_as("the table of targets does not match the training table")
def add_labels(
    spec: CompetitionSpec, train: pd.DataFrame, labels: pd.DataFrame, folder: Path
) -> tuple[pd.DataFrame, str]:
    """Return the training table with the targets of `labels`, and a sentence on how the rows were matched.

    Raises:
        SetupError: ids repeat, rows have no targets, or the numbers of rows differ without ids.
    """
    assert spec.train_labels is not None
    file = folder / spec.train_labels
    keys = list(spec.id_from) if spec.id_from is not None else [spec.id_column]
    labels = rename_columns(labels, [*spec.targets, *keys])
    require_columns(labels, spec.targets, file)
    targets = labels[list(spec.targets)]
    rest = train.drop(columns=[name for name in spec.targets if name in train.columns])
    if keys and all(find_column(name, labels.columns) for name in keys) and set(keys) <= set(train.columns):
        return _match_by_id(spec, rest, labels, keys, file)
    if len(labels) != len(train):
        raise SetupError(
            f"{file}: the table has {len(labels)} rows and no id column, but {spec.train} has "
            f"{len(train)} rows; add the column '{spec.id_column}' to both."
        )
    joined = pd.concat([rest.reset_index(drop=True), targets.reset_index(drop=True)], axis=1)
    return (
        joined,
        f"The targets in {spec.train_labels} are matched with {spec.train} by the order of the rows.",
    )


def _match_by_id(
    spec: CompetitionSpec, train: pd.DataFrame, labels: pd.DataFrame, keys: list[str], file: Path
) -> tuple[pd.DataFrame, str]:
    if len(keys) == 1:
        require_unique(labels, keys[0], file)
    wanted, offered = pd.Index(joined_keys(train, keys)), pd.Index(joined_keys(labels, keys))
    if not offered.is_unique:
        raise SetupError(f"{file}: the columns {', '.join(keys)} repeat values together; keep one row each.")
    positions = offered.get_indexer(wanted)
    missing = positions < 0
    if missing.any():
        row = int(missing.argmax())
        example = ", ".join(f"'{train[name].iloc[row]}'" for name in keys)
        raise SetupError(
            f"{file}: {int(missing.sum())} ids of {spec.train} have no targets, "
            f"first {example} (row {row + 1})."
        )
    targets = labels[list(spec.targets)].iloc[positions].reset_index(drop=True)
    joined = pd.concat([train.reset_index(drop=True), targets], axis=1)
    extra = len(labels) - len(train)
    also = f"; {extra} rows of {spec.train_labels} belong to no row of {spec.train}" if extra else ""
    named = " and ".join(f"'{name}'" for name in keys)
    return joined, f"The targets in {spec.train_labels} are matched with {spec.train} by {named}{also}."
