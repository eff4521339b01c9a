"""The fake language model server as a fixture."""

from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from tests.cli.obedient import Obedient
from tests.llm.scripted import KEY


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Obedient]:
    with HTTPServer(threaded=True) as http:
        obedient = Obedient(http.url_for("/v1"))
        http.expect_request("/v1/chat/completions").respond_with_handler(obedient.handle)
        monkeypatch.setenv("OPENAI_BASE_URL", obedient.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("MARS_MODEL", "obedient")
        yield obedient
