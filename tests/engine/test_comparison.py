"""Variance between seeds in comparisons of nodes."""

import pytest

from agent.engine.comparison import guessed_seed_variance, seed_variance
from tests.support.states import finish, propose, started


def test_repeats_that_agree_do_not_prove_that_no_seed_matters() -> None:
    state = started()
    finish(state, propose(state), 1.0)
    guess = guessed_seed_variance(0.02)
    assert seed_variance(state, 0.02) == guess > 0
    state.nodes[1].repeats.append(1.0)
    assert seed_variance(state, 0.02) == pytest.approx(guess / 2)


def test_repeats_that_differ_outweigh_the_guess() -> None:
    state = started()
    finish(state, propose(state), 0.8)
    state.nodes[1].repeats.extend([0.9, 0.7, 0.9, 0.7])
    assert seed_variance(state, 0.001) == pytest.approx(4 * 0.005 / 5, rel=1e-3)
