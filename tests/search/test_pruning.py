from agent.record.events import CurvePoint
from agent.record.state import RunState
from agent.search.pruning import pruning_reason
from tests.support.states import finish, propose, started


def _curve(*scores: float) -> tuple[CurvePoint, ...]:
    count = len(scores)
    return tuple(
        CurvePoint(stage="train", fraction=(index + 1) / count, elapsed_s=index, metric=score)
        for index, score in enumerate(scores)
    )


def _state() -> RunState:
    state = started()
    for scores in ((0.5, 0.6, 0.7, 0.8), (0.4, 0.55, 0.7, 0.75), (0.5, 0.5, 0.6, 0.7)):
        finish(state, propose(state), scores[-1], curve=_curve(*scores))
    return state


def test_a_candidate_far_behind_all_peers_at_the_same_point_is_stopped() -> None:
    state = _state()
    node = state.nodes[propose(state)]
    stop = pruning_reason(state, node, _curve(0.1, 0.1, 0.2, 0.3)[:2])
    assert stop is not None
    assert stop.kind == "pruned"
    assert stop.sentence.startswith("pruned: 0.1000 at 50% of train")


def test_a_candidate_within_the_margin_goes_on() -> None:
    state = _state()
    assert pruning_reason(state, state.nodes[propose(state)], _curve(0.4, 0.49, 0.5, 0.6)[:2]) is None


def test_too_early_or_too_few_peers_decide_nothing() -> None:
    state = _state()
    node = state.nodes[propose(state)]
    assert pruning_reason(state, node, _curve(0.0, 0.1, 0.1, 0.1)[:1]) is None
    fresh = started()
    finish(fresh, propose(fresh), 0.9, curve=_curve(0.5, 0.9))
    assert pruning_reason(fresh, fresh.nodes[propose(fresh)], _curve(0.0, 0.1)[:1]) is None


def test_another_stage_is_not_compared() -> None:
    state = _state()
    point = CurvePoint(stage="fold 2", fraction=0.5, elapsed_s=1, metric=0.0)
    assert pruning_reason(state, state.nodes[propose(state)], [point]) is None


def test_what_lies_within_the_noise_of_a_score_is_no_reason_to_stop() -> None:
    state = started()
    for scores in ((0.5, 0.6, 0.7, 0.8), (0.5, 0.59, 0.7, 0.75), (0.5, 0.58, 0.6, 0.7)):
        finish(state, propose(state), scores[-1], curve=_curve(*scores), metric_se=0.03)
    node = state.nodes[propose(state)]
    assert pruning_reason(state, node, _curve(0.5, 0.53, 0.6, 0.7)[:2]) is None
    assert pruning_reason(state, node, _curve(0.5, 0.5, 0.6, 0.7)[:2]) is not None
