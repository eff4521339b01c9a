"""The catalogue of metrics by name."""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from agent.competition.metrics import (
    classification,
    correlation,
    fscores,
    masks,
    probability,
    ranking,
    regression,
)
from agent.competition.metrics.metric import Metric, PredictionKind
from agent.competition.metrics.own_metric import SandboxRunner, own_metric
from agent.competition.spec import CompetitionSpec, MetricParameters, Task
from agent.core.errors import SetupError

_LABEL: Mapping[Task, PredictionKind] = {"classification": "label"}
_LABEL_SET: Mapping[Task, PredictionKind] = {"multilabel": "label_set"}
_BOTH: Mapping[Task, PredictionKind] = {**_LABEL, **_LABEL_SET}
_PROBABILITY: Mapping[Task, PredictionKind] = {"classification": "probability", "multilabel": "probability"}
_RANKING: Mapping[Task, PredictionKind] = {"classification": "ranking", "multilabel": "ranking"}
_VALUE: Mapping[Task, PredictionKind] = {"regression": "value"}
_MASK: Mapping[Task, PredictionKind] = {"segmentation": "mask"}

_LABELS = (
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
        "mcc",
        "Matthews correlation coefficient of true and predicted labels, for any number of classes.",
        True,
        _LABEL,
        classification.matthews_correlation,
    ),
    Metric(
        "qwk",
        "Cohen's kappa with quadratic weights over the order of the classes.",
        True,
        _LABEL,
        classification.quadratic_weighted_kappa,
    ),
)

_F_SCORES = (
    Metric("f1", "F1 of the second of two classes.", True, _LABEL, fscores.binary_f, binary_only=True),
    Metric(
        "macro_f1",
        "F1 of each class, averaged over the classes that occur in the truth or the prediction.",
        True,
        _BOTH,
        fscores.macro_f,
    ),
    Metric(
        "weighted_f1",
        "F1 of each class, averaged with the number of its true labels as its weight.",
        True,
        _BOTH,
        fscores.weighted_f,
    ),
    Metric(
        "micro_f1",
        "F1 pooled over all cells of the row-by-class matrix: 2 TP / (2 TP + FP + FN).",
        True,
        _LABEL_SET,
        fscores.micro_f,
    ),
    Metric(
        "micro_f1_answer_classes",
        "Micro F1 over the classes that occur in the answers: predicting a label that no answer has is free "
        "(MLE-bench's rule for iMet-2020).",
        True,
        _LABEL_SET,
        fscores.micro_f1_answer_classes,
    ),
    Metric(
        "samples_f1",
        "F1 of each row's label set, averaged over rows; 0 for a row where nothing is true or predicted.",
        True,
        _LABEL_SET,
        fscores.samples_f,
    ),
)

_F_BETAS = tuple(
    replace(
        metric,
        name=metric.name.replace("f1", "f_beta"),
        definition=metric.definition.replace("F1", "F-beta (beta {beta:g})").split(": ")[0].rstrip(".") + ".",
        parameter_names=("beta",),
    )
    for metric in _F_SCORES
    if metric.name != "micro_f1_answer_classes"
)

_PROBABILITIES = (
    Metric(
        "roc_auc",
        "Area under the ROC curve of the second class, or averaged one-vs-rest for more than two classes and "
        "for label sets.",
        True,
        _PROBABILITY,
        probability.roc_auc,
    ),
    Metric(
        "average_precision",
        "Average precision of the second class, or its mean over the classes that occur in the truth for "
        "more than two classes and for label sets.",
        True,
        _PROBABILITY,
        probability.average_precision,
    ),
    Metric(
        "log_loss",
        "Mean of -ln of the probability given to the true class, or over all cells for label sets.",
        False,
        _PROBABILITY,
        probability.log_loss,
        sums_to_one=True,
    ),
    Metric(
        "brier",
        "Mean squared error of the second class's probability, or summed over more than two classes, or over "
        "all cells for label sets.",
        False,
        _PROBABILITY,
        probability.brier,
        sums_to_one=True,
    ),
)

