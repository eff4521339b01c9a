"""The packages that the repositories of a family import, and how to install the missing ones."""

import importlib.util
from collections.abc import Iterable

from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError
from agent.execution.hardware import device
from agent.planner.base import TaskContext
from agent.planner.conditions import serves
from agent.repository.family import Family

# Distributions whose modules have other names.
_MODULES = {"opencv-python-headless": "cv2", "scikit-learn": "sklearn"}


def missing_packages(family: Family) -> list[str]:
    """Return the distributions that the family needs and that are not installed. Nothing is imported."""
    modules = {name: _MODULES.get(name, name.replace("-", "_")) for name in family.packages}
    return [name for name, module in modules.items() if importlib.util.find_spec(module) is None]


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
