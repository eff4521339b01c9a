"""Each of several targets as a competition of one target over the same rows.

Whatever is done per target - reading labels, parsing cells, scoring - is done by the code for one target.
"""

from collections.abc import Mapping
from functools import lru_cache

from agent.competition.spec import CompetitionSpec, Task
from agent.competition.typed_targets import TargetType, TypedTarget

_TASK_OF_TYPE: Mapping[TargetType, Task] = {
    "binary": "classification",
    "category": "classification",
    "ordinal": "classification",
    "label_set": "multilabel",
    "value": "regression",
    "bounded": "regression",
}


@lru_cache(maxsize=16)
def target_views(spec: CompetitionSpec) -> tuple[CompetitionSpec, ...]:
    """Return a specification per target, in order; a competition of one task is its own only view."""
    return tuple(_view(spec, target) for target in spec.typed_targets) or (spec,)


def task_of(target: TypedTarget) -> Task:
    """Return the task of a target alone."""
    return _TASK_OF_TYPE[target.type]


def _view(spec: CompetitionSpec, target: TypedTarget) -> CompetitionSpec:
    return spec.model_copy(
        update={
            "task": task_of(target),
            "metric": target.scored_by,
            "metric_parameters": target.metric_parameters,
            "own_metric": None,
            "targets": (target.name,),
            "typed_targets": (target,),
            "label_table": target.label_table,
            "label_separator": target.label_separator,
            "positive_class": target.positive_class,
            "class_order": target.order,
        }
    )


def typed_target_of(view: CompetitionSpec) -> TypedTarget | None:
    """Return the target of a view with its type; None for a competition whose target has none."""
    return view.typed_targets[0] if view.task != "several" and view.typed_targets else None


def bounds_of(view: CompetitionSpec) -> tuple[float, float] | None:
    """Return the lowest and the highest possible number of a bounded target; None for other targets."""
    target = typed_target_of(view)
    if target is None or target.low is None or target.high is None:
        return None
    return target.low, target.high
