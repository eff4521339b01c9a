"""Solutions written module by module by a language model, through the command line.

The answers are a script that was written by hand (tests/scripted/signals); everything else is real.
"""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from agent.core.paths import Home
from agent.engine.headline import constraints_text
from agent.record.opened_run import open_run
from agent.repository.edits import apply_edits
from tests.cli.commands import MARS, mars
from tests.llm.scripted import KEY, completion, failure
from tests.scripted.signals_script import Fault, Script, signals_script
from tests.support.waiting import wait_until

RUN = ("run", "--competition", "signals", "--planner", "llm", "--minutes", "4", "--json")


SOUND = {"sound": True, "reason": "It learns from the training rows alone."}


LEARNED = {
    "findings": "The score rose and the run took longer.",
    "verdict": "helps",
    "title": "Random kernels instead of a forest",
    "summary": "Kernels answer to shapes wherever they stand.",
    "key_lesson": "For signals of any phase, prefer features that do not depend on where a shape stands.",
}


class Author:
    """Answers from a script in order, records the requests and injects faults."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self.answers = answers
        self.faults: list[list[Response]] = []  # those before every answer
        self.silent_for = 0  # the number of the question that is not answered in time; 0: none
        self.last: Response | None = None  # when there are no answers left
        self.asked: list[str] = []

    def handle(self, request: Request) -> Response:
        body = json.loads(request.get_data())
        if self.faults and self.faults[0]:
            return self.faults[0].pop(0)
        del self.faults[:1]
        self.silent_for -= 1
        if self.silent_for == 0:
            time.sleep(20)
            return Response(status=500)
        self.asked.append("\n".join(message["content"] for message in body["messages"]))
        if not self.answers and self.last is not None:
            return self.last
        if not self.answers:
            return completion("I have nothing more to say.", usage=(2000, 10))
        return completion(json.dumps(self.answers.pop(0)), usage=(2000, 500))


@pytest.fixture
def author(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Author]:
    with HTTPServer(threaded=True) as http:
        author = Author([])
        http.expect_request("/v1/chat/completions").respond_with_handler(author.handle)
        monkeypatch.setenv("OPENAI_BASE_URL", http.url_for("/v1"))
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("MARS_MODEL", "author")
        yield author


def _design(script: Script) -> dict[str, Any]:
    modules = [
        {"file": one.name, "purpose": one.purpose, "names": list(one.defines), "uses": list(one.uses)}
        for one in script.modules
    ]
    uses = [one.name for one in script.modules]
    main = {"file": "main.py", "purpose": "The entry point.", "names": ["main"], "uses": uses}
    return {"candidates": ["forest", "kernels"], **script.design.model_dump(), "modules": [*modules, main]}


def _answers(script: Script) -> list[dict[str, Any]]:
    """A search of two nodes: a solution whose faults are fixed, then an improvement."""
    improved = script.improved
    rewritten = apply_edits(script.files, improved.edits)
    changed = [name for name in rewritten if rewritten[name] != script.files[name]]
    first, *others = changed
    return [
        _design(script),
        *_written(script, {fault.module: fault for fault in script.faults}),
        SOUND,
        {
            "diagnosis": "The forest looks at single samples; shapes move.",
            "plan": improved.reason,
            "title": improved.title,
            "edits": [edit.model_dump() for edit in improved.edits if edit.file == first],
            "rewrites": [{"file": name, "code": rewritten[name]} for name in others],
        },
        SOUND,
        LEARNED,
    ]


def _written(script: Script, faults: dict[str, Fault]) -> list[dict[str, Any]]:
    """Return the answers with the modules; faulty versions come first, main.py last."""
    answers: list[dict[str, Any]] = []
    for module in script.modules:
        fault = faults.get(module.name)
        answers.append({"code": fault.code if fault else module.code, "test": module.check})
        if fault and fault.found_by == "test":
            answers.append(_fix(fault))
    answers.append({"code": script.main})
    return answers + [_fix(fault) for fault in faults.values() if fault.found_by == "smoke"]


def _fix(fault: Fault) -> dict[str, Any]:
    edits = [edit.model_dump() for edit in fault.edits]
    return {
        "cause": fault.reason,
        "signs": fault.error,
        "title": f"Mend {fault.module}",
        "look": [],
        "edits": edits,
    }


def test_modules_are_written_tried_out_and_mended_until_they_run_and_then_improved(
    home: Home, author: Author
) -> None:
    script = signals_script()
    author.answers = _answers(script)
    summary = json.loads(mars(*RUN, "--max-nodes", "2").stdout)
    assert author.answers == []
    assert summary["valid_nodes"] >= 2
    run = open_run("latest", home)
    first, second = run.state.nodes[1], run.state.nodes[2]
    assert [attempt.fix.title for attempt in first.attempts] == [
        "Mend library/dataset.py",
        "Mend library/train.py",
    ]
    stages = [attempt.failed.failure.stage for attempt in first.attempts if attempt.failed.failure]
    assert stages == ["test", "smoke"]
    assert [module.file for module in first.modules][-1] == "main.py"
    code = run.lineage.read(first.commit)
    assert code["tests/test_dataset.py"] == script.modules[2].check
    assert "scikit-learn\n" in code["requirements.txt"]
    assert script.design.title in code["README.md"]
    assert second.parent == 1
    readme = run.lineage.read(second.commit)["README.md"]
    assert script.improved.title in readme
    assert "| `library/dataset.py` |" in readme
    assert second.metric is not None
    (lesson,) = (run.state.learned[name] for name in second.lessons)
    assert lesson.edit_hash, "what an edit of written code did is learned"
    assert lesson.scope.family == "own code"

    asked = author.asked
    assert "Write library/config.py" in asked[1]
    assert "def parse_signal" in asked[7], "later modules see the earlier"
    mended = next(one for one in asked if "failed in the test of a module" in one)
    assert "Traceback (most recent call last):" in mended
    assert "AssertionError: three rows of 16 samples" in mended, "a test on made-up data is shown whole"
    (reworked,) = [one for one in asked if "Win this competition." in one]
    for told in (script.main, script.design.model, "about ", "scikit-learn 1", "± ", "val_outputs.npz"):
        assert told.strip() in reworked
    said = f"The forest looks at single samples; shapes move. {script.improved.reason}"
    assert second.idea.training.endswith(f"Edited: {script.improved.title}. {said}")
    replayed = json.loads(mars("replay", "latest", "--json").stdout)
    assert {one["verdict"] for one in replayed["nodes"]} == {"identical"}
    assert [one["what"] for one in replayed["decisions"] if not one["same"]] == []
    assert sum("library/" in one["what"] for one in replayed["decisions"]) == len(script.modules)
    shown = re.sub(r"\s+", " ", mars("show", "latest", "1").stdout)
    assert "library/dataset.py" in shown

    requests = len(author.asked)
    mars("run", "--competition", "signals", "--planner", "replay", "--minutes", "4")
    again = open_run("latest", home)
    assert run.id in constraints_text(again.state.run)
    assert len(author.asked) == requests, "what is on record is written by nobody"
    for number in (1, 2):
        assert again.lineage.read(again.state.nodes[number].commit) == run.lineage.read(
            run.state.nodes[number].commit
        )
    decided = json.loads(mars("replay", "latest", "--json").stdout)["decisions"]
    assert [one["what"] for one in decided if not one["same"]] == []
    assert sum("library/" in one["what"] for one in decided) == len(script.modules)


def test_a_module_that_is_not_what_was_planned_goes_back(home: Home, author: Author) -> None:
    script = signals_script()
    config, test = script.modules[0].code, script.modules[0].check
    faulty = [
        {"code": config.replace("def load_config", "def load"), "test": test},
        {"code": f"import agent\n{config}", "test": test},
        {"code": f"from library.train import fit\n{config}", "test": test},
    ]
    author.answers = [_design(script), *faulty]
    summary = json.loads(mars(*RUN, "--max-nodes", "1", code=1).stdout)
    assert summary["valid_nodes"] == 0
    run = open_run("latest", home)
    node = run.state.nodes[1]
    assert node.status == "failed"
    assert node.result is not None
    assert "library/config.py could not be written" in node.result.reason
    said = [call.reason for call in run.state.calls[1] if call.purpose == "module"]
    assert "does not define load_config" in said[0]
    assert "do not import agent" in said[1]
    assert "library.train is not among the earlier modules" in said[2]
    assert all(one["same"] for one in json.loads(mars("replay", "latest", "--json").stdout)["decisions"])


@pytest.mark.slow
def test_faults_of_the_endpoint_at_every_question_lose_nothing(home: Home, author: Author) -> None:
    """Each request of planner, coder and reviewer first meets three faults; the search recovers from all."""
    author.answers = _answers(signals_script())
    escape = {"edits": [{"file": "../../etc/passwd", "find": "", "replace": "x"}], "code": "x ="}
    passing = [
        failure(429, "slow down", {"Retry-After": "0"}),
        failure(503, "overloaded"),
        Response("<html>gateway</html>", 502, content_type="text/html"),
        completion(""),
    ]
    useless = [
        completion("I would rather write a poem."),
        completion('{"code": "import os', finish="length"),
        completion('{"code": 3, "edits": "none", "modules": {}, "sound": "?"}'),
        completion(json.dumps(escape)),
    ]
    author.faults = [
        [passing[number % 4], useless[2 * number % 4], useless[(2 * number + 1) % 4]]
        for number in range(len(author.answers))
    ]
    summary = json.loads(mars(*RUN, "--max-nodes", "2").stdout)
    assert author.answers == author.faults == []
    assert summary["valid_nodes"] == summary["nodes"] >= 2
    state = open_run("latest", home).state
    assert len(state.nodes[1].attempts) == 2
    asked = {(call.role, call.purpose) for calls in state.calls.values() for call in calls}
    assert asked == {
        *(("planner", purpose) for purpose in ("design", "rework")),
        *(("coder", purpose) for purpose in ("module", "debug")),
        *(("reviewer", purpose) for purpose in ("review", "reflect")),
    }
    (lesson,) = (state.learned[name] for name in state.nodes[2].lessons)
    assert lesson.title == "Random kernels instead of a forest"
    assert state.spend.calls == 4 * len(author.asked), "each exchange is on record, once"
    assert state.spend.failed == 3 * len(author.asked)
    assert not state.spend.asked
    assert all(one["same"] for one in json.loads(mars("replay", "latest", "--json").stdout)["decisions"])


@pytest.mark.slow
def test_a_run_killed_while_a_module_is_written_goes_on_with_that_module(home: Home, author: Author) -> None:
    script = signals_script()
    written = _written(script, {})
    author.answers, author.silent_for = [_design(script), *written], 5
    process = subprocess.Popen(
        [*MARS, *RUN, "--max-nodes", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_until(lambda: author.silent_for <= 0)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [module.file for module in open_run("latest", home).state.nodes[1].modules] == [
        f"library/{name}.py" for name in ("config", "utils", "dataset")
    ]
    summary = json.loads(mars("resume", "latest", "--json").stdout)
    assert summary["valid_nodes"] == 1
    run = open_run("latest", home)
    assert run.state.spend.lost == 1
    assert len([call for call in run.state.calls[1] if call.purpose == "module"]) == len(written)
    assert all(one["same"] for one in json.loads(mars("replay", "latest", "--json").stdout)["decisions"])


def test_a_key_that_stops_working_while_modules_are_written_ends_the_node_alone(
    home: Home, author: Author
) -> None:
    script = signals_script()
    author.answers = [_design(script), *_written(script, {})[:3]]
    author.last = failure(401, "Incorrect API key provided.")
    done = mars(*RUN, code=1)
    assert "goes on without the language model" in done.stderr
    (node,) = open_run("latest", home).state.nodes.values()
    assert node.result is not None
    assert node.result.reason.startswith("library/models.py could not be written:")
    assert len(node.modules) == 3


@pytest.mark.slow
def test_an_outage_makes_a_run_without_a_family_wait(home: Home, author: Author) -> None:
    """Two questions of five attempts each fail; then the model is left alone for 15 seconds."""
    script = signals_script()
    author.answers = [_design(script), *_written(script, {})]
    author.faults = [[], [], [failure(503, "busy", {"retry-after": "0"}) for _ in range(10)]]
    summary = json.loads(mars(*RUN, "--max-nodes", "1").stdout)
    assert summary["valid_nodes"] == summary["nodes"] == 1
    state = open_run("latest", home).state
    failed = [call.purpose for call in state.calls[1] if call.status == "failed"]
    assert failed == ["module"] * 10
    assert author.answers == []
    assert all(one["same"] for one in json.loads(mars("replay", "latest", "--json").stdout)["decisions"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda modules: modules[:-1], "The last module must be main.py."),
        (lambda modules: [*modules[:3], *modules[4:]], "library/models.py is missing"),
        (lambda modules: [*reversed(modules[:-1]), modules[-1]], "which is not planned before"),
        (
            lambda modules: [{**modules[0], "file": "../x.py"}, *modules[1:]],
            "is neither main.py nor library/",
        ),
    ],
)
def test_a_decomposition_that_cannot_be_written_goes_back(
    home: Home, author: Author, change: Any, said: str
) -> None:
    good = _design(signals_script())
    author.answers = [{**good, "modules": change(good["modules"])}]
    mars(*RUN, "--max-nodes", "1", code=1)
    assert said in author.asked[1]
