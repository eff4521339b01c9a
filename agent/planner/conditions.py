"""Whether a family, a draft or a move makes sense for the data at hand."""

from collections.abc import Iterable, Mapping

from agent.competition.spec import CompetitionSpec
from agent.planner.base import Circumstances
from agent.repository.family import Condition, Family, Value


def serves(family: Family, at: Circumstances) -> bool:
    """Whether the family can run this kind of task on these inputs."""
    return (
        at.task in family.serves.tasks
        and set(family.serves.requires) <= at.roles
        and bool(set(family.serves.reads) & at.roles)
    )


def unserved(spec: CompetitionSpec, families: Iterable[str]) -> str:
    """Said of a competition that none of the families (by name) serves: what can be done all the same."""
    roles = ", ".join(sorted({column.role for column in spec.inputs}))
    return (
        f"{spec.id}: no family serves {spec.task} on {roles} columns; there are {', '.join(families)}. "
        "Let a language model write the code (--planner llm; the small local one cannot), or give a "
        "repository of your own (--from DIR)."
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
