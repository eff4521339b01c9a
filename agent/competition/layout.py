"""Writes the tables of a prepared competition: what candidates read, and what only the harness reads."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from agent.competition.spec import CompetitionSpec
from agent.competition.tables import write_table


@dataclass(frozen=True)
class Parts:
    """Rows under opaque ids: id, `file_path` for pictures, inputs and, where labelled, targets.

    `test` is in the order of the original sample submission; `ids` has the columns opaque, original, part.
    """

    train: pd.DataFrame
    val: pd.DataFrame
    audit: pd.DataFrame
    test: pd.DataFrame
    ids: pd.DataFrame
    sample: pd.DataFrame
    classes: tuple[str, ...] | None


def write_parts(parts: Parts, spec: CompetitionSpec, root: Path) -> None:
    """Writes `public/metadata` and `private`, ordered by opaque id, which hides a row's origin."""
    key, metadata, private = spec.id_column, root / "public" / "metadata", root / "private"
    answers = [key, *spec.targets]
    write_table(parts.train.sort_values(key), metadata / "train.csv")
    write_table(parts.val.sort_values(key), metadata / "val.csv")
    to_predict = pd.concat([parts.test, parts.audit[parts.test.columns]]).sort_values(key)
    write_table(to_predict, metadata / "test.csv")
    write_table(_sample(parts.sample, key, to_predict[key].tolist()), metadata / "sample_submission.csv")
    if parts.classes is not None:
        write_table(pd.DataFrame({"label": parts.classes}), metadata / "classes.csv")
    write_table(parts.val[answers].sort_values(key), private / "val.csv")
    write_table(parts.audit[answers].sort_values(key), private / "audit.csv")
    write_table(parts.ids, private / "ids.csv")


def _sample(original: pd.DataFrame, key: str, ids: list[str]) -> pd.DataFrame:
    """Columns as in the original, every row filled like its first: real ones may hold more than a default."""
    filled = {name: [original[name].iloc[0]] * len(ids) for name in original.columns if name != key}
    return pd.DataFrame({key: ids, **filled})[list(original.columns)]
