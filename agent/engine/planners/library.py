"""The planner `library`: the families' moves, without a language model."""

from collections.abc import Iterator
from contextlib import contextmanager

from agent.engine.agents import Agents
from agent.engine.planners.plugin import PlannerPlugin, PlannerSession


class LibraryPlugin(PlannerPlugin):
    accepts_blueprint = True

    @contextmanager
    def open(self, session: PlannerSession) -> Iterator[Agents]:
        yield Agents(session.library)


PLUGIN = LibraryPlugin()