_RANKINGS = (
    Metric(
        "map_at_k",
        "Mean over rows of the average precision of the {k} labels named first.",
        True,
        _RANKING,
        ranking.map_at_k,
        parameter_names=("k",),
    ),
    Metric(
        "ndcg_at_k",
        "Mean over rows of the normalised discounted cumulative gain of the {k} labels named first.",
        True,
        _RANKING,
        ranking.ndcg_at_k,
        parameter_names=("k",),
    ),
)

_VALUES = (
    Metric("r2", "Share of the variance explained, averaged over targets.", True, _VALUE, regression.r2),
    Metric(
        "pearson", "Pearson's linear correlation, averaged over targets.", True, _VALUE, correlation.pearson
    ),
    Metric(
        "spearman", "Spearman's rank correlation, averaged over targets.", True, _VALUE, correlation.spearman
    ),
    Metric("rmse", "Root of the mean squared error, averaged over targets.", False, _VALUE, regression.rmse),
    Metric(
        "rmsle",
        "Root of the mean squared difference of ln(1 + value), averaged over targets.",
        False,
        _VALUE,
        regression.rmsle,
    ),
    Metric("mae", "Mean absolute error, averaged over targets.", False, _VALUE, regression.mae),
    Metric(
        "mape",
        "Mean of the absolute error over the true value, as a share, averaged over targets.",
        False,
        _VALUE,
        regression.mape,
    ),
    Metric(
        "pinball",
        "Pinball loss of the {quantile:g} quantile, averaged over targets.",
        False,
        _VALUE,
        regression.pinball,
        parameter_names=("quantile",),
    ),
)

_MASKS = (
    Metric(
        "dice",
        "Dice coefficient of each row's mask, averaged over rows; 1 where both masks are empty.",
        True,
        _MASK,
        masks.dice,
    ),
    Metric(
        "iou",
        "Intersection over union of each row's mask, averaged over rows; 1 where both masks are empty.",
        True,
        _MASK,
        masks.iou,
    ),
)

_ALL = (*_LABELS, *_F_SCORES, *_F_BETAS, *_PROBABILITIES, *_RANKINGS, *_VALUES, *_MASKS)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ALL})


def get_metric(name: str, parameters: MetricParameters | None = None) -> Metric:
    """Return the metric of that name with its parameters bound.

    Raises:
        SetupError: The name is unknown (the message lists all names, the nearest first), a parameter is
            missing, or the metric does not take a given parameter.
    """
    if name not in METRICS:
        nearest = difflib.get_close_matches(name.lower(), METRICS, n=len(METRICS), cutoff=0.0)
        raise SetupError(f"There is no metric '{name}'; choose one of {', '.join(nearest)}.")
    metric = METRICS[name]
    values = parameters.set_values if parameters is not None else {}
    if missing := [parameter for parameter in metric.parameter_names if parameter not in values]:
        raise SetupError(
            f"The metric '{name}' needs {missing[0]}; write `metric_parameters: {{{missing[0]}: ...}}`."
        )
    if superfluous := [parameter for parameter in values if parameter not in metric.parameter_names]:
        raise SetupError(
            f"The metric '{name}' does not take {superfluous[0]}; remove it from metric_parameters."
        )
    if not metric.parameter_names:
        return metric
    definition = metric.definition.format(**values)
    scorer = partial(metric.scorer, **values)
    return replace(metric, definition=definition, scorer=scorer, parameters=values)


def metric_of(spec: CompetitionSpec, run: SandboxRunner | None = None) -> Metric:
    """Return the metric of a competition; raises SetupError like `get_metric`.

    Args:
        spec: The specification of the competition.
        run: The sandboxed runner for the competition's own metric; without a runner, an own metric cannot
            score.
    """
    if spec.own_metric is not None:
        return own_metric(spec, spec.own_metric, run)
    return get_metric(spec.metric, spec.metric_parameters)
