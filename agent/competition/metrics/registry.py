"""The registry of metrics: a name stands for a `Metric`, whose file is imported when the name is used."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial

from agent.competition.metric_parameters import MetricParameters
from agent.competition.metrics.mean_of import TargetMetric, mean_of
from agent.competition.metrics.metric import Metric
from agent.competition.metrics.own_metric import SandboxRunner, own_metric
from agent.competition.spec import CompetitionSpec
from agent.competition.target_views import target_views
from agent.competition.typed_targets import TypedTarget
from agent.core.errors import SetupError
from agent.core.registry import Registry

_CATALOGUE = "agent.competition.metrics.catalogue"

REGISTRY: Registry[Metric] = Registry(
    group="mars.metrics",
    builtin={
        "accuracy": f"{_CATALOGUE}.accuracy:METRIC",
        "balanced_accuracy": f"{_CATALOGUE}.balanced_accuracy:METRIC",
        "seen_unseen_accuracy": f"{_CATALOGUE}.seen_unseen_accuracy:METRIC",
        "mcc": f"{_CATALOGUE}.mcc:METRIC",
        "qwk": f"{_CATALOGUE}.qwk:METRIC",
        "f1": f"{_CATALOGUE}.f1:F1",
        "macro_f1": f"{_CATALOGUE}.macro_f1:F1",
        "weighted_f1": f"{_CATALOGUE}.weighted_f1:F1",
        "micro_f1": f"{_CATALOGUE}.micro_f1:F1",
        "micro_f1_answer_classes": f"{_CATALOGUE}.micro_f1_answer_classes:METRIC",
        "samples_f1": f"{_CATALOGUE}.samples_f1:F1",
        "f_beta": f"{_CATALOGUE}.f1:F_BETA",
        "macro_f_beta": f"{_CATALOGUE}.macro_f1:F_BETA",
        "weighted_f_beta": f"{_CATALOGUE}.weighted_f1:F_BETA",
        "micro_f_beta": f"{_CATALOGUE}.micro_f1:F_BETA",
        "samples_f_beta": f"{_CATALOGUE}.samples_f1:F_BETA",
        "roc_auc": f"{_CATALOGUE}.roc_auc:METRIC",
        "average_precision": f"{_CATALOGUE}.average_precision:METRIC",
        "log_loss": f"{_CATALOGUE}.log_loss:METRIC",
        "brier": f"{_CATALOGUE}.brier:METRIC",
        "map_at_k": f"{_CATALOGUE}.map_at_k:METRIC",
        "ndcg_at_k": f"{_CATALOGUE}.ndcg_at_k:METRIC",
        "r2": f"{_CATALOGUE}.r2:METRIC",
        "pearson": f"{_CATALOGUE}.pearson:METRIC",
        "spearman": f"{_CATALOGUE}.spearman:METRIC",
        "rmse": f"{_CATALOGUE}.rmse:METRIC",
        "rmsle": f"{_CATALOGUE}.rmsle:METRIC",
        "mae": f"{_CATALOGUE}.mae:METRIC",
        "mape": f"{_CATALOGUE}.mape:METRIC",
        "pinball": f"{_CATALOGUE}.pinball:METRIC",
        "dice": f"{_CATALOGUE}.dice:METRIC",
        "iou": f"{_CATALOGUE}.iou:METRIC",
    },
)


class _Metrics(Mapping[str, Metric]):
    """The registered metrics by name, without values for their parameters."""

    def __getitem__(self, name: str) -> Metric:
        if name not in REGISTRY:  # Mapping's contract; `get_metric` lists the choices
            raise KeyError(name)
        metric = REGISTRY.load(name)
        if not isinstance(metric, Metric) or metric.name != name:
            source = REGISTRY.source(name)
            found = f"the metric '{metric.name}'" if isinstance(metric, Metric) else "no Metric"
            raise SetupError(
                f"The metric '{name}' of the package {source.package} names {source.path}, which holds "
                f"{found}; give both the same name."
            )
        return metric

    def __iter__(self) -> Iterator[str]:
        return iter(REGISTRY.names())

    def __len__(self) -> int:
        return len(REGISTRY.names())

    def __contains__(self, name: object) -> bool:
        return name in REGISTRY


METRICS: Mapping[str, Metric] = _Metrics()


def get_metric(name: str, parameters: MetricParameters | None = None) -> Metric:
    """Return the metric of that name with its parameters bound.

    Raises:
        SetupError: The name is unknown (the message lists all names, the nearest first), a parameter is
            missing, or the metric does not take a given parameter.
    """
    REGISTRY.source(name)  # raises for an unknown name
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
    if spec.task == "several":
        return _mean_of_targets(spec)
    return get_metric(spec.metric, spec.metric_parameters)


def target_metrics(spec: CompetitionSpec) -> tuple[TargetMetric, ...]:
    """Return the metric of each of several targets, with its share of the mean.

    Raises:
        SetupError: A metric is unknown, lacks a parameter, or does not serve targets of this type.
    """
    total = sum(target.weight for target in spec.typed_targets)
    return tuple(
        TargetMetric(target.name, _metric_of_target(target, view), target.weight / total)
        for target, view in zip(spec.typed_targets, target_views(spec), strict=True)
    )


def _metric_of_target(target: TypedTarget, view: CompetitionSpec) -> Metric:
    metric = metric_of(view)
    if view.task not in metric.prediction_kinds:
        serves = ", ".join(metric.prediction_kinds)
        raise SetupError(
            f"The metric '{metric.name}' does not serve the target '{target.name}' of type {target.type}, "
            f"which is a {view.task}, only {serves}."
        )
    return metric


# One object per competition, so that the scores of a prediction are found again (`score_rows`).
@lru_cache(maxsize=16)
def _mean_of_targets(spec: CompetitionSpec) -> Metric:
    return mean_of(target_metrics(spec))
