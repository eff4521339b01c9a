"""Verified decisions: repeated from the record they are equal, and differences are named."""

from pathlib import Path
from typing import Any, NoReturn

import pytest

from agent.core.paths import Home
from agent.engine.request import make_planner
from agent.llm.calls import Call, CallBegun
from agent.llm.errors import UnusableAnswerError
from agent.llm.query import Query
from agent.planner.llm.briefing import Briefing
from agent.planner.llm.planner import LlmPlanner
from agent.record.events import (
    Event,
    NodeFinished,
    NodeProposed,
    NodeResult,
    RepeatFinished,
    RepeatProposed,
    RunFinished,
    RunStarted,
)
from agent.record.journal import Journal
from agent.record.opened_run import Run
from agent.record.recorder import EventRecorder
from agent.record.state import RunState
from agent.repository.edits import Edit
from agent.repository.idea import ModulePlan
from agent.reproduce.decision_checks import DecisionCheck
from agent.reproduce.decisions import verify_decisions
from agent.search.policy import make_policy
from agent.search.scheduler import Propose, Repeat, Scheduler
from tests.support.finished_runs import blending_home, own_family, search
from tests.support.scripted_run import CREATED, ScriptedClock, SilentObserver


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Run]:
    home = blending_home(tmp_path_factory.mktemp("home"))
    return home, search(home)


def test_every_decision_of_a_search_is_repeated(searched: tuple[Home, Run]) -> None:
    home, run = searched
    events = run.journal.events()
    decided = [event for event in events if isinstance(event, NodeProposed | RepeatProposed)]
    found = list(verify_decisions(run, home))
    names = [
        f"repeat of node {event.node:03d}" if isinstance(event, RepeatProposed) else f"node {event.node:03d}"
        for event in decided
    ]
    assert run.state.nodes[len(run.state.nodes)].operator == "ensemble"
    assert [one.what for one in found] == [*names, "end of the run"]
    assert all(one.same and not one.reason for one in found)


def test_decisions_of_a_search_with_two_workers_are_repeated(tmp_path: Path) -> None:
    home = blending_home(tmp_path)
    run = search(home, max_nodes=6, workers=2, refit=True)
    found = list(verify_decisions(run, home))
    assert [one.what for one in found][-1] == "end of the run"
    assert len(found) >= 8  # six nodes, the refit or its blocker, and the end
    assert [one for one in found if not one.same or one.reason] == []


def _second(run: Run) -> NodeProposed:
    events = run.journal.events()
    return next(event for event in events if isinstance(event, NodeProposed) and event.node == 2)


@pytest.mark.parametrize(
    "forged",
    [
        {"moves": ("forged",)},
        {"blueprint": None},
        {"edits": (Edit(file="main.py", find="a", replace="b"),)},
        {"plan": (ModulePlan(file="main.py", purpose="All.", names=()),)},
        {"cites": {"kind": ("00001",)}},
    ],
    ids=lambda forged: next(iter(forged)),
)
def test_a_forged_record_is_detected(searched: tuple[Home, Run], forged: dict[str, object]) -> None:
    home, run = searched
    second = _second(run)
    instead = second.model_copy(update={"idea": second.idea.model_copy(update=forged)})
    found = {one.what: one for one in verify_decisions(_with(run, second, instead), home)}
    assert not found["node 002"].same
    assert found["node 002"].reason == f"Now the decision would be a draft: {second.idea.title}."
    assert found["node 001"].same


def test_an_idea_in_other_words_is_the_same_decision(searched: tuple[Home, Run]) -> None:
    home, run = searched
    second = _second(run)
    words = {"title": "Another title", "training": "In other words."}
    instead = second.model_copy(update={"idea": second.idea.model_copy(update=words)})
    found = {one.what: one for one in verify_decisions(_with(run, second, instead), home)}
    assert found["node 002"].same
    assert found["node 002"].reason == "Only the words differ (title, training)."


def _with_family(home: Home, run: Run, old: str, new: str) -> list[DecisionCheck]:
    """Return the verdicts after a change of the family."""
    family = own_family(run.folder) / "family.yaml"
    before = family.read_text()
    assert old in before
    try:
        family.write_text(before.replace(old, new, 1))
        return list(verify_decisions(run, home))
    finally:
        family.write_text(before)


def test_a_reworded_family_decides_the_same(searched: tuple[Home, Run]) -> None:
    found = _with_family(*searched, "title: Plain", "title: Plainer")
    assert (found[0].same, found[0].reason) == (True, "Only the words differ (title).")


def test_a_changed_family_decides_differently(searched: tuple[Home, Run]) -> None:
    found = _with_family(*searched, "set: {kind: plain}", "set: {kind: plain, width: 2}")
    assert not found[0].same
    assert found[0].reason.startswith("Now the decision would be a draft: ")


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        ({"end_reason": "nothing_new"}, "Now the search would end: the 3 nodes of --max-nodes were tried."),
        ({"chosen": None}, "Now node 001 would be chosen."),
        ({"end_reason": None}, ""),  # records of former versions hold a sentence only
    ],
)
def test_the_end_of_a_run_is_decided_again(
    searched: tuple[Home, Run], forged: dict[str, object], reason: str
) -> None:
    home, run = searched
    last = run.journal.events()[-1]
    assert isinstance(last, RunFinished)
    assert last.end_reason == "budget_used"
    found = list(verify_decisions(_with(run, last, last.model_copy(update=forged)), home))[-1]
    expected = reason.replace("001", f"{last.chosen:03d}")
    assert (found.what, found.same, found.reason) == ("end of the run", not reason, expected)


