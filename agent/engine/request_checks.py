"""Refuses a wrong request of `mars run` before any data are prepared or anything is recorded."""

import math

from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError
from agent.core.options import DeclaredOption, declared_options
from agent.engine.planners.registry import PLANNERS
from agent.engine.request import check_workers, executor_name, planner_options
from agent.engine.run_request import RunRequest
from agent.execution.hardware import device
from agent.execution.registry import EXECUTORS
from agent.memory.lesson import Lesson
from agent.memory.store import read_lessons
from agent.planner.base import TaskContext
from agent.planner.conditions import serves
from agent.planner.constraints import parse_constraints
from agent.record.trackers.registry import TRACKERS
from agent.repository.family import Family
from agent.repository.git_source import parse_source
from agent.repository.idea import load_blueprint
from agent.repository.imported import import_repository
from agent.search.policy import make_policy


def check_parts(request: RunRequest) -> None:
    """Check the numbers of a request, and import the parts that it names.

    Raises:
        SetupError: a number is out of range; a planner, policy, executor or tracker is unknown (the message
            lists the known names); an installed one cannot be imported or is of the wrong kind; an option
            of the planner is wrong.
        ImportError: a package that a built-in part needs is absent.
    """
    for option in declared_options(RunRequest):
        _check_number(option, getattr(request, option.field))
    PLANNERS.load(request.planner)
    make_policy(request.policy)
    EXECUTORS.load(executor_name(request))
    for name in request.trackers:
        TRACKERS.load(name)
    check_workers(request)
    planner_options(request)


def check_values(request: RunRequest, spec: CompetitionSpec, families: dict[str, Family]) -> list[Lesson]:
    """Check the values that depend on the competition or on files; return the lessons of --lessons.

    Raises:
        SetupError: --set, --forbid, --blueprint, --lessons or --from is wrong.
    """
    if request.blueprint is not None:
        family = load_blueprint(request.blueprint, families).family
        serving = {family: families[family]}
    else:
        context = TaskContext.of(spec, 0, device())
        serving = {name: family for name, family in families.items() if serves(family, context)}
    if serving:
        parse_constraints(request.pinned, request.forbidden, serving)
    replays = request.planner == "replay"  # its planner refuses --from with the reason
    if request.imported is not None and not replays and not _is_elsewhere(request.imported):
        import_repository(request.imported, families, offline=request.offline)
    return [] if request.lessons is None else list(read_lessons(request.lessons))


def _is_elsewhere(source: str) -> bool:
    """Whether the repository is on another machine, from which it is fetched only once."""
    return getattr(parse_source(str(source)), "is_remote", False)


def _check_number(declared: DeclaredOption, value: object) -> None:
    """Raise SetupError for a number that is not finite or outside of the option's bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    least, most = declared.option.min, declared.option.max
    too_small = least is not None and value < least
    too_large = most is not None and value > most
    if math.isfinite(value) and not too_small and not too_large:
        return
    bounds = [f"at least {least:g}"] if least is not None else []
    bounds += [f"at most {most:,.0f}"] if most is not None else []
    raise SetupError(f"{declared.name} {value}: give a number of {' and '.join(bounds) or 'finite size'}.")
