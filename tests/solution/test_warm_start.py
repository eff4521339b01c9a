"""The second run on a competition takes over what the first one found."""

from functools import partial
from pathlib import Path

import pytest

from agent.competition.prepared import Prepared
from agent.planner.constraints import Constraints
from agent.planner.library.planner import LibraryPlanner
from agent.record.settings import WarmStart
from agent.repository.family import Family
from agent.solution.card import make_card
from agent.solution.warm_start import find_warm_start
from tests.engine.test_blended_runs import BlendingExecutor
from tests.support.scripted_run import ScriptedRun
from tests.support.toy_tasks import TOY_CONTEXT


@pytest.fixture
def family(toy_family: Family) -> Family:
    return toy_family.model_copy(update={"structure": ("kind",)})


@pytest.fixture
def first(tmp_path: Path, toy_prepared: Prepared, family: Family) -> ScriptedRun:
    run = ScriptedRun(tmp_path / "run", toy_prepared, family, settings={"rules": 3, "max_nodes": 10})
    run.go()
    return run


def _keep(first: ScriptedRun, folder: Path, **changed: object) -> Path:
    """Write the card of the first run's solution; return the folder of solutions."""
    state = first.opened().state
    assert state.finished is not None
    assert state.finished.chosen is not None
    card = make_card(first.prepared, state, "run", state.nodes[state.finished.chosen], higher_is_better=True)
    place = folder / "solutions" / card.competition
    place.mkdir(parents=True)
    (place / "card.json").write_text(card.model_copy(update=changed).model_dump_json())
    return folder / "solutions"


def _found(
    first: ScriptedRun, solutions: Path, family: Family, constraints: Constraints | None = None
) -> WarmStart | None:
    space = LibraryPlanner({"toy": family}, TOY_CONTEXT, constraints).search_space
    return find_warm_start(solutions, first.engine(), first.prepared, space, higher_is_better=True)


def test_the_best_node_is_the_first_start_and_all_nodes_are_evidence(
    first: ScriptedRun, tmp_path: Path, family: Family
) -> None:
    warm, state = _found(first, _keep(first, tmp_path), family), first.opened().state
    assert warm is not None
    assert state.best is not None
    assert warm.run == "run"
    assert warm.starts[0].blueprint == state.best.blueprint
    assert warm.starts[0].metric == state.best.metric
    assert [node.node for node in warm.known] == [
        node.id for node in sorted(state.valid, key=lambda node: (state.rank_key(node), node.id))
    ]
    assert {draft.title for draft in warm.drafts} == {"Plain", "Crossed"}


def test_the_second_run_starts_with_it_and_is_no_worse(
    first: ScriptedRun, tmp_path: Path, toy_prepared: Prepared, family: Family
) -> None:
    warm, before = _found(first, _keep(first, tmp_path), family), first.opened().state
    settings = {"rules": 3, "max_nodes": 10, "warm_start": warm}
    after = ScriptedRun(tmp_path / "second", toy_prepared, family, settings=settings).go()
    assert warm is not None
    assert before.best is not None
    assert after.best is not None
    assert after.nodes[1].blueprint == before.best.blueprint
    assert after.nodes[1].idea.title == before.best.idea.title
    assert not after.better(before.best.metric or 0.0, after.best.metric or 0.0)
    tried = {str(node.blueprint) for node in after.nodes.values() if node.operator == "improve"}
    assert not tried & {str(node.blueprint) for node in before.nodes.values()}


def test_the_weighted_members_of_a_kept_ensemble_are_the_starts(
    tmp_path: Path, toy_prepared: Prepared, family: Family
) -> None:
    run = ScriptedRun(tmp_path / "run", toy_prepared, family, settings={"rules": 3, "minutes": 2.0})
    state = run.go(executor=partial(BlendingExecutor, weighted=5))
    assert state.finished is not None
    assert state.finished.chosen is not None
    blend = state.nodes[state.finished.chosen]
    assert len(blend.weighted_members) == 5 == len(blend.parents), "the solution has no other members"
    warm = _found(run, _keep(run, tmp_path), family)
    assert warm is not None
    assert {start.node for start in warm.starts} == set(blend.weighted_members)
    kinds = [start.blueprint.slots["kind"] for start in warm.starts]
    first = kinds[: len(set(kinds))]
    assert len(set(first)) == len(first) > 1, "the best one of each structure comes first"


@pytest.mark.parametrize(
    "changed", [{"fingerprint": "f" * 64}, {"data_kind": "sample"}, {"metric": "log_loss"}, {"run": "gone"}]
)
def test_other_data_another_metric_or_a_lost_run_start_nothing(
    first: ScriptedRun, tmp_path: Path, family: Family, changed: dict[str, object]
) -> None:
    assert _found(first, _keep(first, tmp_path, **changed), family) is None


def test_without_a_kept_solution_there_is_no_start(
    first: ScriptedRun, tmp_path: Path, family: Family
) -> None:
    assert _found(first, tmp_path / "none", family) is None


def test_what_the_user_excludes_is_not_taken_over(first: ScriptedRun, tmp_path: Path, family: Family) -> None:
    best = first.opened().state.best
    assert best is not None
    assert best.blueprint is not None
    kind = best.blueprint.slots["kind"]
    excluded = Constraints(forbidden_values=frozenset({("kind", kind)}))
    warm = _found(first, _keep(first, tmp_path), family, excluded)
    assert warm is None or kind not in {start.blueprint.slots["kind"] for start in warm.starts}
