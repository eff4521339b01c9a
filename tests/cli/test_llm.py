"""Searches that a language model plans, as a user meets them; the server is a fake that keeps to its form."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from agent.paths import Home
from agent.record.events import RunResumed
from agent.session import open_run
from tests.cli.commands import MARS, mars
from tests.llm.scripted import KEY, completion, events, failure
from tests.thinkers import any_answer

# What the toy makes of these values are candidates that fail, which is not what is tested here.
SOUND = ("--forbid", "kind=failing", "--forbid", "kind=crashing")
RUN = ("run", "--competition", "toy", "--minutes", "2", "--planner", "llm", *SOUND)
Fault = Callable[[Request], Response]


class Obedient:
    """Answers whatever the schema of a request allows, after the faults that it was given."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.faults: dict[int, Fault] = {}  # by the number of the request, from 1
        self.asked = 0

    def handle(self, request: Request) -> Response:
        self.asked += 1
        if self.asked in self.faults:
            return self.faults[self.asked](request)
        body = json.loads(request.get_data())
        answer = json.dumps(any_answer(_schema(body), np.random.default_rng(body["seed"])))
        return events(answer) if body.get("stream") else completion(answer, usage=(3000, 200))


def _schema(body: dict[str, Any]) -> dict[str, Any]:
    """As the endpoint gets it: apart, or, once an answer kept to no form, in the words of the prompt."""
    if "json_schema" in body.get("response_format", {}):
        return dict(body["response_format"]["json_schema"]["schema"])
    said = "\n".join(message["content"] for message in body["messages"])
    schema, _ = json.JSONDecoder().raw_decode(said.partition("JSON schema:\n")[2])
    return dict(schema)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Obedient]:
    with HTTPServer(threaded=True) as http:
        obedient = Obedient(http.url_for("/v1"))
        http.expect_request("/v1/chat/completions").respond_with_handler(obedient.handle)
        monkeypatch.setenv("OPENAI_BASE_URL", obedient.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("MARS_MODEL", "obedient")
        yield obedient


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _said(text: str, finish: str = "stop") -> Fault:
    return lambda _: completion(text, finish=finish)


def _asleep(seconds: float) -> Fault:
    def fault(request: Request) -> Response:
        time.sleep(seconds)
        return Response(status=500)

    return fault


def test_a_search_that_a_model_plans_is_on_record_to_the_word(home: Home, server: Obedient) -> None:
    done = mars(*RUN, "--max-nodes", "6", "--hint", "Mind the width.", "--json")
    summary = json.loads(done.stdout)
    assert (summary["nodes"], summary["valid_nodes"]) == (6, 6)
    assert summary["usd"] is None, "nobody knows what an obedient model costs"
    state = open_run("latest", home).state
    assert state.spend.calls == server.asked >= 6
    assert state.spend.tokens_in == 3000 * server.asked
    assert [node.note for node in state.nodes.values()] == [""] * 6
    assert {call.status for calls in state.calls.values() for call in calls} <= {"answered", "unusable"}

    said = mars("show", "latest", "2", "--calls").stdout
    assert "The user says: Mind the width." in said
    assert '"start"' in said
    assert state.nodes[2].idea.title in re.sub(r"\s+", " ", mars("show", "latest", "2").stdout)
    assert f"{server.asked} calls" in mars("tree", "latest").stdout

    asked = server.asked
    assert "6 of 6 repositories are byte-identical" in mars("replay", "latest").stdout
    decided = json.loads(mars("replay", "latest", "--json").stdout)["decisions"]
    assert [one["what"] for one in decided if "repeat" not in one["what"]] == [
        f"node 00{n}" for n in range(1, 7)
    ]
    assert all(one["same"] and not one["reason"] for one in decided)
    (home.root / "benchmarks" / "toy" / "description.md").write_text("Quite another description.\n")
    replayed = mars("replay", "latest").stdout
    assert "node 001: decided the same. A model would be asked in other words now (draft)." in replayed
    assert server.asked == asked, "nothing was sent"


def test_a_model_may_edit_the_code_and_children_keep_the_edit(home: Home, server: Obedient) -> None:
    plan = {"title": "Count rows", "changes": [], "look": ["main.py"], "reason": "To see them."}
    edit = {"file": "main.py", "find": '= read("val")', "replace": '= list(read("val"))'}
    wrong = {**edit, "find": '= read("valid")'}
    answers = [plan, *({"edits": [one], "title": "", "reason": ""} for one in (wrong, edit))]
    words = {name: f"The {name} of it." for name in ("findings", "title", "summary", "key_lesson")}
    answers += [{**words, "verdict": verdict} for verdict in ("hurts", "inconclusive")]
    server.faults = {4 + number: _said(json.dumps(answer)) for number, answer in enumerate(answers)}
    mars(*RUN, "--max-nodes", "8", "--policy", "greedy")
    state = open_run("latest", home).state
    edited = state.nodes[4]
    assert [one.model_dump() for one in edited.idea.edits] == [edit]
    assert edited.is_valid
    made, told = state.calls[4][:3], state.calls[4][3:]
    assert [call.status for call in made] == ["answered", "unusable", "answered"]
    assert [(call.purpose, call.status) for call in told] == [
        ("reflect", "unusable"),
        ("reflect", "answered"),
    ]
    (lesson,) = (state.learned[number] for number in edited.lessons)
    assert (lesson.verdict, lesson.key_lesson) == ("inconclusive", "The key_lesson of it.")
    shown = mars("lessons", "show", lesson.id).stdout
    assert f"A model read, of node 004 of run {lesson.evidence[0].run}: The findings of it." in _line(shown)
    mars("report", "latest", "-o", str(home.root / "report.html"))
    assert "of node 004 of this run: The findings of it." in (home.root / "report.html").read_text()
    assert "Count rows" in mars("show", "latest", "4").stdout
    assert '+    validation = list(read("val"))' in mars("diff", "latest", "4").stdout
    replayed = json.loads(mars("replay", "latest", "--json").stdout)
    assert {one["verdict"] for one in replayed["nodes"]} == {"identical"}
    assert all(one["same"] for one in replayed["decisions"])


def test_what_fails_is_mended_inside_its_node_and_the_attempts_are_on_record(
    home: Home, server: Obedient
) -> None:
    """The toy is told to crash; one fix hides that, one cannot be made, one misses, one mends."""
    draft = {"title": "Crash", "start": "toy/crossed", "changes": [{"slot": "kind", "value": "crashing"}]}
    words = {"cause": "It is told to crash.", "signs": "ValueError in main()", "title": "", "look": []}
    crash = "    raise ValueError(CRASH)\n"
    hiding = f"    try:\n    {crash}    except Exception:\n        pass\n"
    edits = [
        {"file": "main.py", "find": crash, "replace": hiding},
        {"file": "main.py", "find": "raise KeyError(CRASH)", "replace": ""},
        {"file": "main.py", "find": crash, "replace": f"    began = time.perf_counter()\n{crash}"},
        {"file": "main.py", "find": crash, "replace": ""},
    ]
    answers = [draft, *({**words, "title": f"Fix {n}", "edits": [edit]} for n, edit in enumerate(edits))]
    server.faults = {1 + number: _said(json.dumps(answer)) for number, answer in enumerate(answers)}
    run = (*RUN[:5], "--planner", "llm", "--max-nodes", "2", "--json", "--forbid", "kind=failing")
    assert json.loads(mars(*run).stdout)["valid_nodes"] == 1, "the second is mended by random words"
    opened = open_run("latest", home)
    node = opened.state.nodes[1]
    assert [attempt.fix.title for attempt in node.attempts] == ["Fix 2", "Fix 3"]
    failures = [attempt.failed.failure for attempt in node.attempts]
    assert [failure.told for failure in failures if failure] == ["ValueError: the toy was told to crash"] * 2
    assert all(failure and failure.frames[-1].startswith("main.py line 7") for failure in failures)
    asked = [call for call in opened.state.calls[1] if call.purpose == "debug"]
    assert [call.status for call in asked] == ["unusable", "unusable", "answered", "answered"]
    assert "except" in asked[0].reason
    last = opened.journal.text(asked[-1].prompt[1]) or ""
    assert "take another approach" in last
    assert "1. Fix 2" in last
    lessons = [opened.state.learned[name] for name in node.lessons]
    assert [(lesson.kind, lesson.fixes[0].mended) for lesson in lessons] == [
        ("debug", False),
        ("debug", True),
    ]

    shown = re.sub(r"\s+", " ", mars("show", "latest", "1").stdout)
    assert "fix: Fix 3 It is told to crash." in shown
    assert "Fix 3" in mars("lessons", "list").stdout
    replayed = json.loads(mars("replay", "latest", "--json").stdout)
    assert {one["verdict"] for one in replayed["nodes"]} == {"identical"}
    assert [one["what"] for one in replayed["decisions"]][:5] == [
        "node 001",
        "fix 1 of node 001",
        "fix 2 of node 001",
        "review of node 001",
        "node 002",
    ]
    assert replayed["decisions"][5]["what"] == "fix 1 of node 002", "that there is none was decided too"
    assert all(one["same"] and not one["reason"] for one in replayed["decisions"])
    assert opened.lineage.parents(node.commit) == [node.attempts[1].failed.commit]

    asked_before = server.asked
    again = (*RUN[:5], "--planner", "replay", "--forbid", "kind=failing")
    assert "is left out: the user pinned" in mars(*again, "--forbid", "kind=crashing", code=1).stdout
    mars(*again)
    mended = open_run("latest", home).state.nodes[1]
    assert [attempt.fix for attempt in mended.attempts] == [attempt.fix for attempt in node.attempts]
    assert (mended.idea, mended.metric) == (node.idea, node.metric)
    decided = json.loads(mars("replay", "latest", "--json").stdout)["decisions"]
    assert [one["what"] for one in decided][:3] == ["node 001", "fix 1 of node 001", "fix 2 of node 001"]
    assert all(one["same"] and not one["reason"] for one in decided)
    assert server.asked == asked_before, "nobody is asked for what is on record"


@pytest.mark.parametrize(
    "betrayal",
    [
        'raise ValueError(f"odd row {validation[0]}")',
        'raise KeyError(validation[0]["x"])',
        'raise type(validation[0]["id"], (Exception,), {})(validation[0]["x"])',
        "exec(compile(\"def f(): raise ValueError\", validation[0]['id'] + '.py', 'exec')); f()",
        'write({validation[0]["x"]: validation[0]["x"]}, "working/val_submission.csv"); return',
        'Path("working").mkdir(); Path("working/frozen.json").write_text(str(validation[0])); sys.exit(3)',
    ],
)
def test_no_value_of_the_data_reaches_a_prompt_however_the_code_fails(
    home: Home, server: Obedient, betrayal: str
) -> None:
    """Every row is a canary: no number and no id of any table may be in anything that was asked."""
    plan = {"title": "Look at rows", "changes": [], "look": ["main.py"], "reason": "To see them."}
    here = "    labels = predict(validation)\n"
    edit = {"file": "main.py", "find": here, "replace": f"    print(validation[:9])\n    {betrayal}\n{here}"}
    answers = [plan, {"edits": [edit], "rewrites": [], "title": "", "reason": ""}]
    server.faults = {4 + number: _said(json.dumps(answer)) for number, answer in enumerate(answers)}
    mars(*RUN, "--max-nodes", "5", "--policy", "greedy")
    run = open_run("latest", home)
    assert run.state.nodes[4].status == "failed"
    assert any(call.purpose == "debug" for call in run.state.calls[4])
    asked = {name for calls in run.state.calls.values() for call in calls for name in call.prompt}
    said = "\n".join(run.journal.text(name) or "" for name in asked)
    tables = [pd.read_csv(file, dtype=str) for file in run.prepared.metadata.glob("*.csv")]
    values = {cell for table in tables for name in ("id", "x") if name in table for cell in table[name]}
    assert len(values) > 2000
    assert [value for value in values if value in said] == []


def test_words_that_never_come_cost_no_decision(home: Home, server: Obedient) -> None:
    """What was asked about a finished node is no part of the next decision, whatever became of it."""
    plan = {"title": "Count rows", "changes": [], "look": ["main.py"], "reason": "To see them."}
    edit = {"file": "main.py", "find": '= read("val")', "replace": '= list(read("val"))'}
    answers: list[Fault] = [
        _said(json.dumps(plan)),
        _said(json.dumps({"edits": [edit], "title": "", "reason": ""})),
        lambda _: completion(None, refusal="I judge nobody."),
    ]
    server.faults = {4 + number: fault for number, fault in enumerate(answers)}
    mars(*RUN, "--max-nodes", "8", "--policy", "greedy")
    state = open_run("latest", home).state
    assert [(call.purpose, call.status) for call in state.calls[4]][2:] == [("reflect", "unusable")]
    (lesson,) = (state.learned[number] for number in state.nodes[4].lessons)
    assert (
        lesson.key_lesson
        == "The edit 'Count rows' makes no measurable difference on classification tasks of this size."
    )
    assert state.nodes[5].note == ""
    replayed = json.loads(mars("replay", "latest", "--json").stdout)
    assert all(one["same"] and not one["reason"] for one in replayed["decisions"])


def test_the_key_is_nowhere(home: Home, server: Obedient) -> None:
    server.faults = {2: lambda _: failure(500, f"your key {KEY} is fine")}
    done = mars(*RUN, "--max-nodes", "3")
    assert KEY not in done.stdout + done.stderr
    kept = [file for file in home.root.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
    assert kept == []


FAULTS: list[Fault] = [
    _said("I would rather write a poem."),
    _said('{"title": "cut off', finish="length"),
    _said('{"title": "no slot", "changes": [{"slot": "nothing", "value": 1}], "reason": "r"}'),
    _said('{"title": "../../etc/passwd", "changes": [{"slot": "depth", "value": "../x"}]}'),
    _said(""),
    lambda _: failure(429, "slow down", {"Retry-After": "0"}),
    lambda _: failure(503, "overloaded"),
    lambda _: completion(None, refusal="I cannot help with toys."),
    lambda _: Response("<html>gateway</html>", 502, content_type="text/html"),
    _asleep(3),
]


def test_no_fault_of_an_endpoint_loses_a_node(
    home: Home, server: Obedient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One search that meets them all, each at another question."""
    monkeypatch.setenv("MARS_LLM_TIMEOUT_S", "1")
    server.faults = {1 + 2 * number: fault for number, fault in enumerate(FAULTS)}
    summary = json.loads(mars(*RUN, "--max-nodes", "12", "--json").stdout)
    assert summary["valid_nodes"] == summary["nodes"] == 12
    state = open_run("latest", home).state
    assert state.spend.calls == server.asked > 2 * len(FAULTS)
    assert state.spend.failed >= len(FAULTS)
    stood_in = [node.id for node in state.nodes.values() if node.note]
    assert len(stood_in) <= 2, "only the refusal ends a question"


def test_a_key_that_stops_working_halfway_leaves_the_search_to_the_library(
    home: Home, server: Obedient
) -> None:
    server.faults = dict.fromkeys(range(3, 99), lambda _: failure(401, "Incorrect API key provided."))
    done = mars(*RUN, "--max-nodes", "5")
    assert "The library planner goes on without the language model" in done.stdout
    state = open_run("latest", home).state
    assert len(state.valid) == len(state.nodes) >= 5
    assert [bool(node.note) for node in state.nodes.values()][:5] == [False, False, True, True, True]
    assert server.asked == 3


def test_a_wrong_key_or_an_unknown_model_is_told_before_anything_runs(home: Home, server: Obedient) -> None:
    server.faults = {1: lambda _: failure(401, "Incorrect API key provided.")}
    assert "OPENAI_API_KEY" in mars(*RUN, code=2).stderr
    server.faults = {2: lambda _: failure(404, "The model `obedient` does not exist", code="model_not_found")}
    assert "obedient" in mars(*RUN, code=2).stderr
    assert not any((home.root / "solutions").rglob("card.json"))


def test_what_it_may_cost_bounds_what_is_asked(home: Home, server: Obedient) -> None:
    (home.root / "prices.yaml").write_text("- {model: obedient, input: 100.0, output: 100.0}\n")
    summary = json.loads(mars(*RUN, "--max-nodes", "6", "--max-usd", "1.5", "--json").stdout)
    assert summary["valid_nodes"] == summary["nodes"] >= 6
    assert 0 < summary["usd"] <= 1.5
    assert server.asked < 6
    notes = [node.note for node in open_run("latest", home).state.nodes.values()]
    assert any("$1.5 are left" in note for note in notes)


def test_a_run_killed_while_the_model_thinks_goes_on(home: Home, server: Obedient) -> None:
    server.faults = {3: _asleep(20)}
    process = subprocess.Popen([*MARS, *RUN, "--max-nodes", "5"], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while server.asked < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(2.5)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    summary = json.loads(mars("resume", "latest", "--json").stdout)
    assert summary["valid_nodes"] == summary["nodes"] >= 5
    spend = open_run("latest", home).state.spend
    assert spend.lost == 1
    assert spend.lost_tokens > 3000, "what nobody saw the end of counts as much as it may have cost"
    assert spend.calls + spend.lost == server.asked
    events = open_run("latest", home).journal.events()
    (resumed,) = [number for number, event in enumerate(events) if isinstance(event, RunResumed)]
    assert events[resumed].elapsed_s - events[resumed - 1].elapsed_s > 1, "the time that it thought is used"


def test_an_interrupt_while_the_model_thinks_ends_the_run_in_order(home: Home, server: Obedient) -> None:
    server.faults = {2: _asleep(20)}
    process = subprocess.Popen(
        [*MARS, *RUN, "--max-nodes", "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while server.asked < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=15)
    assert process.returncode == 130, output
    (cut,) = open_run("latest", home).state.calls[2]
    assert cut.status == "cut"
    mars("resume", "latest")
    assert "decided differently" not in mars("replay", "latest").stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "m"), "--model: is for --planner llm"),
        (("--planner", "llm", "--offline"), "--offline: the language model is asked at llm.invalid"),
        (("--planner", "llm", "--blueprint", "x.yaml"), "x.yaml"),
        (("--planner", "llm"), "OPENAI_API_KEY"),
    ],
)
def test_options_that_do_not_fit_are_told(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MARS_MODEL"):
        monkeypatch.delenv(name, raising=False)
    if "--offline" in options:
        monkeypatch.setenv("OPENAI_BASE_URL", "https://llm.invalid/v1")
        monkeypatch.setenv("MARS_MODEL", "m")
    assert said in mars("run", "--competition", "toy", *options, code=2).stderr