_GAINED = """  extra:
    values: [1, 2]
    default: 1
    description: Nothing.
    modules: [models]
  kind:
"""
_FINISH = """  finish:
    <<: *ladder
    modules: [inference]
    cost: {}
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("  kind:\n", _GAINED, None),
        (_FINISH, "", "The decision cannot be repeated: family toy no longer has finish."),
        ("tasks: [classification]", "tasks: [regression]", "The decision cannot be repeated: toy: no family"),
    ],
)
def test_changed_slots_of_a_family_are_reported(
    searched: tuple[Home, Run], old: str, new: str, reason: str | None
) -> None:
    home, run = searched
    family = own_family(run.folder) / "family.yaml"
    before = family.read_text()
    changed = before.replace(old, new, 1)
    assert changed != before
    if not new:
        changed = "\n".join(line for line in changed.splitlines() if "raise: [finish]" not in line)
    try:
        family.write_text(changed)
        found = list(verify_decisions(run, home))
    finally:
        family.write_text(before)
    if reason is None:
        assert all(one.same for one in found)
    else:
        assert found[-1].reason.startswith(reason)
        assert not found[-1].same


def test_the_time_of_calls_counts_in_decisions(searched: tuple[Home, Run]) -> None:
    """Some moves become available at a share of the run's time, which may pass during a call."""
    home, run = searched
    journal = Journal.create(run.journal.engine, "thinking", "toy", CREATED)
    state = RunState(higher_is_better=True)
    recorder = EventRecorder(journal, state, SilentObserver(), ScriptedClock())
    settings = run.state.run.model_copy(
        update={"planner": "llm", "minutes": 10.0, "max_nodes": 30, "policy": "greedy"}
    )
    recorder.record(
        RunStarted(elapsed_s=0.0, settings=settings, missing_guarantees=(), lessons=run.state.lessons)
    )
    library = make_planner(settings, run.prepared, run.templates(home).families, home)
    briefing = Briefing.of(run.prepared, settings, library.search_space)
    planner = LlmPlanner(library, briefing, UnusableModel(recorder), lambda node: {})
    scheduler = Scheduler(make_policy(settings.policy), planner)
    commit = run.lineage.commit({"main.py": ""}, [], "what every node of this test is", 99)
    for number in range(1, 13):
        decided = scheduler.next(state)
        now = recorder.clock.elapsed_s()
        if isinstance(decided, Repeat):
            recorder.record(RepeatProposed(elapsed_s=now, node=decided.node))
            recorder.record(RepeatFinished(elapsed_s=now, node=decided.node, metric=0.7, seconds=1.0))
            continue
        assert isinstance(decided, Propose)
        node = len(state.nodes) + 1
        recorder.record(NodeProposed(elapsed_s=now, node=node, **vars(decided)))
        result = NodeResult(status="valid", commit=commit, seconds=5.0, metric=0.5 + number / 100)
        recorder.record(NodeFinished(elapsed_s=now, node=node, result=result))
    thought = Run("thinking", run.folder, run.prepared, run.metric, journal, state)
    assert state.run.budget_s / 4 < state.elapsed_s < state.run.budget_s / 2
    assert [one.what for one in verify_decisions(thought, home) if not one.same] == []


class UnusableModel:
    """Model that takes 15 s and gives no usable answer."""

    def __init__(self, recorder: EventRecorder) -> None:
        self._chronicle = recorder

    def ask(self, query: Query[Any]) -> NoReturn:
        about = {"role": query.role, "purpose": query.purpose, "model": "m", "number": 1, "prompt": ()}
        self._chronicle.began(query.node, CallBegun.model_validate({**about, "usd": None, "tokens": 9}), {})
        assert isinstance(self._chronicle.clock, ScriptedClock)
        self._chronicle.clock.now += 15.0
        nothing = {"mode": "schema", "answer": "", "status": "failed", "reason": "Nothing came."}
        tokens = {"tokens_in": 0, "tokens_cached": None, "tokens_out": 0, "usd": None}
        ended = Call.model_validate({**about, **nothing, **tokens, "estimated": False, "seconds": 15.0})
        self._chronicle.ended(query.node, ended, {})
        raise UnusableAnswerError("Nothing came.")


class ForgedJournal:
    """Journal with one replaced event."""

    def __init__(self, run: Run, event: Event, instead: Event) -> None:
        self._events = [instead if one == event else one for one in run.journal.events()]
        self.text, self.created_at = run.journal.text, run.journal.created_at

    def events(self) -> list[object]:
        return list(self._events)


def _with(run: Run, event: Event, instead: Event) -> Run:
    journal = ForgedJournal(run, event, instead)
    return Run(run.id, run.folder, run.prepared, run.metric, journal, run.state)  # type: ignore[arg-type]


def test_training_without_randomness_is_repeated_neither_in_the_run_nor_in_its_replay(tmp_path: Path) -> None:
    home = blending_home(tmp_path / "home")
    family = home.families / "toy" / "family.yaml"
    family.write_text(f"{family.read_text()}\ndeterministic: {{kind: [plain, crossed]}}\n")
    run = search(home, max_nodes=6, forbidden=("kind=failing", "kind=crashing"))
    assert len(run.state.valid) > 2
    assert not any(node.repeats for node in run.state.nodes.values())
    verdicts = list(verify_decisions(run, home))
    assert len(verdicts) > len(run.state.nodes)
    assert [one.what for one in verdicts if not one.same] == []
