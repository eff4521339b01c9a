"""Variance between seeds in comparisons of nodes."""

import pytest

from agent.engine.comparison import guessed_seed_variance, seed_variance
from agent.record.state import RunState
from agent.repository.family import Family, Value
from tests.support.states import finish, idea, propose, started


def _variance(state: RunState, family: Family, number: int) -> float:
    node = state.nodes[number]
    assert node.result is not None
    return seed_variance(state, {family.id: family}, node, node.result)


def _scored(state: RunState, score: float, folds: int = 1, **slots: Value) -> int:
    node = propose(state, what=idea(slots=slots))
    finish(state, node, score, metric_se=0.02, folds=folds)
    return node


def test_repeats_that_agree_do_not_prove_that_no_seed_matters(toy_family: Family) -> None:
    state = started()
    node = _scored(state, 1.0)
    guess = guessed_seed_variance(0.02)
    assert _variance(state, toy_family, node) == guess > 0
    state.nodes[node].repeats.append(1.0)
    assert _variance(state, toy_family, node) == pytest.approx(guess / 2)


def test_repeats_that_differ_outweigh_the_guess(toy_family: Family) -> None:
    state = started()
    node = _scored(state, 0.8)
    state.nodes[node].repeats.extend([0.9, 0.7, 0.9, 0.7])
    guess = guessed_seed_variance(0.02)
    assert _variance(state, toy_family, node) == pytest.approx((guess + 4 * 0.005) / 5)


def test_repeats_of_another_structure_say_nothing(toy_family: Family) -> None:
    family = toy_family.model_copy(update={"structure": ("depth",)})
    state = started()
    shallow, deep = _scored(state, 0.8, depth=1), _scored(state, 0.8, depth=2)
    state.nodes[shallow].repeats.extend([0.9, 0.7])
    assert _variance(state, family, deep) == guessed_seed_variance(0.02)
    assert _variance(state, family, shallow) > guessed_seed_variance(0.02)


def test_deterministic_training_has_no_variance(toy_family: Family) -> None:
    family = toy_family.model_copy(update={"deterministic": {"depth": (1,)}})
    state = started()
    assert _variance(state, family, _scored(state, 0.8, depth=1)) == 0.0
    assert _variance(state, family, _scored(state, 0.8, depth=2)) > 0.0


def test_the_models_of_several_folds_average_their_noise(toy_family: Family) -> None:
    state = started()
    held_out, out_of_fold = _scored(state, 0.8), _scored(state, 0.8, folds=8)
    assert _variance(state, toy_family, out_of_fold) < _variance(state, toy_family, held_out) / 10
