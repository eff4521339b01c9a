"""The competition's columns, the members and every setting of this ensemble."""

import os
from dataclasses import dataclass
from pathlib import Path

METADATA = Path("metadata")
WORKING = Path("working")
SUBMISSION = Path("submission") / "submission.csv"
MEMBERS_FOLDER = Path("members")

ID = "id"
TARGET = "attribute_ids"
SUBMISSION_COLUMNS = ("id", "attribute_ids")

# Folders below members/, each a solution that also runs alone.
MEMBERS = ("006", "010", "004", "011")


@dataclass(frozen=True)
class Config:
    """Settings of one run; the environment decides the seed and the time limit."""

    seed: int
    time_limit_s: float
    smoke: bool
    folds: int = 5  # parts of the validation rows; each is blended by weights fitted on the others
    rounds: int = 12  # members drawn, with replacement, until the weights stand


def load_config(smoke: bool) -> Config:
    """Settings for this process."""
    return Config(
        seed=int(os.environ.get("MARS_SEED", "0")),
        time_limit_s=float(os.environ.get("MARS_TIME_LIMIT_S", "inf")),
        smoke=smoke,
    )
