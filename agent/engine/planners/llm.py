"""The planner `llm`: a language model proposes ideas, writes code, fixes failures and reviews results."""

from collections.abc import Iterator
from contextlib import contextmanager

from agent.agents.debugger import Files, LlmDebugger
from agent.agents.lesson_writer import LessonWriter
from agent.agents.reviewer import LlmReviewer
from agent.agents.writer import LlmWriter
from agent.engine.agents import Agents, find_models
from agent.engine.machine import describe_machine
from agent.engine.planners.plugin import PlannerPlugin, PlannerSession, PlannerSetup
from agent.llm.endpoint import LOCAL_MODEL
from agent.llm.query import LanguageModel
from agent.planner.llm.briefing import Briefing
from agent.planner.llm.planner import LlmPlanner
from agent.record.events import RunSettings
from agent.record.state import Node


class LlmPlugin(PlannerPlugin):
    fields = ("model", "max_usd")

    def settings(self, setup: PlannerSetup) -> dict[str, object]:
        request = setup.request
        models, host = find_models(request.model, setup.home, request.offline)
        small = LOCAL_MODEL in models.values()
        machine = None if small else describe_machine(setup.home.weights)
        return {"models": models, "llm_host": host, "max_usd": request.max_usd, "machine": machine}

    def can_write(self, settings: RunSettings) -> bool:
        return LOCAL_MODEL not in settings.models.values()

    @contextmanager
    def open(self, session: PlannerSession) -> Iterator[Agents]:
        with session.open_model() as language_model:
            yield make_agents(session, language_model)


def make_agents(session: PlannerSession, language_model: LanguageModel) -> Agents:
    """Return the planner and the other agents that ask the model; a small model only plans."""
    library, read_commit = session.library, session.read_commit
    briefing = Briefing.of(session.prepared, session.settings, library.search_space)
    competition = briefing.competition

    def read_code(node: Node) -> Files:
        return read_commit(node.commit)

    planner = LlmPlanner(library, briefing, language_model, read_code)
    if briefing.small_model:  # a small model's code and words are not good enough
        return Agents(planner)
    return Agents(
        planner,
        debugger=LlmDebugger(language_model, competition, library.scopes, read_commit, briefing.facts),
        writer=LlmWriter(language_model, competition, library.scopes, briefing.aggregates, briefing.facts),
        reflector=LessonWriter(language_model, competition, read_code),
        reviewer=LlmReviewer(language_model, competition, read_commit),
    )


PLUGIN = LlmPlugin()
