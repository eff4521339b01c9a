"""The packages and weights that the repositories of a family need, and how to get the missing ones."""

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path

from agent.competition.spec import CompetitionSpec, Task
from agent.core.errors import SetupError
from agent.execution.hardware import device
from agent.planner.base import TaskContext
from agent.planner.conditions import serves
from agent.repository.family import Family, Need, Value

# Distributions whose modules have other names.
_MODULES = {"opencv-python-headless": "cv2", "scikit-learn": "sklearn", "xgboost-cpu": "xgboost"}


def missing_packages(family: Family) -> list[str]:
    """Return the distributions that the family needs and that are not installed. Nothing is imported."""
    return [name for name in family.packages if not is_installed(name)]


def is_installed(distribution: str) -> bool:
    """Return whether the module of a distribution can be imported. Nothing is imported."""
    module = _MODULES.get(distribution, distribution.replace("-", "_"))
    return importlib.util.find_spec(module) is not None


def unmet_needs(family: Family, slots: Mapping[str, Value], context: TaskContext) -> dict[str, Need]:
    """Return the needs of slot values that are not met, by `slot=value`."""
    return {
        f"{name}={value}": need
        for name, value in slots.items()
        if (need := family.slots[name].needs.get(str(value)))
        and (
            not all(map(is_installed, need.packages))
            or not serves_task(need, context.task)
            or lacks_weight_file(need, context.task, context.weights)
        )
    }


def serves_task(need: Need, task: Task) -> bool:
    """Return whether a value serves a task."""
    return not need.tasks or task in need.tasks


def lacks_weight_file(need: Need, task: Task, folder: Path | None) -> bool:
    """Return whether the weights that a task needs are not in the folder of the user's weights."""
    pattern = need.weights.get(task)
    return pattern is not None and not (folder is not None and any(folder.glob(pattern)))


def lacks_needs(family: Family, slots: Mapping[str, Value], context: TaskContext) -> bool:
    """Return whether a value of the slots needs a package or weights that are not there."""
    return bool(unmet_needs(family, slots, context))


def how_to_meet(need: Need, task: Task, folder: Path | None) -> str:
    """Return what the value lacks and what the user can do, in one sentence or two."""
    steps = []
    if not serves_task(need, task):
        return f"the value serves the tasks {' and '.join(need.tasks)}, not {task}; choose another value"
    if missing := [name for name in need.packages if not is_installed(name)]:
        wanted = f"'mars-search[{need.extra}]'" if need.extra else " ".join(missing)
        steps.append(
            f"the value needs {', '.join(missing)}, which this environment lacks. Run: pip install {wanted}"
        )
    if lacks_weight_file(need, task, folder):
        place = folder if folder is not None else "$MARS_HOME/weights"
        who = "It also" if steps else "the value"
        steps.append(f"{who} needs weights. Put a file {need.weights[task]} into {place}")
    return ". ".join(steps)


def require_slot_needs(family: Family, slots: Mapping[str, Value], context: TaskContext, where: str) -> None:
    """Check that the packages and weights of the chosen values are there.

    Args:
        family: The family of the slots.
        slots: The chosen values by slot.
        context: The task and the folder of the user's weights.
        where: The file or option that the values come from, for the error message.

    Raises:
        SetupError: a package or a file of weights is missing.
    """
    for choice, need in unmet_needs(family, slots, context).items():
        raise SetupError(f"{where} {choice}: {how_to_meet(need, context.task, context.weights)}")


def install_command(family: Family, missing: list[str]) -> str:
    """Return the command that installs the family's packages."""
    return (
        f"pip install 'mars-search[{family.extra}]'" if family.extra else f"pip install {' '.join(missing)}"
    )


def require_packages(spec: CompetitionSpec, families: Iterable[Family]) -> None:
    """Check that the packages of each family that serves the competition are installed.

    Raises:
        SetupError: a package is missing.
    """
    context = TaskContext.of(spec, 0, device())
    for family in families:
        if serves(family, context) and (missing := missing_packages(family)):
            raise SetupError(
                f"The family {family.id} needs {', '.join(missing)}, which this environment lacks. "
                f"Run: {install_command(family, missing)}"
            )
