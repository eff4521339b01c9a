import numpy as np
import pytest

from agent.record.state import RunState
from agent.solution.choose import choose, expected_score, finalists, pooled
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


def _simulated(rng: np.random.Generator, rules: int, audit_factor: float) -> tuple[RunState, np.ndarray]:
    """Return a state of 20 nodes and their true scores; audit rows are noisier than validation rows."""
    truth = rng.normal(0.7, 0.01, 20)
    state = started(rules=rules)
    for quality in truth:
        node, error = propose(state), 0.01
        audit = float(quality + rng.normal(0, error * audit_factor))
        finish(
            state,
            node,
            float(quality + rng.normal(0, error)),
            metric_se=error,
            audit_metric=audit,
            audit_se=error * audit_factor,
        )
    return state, truth


@pytest.mark.parametrize("audit_factor", [1.0, 1.4, 3.0], ids=["as many rows", "half", "out of fold"])
def test_scores_weighed_as_they_are_have_less_regret_than_widened_ones(audit_factor: float) -> None:
    differences = []
    for seed in range(400):
        regrets = []
        for rules in (2, 3):
            state, truth = _simulated(np.random.default_rng(seed), rules, audit_factor)
            chosen = choose(state)
            assert chosen is not None
            regrets.append(truth.max() - truth[chosen.id - 1])
        differences.append(regrets[0] - regrets[1])
    error = np.std(differences) / len(differences) ** 0.5
    assert np.mean(differences) > -error, "never worse than chance explains"
    if audit_factor > 1:
        assert np.mean(differences) > 2 * error


def test_the_expected_score_of_the_chosen_node_is_unbiased() -> None:
    biases: dict[str, list[float]] = {"validation": [], "audit": [], "expected": []}
    for seed in range(400):
        state, truth = _simulated(np.random.default_rng(seed), rules=3, audit_factor=1.4)
        chosen = choose(state)
        assert chosen is not None
        assert chosen.result is not None
        assert chosen.metric is not None
        assert chosen.result.audit_metric is not None
        expected = expected_score(state, chosen)
        assert expected is not None
        true = truth[chosen.id - 1]
        biases["validation"].append(chosen.metric - true)
        biases["audit"].append(chosen.result.audit_metric - true)
        biases["expected"].append(expected.value - true)
    mean = {name: float(np.mean(values)) for name, values in biases.items()}
    assert mean["validation"] > 0.005
    assert mean["audit"] > 0.002
    assert abs(mean["expected"]) < 0.0015


def test_without_audit_rows_nothing_is_expected() -> None:
    state = started(rules=3)
    for score in (0.5, 0.6, 0.7, 0.65, 0.62, 0.61):
        node = state.nodes[_scored(state, score)]
    assert expected_score(state, node) is None


@pytest.mark.parametrize(("lead", "is_blend_chosen"), [(0.059, True), (0.061, False)])
def test_an_ensemble_is_chosen_unless_a_single_node_is_clearly_better(
    lead: float, is_blend_chosen: bool
) -> None:
    state = started(rules=3)
    single = _scored(state, 0.8 + lead)  # standard error 0.02
    _scored(state, 0.79)
    blend = propose(state, single, operator="ensemble")
    finish(state, blend, 0.8, metric_se=0.02)
    assert choose(state) is state.nodes[blend if is_blend_chosen else single]


@pytest.mark.parametrize(("score", "wins"), [(0.9, True), (0.83, False)])
def test_a_node_with_fewer_folds_is_chosen_only_if_it_is_clearly_ahead(score: float, wins: bool) -> None:
    """A short run kept a linear model although boosting, cut after three of five folds, was far better."""
    state = started(rules=3)
    whole, part = propose(state), propose(state)
    finish(state, whole, 0.8, metric_se=0.02, folds=5, fold_metrics=(0.8, 0.8, 0.8, 0.8, 0.8))
    cut = {"what": "folds", "share": 0.6}
    finish(state, part, score, metric_se=0.04, folds=3, fold_metrics=(score,) * 3, cut=cut)
    assert choose(state) is state.nodes[part if wins else whole]
