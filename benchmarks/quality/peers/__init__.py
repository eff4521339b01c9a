"""Entrants that are not MARS. Each module has `predict(folder, problem, limits, **options)`.

`predict` reads train.csv and test.csv of a folder and returns one prediction per row of test.csv: columns
`id` and `prediction`, or `id` and one probability per class in the order of `problem.classes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any


@dataclass(frozen=True)
class Peer:
    """One entrant.

    Attributes:
        module: Module in this folder.
        needs: What the module must be able to import.
        options: Further arguments of its `predict`.
        reads: `tables`, `texts` (tables with a column of texts) or `pictures`.
        environment: `peers`, the environment of the benchmark, or `mars`, that of MARS.
        text: What the page says about it.
    """

    module: str
    needs: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)
    reads: str = "tables"
    environment: str = "peers"
    text: str = ""


PEERS: Mapping[str, Peer] = {
    "autogluon-best": Peer(
        "autogluon_tabular",
        ("autogluon.tabular",),
        {"preset": "best_quality"},
        text="AutoGluon, preset best_quality: bagging in folds, stacking, weighted ensemble",
    ),
    "autogluon-medium": Peer(
        "autogluon_tabular",
        ("autogluon.tabular",),
        {"preset": "medium_quality"},
        text="AutoGluon, preset medium_quality: one hold-out part, weighted ensemble",
    ),
    "optuna-lightgbm": Peer(
        "lightgbm_search",
        ("lightgbm", "optuna"),
        {"sampler": "tpe"},
        text="Optuna's TPE over LightGBM's settings, 5 folds, mean of the best trial's fold models",
    ),
    "random-lightgbm": Peer(
        "lightgbm_search",
        ("lightgbm", "optuna"),
        {"sampler": "random"},
        text="random search over the same settings",
    ),
    "hist-gradient-boosting": Peer(
        "hist_gradient_boosting",
        ("sklearn",),
        text="scikit-learn's HistGradientBoosting on all rows, untuned",
    ),
    "five-learners": Peer(
        "five_learners",
        ("sklearn", "lightgbm"),
        text="five untuned learners in 5 folds, greedy blend of their out-of-fold predictions",
    ),
    "tfidf-linear": Peer(
        "tfidf_linear",
        ("sklearn",),
        reads="texts",
        text="TF-IDF and a linear model on all rows, settings by random search in 5 folds",
    ),
    "imagenet-logistic": Peer(
        "imagenet_logistic",
        ("torch", "timm"),
        reads="pictures",
        environment="mars",
        text="features of an ImageNet network, logistic regression, penalty chosen in 5 folds",
    ),
}


def missing_packages(peer: Peer) -> list[str]:
    """Return the packages that a peer needs and this environment lacks."""
    return [name for name in peer.needs if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # The package above a submodule is missing.
        return False
