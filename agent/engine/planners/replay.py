"""The planner `replay`: the ideas of a recorded run, on other data, seeds or machines."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Engine

from agent.agents.replay import ReplayDebugger, ReplayWriter
from agent.core.database import open_database
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.engine.agents import Agents
from agent.engine.planners.plugin import PlannerPlugin, PlannerSession, PlannerSetup
from agent.planner.replay import ReplayPlanner, find_source, recorded_ideas
from agent.record.events import ReplaySource, RunSettings, RunStarted
from agent.record.journal import Journal
from agent.record.state import RunState
from agent.repository.imported import ImportedCode
from agent.repository.lineage import Lineage, repository_of
from agent.search.budget import node_limit_s
from agent.search.policy import Step


class ReplayPlugin(PlannerPlugin):
    fields = ("replay_of",)

    def settings(self, setup: PlannerSetup) -> dict[str, object]:
        if setup.request.imported is not None:
            raise SetupError("--from: a replay starts as the recorded run did; omit --from.")
        engine = open_database(setup.home.database)
        return {"replay_source": find_source(engine, setup.request.replay_of, setup.prepared.spec.id)}

    def can_write(self, settings: RunSettings) -> bool:
        return True

    def check(self, settings: RunSettings, engine: Engine) -> None:
        recorded_ideas(engine, _source(settings))

    def starting_point(self, settings: RunSettings, home: Home) -> ImportedCode | None:
        """Return the imported repository that the recorded run started from."""
        source = Journal.open(open_database(home.database), _source(settings).run)
        started = source.events()[0]
        if not isinstance(started, RunStarted) or started.settings.imported is None:
            return None
        repository = repository_of(home.workspaces / source.run)
        if not repository.is_dir():
            raise SetupError(
                f"Run {source.run} started from an imported repository, but {repository} is gone; "
                "replay another run."
            )
        imported = started.settings.imported
        return ImportedCode(Lineage(repository).read(imported.commit), imported.idea, imported.source)

    def cited_lessons(self, settings: RunSettings, engine: Engine) -> set[str]:
        ideas = recorded_ideas(engine, _source(settings))
        fixes = [attempt.fix for one in ideas for attempt in one.attempts]
        cited = (*(one.idea.cited_lessons for one in ideas), *(fix.cites for fix in fixes))
        return {name for names in cited for name in names}

    @contextmanager
    def open(self, session: PlannerSession) -> Iterator[Agents]:
        source = _source(session.settings)
        ideas = recorded_ideas(session.journal.engine, source)
        planner = ReplayPlanner(source, ideas, session.library.search_space, session.note)
        yield Agents(
            planner,
            debugger=ReplayDebugger(ideas, session.read_commit),
            writer=ReplayWriter(ideas),
            policy=RecordedTree(planner),
        )


@dataclass(frozen=True)
class RecordedTree:
    """The policy of a replay: the next idea's parent is the one that it had in the recorded run."""

    planner: ReplayPlanner

    def next(self, state: RunState, rng: np.random.Generator) -> Step:
        return Step(self.planner.next_parent(state, node_limit_s(state, None)))


def _source(settings: RunSettings) -> ReplaySource:
    assert settings.replay_source is not None
    return settings.replay_source


PLUGIN = ReplayPlugin()
