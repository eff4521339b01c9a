"""Conditions under which a family, a draft or a move applies to the data."""

from collections.abc import Iterable, Mapping

from agent.competition.spec import CompetitionSpec
from agent.planner.base import TaskContext
from agent.planner.data_facts import DataFacts
from agent.repository.family import Condition, Family, Value


def serves(family: Family, context: TaskContext) -> bool:
    """Return whether the family supports the task and its inputs."""
    return (
        context.task in family.serves.tasks
        and context.target_tasks <= set(family.serves.targets or family.serves.tasks)
        and set(family.serves.requires) <= context.roles
        and bool(set(family.serves.reads) & context.roles)
    )


def unread_inputs(spec: CompetitionSpec, family: Family) -> list[str]:
    """Return the inputs that a family does not read, as `'name' (role)`; groups and times split the rows."""
    read = {*family.serves.reads, "group", "time"}
    return [f"'{column.name}' ({column.role})" for column in spec.inputs if column.role not in read]


def unserved_message(spec: CompetitionSpec, families: Iterable[str]) -> str:
    """Return the message for a competition that no family serves, with what the user can do.

    Args:
        spec: The competition.
        families: Names of the known families.
    """
    roles = ", ".join(sorted({column.role for column in spec.inputs}))
    types = ", ".join(sorted({target.type for target in spec.typed_targets}))
    task = f"{spec.task} targets ({types})" if types else spec.task
    one_by_one = (
        "Search each label as a competition of its own (task: classification, targets: a column of 0 and 1). "
        if spec.task == "multilabel" and spec.image_input is None
        else ""
    )
    return (
        f"{spec.id}: no family serves {task} on {roles} columns (families: {', '.join(families)}). "
        f"{one_by_one}Let a language model write the code (--planner llm; the small local model cannot "
        "do this), or start from your own repository (--from DIR)."
    )


def is_met(condition: Condition, context: TaskContext, slots: Mapping[str, Value] | None = None) -> bool:
    """Return whether a condition is met; without `slots`, conditions on slots are ignored."""
    return (
        (not condition.tasks or context.task in condition.tasks)
        and (not condition.metrics or context.metric in condition.metrics)
        and (not condition.metric_traits or not context.metric_traits.isdisjoint(condition.metric_traits))
        and (not condition.predictions or context.prediction in condition.predictions)
        and set(condition.roles) <= context.roles
        and (condition.min_train is None or context.n_train >= condition.min_train)
        and (condition.max_train is None or context.n_train <= condition.max_train)
        and (condition.min_test is None or context.n_test >= condition.min_test)
        and (condition.device is None or context.device == condition.device)
        and (context.facts is None or _describes(condition, context.facts))
        and (slots is None or all(slots[name] in values for name, values in condition.slots.items()))
    )


def _describes(condition: Condition, facts: DataFacts) -> bool:
    """Return whether the facts about the training rows meet a condition."""
    return (
        (condition.min_numbers is None or facts.numbers >= condition.min_numbers)
        and (condition.min_times is None or facts.times >= condition.min_times)
        and (condition.min_categories is None or facts.categories >= condition.min_categories)
        and (condition.max_inputs is None or facts.inputs <= condition.max_inputs)
        and (condition.max_classes is None or facts.classes <= condition.max_classes)
        and (condition.has_gaps is None or facts.has_gaps == condition.has_gaps)
        and (condition.min_levels is None or facts.levels >= condition.min_levels)
        and (condition.max_levels is None or facts.levels <= condition.max_levels)
        and (condition.skewed is None or facts.is_skewed == condition.skewed)
        and (condition.max_side is None or facts.side is None or facts.side <= condition.max_side)
        and (condition.min_side is None or facts.side is None or facts.side >= condition.min_side)
        and (condition.skewed_target is None or facts.has_skewed_target == condition.skewed_target)
    )


def active_slots(family: Family, slots: Mapping[str, Value], context: TaskContext) -> dict[str, Value]:
    """Return the slots that have an effect in a blueprint for the data, with their values."""
    active = settled(family, slots, context)
    return {name: value for name, value in active.items() if is_met(family.slots[name].when, context, active)}


def settled(
    family: Family,
    slots: Mapping[str, Value],
    context: TaskContext,
    pinned: Mapping[str, Value] | None = None,
) -> dict[str, Value]:
    """Return the slots, with the pinned or default value of each slot that has no effect.

    Blueprints that differ only in such slots render to the same code; settled, they are equal.
    """
    result, idle = dict(slots), {**family.defaults, **(pinned or {})}
    for name, slot in family.slots.items():
        if name in result and not is_met(slot.when, context, result):
            result[name] = idle[name]
    return result
