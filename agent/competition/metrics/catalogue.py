"""Every metric by its name."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from agent.competition.metrics import classification, regression
from agent.competition.metrics.metric import Metric, PredictionKind
from agent.competition.spec import Task
from agent.errors import SetupError

_LABEL: Mapping[Task, PredictionKind] = {"classification": "label"}
_LABEL_SET: Mapping[Task, PredictionKind] = {"multilabel": "label_set"}
_PROBABILITY: Mapping[Task, PredictionKind] = {"classification": "probability"}
_VALUE: Mapping[Task, PredictionKind] = {"regression": "value"}

_ALL = (
    Metric(
        "accuracy",
        "Share of rows whose predicted label is the true one.",
        True,
        _LABEL,
        classification.accuracy,
    ),
    Metric(
        "balanced_accuracy",
        "Recall of each class, averaged over the classes that occur in the truth.",
        True,
        _LABEL,
        classification.balanced_accuracy,
    ),
    Metric(
        "macro_f1",
        "F1 of each class, averaged over the classes that occur in the truth or the prediction.",
        True,
        {**_LABEL, **_LABEL_SET},
        classification.macro_f1,
    ),
    Metric(
        "micro_f1",
        "F1 pooled over all cells of the row-by-class matrix: 2 TP / (2 TP + FP + FN).",
        True,
        _LABEL_SET,
        classification.micro_f1,
    ),
    Metric(
        "micro_f1_answer_classes",
        "Micro F1 over the classes that occur in the answers: predicting a label that no answer has is free "
        "(MLE-bench's rule for iMet-2020).",
        True,
        _LABEL_SET,
        classification.micro_f1_answer_classes,
    ),
    Metric(
        "roc_auc",
        "Area under the ROC curve of the second class, or averaged one-vs-rest for more than two classes.",
        True,
        _PROBABILITY,
        classification.roc_auc,
    ),
    Metric(
        "qwk",
        "Cohen's kappa with quadratic weights over the order of the classes.",
        True,
        _LABEL,
        classification.quadratic_weighted_kappa,
    ),
    Metric("r2", "Share of the variance explained, averaged over targets.", True, _VALUE, regression.r2),
    Metric(
        "log_loss",
        "Mean of -ln of the probability given to the true class.",
        False,
        _PROBABILITY,
        classification.log_loss,
        sums_to_one=True,
    ),
    Metric("rmse", "Root of the mean squared error, averaged over targets.", False, _VALUE, regression.rmse),
    Metric("mae", "Mean absolute error, averaged over targets.", False, _VALUE, regression.mae),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ALL})


def get_metric(name: str) -> Metric:
    """The metric of that name; raises SetupError that lists all names, the nearest first."""
    if name not in METRICS:
        nearest = difflib.get_close_matches(name.lower(), METRICS, n=len(METRICS), cutoff=0.0)
        raise SetupError(f"No metric is called '{name}'; choose one of {', '.join(nearest)}.")
    return METRICS[name]
