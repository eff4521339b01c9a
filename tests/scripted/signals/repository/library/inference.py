"""From probabilities to answers, and where they go wrong."""

import numpy as np
import pandas as pd

from library.config import ID, TARGET


def decode(outputs: np.ndarray) -> np.ndarray:
    """The most probable class: (N, C) -> (N,)."""
    return outputs.argmax(axis=1)


def submission_table(ids: list[str], prediction: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """Predicted class indices (N,) as the competition wants them."""
    return pd.DataFrame({ID: ids, TARGET: [classes[index] for index in prediction]})


def failure_analysis(truth: np.ndarray, outputs: np.ndarray, classes: list[str]) -> dict[str, object]:
    """How often each class is missed, and how sure right and wrong answers are."""
    prediction, sureness = decode(outputs), outputs.max(axis=1)
    missed = truth != prediction
    shares = pd.Series(missed).groupby(truth).mean()
    return {
        "error_rate": float(missed.mean()),
        "missed_by_class": {classes[index]: float(share) for index, share in shares.items()},
        "sureness_right": float(sureness[~missed].mean()) if not missed.all() else None,
        "sureness_wrong": float(sureness[missed].mean()) if missed.any() else None,
    }
