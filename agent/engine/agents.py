"""Opens the language models of a session: a provider's endpoint, or a small local model."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from agent.agents.debugger import Debugger, Files, LlmDebugger, ReadCommit
from agent.agents.lesson_writer import LessonWriter
from agent.agents.replay import ReplayDebugger, ReplayWriter
from agent.agents.reviewer import LlmReviewer, Reviewer
from agent.agents.writer import LlmWriter, Writer
from agent.competition.prepared import Prepared
from agent.core.errors import SetupError
from agent.core.paths import Home
from agent.llm.calls import ROLES, Role
from agent.llm.circuit_breaker import CircuitBreaker
from agent.llm.client import Client, require_packages
from agent.llm.endpoint import LOCAL_MODEL, Endpoint, find_endpoint, is_local
from agent.llm.local_model import local_model_file, serve_local_model
from agent.llm.prices import load_prices
from agent.llm.query import LanguageModel
from agent.llm.spend_limit import SpendLimit
from agent.planner.base import Planner
from agent.planner.library.planner import LibraryPlanner
from agent.planner.llm.briefing import Briefing
from agent.planner.llm.planner import LlmPlanner
from agent.planner.replay import ReplayPlanner, recorded_ideas
from agent.record.events import ReplaySource, RunSettings
from agent.record.recorder import EventRecorder
from agent.record.state import Node
from agent.search.budget import Budget

# Largest share of a run's time for one request; else a hanging endpoint would use up the whole run.
REQUEST_SHARE = 0.2


def find_models(model: str | None, home: Home, offline: bool = False) -> tuple[dict[Role, str], str]:
    """Return the model of every role, and the host that serves them; nothing is sent.

    Args:
        model: value of `--model`; None takes the model from the environment.
        home: the folder with the user's own prices.
        offline: accept only a server on this machine.

    Raises:
        SetupError: a package, the endpoint, the key or the model is missing, or the prices are invalid.
    """
    load_prices(home.prices)
    require_packages()
    if is_local(model):
        local_model_file(os.environ)
        return dict.fromkeys(ROLES, LOCAL_MODEL), "this machine"
    endpoint = _check_offline(find_endpoint(model), offline)
    return dict(endpoint.models), endpoint.host


def current_host(run: RunSettings) -> str:
    """Return the host that would serve the models of a recorded run now; "" without models.

    Raises:
        SetupError: the environment names no endpoint, or `--offline` forbids it.
    """
    if run.planner != "llm" or LOCAL_MODEL in run.models.values():
        return run.llm_host
    return _check_offline(find_endpoint(run.models["planner"]), run.offline).host


@dataclass(frozen=True)
class Agents:
    """Planner and language-model helpers of a run; without a model only the library planner."""

    planner: Planner
    debugger: Debugger | None = None
    writer: Writer | None = None
    reflector: LessonWriter | None = None
    reviewer: Reviewer | None = None


def make_agents(
    library: LibraryPlanner,
    prepared: Prepared,
    run: RunSettings,
    read_commit: ReadCommit,
    language_model: LanguageModel,
) -> Agents:
    """Return the agents of a run that uses models; `read_commit` gives the files of a revision."""
    briefing = Briefing.of(prepared, run, library.search_space)
    competition = briefing.competition

    def read_code(node: Node) -> Files:
        return read_commit(node.commit)

    planner = LlmPlanner(library, briefing, language_model, read_code)
    if briefing.small_model:  # a small model's code and words are not good enough
        return Agents(planner)
    debugger = LlmDebugger(language_model, competition, library.scopes, read_commit)
    writer = LlmWriter(language_model, competition, library.scopes, briefing.aggregates)
    reflector = LessonWriter(language_model, competition, read_code)
    reviewer = LlmReviewer(language_model, competition, read_commit)
    return Agents(planner, debugger, writer, reflector, reviewer)


def make_replay_agents(
    library: LibraryPlanner,
    engine: Engine,
    source: ReplaySource,
    read_commit: ReadCommit,
    note: Callable[[str], None],
) -> Agents:
    """Return the agents of a replay; `note` reports the ideas that are skipped."""
    ideas = recorded_ideas(engine, source)
    planner = ReplayPlanner(source, ideas, library.search_space, note)
    return Agents(planner, ReplayDebugger(ideas, read_commit), ReplayWriter(ideas))


@contextmanager
def open_agents(
    library: LibraryPlanner,
    recorder: EventRecorder,
    prepared: Prepared,
    read_commit: ReadCommit,
    keep_alive: Callable[[], None],
) -> Iterator[Agents]:
    """Yield the run's planner and the other agents that use its models.

    Args:
        library: the library planner, which is also the fallback.
        recorder: records the calls.
        prepared: the prepared data.
        read_commit: gives the files of a revision.
        keep_alive: is called while a request waits for its answer.

    Raises:
        SetupError: no endpoint is set up, or a package is missing.
    """
    state = recorder.state
    if state.run.planner == "library":
        yield Agents(library)
        return
    note = recorder.observer.note
    if state.run.replay_source is not None:
        engine = recorder.journal.engine
        yield make_replay_agents(library, engine, state.run.replay_source, read_commit, note)
        return
    with _endpoint(state.run) as endpoint:
        spend_limit = SpendLimit(state.run.max_usd, used=lambda: state.spend.used)
        client = Client(
            endpoint,
            recorder,
            spend_limit,
            keep_alive,
            lambda: _seconds_left(recorder),
            question_limit_s=REQUEST_SHARE * state.run.budget_s,
        )
        language_model = CircuitBreaker(
            client,
            lambda reason: note(f"The library planner continues without the language model: {reason}"),
            fail_fast=all(map(state.is_imported, state.nodes.values())),
        )
        try:
            yield make_agents(library, prepared, state.run, read_commit, language_model)
        finally:
            client.close()


@contextmanager
def _endpoint(run: RunSettings) -> Iterator[Endpoint]:
    """Yield the endpoint that the settings name; the key comes from the environment."""
    if LOCAL_MODEL in run.models.values():
        with serve_local_model() as endpoint:
            yield endpoint
        return
    endpoint = _check_offline(find_endpoint(run.models["planner"]), run.offline)
    yield replace(endpoint, models=run.models)


def _check_offline(endpoint: Endpoint, offline: bool) -> Endpoint:
    """Return the endpoint; SetupError if `offline` and the endpoint is not on this machine."""
    if offline and not endpoint.is_loopback:
        raise SetupError(
            f"--offline: the language model is at {endpoint.host}, which is not this machine; pass "
            "--model local, or set OPENAI_BASE_URL to a server on this machine."
        )
    return endpoint


def _seconds_left(recorder: EventRecorder) -> float:
    """Return the seconds until no candidate may start any more."""
    budget = Budget.of(recorder.state)
    return budget.limit_s - budget.reserve_s - recorder.clock.elapsed_s()
