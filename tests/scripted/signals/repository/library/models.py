"""What is learned: a random forest on aligned samples."""

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from library.config import Config


class Model:
    """Probabilities of classes from aligned samples."""

    def __init__(self, config: Config, n_classes: int) -> None:
        self._n_classes = n_classes
        self._forest = RandomForestClassifier(
            config.trees, min_samples_leaf=config.smallest_leaf, random_state=config.seed
        )

    def fit(self, x: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> None:
        """Learns from rows (N, L) of class indices (N,) that count as their weights (N,) say."""
        self._forest.fit(x, truth, sample_weight=weights)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities (N, C); a class that no row was of has none."""
        probabilities = np.zeros((len(x), self._n_classes))
        probabilities[:, self._forest.classes_] = self._forest.predict_proba(x)
        return probabilities
