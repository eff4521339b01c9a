import numpy as np
import pytest

from agent.core.paths import templates_dir
from agent.memory.lesson import TYPICAL_EFFECT, Scope
from agent.planner.base import Request, TaskContext
from agent.planner.library.arms import posterior
from agent.planner.library.planner import LibraryPlanner
from agent.record.events import LessonLearned
from agent.record.state import RunState
from agent.repository.family import Condition, Family, Gain, Move, load_family
from agent.repository.idea import Change
from tests.support.states import add, evidence, finish, idea, lesson, propose, started
from tests.support.toy_tasks import TOY_CONTEXT

SCOPE = Scope(task="classification", family="toy", magnitude=3)
MOVE = Move.model_validate(
    {
        "id": "deeper",
        "title": "deeper",
        "raise": ["depth"],
        "stage": "structural",
        "gain": Gain(mean=0.05, sd=0.05),
        "cost": 1.2,
        "reason": "r",
        "source": "s",
    }
)
CHANGE = (Change(slot="depth", old=1, new=2),)


def _request(state: RunState, parent: int | None, **more: object) -> Request:
    settings = {"limit_s": 60.0, "finishing": False, "rng": np.random.default_rng(1), **more}
    return Request(state, state.nodes[parent] if parent else None, **settings)  # type: ignore[arg-type]


@pytest.fixture
def planner(toy_family: Family) -> LibraryPlanner:
    return LibraryPlanner({"toy": toy_family}, TOY_CONTEXT)


def _drafted(planner: LibraryPlanner, state: RunState, score: float = 0.7) -> int:
    proposal = planner.propose(_request(state, None))
    assert proposal is not None
    node = propose(state, what=proposal.idea)
    finish(state, node, score, seconds=10)
    return node


def test_a_prior_is_kept_without_evidence_and_moved_by_conclusive_evidence() -> None:
    mean, sd, time, support = posterior(MOVE, CHANGE, [], SCOPE)
    assert (mean, sd, time) == pytest.approx((0.05, 0.05, 1.2))
    assert support == ()
    told = [lesson("depth", 1, 2, evidence(0.3, 0.01, time_factor=2.4))]
    mean, sd, time, support = posterior(MOVE, CHANGE, told, SCOPE)
    assert mean == pytest.approx(0.29, abs=0.01)
    assert sd < 0.011
    assert time == pytest.approx((1.2 * 2.4) ** 0.5)
    assert support == ("00001",)


def test_what_edits_did_is_not_believed_of_slots() -> None:
    told = lesson("depth", 1, 2, evidence(0.3, 0.01)).model_copy(
        update={"changes": (), "edit_hash": "e" * 64}
    )
    assert posterior(MOVE, CHANGE, [told], SCOPE) == posterior(MOVE, CHANGE, [], SCOPE)
    state = started(lessons=(told,))
    assert list(state.lessons_about(["depth"])) == list(state.helpful_lessons) == []
    assert state.lessons == [told], "it is offered to whoever can read it"


def test_an_inconclusive_lesson_steers_nothing() -> None:
    told = [lesson("depth", 1, 2, evidence(-0.04, 0.03))]
    mean, sd, _, support = posterior(MOVE, CHANGE, told, SCOPE)
    assert (mean, sd, support) == (pytest.approx(0.05), pytest.approx(0.05), ())


def test_the_reverse_change_counts_against_and_another_task_not_at_all() -> None:
    reverse = lesson("depth", 2, 1, evidence(0.3, 0.01))
    assert posterior(MOVE, CHANGE, [reverse], SCOPE)[0] < -0.2
    foreign = Scope(task="regression", family="toy", magnitude=3)
    assert posterior(MOVE, CHANGE, [reverse], foreign)[0] == pytest.approx(0.05)


def test_a_lesson_from_data_of_another_size_weighs_less() -> None:
    told = [lesson("depth", 1, 2, evidence(0.3, 0.05))]
    near = posterior(MOVE, CHANGE, told, SCOPE)[0]
    far = posterior(MOVE, CHANGE, told, SCOPE.model_copy(update={"magnitude": 5}))[0]
    assert 0.05 < far < near < 0.3


def test_drafts_come_lightest_first_and_differ(planner: LibraryPlanner) -> None:
    state = started()
    titles = [state.nodes[_drafted(planner, state)].idea.title for _ in range(3)]
    assert titles[:2] == ["Plain", "Crossed"]
    assert titles[2] not in titles[:2]


def test_an_improvement_changes_one_or_two_slots_and_is_new(planner: LibraryPlanner) -> None:
    state = started()
    root = _drafted(planner, state)
    seen = set()
    for seed in range(20):
        proposal = planner.propose(_request(state, root, rng=np.random.default_rng(seed)))
        assert proposal is not None
        assert 1 <= len(proposal.idea.changes) <= 2
        assert 1 <= len(proposal.idea.moves) <= 2
        seen.add(proposal.idea.moves)
        assert "instead of" in " ".join(
            [proposal.idea.model, proposal.idea.data, proposal.idea.training, proposal.idea.evaluation]
        )
    assert len(seen) > 3, "Thompson sampling explores"


