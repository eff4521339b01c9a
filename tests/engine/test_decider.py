"""Every decision of a run: when it is made, and when nothing is done instead."""

from collections.abc import Callable, Mapping

import pytest

from agent.agents.writer import WritingError
from agent.engine.decider import Decider, End, Wait
from agent.record.events import Failure, NodeResult, RefitFinished, RefitResult, Review, RunStarted, Status
from agent.record.state import Node, RunState
from agent.repository.edits import Edit
from agent.repository.idea import Fix, ModulePlan, WrittenModule
from agent.search.budget import Budget
from agent.search.scheduler import Propose, Repeat
from tests.support.states import SETTINGS, add, finish, idea, propose, started

EDIT = Edit(file="main.py", find="a", replace="b")
FIX = Fix(title="A fix", cause="A fault.", edits=(EDIT,))
MODULE = WrittenModule(file="main.py", code="print()\n")
LATE_S = 598.0  # of 600 s


class Idle:
    """Decides that nothing starts."""

    def next(self, state: RunState) -> Propose | Repeat | None:
        return None


class Model:
    """Answers every question, and may use up the time of the run."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.asked = 0

    def _ask(self, state: RunState) -> None:
        self.asked += 1
        state.elapsed_s += self.seconds

    def fix(self, state: RunState, node: Node, failed: NodeResult) -> Fix:
        self._ask(state)
        return FIX

    def write(self, state: RunState, node: Node, files: Mapping[str, str]) -> WrittenModule:
        self._ask(state)
        return MODULE

    def review(self, state: RunState, node: Node, result: NodeResult, before: Mapping[str, str]) -> Review:
        self._ask(state)
        return Review(sound=True, reason=str(sorted(before)))


def _result(status: str = "valid", metric: float | None = 0.9, **more: object) -> NodeResult:
    return NodeResult.model_validate(
        {"status": status, "commit": "c" * 40, "seconds": 1.0, "metric": metric, **more}
    )


def _edited(state: RunState) -> Node:
    """Return a running node whose code templates alone did not write."""
    return state.nodes[propose(state, what=idea("Edited", edits=(EDIT,)))]


def test_the_search_waits_for_what_runs_and_ends_for_a_reason() -> None:
    state, decider = started(max_nodes=1), Decider(Idle())
    node = propose(state)
    assert decider.next_action(state) == Wait()
    finish(state, node, 0.5)
    assert decider.next_action(state) == End("budget_used")
    state.nodes[node].repeating = True
    assert decider.next_action(state) == Wait()


def test_an_ensemble_is_due_once_with_two_members() -> None:
    state, decider = started(), Decider(Idle())
    members = [state.nodes[add(state, None, score)] for score in (0.5, 0.6)]
    assert decider.ensemble(state, lambda: members[:1]) is None
    action = decider.ensemble(state, lambda: members)
    assert action is not None
    assert (action.operator, action.parents) == ("ensemble", (1, 2))
    finish(state, propose(state, 1, operator="ensemble"), 0.7)
    assert decider.ensemble(state, lambda: members) is None
    members.append(state.nodes[add(state, None, 0.4)])
    assert decider.ensemble(state, lambda: members) is None, "one ensemble in runs of earlier rules"
    given = started(blueprint=idea().blueprint)
    assert decider.ensemble(given, lambda: members) is None


def test_nodes_after_an_ensemble_enter_another_one() -> None:
    state, decider = started(rules=3), Decider(Idle())
    members = [state.nodes[add(state, None, score)] for score in (0.5, 0.6)]
    blend = propose(state, 1, operator="ensemble")
    finish(state, blend, 0.7)
    state.nodes[blend].parents = (1, 2)
    assert decider.ensemble(state, lambda: members) is None
    assert decider.ensemble(state, lambda: [*members, state.nodes[1]]) is None, "no node came after it"
    add(state, None, 0.4)
    assert decider.ensemble(state, lambda: members) is None, "no new member"
    action = decider.ensemble(state, lambda: [*members, state.nodes[4]])
    assert action is not None
    assert action.parents == (1, 2, 4)


def _blended(weights: Mapping[int, float], seconds: float = 1.0, **settings: object) -> RunState:
    """Return a run whose ensemble of four members has ended."""
    state = started(**settings)
    for score in (0.5, 0.6, 0.7, 0.8):
        add(state, None, score)
    blend = propose(state, operator="ensemble", members=(1, 2, 3, 4))
    finish(state, blend, 0.9, seconds=seconds, member_weights=weights)
    return state


def test_the_chosen_ensemble_drops_its_members_without_weight() -> None:
    state = _blended({2: 0.4, 4: 0.6})
    decider = Decider(Idle())
    action = decider.shorter_ensemble(state)
    assert action is not None
    assert (action.operator, action.parents) == ("ensemble", (2, 4))
    assert "002, 004" in action.idea.title
    shorter = propose(state, operator="ensemble", members=(2, 4))
    finish(state, shorter, 0.9, member_weights={2: 0.4, 4: 0.6})
    assert decider.choice(state) is state.nodes[shorter], "it stands in the place of the other one"
    assert decider.shorter_ensemble(state) is None


@pytest.mark.parametrize(
    ("weights", "seconds"),
    [({}, 1.0), (dict.fromkeys(range(1, 5), 0.25), 1.0), ({2: 1.0}, 1.0), ({2: 0.4, 4: 0.6}, 595.0)],
)
def test_an_ensemble_stays_as_it_is_without_idle_members_or_without_time(
    weights: dict[int, float], seconds: float
) -> None:
    assert Decider(Idle()).shorter_ensemble(_blended(weights, seconds)) is None


def test_the_time_held_back_for_the_refit_does_not_keep_idle_members() -> None:
    state = _blended({2: 0.4, 4: 0.6}, refit_rows=1.25)
    state.elapsed_s = 0.97 * state.run.budget_s
    assert Budget.of(state).refit_reserve_s > 0.03 * state.run.budget_s
    assert Decider(Idle()).shorter_ensemble(state) is not None
    state.elapsed_s = state.run.budget_s - 0.5
    assert Decider(Idle()).shorter_ensemble(state) is None, "it needs a second"


def test_an_ensemble_stays_if_the_shorter_one_fails() -> None:
    state = _blended({2: 0.4, 4: 0.6})
    finish(state, propose(state, operator="ensemble", members=(2, 4)), None)
    chosen = Decider(Idle()).choice(state)
    assert chosen is not None
    assert chosen.parents == (1, 2, 3, 4)


def test_the_search_goes_on_with_the_time_that_the_refit_of_an_ensemble_does_not_need() -> None:
    decider = Decider(Idle())

    def after(weights: dict[int, float], status: Status = "valid", **settings: object) -> RunState:
        state = started(**{"minutes": 10.0, "refit_rows": 1.25, "rules": 3, **settings})
        for score in (0.5, 0.6, 0.7):
            add(state, None, score, 30.0)
        state.elapsed_s = 470.0
        blend = propose(state, 3, operator="ensemble")
        state.nodes[blend].parents = (3, 2, 1)
        finish(state, blend, 0.7, 2.0, status, member_weights=weights)
        return state

    assert not decider.searches_on(after({}, max_nodes=9)), "all members are refitted"
    assert decider.searches_on(after({3: 1.0}))
    assert not decider.searches_on(after({3: 1.0}, max_nodes=3))
    assert not decider.searches_on(after({3: 1.0}, rules=2))
    assert not decider.searches_on(after({3: 1.0}, "failed"))


def _no_blocker(node: Node) -> str:
    return ""


def test_the_chosen_node_is_refitted_if_the_run_asks_for_it() -> None:
    decider, plain, state = Decider(Idle()), started(), started(refit_rows=1.25)
    add(plain, None, 0.5)
    assert decider.refit(plain, 0.0, _no_blocker) is None
    assert decider.refit(state, 0.0, _no_blocker) is None  # no valid node
    for score in (0.5, 0.7):
        add(state, None, score)
    refit = decider.refit(state, state.elapsed_s, _no_blocker)
    assert refit is not None
    assert (refit.node.id, refit.blocker) == (2, "")
    assert refit.expected_s > 1.25 * state.nodes[2].seconds


def test_time_and_files_block_a_refit() -> None:
    state, decider = started(refit_rows=1.25), Decider(Idle())
    node = state.nodes[add(state, None, 0.5)]
    late = decider.refit(state, LATE_S, _no_blocker)
    assert late is not None
    assert late.blocker.startswith("No time is left for the refit of node 001: it needs about ")
    assert late.blocker.endswith("and 2.0 s are left; run `mars resume` with more --minutes.")
    node.refitting = True  # a killed session has begun it
    begun = decider.refit(state, LATE_S, _no_blocker)
    assert begun is not None
    assert begun.blocker == ""
    lacking = decider.refit(state, LATE_S, lambda node: f"Node {node.name} wrote nothing.")
    assert lacking is not None
    assert lacking.blocker == "Node 001 wrote nothing."


@pytest.mark.parametrize(("status", "again"), [("kept", False), ("worse", False), ("failed", True)])
def test_only_a_failed_refit_is_tried_again(status: str, again: bool) -> None:
    state = started(refit_rows=1.25)
    add(state, None, 0.5)
    result = RefitResult.model_validate({"status": status, "seconds": 1.0})
    state.apply(RefitFinished(elapsed_s=state.elapsed_s, node=1, result=result))
    assert (Decider(Idle()).refit(state, state.elapsed_s, _no_blocker) is not None) == again


def test_a_module_is_written_while_there_is_time() -> None:
    state, model = started(), Model()
    plan = (ModulePlan(file="main.py", purpose="All.", names=()),)
    node = state.nodes[propose(state, what=idea("Planned", plan=plan))]
    assert Decider(Idle(), writer=model).next_module(state, node, {}, 1.0) == MODULE
    for decider, elapsed_s in ((Decider(Idle()), 1.0), (Decider(Idle(), writer=model), LATE_S)):
        with pytest.raises(WritingError, match=r"No language model or no time is left to write main\.py\."):
            decider.next_module(state, node, {}, elapsed_s)
    assert model.asked == 1


@pytest.mark.parametrize("status", ["failed", "pruned", "suspect", "valid"])
def test_only_a_failed_node_is_fixed(status: str) -> None:
    state, model = started(), Model()
    node = state.nodes[propose(state)]
    failed = _result(status, None, failure=Failure(stage="run", redacted_message="ValueError"))
    fix = Decider(Idle(), debugger=model).fix(state, node, failed, 1.0)
    assert fix == (FIX if status == "failed" else None)
    assert model.asked == (1 if status == "failed" else 0)


def test_no_fix_is_asked_for_when_it_is_late_and_none_is_used_that_comes_late() -> None:
    state, model = started(), Model()
    node, failed = state.nodes[propose(state)], _result("failed", None)
    assert Decider(Idle()).fix(state, node, failed, 1.0) is None
    assert Decider(Idle(), debugger=model).fix(state, node, failed, LATE_S) is None
    assert model.asked == 0
    slow = Model(seconds=LATE_S)
    assert Decider(Idle(), debugger=slow).fix(state, node, failed, 1.0) is None
    assert slow.asked == 1


def _experiment() -> tuple[RunState, Node]:
    state = started(experiment=True)
    return state, _edited(state)


def _ensemble() -> tuple[RunState, Node]:
    state = started()
    add(state, None, 0.5)
    return state, state.nodes[propose(state, 1, operator="ensemble", what=idea("Blend", edits=(EDIT,)))]


def _rendered() -> tuple[RunState, Node]:
    state = started()
    return state, state.nodes[propose(state)]


@pytest.mark.parametrize("make", [_experiment, _ensemble, _rendered])
def test_code_that_cannot_leak_is_never_checked(make: Callable[[], tuple[RunState, Node]]) -> None:
    state, node = make()
    model = Model()
    decider = Decider(Idle(), reviewer=model)
    assert not decider.is_checked(state, node)
    assert not decider.is_probe_due(state, node, _result(), ())
    assert decider.review(state, node, _result(), dict) is None
    assert model.asked == 0


@pytest.mark.parametrize(
    ("result", "findings", "is_due"),
    [
        (_result(metric=0.9), (), True),
        (_result(metric=0.4), (), False),
        (_result(metric=0.4), ("It reads the labels.",), True),
        (_result("suspect"), ("It reads the labels.",), False),
        (_result("failed", None), (), False),
    ],
)
def test_a_probe_is_due_for_a_lead_or_a_finding(
    result: NodeResult, findings: tuple[str, ...], is_due: bool
) -> None:
    state = started()
    add(state, None, 0.5)
    assert Decider(Idle()).is_probe_due(state, _edited(state), result, findings) == is_due


def test_a_result_that_would_lead_is_reviewed() -> None:
    state, model = started(), Model()
    add(state, None, 0.5)
    node, decider = _edited(state), Decider(Idle(), reviewer=model)
    review = decider.review(state, node, _result(metric=0.9), lambda: {"main.py": ""})
    assert review == Review(sound=True, reason="['main.py']")
    assert decider.review(state, node, _result(metric=0.4), dict) is None
    assert decider.review(state, node, _result("suspect", 0.9), dict) is None
    assert Decider(Idle()).review(state, node, _result(metric=0.9), dict) is None
    assert model.asked == 1


def test_the_direction_of_the_metric_decides_what_leads() -> None:
    state = RunState(higher_is_better=False)
    state.apply(RunStarted(elapsed_s=0.0, settings=SETTINGS, missing_guarantees=(), lessons=()))
    add(state, None, 0.5)
    node, decider = _edited(state), Decider(Idle())
    assert decider.would_lead(state, node, _result(metric=0.4))
    assert not decider.would_lead(state, node, _result(metric=0.6))


@pytest.mark.parametrize(("expected_s", "is_needed"), [(None, True), (5.0, False), (5.1, True)])
def test_short_candidates_need_no_smoke_run(expected_s: float | None, is_needed: bool) -> None:
    state = started()
    node = state.nodes[propose(state)]
    node.expected_s = expected_s
    assert Decider(Idle()).needs_smoke_run(node, state) == is_needed
    state, blend = _ensemble()
    assert not Decider(Idle()).needs_smoke_run(blend, state)


@pytest.mark.parametrize(
    ("minutes", "rules", "is_needed"), [(1, 3, False), (2, 3, False), (3, 3, True), (1, 2, True)]
)
def test_the_first_node_of_a_short_run_starts_at_once(minutes: int, rules: int, is_needed: bool) -> None:
    state = started(minutes=minutes, rules=rules)
    first, second = (state.nodes[propose(state)] for _ in range(2))
    assert Decider(Idle()).needs_smoke_run(first, state) == is_needed
    assert Decider(Idle()).needs_smoke_run(second, state)


def test_words_are_asked_for_while_there_is_time() -> None:
    state, writer = started(), object()
    decider = Decider(Idle(), reflector=writer)  # type: ignore[arg-type]
    assert decider.words_from(state) is writer
    state.elapsed_s = 570.0  # the reserve begins
    assert decider.words_from(state) is None
