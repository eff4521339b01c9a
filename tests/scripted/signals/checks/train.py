"""Training predicts validation and test rows, and leaves a trace of how far it is."""

import json
import tempfile
from pathlib import Path

import numpy as np

from library.config import Config
from library.dataset import Data, Rows
from library.train import train_and_predict
from library.utils import Progress

config = Config()
rng = np.random.default_rng(0)


def rows(count: int, labelled: bool = True) -> Rows:
    truth = np.arange(count) % 2
    x = np.where(truth[:, None] == 1, 1.0, -1.0) * np.linspace(-1, 1, config.length)
    x = x + rng.normal(0, 0.1, x.shape)
    return Rows([f"r{number}" for number in range(count)], x, truth if labelled else None)


with tempfile.TemporaryDirectory() as name:
    file = Path(name) / "progress.jsonl"
    data = Data(["down", "up"], rows(30), rows(8), rows(5, labelled=False))
    outputs = train_and_predict(config, data, Progress(file))
    assert outputs.val is not None
    assert outputs.val.shape == (8, 2)
    assert outputs.test.shape == (5, 2)
    assert (outputs.val.argmax(axis=1) == np.arange(8) % 2).all()
    fractions = [json.loads(line)["fraction"] for line in file.read_text().splitlines()]
    assert fractions == sorted(fractions)

    everything = Data(data.classes, data.train, None, data.test)
    assert train_and_predict(config, everything, Progress(file)).val is None
