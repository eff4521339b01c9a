"""Searches planned by a language model, through the command line; the model server is a fake."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from agent.core.paths import Home
from agent.record.events import LlmCallEnded, RunResumed
from agent.record.opened_run import open_run
from tests.cli.commands import MARS, mars
from tests.cli.obedient import RUN, Fault, Obedient, asleep, one_line, saying
from tests.llm.scripted import KEY, completion, failure
from tests.support.waiting import wait_until


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
    assert state.finished is not None
    assert state.finished.chosen is not None
    decided = json.loads(mars("replay", "latest", "--json").stdout)["decisions"]
    assert [one["what"] for one in decided if "repeat" not in one["what"]] == [
        *(f"node 00{n}" for n in range(1, 7)),
        f"refit of node {state.nodes[state.finished.chosen].name}",
        "end of the run",
    ]
    assert all(one["same"] and not one["reason"] for one in decided)
    (home.root / "benchmarks" / "toy" / "description.md").write_text("Quite another description.\n")
    replayed = mars("replay", "latest").stdout
    assert "node 001: same decision. Prompts have changed since the run (draft)." in replayed
    assert server.asked == asked, "nothing was sent"


def test_small_jobs_go_to_the_models_of_their_roles_and_what_that_saves_is_told(
    home: Home, server: Obedient, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.root / "prices.yaml").write_text(
        "- {model: obedient, input: 2.0, output: 10.0}\n"
        "- {model: small, input: 0.2, output: 1.0}\n"
        "- {model: smaller, input: 0.1, output: 0.5}\n"
    )
    monkeypatch.setenv("MARS_CODER_MODEL", "small")
    monkeypatch.setenv("MARS_REVIEWER_MODEL", "smaller")
    edit = {"file": "main.py", "find": "< QUALITY + more", "replace": "< QUALITY + more - 0.01"}
    plan = {"title": "Answer fewer rows", "changes": [], "look": ["main.py"], "reason": "To see them."}
    words = {"findings": "Nothing.", "title": "No change", "summary": "None.", "key_lesson": "Leave it."}
    answers = [plan, {"edits": [edit], "title": "", "reason": ""}, {**words, "verdict": "inconclusive"}]
    server.faults = {4 + number: saying(json.dumps(answer)) for number, answer in enumerate(answers)}
    mars(*RUN, "--max-nodes", "4", "--policy", "greedy")
    calls = [call for calls in open_run("latest", home).state.calls.values() for call in calls]
    asked = {call.purpose: call.model for call in calls}
    assert asked == {"draft": "obedient", "improve": "obedient", "rework": "small", "reflect": "smaller"}
    said = mars("tree", "latest").stdout
    assert re.search(r"coder +small +rework +1 ", said)
    tokens = [(call.tokens_in or 0, call.tokens_out or 0) for call in calls]
    usd = sum(2.0 * tokens_in + 10.0 * tokens_out for tokens_in, tokens_out in tokens) / 1e6
    assert f"the same tokens at the price of obedient only: ${usd:.4f}" in " ".join(said.split())
    assert f"total ${sum(call.usd or 0 for call in calls):.4f};" in said


def test_the_key_is_nowhere(home: Home, server: Obedient) -> None:
    server.faults = {2: lambda _: failure(500, f"your key {KEY} is fine")}
    done = mars(*RUN, "--max-nodes", "3")
    assert KEY not in done.stdout + done.stderr
    kept = [file for file in home.root.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
    assert kept == []


FAULTS: list[Fault] = [
    saying("I would rather write a poem."),
    saying('{"title": "cut off', finish="length"),
    saying('{"title": "no slot", "changes": [{"slot": "nothing", "value": 1}], "reason": "r"}'),
    saying('{"title": "../../etc/passwd", "changes": [{"slot": "depth", "value": "../x"}]}'),
    saying(""),
    lambda _: failure(429, "slow down", {"Retry-After": "0"}),
    lambda _: failure(503, "overloaded"),
    lambda _: completion(None, refusal="I cannot help with toys."),
    lambda _: Response("<html>gateway</html>", 502, content_type="text/html"),
    asleep(3),
]


def test_no_fault_of_an_endpoint_loses_a_node(
    home: Home, server: Obedient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One search with every fault, each at another request."""
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
    assert "The run goes on without the language model" in done.stdout
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
    server.faults = {3: asleep(20)}
    process = subprocess.Popen([*MARS, *RUN, "--max-nodes", "5"], stdout=subprocess.PIPE, text=True)
    wait_until(lambda: server.asked >= 3)
    asked_at = time.time()
    (heartbeat,) = home.workspaces.glob("toy-*/lock")
    wait_until(lambda: heartbeat.stat().st_mtime > asked_at + 1.2)
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


def test_a_run_that_goes_on_with_another_endpoint_says_so(
    home: Home, server: Obedient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mars(*RUN, "--minutes", "0.5", "--max-nodes", "2")
    same = mars("resume", "latest", "--minutes", "0.51")
    assert "are asked at" not in same.stdout
    before = open_run("latest", home).state.run.llm_host
    with HTTPServer(threaded=True) as http:
        other = Obedient(http.url_for("/v1"))
        http.expect_request("/v1/chat/completions").respond_with_handler(other.handle)
        monkeypatch.setenv("OPENAI_BASE_URL", other.url)
        host = f"{http.host}:{http.port}"
        done = mars("resume", "latest", "--minutes", "0.52")
    assert f"Language models are now asked at {host}, before at {before}." in one_line(done.stdout)
    run = open_run("latest", home)
    assert run.state.run.llm_host == host
    hosts = [event.llm_host for event in run.journal.events() if isinstance(event, RunResumed)]
    assert hosts == [before, host]


def test_a_run_is_not_resumed_without_its_endpoint(
    home: Home, server: Obedient, monkeypatch: pytest.MonkeyPatch
) -> None:
    mars(*RUN, "--max-nodes", "1")
    events = len(open_run("latest", home).journal.events())
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name)
    assert "export OPENAI_API_KEY" in mars("resume", "latest", "--minutes", "3", code=2).stderr
    assert len(open_run("latest", home).journal.events()) == events, "no session has begun"


def test_what_was_asked_about_a_node_that_never_came_to_be_is_shown(home: Home, server: Obedient) -> None:
    mars(*RUN, "--max-nodes", "1")
    run = open_run("latest", home)
    run.journal.append(LlmCallEnded(elapsed_s=9.0, node=7, call=run.state.calls[1][0]))
    assert '"start"' in mars("show", "latest", "7", "--calls").stdout
    assert " 7 --calls" in mars("show", "latest", "7", code=2).stderr
    assert "has no node 8; its nodes are 1 to 1." in mars("show", "latest", "8", "--calls", code=2).stderr


def test_an_interrupt_while_the_model_thinks_ends_the_run_in_order(home: Home, server: Obedient) -> None:
    server.faults = {2: asleep(20)}
    process = subprocess.Popen(
        [*MARS, *RUN, "--max-nodes", "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_until(lambda: server.asked >= 2)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=15)
    assert process.returncode == 130, output
    (cut,) = open_run("latest", home).state.calls[2]
    assert cut.status == "cut"
    mars("resume", "latest")
    assert "different decision" not in mars("replay", "latest").stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "m"), "--model: needs --planner llm"),
        (("--planner", "llm", "--offline"), "--offline: the language model is at llm.invalid"),
        (("--planner", "llm", "--blueprint", "x.yaml"), "--blueprint: executes one blueprint only"),
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
