"""The packages that the repositories of a family import, and how to install the missing ones."""

import importlib.util
from collections.abc import Iterable, Mapping
from functools import cache

from agent.competition.spec import CompetitionSpec
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


@cache
def is_installed(distribution: str) -> bool:
    """Return whether the module of a distribution can be imported. Nothing is imported."""
    module = _MODULES.get(distribution, distribution.replace("-", "_"))
    return importlib.util.find_spec(module) is not None


def unmet_needs(family: Family, slots: Mapping[str, Value]) -> dict[str, Need]:
    """Return the needs of slot values whose packages are not installed, by `slot=value`."""
    return {
        f"{name}={value}": need
        for name, value in slots.items()
        if (need := family.slots[name].needs.get(str(value))) and not all(map(is_installed, need.packages))
    }


def lacks_packages(family: Family, slots: Mapping[str, Value]) -> bool:
    """Return whether a value of the slots needs a package that is not installed."""
    return bool(unmet_needs(family, slots))


def require_slot_packages(family: Family, slots: Mapping[str, Value], where: str) -> None:
    """Check that the packages of the chosen values are installed.

    Args:
        family: The family of the slots.
        slots: The chosen values by slot.
        where: The file or option that the values come from, for the error message.

    Raises:
        SetupError: a package is missing.
    """
    for choice, need in unmet_needs(family, slots).items():
        missing = [name for name in need.packages if not is_installed(name)]
        wanted = f"'mars-search[{need.extra}]'" if need.extra else " ".join(missing)
        raise SetupError(
            f"{where} {choice}: the value needs {', '.join(missing)}, which this environment lacks. "
            f"Run: pip install {wanted}"
        )


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
