"""Fixtures: the scripted server and its clients."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from agent.llm.calls import ROLES, Prompt
from agent.llm.client import Client
from agent.llm.endpoint import Endpoint
from agent.llm.prices import Price, Prices
from agent.llm.query import Query
from agent.llm.spend_limit import SpendLimit
from tests.llm.scripted import FORM, KEY, MODEL, PRICE, PROMPT, Choice, Records, Script


@pytest.fixture(scope="session")
def http() -> Iterator[HTTPServer]:
    with HTTPServer(threaded=True) as server:
        yield server


@pytest.fixture
def script(http: HTTPServer) -> Iterator[Script]:
    script = Script(http.url_for("/v1"))
    http.expect_request("/v1/chat/completions").respond_with_handler(script.handle)
    yield script
    script.released.set()
    http.clear()


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def waits() -> list[float]:
    """Seconds that the client meant to wait between attempts; tests do not wait."""
    return []


@pytest.fixture
def make(script: Script, records: Records, waits: list[float]) -> Iterator[Callable[..., Client]]:
    """Make clients of the scripted server; keyword arguments replace the usual settings."""
    clients = []

    def made(
        spend_limit: SpendLimit | None = None,
        keep_alive: Callable[[], None] = lambda: None,
        deadline: Callable[[], float] = lambda: 3600.0,
        rows: tuple[Price, ...] = (PRICE,),
        question_limit_s: float = math.inf,
        **endpoint: Any,
    ) -> Client:
        settings = {"timeout_s": 5.0, "models": dict.fromkeys(ROLES, MODEL)} | endpoint
        whom = Endpoint(base_url=script.url, key=SecretStr(KEY), **settings)
        client = Client(
            whom,
            records,
            spend_limit or SpendLimit(),
            keep_alive,
            deadline,
            question_limit_s=question_limit_s,
            prices=Prices(rows),
            sleep=waits.append,
        )
        clients.append(client)
        return client

    yield made
    for client in clients:
        client.close()


@pytest.fixture
def ask(make: Callable[..., Client]) -> Callable[..., Choice]:
    """Ask the usual question once, with a new client."""

    def asked(*prompts: Prompt, **settings: Any) -> Choice:
        return make(**settings).ask(Query("planner", "draft", prompts or (PROMPT,), FORM, 100))

    return asked
