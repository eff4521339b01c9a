"""What the solution is set to, and where it reads and writes."""

import os
from dataclasses import dataclass
from pathlib import Path

METADATA = Path("metadata")
WORKING = Path("working")
SUBMISSION = Path("submission/submission.csv")
FROZEN = WORKING / "frozen.json"

ID = "id"
SIGNAL = "signal"
TARGET = "kind"


@dataclass(frozen=True)
class Config:
    """The choices of this solution."""

    seed: int = 0
    smoke: bool = False
    refit: bool = False
    length: int = 96  # samples that every signal is brought to
    trees: int = 300
    smallest_leaf: int = 2  # rows
    smoke_rows: int = 64  # of each table

    @property
    def kind(self) -> str:
        """Which run this is: full, smoke or refit."""
        return "smoke" if self.smoke else "refit" if self.refit else "full"


def load_config(smoke: bool, refit: bool) -> Config:
    """The configuration of this run; a smoke run grows a few trees."""
    trees = 20 if smoke else Config.trees
    return Config(seed=int(os.environ.get("MARS_SEED", "0")), smoke=smoke, refit=refit, trees=trees)
