"""Variance between seeds in comparisons of nodes."""

import pytest

from agent.engine.comparison import guessed_seed_variance, seed_variance
from agent.record.state import RunState
from agent.repository.family import Family, Value
from tests.support.states import finish, idea, propose, started


def _variance(state: RunState, number: int) -> float:
    node = state.nodes[number]
    assert node.result is not None
    return seed_variance(state, node, node.result)


def _scored(state: RunState, score: float, folds: int = 1, **slots: Value) -> int:
    node = propose(state, what=idea(slots=slots))
    finish(state, node, score, metric_se=0.02, folds=folds)
    return node


def test_repeats_that_agree_do_not_prove_that_no_seed_matters() -> None:
    state = started()
    node = _scored(state, 1.0)
    guess = guessed_seed_variance(0.02)
    assert _variance(state, node) == guess > 0
    state.nodes[node].repeats.append(1.0)
    assert _variance(state, node) == pytest.approx(guess / 2)


def test_repeats_that_differ_outweigh_the_guess() -> None:
    state = started()
    node = _scored(state, 0.8)
    state.nodes[node].repeats.extend([0.9, 0.7, 0.9, 0.7])
    guess = guessed_seed_variance(0.02)
    assert _variance(state, node) == pytest.approx((guess + 4 * 0.005) / 5)


def test_repeats_of_another_structure_say_nothing(toy_family: Family) -> None:
    state = started(families=[toy_family.model_copy(update={"structure": ("depth",)})])
    shallow, deep = _scored(state, 0.8, depth=1), _scored(state, 0.8, depth=2)
    state.nodes[shallow].repeats.extend([0.9, 0.7])
    assert _variance(state, deep) == guessed_seed_variance(0.02)
    assert _variance(state, shallow) > guessed_seed_variance(0.02)


def test_deterministic_training_has_no_variance(toy_family: Family) -> None:
    state = started(families=[toy_family.model_copy(update={"deterministic": {"depth": (1,)}})])
    assert _variance(state, _scored(state, 0.8, depth=1)) == 0.0
    assert _variance(state, _scored(state, 0.8, depth=2)) > 0.0


def test_the_models_of_several_folds_average_their_noise() -> None:
    state = started()
    held_out, out_of_fold = _scored(state, 0.8), _scored(state, 0.8, folds=8)
    assert _variance(state, out_of_fold) < _variance(state, held_out) / 10
