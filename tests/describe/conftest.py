"""A folder of houses with a description, and a scripted server that is asked what the competition is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from described import Asked
from pytest_httpserver import HTTPServer

from agent.paths import Home
from tests.llm.scripted import Script


@pytest.fixture
def script() -> Iterator[Script]:
    with HTTPServer(threaded=True) as http:
        script = Script(http.url_for("/v1"))
        http.expect_request("/v1/chat/completions").respond_with_handler(script.handle)
        yield script
        script.released.set()


@pytest.fixture
def asked(script: Script, tmp_path: Path) -> Asked:
    return Asked(script, Home(tmp_path / "home"))
