"""From a network to predictions, and where they go wrong."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from library.config import Config
from library.dataset import ID, TARGET, Data, Rows, prediction_loader
from library.models import Classifier, precision
from library.utils import score

ANALYSED_ROWS = 2000


@dataclass(frozen=True)
class Outputs:
    """Probabilities."""

    val: np.ndarray  # (N, C) float32
    test: np.ndarray  # (N, C) float32
    weights: dict[str, str]  # where each backbone's weights came from

    def __post_init__(self) -> None:
        if not (np.isfinite(self.val).all() and np.isfinite(self.test).all()):
            raise FloatingPointError("Some predicted probabilities are not finite.")


@torch.inference_mode()
def predict(model: Classifier, config: Config, rows: Rows) -> np.ndarray:
    """Probabilities (N, C) float32; the one way that any row is predicted."""
    model.eval()
    batches = []
    for pictures, _ in prediction_loader(config, rows):
        batches.append(probabilities(model, pictures.to(config.device, non_blocking=True)).cpu())
    return torch.cat(batches).numpy()


def probabilities(model: Classifier, pictures: torch.Tensor) -> torch.Tensor:
    """(B, S, S, 3) uint8 -> (B, C)."""
    with precision(pictures.device):
        logits = model(pictures)
    return torch.softmax(logits.float(), dim=1)


def decode(outputs: np.ndarray) -> np.ndarray:
    """The most probable class: (N, C) -> (N,)."""
    return outputs.argmax(axis=1)


def validation_score(truth: np.ndarray, outputs: np.ndarray) -> float:
    return score(truth, decode(outputs))


def submission_table(ids: list[str], predictions: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """Predictions as the competition wants them."""
    return pd.DataFrame({ID: ids, TARGET: [classes[index] for index in predictions]})


def analyse_failures(config: Config, data: Data, predictions: np.ndarray) -> dict[str, object]:
    """How the error of a validation row goes with what is known of it, over a random few thousand rows."""
    count = min(ANALYSED_ROWS, len(data.val))
    rows = np.sort(np.random.default_rng(config.seed).choice(len(data.val), count, replace=False))
    errors = row_errors(data.val.truth[rows], predictions[rows])
    brightness = np.array([np.mean(data.val.pictures[row]) for row in rows])
    return {
        "rows": count,
        "mean_error": float(errors.mean()),
        "error_against_brightness": correlation(errors, brightness),
        "hardest_classes": hardest_classes(errors, data.val.truth[rows], data.classes),
    }


def row_errors(truth: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """1 where the label is wrong, else 0 (N,)."""
    return (truth != predictions).astype(np.float64)


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's, or None where one of the two does not vary."""
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def hardest_classes(errors: np.ndarray, truth: np.ndarray, classes: list[str]) -> dict[str, float]:
    """Mean error of the five classes that have the highest."""
    means = pd.Series(errors).groupby(truth).mean().nlargest(5)
    return {classes[index]: float(mean) for index, mean in means.items()}
