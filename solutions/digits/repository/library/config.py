"""Every setting of the solution, in one place."""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Config:
    """The recipe, and where and how it runs."""

    seed: int
    smoke: bool
    time_limit_s: float
    device: str
    cache: Path | None  # Decoded pictures may be kept here between runs.

    backbone: str = "tiny_cnn"
    image_size: int = 48
    batch_size: int = 32
    epochs: int = 12
    learning_rate: float = 0.004
    weight_decay: float = 0.01

    input: Path = Path("input")
    metadata: Path = Path("metadata")
    working: Path = Path("working")
    submission: Path = Path("submission")
    weights: Path = Path(__file__).resolve().parent.parent / "weights"

    @classmethod
    def from_environment(cls, smoke: bool) -> "Config":
        """Reads MARS_SEED, MARS_TIME_LIMIT_S and MARS_CACHE_DIR, none of which need be set."""
        cache = os.environ.get("MARS_CACHE_DIR")
        shorter = {"epochs": 1} if smoke else {}
        return cls(
            seed=int(os.environ.get("MARS_SEED", "0")),
            smoke=smoke,
            time_limit_s=float(os.environ.get("MARS_TIME_LIMIT_S", math.inf)),
            device="cuda" if torch.cuda.is_available() else "cpu",
            cache=Path(cache) if cache else None,
            **shorter,
        )
