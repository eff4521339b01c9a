"""Vetoes of a language model, through the command line; a fake server answers reviews from a script."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from agent.core.paths import Home
from agent.record.opened_run import open_run
from tests.cli.commands import mars
from tests.llm.scripted import KEY, completion
from tests.support.finished_runs import search
from tests.support.scripted_models import any_answer

SOUND = ("--forbid", "kind=failing", "--forbid", "kind=crashing")
RUN = ("run", "--competition", "toy", "--minutes", "1", "--planner", "llm", *SOUND)
VETO = {"reason": "main.py line 20: the share is made up.", "sound": False}


class Reviewing:
    """Answers reviews from a script, and other requests with random values of their schema."""

    def __init__(self) -> None:
        self.verdicts: list[str] = []
        self.reviews: list[dict[str, Any]] = []

    def handle(self, request: Request) -> Response:
        body = json.loads(request.get_data())
        if "You review solutions" in body["messages"][0]["content"]:
            self.reviews.append(body)
            return completion(self.verdicts.pop(0))
        schema = body["response_format"]["json_schema"]["schema"]
        return completion(json.dumps(any_answer(schema, np.random.default_rng(body["seed"]))))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reviewing]:
    with HTTPServer(threaded=True) as http:
        reviewing = Reviewing()
        http.expect_request("/v1/chat/completions").respond_with_handler(reviewing.handle)
        monkeypatch.setenv("OPENAI_BASE_URL", http.url_for("/v1"))
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("MARS_MODEL", "reviewing")
        monkeypatch.setenv("MARS_REVIEWER_MODEL", "strict")
        yield reviewing


@pytest.fixture
def own(home: Home, tmp_path: Path) -> Path:
    """Return a valid user repository that scores far better than any rendered one."""
    plain = search(home, max_nodes=1)
    for name, text in plain.lineage.read(plain.state.nodes[1].commit).items():
        file = tmp_path / "own" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("< QUALITY + more", "< 0.95 + more"))
    return tmp_path / "own"


def test_a_veto_keeps_a_node_from_leading_and_is_replayed(home: Home, server: Reviewing, own: Path) -> None:
    server.verdicts = [json.dumps(VETO)]
    mars(*RUN, "--from", str(own), "--max-nodes", "3")
    run = open_run("latest", home)
    node, result = run.state.nodes[1], run.state.nodes[1].result
    assert result is not None
    assert (node.status, result.reason) == ("suspect", f"The reviewer: {VETO['reason']}")
    assert result.probe is not None
    assert result.probe.verdict == "passed", "the evidence came first"
    assert run.state.finished is not None
    assert run.state.finished.chosen not in (None, 1)
    (asked,) = server.reviews
    assert asked["model"] == "strict"
    assert "< 0.95 + more" in asked["messages"][1]["content"]
    assert [call.purpose for call in run.state.calls[1]] == ["review"]
    shown = " ".join(mars("show", "latest", "1").stdout.split())
    assert f"review not sound: {VETO['reason']}" in shown
    assert "Answer with `reason`, one sentence" in mars("show", "latest", "1", "--calls").stdout

    decided = json.loads(mars("replay", "latest", "--json").stdout)["decisions"]
    assert {"what": "review of node 001", "same": True, "reason": ""} in decided
    assert all(one["same"] for one in decided)
    again = json.loads(mars("replay", "latest", "--execute", "--json").stdout)["executed"]
    assert all(one["agrees"] for one in again), "its veto came after its score"
    assert len(server.reviews) == 1


def test_approval_and_answers_of_no_use_leave_the_node_in_the_lead(
    home: Home, server: Reviewing, own: Path
) -> None:
    for verdicts in ([json.dumps({"sound": True, "reason": "It is plain."})], ["No."] * 3):
        server.verdicts = verdicts
        mars(*RUN, "--from", str(own), "--max-nodes", "1")
        run = open_run("latest", home)
        assert run.state.best is run.state.nodes[1]
        assert not server.verdicts
        decided = json.loads(mars("replay", "latest", "--json").stdout)["decisions"]
        assert [one["same"] for one in decided if one["what"] == "review of node 001"] == [True]


def test_what_templates_wrote_is_not_reviewed(home: Home, server: Reviewing) -> None:
    mars(*RUN, "--max-nodes", "3")
    assert len(open_run("latest", home).state.valid) >= 3
    assert server.reviews == []
