"""Verified decisions: repeated from the record they are equal, and differences are named."""

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
    NodeFinished,
    NodeProposed,
    NodeResult,
    RepeatFinished,
    RepeatProposed,
    RunStarted,
)
from agent.record.journal import Journal
from agent.record.opened_run import Run
from agent.record.recorder import EventRecorder
from agent.record.state import RunState
from agent.reproduce.decisions import verify_decisions
from agent.search.policy import make_policy
from agent.search.scheduler import Propose, Repeat, Scheduler
from tests.support.finished_runs import blending_home, search
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
    assert len(found) == len(decided) - 1  # the scheduler does not decide ensembles
    assert all(one.same and not one.reason for one in found)


def test_a_forged_record_is_detected(searched: tuple[Home, Run]) -> None:
    home, run = searched
    second = next(
        event for event in run.journal.events() if isinstance(event, NodeProposed) and event.node == 2
    )
    forged = second.model_copy(update={"idea": second.idea.model_copy(update={"title": "Forged"})})
    journal = ForgedJournal(run, second, forged)
    found = {one.what: one for one in verify_decisions(_with(run, journal), home)}
    assert not found["node 002"].same
    assert found["node 002"].reason == f"Now the decision would be a draft: {second.idea.title}."
    assert found["node 001"].same


def test_a_changed_family_decides_differently(searched: tuple[Home, Run]) -> None:
    home, run = searched
    family = home.families / "toy" / "family.yaml"
    before = family.read_text()
    try:
        family.write_text(before.replace("title: Plain", "title: Plainer"))
        found = list(verify_decisions(run, home))
    finally:
        family.write_text(before)
    assert not found[0].same
    assert found[0].reason == "Now the decision would be a draft: Plainer."


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
    family = home.families / "toy" / "family.yaml"
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
    library = make_planner(settings, run.prepared, home)
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
    """Model that takes 30 s and gives no usable answer."""

    def __init__(self, recorder: EventRecorder) -> None:
        self._chronicle = recorder

    def ask(self, query: Query[Any]) -> NoReturn:
        about = {"role": query.role, "purpose": query.purpose, "model": "m", "number": 1, "prompt": ()}
        self._chronicle.began(query.node, CallBegun.model_validate({**about, "usd": None, "tokens": 9}), {})
        assert isinstance(self._chronicle.clock, ScriptedClock)
        self._chronicle.clock.now += 30.0
        nothing = {"mode": "schema", "answer": "", "status": "failed", "reason": "Nothing came."}
        tokens = {"tokens_in": 0, "tokens_cached": None, "tokens_out": 0, "usd": None}
        ended = Call.model_validate({**about, **nothing, **tokens, "estimated": False, "seconds": 30.0})
        self._chronicle.ended(query.node, ended, {})
        raise UnusableAnswerError("Nothing came.")


class ForgedJournal:
    """Journal with one replaced event."""

    def __init__(self, run: Run, event: NodeProposed, instead: NodeProposed) -> None:
        self._events = [instead if one == event else one for one in run.journal.events()]
        self.text = run.journal.text

    def events(self) -> list[object]:
        return list(self._events)


def _with(run: Run, journal: ForgedJournal) -> Run:
    return Run(run.id, run.folder, run.prepared, run.metric, journal, run.state)  # type: ignore[arg-type]
