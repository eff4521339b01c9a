"""Fixtures: a scripted model server, and a drafter that asks the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from agent.core.paths import Home
from tests.drafting.llm.described_folders import Drafter
from tests.llm.scripted import Script


@pytest.fixture
def script() -> Iterator[Script]:
    with HTTPServer(threaded=True) as http:
        script = Script(http.url_for("/v1"))
        http.expect_request("/v1/chat/completions").respond_with_handler(script.handle)
        yield script
        script.released.set()


@pytest.fixture
def drafter(script: Script, tmp_path: Path) -> Drafter:
    return Drafter(script, Home(tmp_path / "home"))
