"""The agents of a run, and the language model that they ask: an endpoint, or a small local model."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from agent.agents.debugger import Debugger
from agent.agents.lesson_writer import LessonWriter
from agent.agents.reviewer import Reviewer
from agent.agents.writer import Writer
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
from agent.record.events import RunSettings
from agent.record.recorder import EventRecorder
from agent.search.budget import Budget
from agent.search.policy import Policy

# Largest share of a run's time for one request; else a hanging endpoint would use up the whole run.
REQUEST_SHARE = 0.2
_HEARTBEAT_S = 0.25


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
    if not run.models or LOCAL_MODEL in run.models.values():
        return run.llm_host
    return _check_offline(find_endpoint(run.models["planner"]), run.offline).host


@dataclass(frozen=True)
class Agents:
    """A run's planner and policy, with the agents that fix, write and review code and word lessons."""

    planner: Planner
    debugger: Debugger | None = None
    writer: Writer | None = None
    reflector: LessonWriter | None = None
    reviewer: Reviewer | None = None
    policy: Policy | None = None
    """The planner's own policy; None: the policy that the run's settings name."""


@contextmanager
def open_language_model(
    recorder: EventRecorder, keep_alive: Callable[[], None], is_alone: bool
) -> Iterator[LanguageModel]:
    """Yield the run's language model, which records its calls and respects the spend limit.

    Args:
        recorder: records the calls.
        keep_alive: is called while a request waits for its answer.
        is_alone: whether no family can stand in for the model, so that the run waits for it.

    Raises:
        SetupError: no endpoint is set up, or a package is missing.
    """
    state, note = recorder.state, recorder.observer.note
    with _endpoint(state.run) as endpoint:
        client = Client(
            endpoint,
            recorder,
            SpendLimit(state.run.max_usd, used=lambda: state.spend.used),
            keep_alive,
            lambda: _seconds_left(recorder),
            question_limit_s=REQUEST_SHARE * state.run.budget_s,
        )
        try:
            yield CircuitBreaker(
                client,
                note,
                fail_fast=all(map(state.is_imported, state.nodes.values())),
                wait=partial(_wait, recorder, keep_alive) if is_alone else None,
            )
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


def _wait(recorder: EventRecorder, keep_alive: Callable[[], None], seconds: float) -> bool:
    """Wait for a language model; return whether the run still has time for it."""
    ends = time.monotonic() + seconds
    while _seconds_left(recorder) > 0:
        keep_alive()
        left_s = ends - time.monotonic()
        if left_s <= 0:
            return True
        time.sleep(min(left_s, _HEARTBEAT_S))
    return False


def _seconds_left(recorder: EventRecorder) -> float:
    """Return the seconds until no candidate may start any more."""
    budget = Budget.of(recorder.state)
    return budget.limit_s - budget.reserve_s - recorder.clock.elapsed_s()
