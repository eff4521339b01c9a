"""Opens the language models of a session: a provider's endpoint, or a small model in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from agent.chronicle import Chronicle
from agent.competition.prepared import Prepared
from agent.llm.allowance import Allowance
from agent.llm.endpoint import LOCAL, Endpoint, find_endpoint
from agent.paths import Home
from agent.planner.base import Planner
from agent.planner.briefing import Briefing
from agent.planner.library import LibraryPlanner
from agent.planner.llm import LlmPlanner
from agent.record.events import RunSettings
from agent.search.budget import Budget


@contextmanager
def open_planner(
    library: LibraryPlanner,
    chronicle: Chronicle,
    prepared: Prepared,
    home: Home,
    pulse: Callable[[], None],
) -> Iterator[Planner]:
    """The planner that the run was asked to use.

    `pulse` is called while a model thinks.

    Raises:
        SetupError: no endpoint is set up, or what a model needs is not installed.
    """
    state = chronicle.state
    if state.run.planner == "library":
        yield library
        return
    from agent.llm.client import Client  # half a second, which other planners need not wait for

    with _endpoint(state.run) as endpoint:
        allowance = Allowance(state.run.max_usd, used=lambda: state.spend.used)
        client = Client(endpoint, chronicle, allowance, pulse, lambda: _seconds_left(chronicle))
        briefing = Briefing.of(prepared, state.run, library.ground)
        try:
            yield LlmPlanner(library, briefing, client, chronicle.observer.note)
        finally:
            client.close()


@contextmanager
def _endpoint(run: RunSettings) -> Iterator[Endpoint]:
    """As the run's settings say; the key is never among them."""
    if LOCAL in run.models.values():
        from agent.llm.local import open_local

        with open_local() as endpoint:
            yield endpoint
        return
    yield replace(find_endpoint(run.models["planner"]), models=run.models)


def _seconds_left(chronicle: Chronicle) -> float:
    """Until candidates may not start any more."""
    budget = Budget.of(chronicle.state)
    return budget.limit_s - budget.reserve_s - chronicle.clock.elapsed_s()
