"""Training."""

from dataclasses import dataclass

import numpy as np

from library.config import Config
from library.dataset import Data
from library.loss import row_weights
from library.models import Model
from library.utils import Progress

ROWS = {
    "full": "training rows",
    "smoke": "a few training rows",
    "refit": "training and validation rows",
}


@dataclass(frozen=True)
class Outputs:
    """Probabilities."""

    val: np.ndarray | None  # (N, C); None in a refit
    test: np.ndarray  # (N, C)


def train_and_predict(config: Config, data: Data, progress: Progress) -> Outputs:
    """Learns from the training rows and predicts the others, all with the one model."""
    truth = data.train.truth
    if truth is None:
        raise ValueError("The training rows have no labels.")
    print(f"Learning from {len(truth)} rows: {ROWS[config.kind]}.")
    model = Model(config, len(data.classes))
    progress.write("train", fraction=0.0)
    model.fit(data.train.x, truth, row_weights(truth))
    progress.write("train", fraction=1.0)
    val = None if data.val is None else model.predict(data.val.x)
    return Outputs(val, model.predict(data.test.x))
