"""Whole searches in which a scripted model edits, fixes and reads code."""

import json
import re

import pandas as pd
import pytest

from agent.core.paths import Home
from agent.record.opened_run import open_run
from tests.cli.commands import mars
from tests.cli.obedient import RUN, Fault, Obedient, one_line, saying
from tests.llm.scripted import completion


def test_a_model_may_edit_the_code_and_children_keep_the_edit(home: Home, server: Obedient) -> None:
    plan = {"title": "Answer fewer rows", "changes": [], "look": ["main.py"], "reason": "To see them."}
    edit = {"file": "main.py", "find": "< QUALITY + more", "replace": "< QUALITY + more - 0.01"}
    wrong = {**edit, "find": "< QUALITY + less"}
    answers = [plan, *({"edits": [one], "title": "", "reason": ""} for one in (wrong, edit))]
    words = {name: f"The {name} of it." for name in ("findings", "title", "summary", "key_lesson")}
    answers += [{**words, "verdict": verdict} for verdict in ("hurts", "inconclusive")]
    server.faults = {4 + number: saying(json.dumps(answer)) for number, answer in enumerate(answers)}
    mars(*RUN, "--max-nodes", "8", "--policy", "greedy")
    state = open_run("latest", home).state
    edited = state.nodes[4]
    assert [one.model_dump() for one in edited.idea.edits] == [edit]
    assert edited.is_valid
    made, redacted_message = state.calls[4][:3], state.calls[4][3:]
    assert [call.status for call in made] == ["answered", "unusable", "answered"]
    assert [(call.purpose, call.status) for call in redacted_message] == [
        ("reflect", "unusable"),
        ("reflect", "answered"),
    ]
    (lesson,) = (state.learned[number] for number in edited.lessons)
    assert (lesson.verdict, lesson.key_lesson) == ("inconclusive", "The key_lesson of it.")
    shown = mars("lessons", "show", lesson.id).stdout
    assert (
        f"Findings of a language model on node 004 of run {lesson.evidence[0].run}: The findings of it."
        in one_line(shown)
    )
    mars("report", "latest", "-o", str(home.root / "report.html"))
    assert (
        "Findings of a language model on node 004 of this run: The findings of it."
        in (home.root / "report.html").read_text()
    )
    assert "Answer fewer rows" in mars("show", "latest", "4").stdout
    assert "< QUALITY + more - 0.01 else" in mars("diff", "latest", "4").stdout
    replayed = json.loads(mars("replay", "latest", "--json").stdout)
    assert {one["verdict"] for one in replayed["nodes"]} == {"identical"}
    assert all(one["same"] for one in replayed["decisions"])


def test_what_fails_is_mended_inside_its_node_and_the_attempts_are_on_record(
    home: Home, server: Obedient
) -> None:
    """A toy candidate crashes; one fix hides the error, one does not apply, one misses it, one fixes it."""
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
    server.faults = {1 + number: saying(json.dumps(answer)) for number, answer in enumerate(answers)}
    run = (*RUN[:5], "--planner", "llm", "--max-nodes", "2", "--json", "--forbid", "kind=failing")
    assert json.loads(mars(*run).stdout)["valid_nodes"] == 1, "a random fix repairs the second"
    opened = open_run("latest", home)
    node = opened.state.nodes[1]
    assert [attempt.fix.title for attempt in node.attempts] == ["Fix 2", "Fix 3"]
    failures = [attempt.failed.failure for attempt in node.attempts]
    assert [failure.redacted_message for failure in failures if failure] == [
        "ValueError: the toy was told to crash"
    ] * 2
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
    assert [one["what"] for one in replayed["decisions"]][:6] == [
        "node 001",
        "fix 1 of node 001",
        "fix 2 of node 001",
        "probe of node 001",
        "review of node 001",
        "node 002",
    ]
    assert replayed["decisions"][6]["what"] == "fix 1 of node 002", "that there is none was decided too"
    assert all(one["same"] and not one["reason"] for one in replayed["decisions"])
    assert opened.lineage.parents(node.commit) == [node.attempts[1].failed.commit]

    asked_before = server.asked
    again = (*RUN[:5], "--planner", "replay", "--forbid", "kind=failing")
    assert "is skipped: the user pinned" in mars(*again, "--forbid", "kind=crashing", code=1).stdout
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
    """No number and no id of any table may appear in any prompt."""
    plan = {"title": "Look at rows", "changes": [], "look": ["main.py"], "reason": "To see them."}
    here = "    labels = predict(validation)\n"
    edit = {"file": "main.py", "find": here, "replace": f"    print(validation[:9])\n    {betrayal}\n{here}"}
    answers = [plan, {"edits": [edit], "rewrites": [], "title": "", "reason": ""}]
    server.faults = {4 + number: saying(json.dumps(answer)) for number, answer in enumerate(answers)}
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
    """Model calls about a finished node do not influence the next decision."""
    plan = {"title": "Answer fewer rows", "changes": [], "look": ["main.py"], "reason": "To see them."}
    edit = {"file": "main.py", "find": "< QUALITY + more", "replace": "< QUALITY + more - 0.01"}
    answers: list[Fault] = [
        saying(json.dumps(plan)),
        saying(json.dumps({"edits": [edit], "title": "", "reason": ""})),
        lambda _: completion(None, refusal="I judge nobody."),
    ]
    server.faults = {4 + number: fault for number, fault in enumerate(answers)}
    mars(*RUN, "--max-nodes", "8", "--policy", "greedy")
    state = open_run("latest", home).state
    assert [(call.purpose, call.status) for call in state.calls[4]][2:] == [("reflect", "unusable")]
    (lesson,) = (state.learned[number] for number in state.nodes[4].lessons)
    assert (
        lesson.key_lesson
        == "The edit 'Answer fewer rows' makes no measurable difference on classification tasks of this size."
    )
    assert state.nodes[5].note == ""
    replayed = json.loads(mars("replay", "latest", "--json").stdout)
    assert all(one["same"] and not one["reason"] for one in replayed["decisions"])
