import numpy as np

from agent.record.state import RunState
from agent.solution.choose import choose, finalists, pooled
from tests.support.states import add, finish, propose, started


def _scored(state: RunState, validation: float, audit: float | None = None) -> int:
    node = propose(state)
    more = {} if audit is None else {"audit_metric": audit, "audit_se": 0.02}
    finish(state, node, validation, metric_se=0.02, **more)
    return node


def test_without_audit_the_best_validation_wins() -> None:
    state = started()
    _scored(state, 0.7)
    best = _scored(state, 0.8)
    chosen = choose(state)
    assert chosen is state.nodes[best]


def test_a_poor_audit_outweighs_a_lucky_validation() -> None:
    state = started()
    solid = _scored(state, 0.80, audit=0.80)
    _scored(state, 0.81, audit=0.74)
    assert choose(state) is state.nodes[solid]


def test_suspects_and_failures_are_never_chosen() -> None:
    state = started()
    finish(state, propose(state), 0.99, status="suspect")
    add(state, None, None)
    assert choose(state) is None
    assert finalists(state) == []


def test_more_candidates_reduce_the_weight_of_validation() -> None:
    state = started()
    node = state.nodes[_scored(state, 0.9, audit=0.7)]
    few, many = pooled(state, node, 1), pooled(state, node, 50)
    assert few is not None
    assert many is not None
    assert few.value > many.value > 0.7


def test_on_noisy_candidates_audit_selection_has_less_regret_than_the_best_validation() -> None:
    rng = np.random.default_rng(0)
    regrets: dict[str, list[float]] = {"audit": [], "argmax": []}
    for _ in range(300):
        truth = rng.normal(0.7, 0.02, 20)
        state = started()
        for quality in truth:
            _scored(state, float(quality + rng.normal(0, 0.02)), audit=float(quality + rng.normal(0, 0.02)))
        chosen, best = choose(state), state.best
        assert chosen is not None
        assert best is not None
        regrets["audit"].append(truth.max() - truth[chosen.id - 1])
        regrets["argmax"].append(truth.max() - truth[best.id - 1])
    difference = np.array(regrets["argmax"]) - np.array(regrets["audit"])
    assert difference.mean() > 2 * difference.std() / len(difference) ** 0.5


def test_the_audit_decides_among_nodes_with_similar_validation() -> None:
    state = started()
    for audit in (0.97, 0.98, 0.97, 0.96, 0.98, 0.97):
        finish(state, propose(state), 1.0, metric_se=0.004, audit_metric=audit, audit_se=0.01)
    finish(state, propose(state), 0.999, metric_se=0.004, audit_metric=0.995, audit_se=0.005)
    assert choose(state) is state.nodes[7]
