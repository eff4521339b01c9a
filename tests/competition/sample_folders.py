"""Folders of tables with samples of any shape, and final files that a candidate would lead to."""

from pathlib import Path

import pandas as pd

from agent.competition.evaluation import write_test_submission
from agent.competition.prepared import Prepared
from agent.competition.spec import CompetitionSpec
from tests.competition.raw_folders import write_spec

TEST_ROWS = 12


def training(**targets: object) -> pd.DataFrame:
    rows = len(next(iter(targets.values())))  # type: ignore[arg-type]
    return pd.DataFrame({"id": [f"a{i}" for i in range(rows)], "x": range(rows), **targets})


def to_predict(count: int = TEST_ROWS) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"q{i}" for i in range(count)], "x": range(count)})


def folder_of(
    folder: Path,
    train: pd.DataFrame,
    test: pd.DataFrame,
    sample: pd.DataFrame | None,
    separator: str = ",",
    **fields: object,
) -> CompetitionSpec:
    spec = write_spec(folder, **fields)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    if sample is not None:
        sample.to_csv(folder / "sample_submission.csv", index=False, sep=separator)
    return spec


def public(prepared: Prepared, name: str) -> pd.DataFrame:
    return pd.read_csv(prepared.metadata / f"{name}.csv", dtype=str, na_filter=False)


def opaque_ids(prepared: Prepared) -> list[str]:
    """The opaque ids of the test rows, in the order of the sample."""
    ids = pd.read_csv(prepared.private / "ids.csv", dtype=str, na_filter=False)
    return ids.loc[ids["part"] == "test", "opaque"].tolist()


def final_file(prepared: Prepared, predictions: pd.DataFrame, folder: Path) -> Path:
    """Write predictions (test rows in the order of the sample) as a candidate does, then the final file."""
    table = predictions.copy()
    table.insert(0, prepared.spec.id_column, opaque_ids(prepared))
    audit = pd.read_csv(prepared.private / "audit.csv", dtype=str, na_filter=False)[prepared.spec.id_column]
    hidden = pd.DataFrame({prepared.spec.id_column: audit})
    whole = pd.concat([table, hidden]).fillna(predictions.iloc[0].to_dict()).sample(frac=1, random_state=1)
    whole.to_csv(folder / "candidate.csv", index=False)
    write_test_submission(prepared, folder / "candidate.csv", folder / "final.csv")
    return folder / "final.csv"


VALUES = [f"{i}.25" for i in range(60)]
REGRESSION = {"task": "regression", "metric": "rmse", "targets": "value"}
