"""Each guide that adds a part is followed to the letter: its files, its package and its commands."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from agent.core.paths import Home
from agent.record.opened_run import open_run
from agent.record.state import RunState
from tests.cli.commands import mars
from tests.guides.page import Page, pip_install, with_site

SHORT = ("--minutes", "1", "--max-nodes", "3")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, for this process and those that it starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", with_site(folder))
    return folder


@pytest.fixture
def follow(tmp_path: Path, site: Path) -> Callable[[str], Page]:
    """Return the page of a name, after its package is installed."""

    def install(name: str) -> Page:
        page, source = Page.read(name), tmp_path / "source"
        assert "pip install ." in page.commands
        page.write(source)
        pip_install(source, site)
        return page

    return install


def _state(home: Home) -> RunState:
    return open_run("latest", home).state


def _words(text: str) -> str:
    return " ".join(text.split())


def test_add_a_planner(home: Home, follow: Callable[[str], Page]) -> None:
    run, _ = follow("add-a-planner.md").run("toy", *SHORT)  # `mars replay` finds no difference
    state = _state(home)
    assert (state.run.planner, state.run.planner_options) == ("quick", {"ideas": "5"})
    assert len(state.valid) == 3
    assert "Solution:" in run.stdout

    asked = ("run", "--competition", "toy", *SHORT, "--planner")
    refused = mars(*asked, "quick", "--planner-option", "idea=2", code=2)
    assert "the planner quick has no option 'idea'; its options are ideas: Number" in _words(refused.stderr)
    refused = mars(*asked, "quick", "--planner-option", "ideas=few", code=2)
    assert "--planner-option ideas: is not a whole number." in _words(refused.stderr)
    refused = mars(*asked, "quik", code=2)
    assert "Unknown planner 'quik'; choose one of: quick, " in _words(refused.stderr)
    refused = mars(*asked, "library", "--planner-option", "ideas=2", code=2)
    assert "the planner library has no option 'ideas'" in _words(refused.stderr)


def test_a_run_whose_planner_is_gone_says_so(
    home: Home, follow: Callable[[str], Page], monkeypatch: pytest.MonkeyPatch
) -> None:
    follow("add-a-planner.md").run("toy", "--minutes", "1", "--max-nodes", "1")
    monkeypatch.delenv("PYTHONPATH")
    refused = mars("resume", "latest", "--minutes", "2", code=2)
    assert "Unknown planner 'quick'; choose one of: " in _words(refused.stderr)
    different = mars("replay", "latest", code=1)
    assert "Unknown planner 'quick'" in _words(different.stdout)


def test_add_an_executor(home: Home, follow: Callable[[str], Page], monkeypatch: pytest.MonkeyPatch) -> None:
    follow("add-an-executor.md").run("toy", *SHORT)
    state = _state(home)
    assert (state.run.executor, state.run.workers) == ("turns", 2)
    assert len(state.valid) == 3
    mars("replay", "latest", "--execute")  # the exit code says that all metrics agree

    asked = ("run", "--competition", "toy", *SHORT, "--executor", "turns")
    assert "--cold: means --executor cold" in mars(*asked, "--cold", code=2).stderr

    events = len(open_run("latest", home).journal.events())
    monkeypatch.delenv("PYTHONPATH")
    refused = mars("resume", "latest", "--minutes", "2", code=2)
    assert "Unknown executor 'turns'; choose one of: " in _words(refused.stderr)
    assert len(open_run("latest", home).journal.events()) == events, "no session is recorded"


def test_add_a_tracker(
    home: Home, follow: Callable[[str], Page], httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    posted: list[dict[str, object]] = []

    def receive(request: Request) -> Response:
        posted.append(json.loads(request.data))
        return Response("")

    httpserver.expect_request("/scores").respond_with_handler(receive)
    monkeypatch.setenv("MARS_WEBHOOK", httpserver.url_for("/scores"))
    page = follow("add-a-tracker.md")
    page.run("toy", *SHORT)
    state = _state(home)
    assert state.run.trackers == ("webhook", "jsonl")
    scores = [(post["node"], post["score"]) for post in posted if post["event"] == "node"]
    assert sorted(scores) == [(node.id, node.metric) for node in state.nodes.values()]
    assert [posted[0]["event"], posted[-1]["event"]] == ["started", "closed"]
    charted = pd.read_json(open_run("latest", home).folder / "tracker.jsonl", lines=True)
    finished = charted[charted.event == "node_finished"]
    charted_scores = [score if np.isfinite(score) else None for score in finished.score]  # it failed
    assert charted_scores == pytest.approx([score for _, score in scores])

    monkeypatch.delenv("MARS_WEBHOOK")
    done = mars("run", "--competition", "toy", *SHORT, "--tracker", "webhook")
    notice = "The tracker webhook failed, and the run goes on: set MARS_WEBHOOK to the address"
    assert _words(done.stdout + done.stderr).count(notice) == 1


def test_add_a_metric(home: Home, tmp_path: Path, follow: Callable[[str], Page]) -> None:
    random = np.random.default_rng(0)
    size = random.normal(size=400)
    table = pd.DataFrame({"id": [f"row{i}" for i in range(400)], "size": size})
    table["target"] = 3 * size + random.normal(size=400) / 2
    folder = tmp_path / "case"
    folder.mkdir()
    table[:300].to_csv(folder / "train.csv", index=False)
    table[300:].drop(columns="target").to_csv(folder / "test.csv", index=False)
    table[300:][["id"]].assign(target=0.0).to_csv(folder / "sample_submission.csv", index=False)
    spec = {"id": "case", "title": "A case", "task": "regression", "targets": "target"}
    inputs = {"inputs": [{"name": "size", "role": "number"}]}
    page = follow("add-a-metric.md")
    content = yaml.safe_dump({**spec, **inputs}) + page.files["competition.yaml"]
    (folder / "competition.yaml").write_text(content)
    page.run(str(folder), "--minutes", "1", "--max-nodes", "1")
    run = open_run("latest", home)
    assert run.metric.definition == "Share of predictions at most 0.5 away from the true value."
    result = run.state.nodes[1].result
    assert result is not None
    assert result.status == "valid", result.reason  # the repository's score is the harness's
    assert result.metric is not None
    assert 0.4 < result.metric <= 1
    assert "<= 0.5))" in run.lineage.read(result.commit)["library/loss.py"]


PACKAGE = "mars_nearest"


@pytest.mark.parametrize("as_package", [False, True])
def test_add_a_family(home: Home, tmp_path: Path, site: Path, as_package: bool) -> None:
    page = Page.read("add-a-family.md")
    templates = [name for name in page.files if name != "pyproject.toml"]
    if as_package:
        source = tmp_path / "source"
        page.write(source / PACKAGE, templates)
        (source / PACKAGE / "__init__.py").touch()
        page.write(source, ["pyproject.toml"])
        pip_install(source, site)
    else:
        page.write(home.families / "nearest", templates)
    doctor, _ = page.run("toy", "--minutes", "1", "--max-nodes", "1")
    assert "nearest" in doctor.stdout
    state = _state(home)
    node = state.nodes[1]
    assert node.blueprint is not None
    assert (node.blueprint.family, node.blueprint.slots) == ("nearest", {"k": 15})
    assert node.result is not None
    assert node.result.status == "valid", node.result.reason
    assert node.metric is not None
    assert node.metric > 0.98  # the toy's label is the sign of its number
    mars("replay", "latest")  # the exit code says that all decisions and files are equal