def test_a_proven_change_is_made_and_cited_on_another_branch(planner: LibraryPlanner) -> None:
    state = started()
    root = _drafted(planner, state)
    helpful_lessons = lesson("breadth", 1, 2, evidence(0.9, 0.01))
    state.apply(LessonLearned(elapsed_s=1.0, node=root, lesson=helpful_lessons))
    proposals = [
        planner.propose(_request(state, root, rng=np.random.default_rng(seed))) for seed in range(10)
    ]
    citing = [found for found in proposals if found and found.idea.cited_lessons == ("00001",)]
    assert len(citing) >= 8
    assert citing[0].idea.cites["breadth"] == ("00001",)


def test_a_draft_keeps_what_lessons_proved(planner: LibraryPlanner) -> None:
    state = started(lessons=(lesson("breadth", 1, 2, evidence(0.3, 0.01)),))
    proposal = planner.propose(_request(state, None))
    assert proposal is not None
    assert proposal.idea.blueprint is not None
    assert proposal.idea.blueprint.slots["breadth"] == 2
    assert proposal.idea.cited_lessons == ("00001",)


def test_what_does_not_fit_the_time_is_not_proposed(planner: LibraryPlanner) -> None:
    state = started()
    root = _drafted(planner, state)
    for seed in range(20):
        request = _request(state, root, limit_s=13.0, rng=np.random.default_rng(seed))
        proposal = planner.propose(request)
        assert proposal is not None
        assert proposal.expected_s is not None
        assert proposal.expected_s <= 10.4


def test_a_family_that_does_not_serve_the_task_is_left_out(toy_family: Family) -> None:
    regression = TaskContext("regression", "rmse", frozenset({"embedding"}), 10, "cpu")
    images = TaskContext("classification", "accuracy", frozenset({"image"}), 10, "cpu")
    assert not LibraryPlanner({"toy": toy_family}, regression).families
    assert not LibraryPlanner({"toy": toy_family}, images).families


def test_conditions_of_moves_are_asked(toy_family: Family) -> None:
    never = toy_family.model_copy(
        update={
            "moves": tuple(m.model_copy(update={"when": Condition(device="cuda")}) for m in toy_family.moves)
        }
    )
    planner = LibraryPlanner({"toy": never}, TOY_CONTEXT)
    state = started()
    root = _drafted(planner, state)
    assert planner.propose(_request(state, root)) is None


def test_an_idea_without_blueprint_has_no_improvement(planner: LibraryPlanner) -> None:
    state = started()
    node = propose(state, what=idea().model_copy(update={"blueprint": None}))
    finish(state, node, 0.5)
    assert planner.propose(_request(state, node)) is None
    assert add(state, None, 0.4)


def test_a_draft_is_not_started_with_less_time_than_it_needs(planner: LibraryPlanner) -> None:
    state = started()
    _drafted(planner, state)
    assert planner.propose(_request(state, None, limit_s=9.0)) is None
    assert planner.propose(_request(state, None, limit_s=60.0)) is not None


def test_a_draft_is_expected_to_take_what_the_slowest_like_node_took(planner: LibraryPlanner) -> None:
    state = started()
    root = _drafted(planner, state)  # 10 s
    before = planner.propose(_request(state, None))
    slots = {"depth": 1, "width": 2, "breadth": 2, "finish": 1, "kind": "plain"}
    finish(state, propose(state, root, what=idea("found caches", slots)), 0.7, seconds=1)
    after = planner.propose(_request(state, None))
    assert before is not None
    assert after is not None
    assert after.expected_s == before.expected_s == pytest.approx(12.0)


def test_near_the_end_a_child_is_not_started_that_might_have_to_build_its_parents_caches(
    planner: LibraryPlanner,
) -> None:
    state = started()
    root = _drafted(planner, state)  # 10 s
    slots = {"depth": 1, "width": 1, "breadth": 2, "finish": 1, "kind": "plain"}
    child = propose(state, root, what=idea("found caches", slots))
    finish(state, child, 0.9, seconds=1)
    assert planner.propose(_request(state, child, limit_s=60.0)) is not None
    assert planner.propose(_request(state, child, limit_s=12.0)) is not None
    assert planner.propose(_request(state, child, limit_s=6.0)) is None


def test_a_usual_effect_is_about_what_the_families_expect_of_their_moves() -> None:
    """Lessons are held against it (`agent.memory.lesson.doubt`); the priors spread a little less around 0."""
    for name in ("image_classification", "tabular"):
        gains = [move.gain for move in load_family(templates_dir() / name).moves]
        spread = np.sqrt(np.mean([gain.mean**2 + gain.sd**2 for gain in gains]))
        assert TYPICAL_EFFECT / 2 < spread < TYPICAL_EFFECT
