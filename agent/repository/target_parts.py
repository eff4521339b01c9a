"""What templates see of several targets: one part per target, and the code of their metrics."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field

from agent.competition.metric_parameters import MetricParameters
from agent.competition.metrics import Trait, get_metric, metric_of
from agent.competition.prepared import Prepared
from agent.competition.spec import PredictionKind, Task
from agent.competition.target_views import bounds_of, target_views

_FROM_IMPORT = re.compile(r"from (\S+) import (.+)")


class TargetPart(BaseModel):
    """One of several targets, as templates see it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    type: str
    task: Task = Field(description="The task of this target alone.")
    prediction: PredictionKind
    metric: str
    metric_parameters: MetricParameters = MetricParameters()
    metric_definition: str
    metric_traits: tuple[Trait, ...] = ()
    higher_is_better: bool
    weight: float = 1.0
    n_classes: int | None = None
    bounds: tuple[float, float] | None = None
    parent_of: str | None = None
    novel: str | None = None
    novel_index: int | None = Field(default=None, description="Index of the novel label among the classes.")
    first_output: int = Field(description="First column of this target in the raw outputs.")

    @property
    def width(self) -> int:
        """The number of columns in the raw outputs: one per class, or one value."""
        return self.n_classes or 1


class MetricFunction(BaseModel):
    """The score of some of several targets, as a function of a repository."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    definition: str
    body: str
    targets: tuple[str, ...]


def target_parts(prepared: Prepared) -> tuple[TargetPart, ...]:
    """Return the parts of a competition of several targets; nothing for another one."""
    if prepared.spec.task != "several":
        return ()
    parts: list[TargetPart] = []
    classes_of_targets = prepared.classes_of_targets
    rows = zip(target_views(prepared.spec), prepared.spec.typed_targets, classes_of_targets, strict=True)
    for view, target, classes in rows:
        metric = metric_of(view)
        part = TargetPart(
            name=target.name,
            type=target.type,
            task=view.task,
            prediction=metric.prediction_kind(view.task),
            metric=metric.name,
            metric_parameters=target.metric_parameters,
            metric_definition=metric.definition,
            metric_traits=tuple(sorted(metric.traits)),
            higher_is_better=metric.higher_is_better,
            weight=target.weight,
            n_classes=None if classes is None else len(classes),
            bounds=bounds_of(view),
            parent_of=target.parent_of,
            novel=target.novel,
            novel_index=None if target.novel is None or classes is None else classes.index(target.novel),
            first_output=parts[-1].first_output + parts[-1].width if parts else 0,
        )
        parts.append(part)
    return tuple(parts)


def metric_functions(parts: Sequence[TargetPart]) -> tuple[MetricFunction, ...]:
    """Return a function for each different code among the targets' metrics, in order of the targets.

    Raises:
        SetupError: A metric has no code for repositories.
    """
    targets: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for part in parts:
        metric = get_metric(part.metric, part.metric_parameters)
        body = metric.source_for(part.task, part.n_classes).body
        targets[part.metric, metric.definition, body].append(part.name)
    used: dict[str, int] = defaultdict(int)
    functions = []
    for (name, definition, body), names in targets.items():
        used[name] += 1
        numbered = name if used[name] == 1 else f"{name}_{used[name]}"
        functions.append(
            MetricFunction(name=numbered, definition=definition, body=body, targets=tuple(names))
        )
    return tuple(functions)


def metric_imports(parts: Sequence[TargetPart]) -> tuple[str, ...]:
    """Return the import lines of all targets' metrics, one per module, sorted."""
    lines: set[str] = set()
    for part in parts:
        metric = get_metric(part.metric, part.metric_parameters)
        lines |= set(metric.source_for(part.task, part.n_classes).imports)
    return merged_imports(lines)


def merged_imports(lines: Iterable[str]) -> tuple[str, ...]:
    """Return import lines with the names of each module in one line."""
    names: dict[str, set[str]] = defaultdict(set)
    others = set()
    for line in lines:
        if found := _FROM_IMPORT.fullmatch(line):
            names[found[1]] |= set(found[2].split(", "))
        else:
            others.add(line)
    joined = [f"from {module} import {', '.join(sorted(parts))}" for module, parts in names.items()]
    return (*sorted(others), *sorted(joined))
