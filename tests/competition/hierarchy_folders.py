"""A small competition folder with superclasses, subclasses and labels that only rows to predict have."""

from pathlib import Path

import pandas as pd

from agent.competition.spec import CompetitionSpec
from tests.competition.raw_folders import write_spec

KINDS = {
    "bird": ("crow", "duck", "gull"),
    "dog": ("boxer", "collie", "poodle"),
    "fish": ("carp", "perch", "pike"),
}
SPECIES = [(kind, one) for kind, names in KINDS.items() for one in names]
NOVEL = {"kind": "unknown kind", "species": "unknown species"}
TARGETS: tuple[dict[str, object], ...] = (
    {
        "name": "kind",
        "type": "category",
        "metric": "seen_unseen_accuracy",
        "metric_parameters": {"novel": 3},
        "novel": NOVEL["kind"],
        "parent_of": "species",
    },
    {
        "name": "species",
        "type": "category",
        "metric": "seen_unseen_accuracy",
        "metric_parameters": {"novel": 9},
        "novel": NOVEL["species"],
    },
)


def hierarchy_rows(count: int, start: int = 0) -> pd.DataFrame:
    """Rows of nine species in turn; a species decides the number."""
    number = range(start, start + count)
    names = [SPECIES[row % 9] for row in number]
    return pd.DataFrame(
        {
            "id": [f"row-{row}" for row in number],
            "x": [row % 9 for row in number],
            "kind": [kind for kind, _ in names],
            "species": [one for _, one in names],
        }
    )


def hierarchy_folder(folder: Path, labelled: int = 180, **fields: object) -> CompetitionSpec:
    """A folder of numbers with two targets."""
    folder.mkdir(parents=True, exist_ok=True)
    hierarchy_rows(labelled).to_csv(folder / "train.csv", index=False)
    test = hierarchy_rows(30, start=labelled)
    test[["id", "x"]].to_csv(folder / "test.csv", index=False)
    test[["id"]].assign(kind="bird", species="crow").to_csv(folder / "sample_submission.csv", index=False)
    settings: dict[str, object] = {
        "task": "several",
        "metric": "mean_of",
        "targets": list(TARGETS),
        "inputs": [{"name": "x", "role": "number"}],
    }
    return write_spec(folder, **settings | fields)
