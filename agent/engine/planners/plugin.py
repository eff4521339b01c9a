"""The interface of a planner that `mars run --planner NAME` can choose."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Engine

from agent.agents.debugger import ReadCommit
from agent.competition.prepared import Prepared
from agent.core.paths import Home
from agent.engine.agents import Agents
from agent.engine.run_request import RunRequest
from agent.llm.query import LanguageModel
from agent.planner.library.planner import LibraryPlanner
from agent.record.events import RunSettings
from agent.record.journal import Journal
from agent.repository.idea import Idea


@dataclass(frozen=True)
class PlannerSetup:
    """What a planner determines its settings from, before the run starts."""

    request: RunRequest  # the options of `mars run`
    options: Mapping[str, str]  # the values of --planner-option by name; every name is in `options` below
    prepared: Prepared
    home: Home


@dataclass(frozen=True)
class PlannerSession:
    """What a planner is opened with, in a run and when `mars replay` verifies the run's decisions."""

    library: LibraryPlanner  # the built-in planner with its search space: families, slots, constraints
    prepared: Prepared
    settings: RunSettings
    journal: Journal  # this run's record; `journal.engine` is the database of all runs
    read_commit: ReadCommit  # the files of a revision of this run
    note: Callable[[str], None]  # shows the user a sentence
    open_model: Callable[[], AbstractContextManager[LanguageModel]]
    """Opens the language model of `settings.models`. In a replay the recorded answers take its place."""


class PlannerPlugin:
    """A planner that a run can choose. A subclass defines `open`; everything else has a default."""

    fields: ClassVar[tuple[str, ...]] = ()
    """Fields of RunRequest that only this planner uses: ("model",) allows --model."""
    options: ClassVar[Mapping[str, str]] = {}
    """Names allowed in `--planner-option NAME=VALUE`, each with its meaning in a sentence."""
    accepts_blueprint: ClassVar[bool] = False
    """Whether the planner may be named together with --blueprint, which leaves nothing to plan."""

    def settings(self, setup: PlannerSetup) -> dict[str, object]:
        """Return fields of RunSettings that this planner determines. The options are recorded in any case.

        Raises:
            SetupError: an option is wrong or missing, or something that the planner needs is absent.
        """
        return {}

    def can_write(self, settings: RunSettings) -> bool:
        """Return whether the planner can propose solutions that no family renders."""
        return False

    def check(self, settings: RunSettings, engine: Engine) -> None:
        """Raise SetupError if a recorded run can no longer continue with this planner."""

    def starting_point(self, settings: RunSettings, home: Home) -> tuple[dict[str, str], Idea] | None:
        """Return the repository that is the first node, with its idea; None: the planner drafts."""
        return None

    def cited_lessons(self, settings: RunSettings, engine: Engine) -> set[str]:
        """Return ids of lessons that the planner's ideas will cite, to offer them to the run."""
        return set()

    def open(self, session: PlannerSession) -> AbstractContextManager[Agents]:
        """Open the planner for a session and close it at the end of the block.

        The planner may depend on nothing but the session and the states that it is asked about; else a
        resumed run would decide differently.
        """
        raise NotImplementedError
