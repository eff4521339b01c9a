"""Whether a family, a draft or a move makes sense for the data at hand."""

from collections.abc import Mapping

from agent.planner.base import Circumstances
from agent.repository.family import Condition, Family, Value


def serves(family: Family, at: Circumstances) -> bool:
    """Whether the family can run this kind of task on these inputs."""
    return (
        at.task in family.serves.tasks
        and set(family.serves.requires) <= at.roles
        and bool(set(family.serves.reads) & at.roles)
    )


def holds(condition: Condition, at: Circumstances, slots: Mapping[str, Value] | None = None) -> bool:
    """Whether a condition is met; conditions on slots are asked only when slots are given."""
    return (
        (not condition.tasks or at.task in condition.tasks)
        and (not condition.metrics or at.metric in condition.metrics)
        and set(condition.roles) <= at.roles
        and (condition.min_train is None or at.n_train >= condition.min_train)
        and (condition.max_train is None or at.n_train <= condition.max_train)
        and (condition.device is None or at.device == condition.device)
        and (slots is None or all(slots[name] in values for name, values in condition.slots.items()))
    )
