"""Metrics agree with scikit-learn or set arithmetic, and their bootstrap with theory."""

import math
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn import metrics as sk

from agent.competition.metrics import METRICS, get_metric, paired_effect, standard_error
from agent.competition.metrics.rows import Floats
from agent.competition.metrics.scorers import WeightedScorer
from agent.core.errors import SetupError


def labels(seed: int, rows: int = 300, classes: int = 5, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, rows)
    wrong = generator.random(rows) < noise
    return truth, np.where(wrong, generator.integers(0, classes, rows), truth)


def sets(*rows: set[int], classes: int = 6) -> csr_array:
    dense = np.zeros((len(rows), classes), dtype=bool)
    for row, members in enumerate(rows):
        dense[row, list(members)] = True
    return csr_array(dense)


def random_sets(seed: int, rows: int = 200, classes: int = 30, share: float = 0.1) -> csr_array:
    return csr_array(np.random.default_rng(seed).random((rows, classes)) < share)


def probabilities(seed: int, rows: int, classes: int) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(classes), rows)


SKLEARN_LABELS = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "macro_f1": lambda truth, guess: sk.f1_score(truth, guess, average="macro"),
    "qwk": lambda truth, guess: sk.cohen_kappa_score(truth, guess, weights="quadratic"),
}
SKLEARN_VALUES = {
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
    "r2": sk.r2_score,
}


@pytest.mark.parametrize("name", SKLEARN_LABELS)
@pytest.mark.parametrize("classes", [2, 5, 40])
def test_label_metrics_agree_with_scikit_learn(name: str, classes: int) -> None:
    truth, guess = labels(seed=classes, classes=classes)
    score = get_metric(name).score(truth, guess)
    assert type(score) is float
    assert score == pytest.approx(SKLEARN_LABELS[name](truth, guess), abs=1e-12)


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "macro_f1"])
def test_label_metrics_agree_where_a_class_is_only_true_or_only_predicted(name: str) -> None:
    truth, guess = np.array([0, 0, 1, 1, 4]), np.array([0, 3, 1, 0, 4])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # balanced accuracy warns about class 3
        expected = SKLEARN_LABELS[name](truth, guess)
    assert get_metric(name).score(truth, guess) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "macro_f1"])
def test_a_single_class_can_score_1(name: str) -> None:
    assert get_metric(name).score(np.array([2, 2, 2]), np.array([2, 2, 2])) == 1.0


def test_kappa_of_a_single_class_is_undefined_and_of_chance_is_0() -> None:
    qwk = get_metric("qwk")
    assert math.isnan(qwk.score(np.array([1, 1]), np.array([1, 1])))
    assert qwk.score(np.array([1, 1]), np.array([1, 2])) == pytest.approx(0.0, abs=1e-12)
    assert qwk.score(np.array([0, 4]), np.array([4, 0])) == pytest.approx(-1.0)


@pytest.mark.parametrize("seed", range(3))
def test_multilabel_f1_agrees_with_scikit_learn(seed: int) -> None:
    truth, guess = random_sets(seed), random_sets(seed + 100)
    dense_truth, dense_guess = truth.toarray(), guess.toarray()
    micro = sk.f1_score(dense_truth, dense_guess, average="micro")
    macro = sk.f1_score(dense_truth, dense_guess, average="macro", zero_division=np.nan)
    assert get_metric("micro_f1").score(truth, guess) == pytest.approx(micro, abs=1e-12)
    assert get_metric("macro_f1").score(truth, guess) == pytest.approx(macro, abs=1e-12)


label_sets = st.sets(st.integers(0, 5), max_size=6)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(label_sets, label_sets), min_size=1, max_size=8))
def test_micro_f1_agrees_with_set_arithmetic(rows: list[tuple[set[int], set[int]]]) -> None:
    truth, guess = [true for true, _ in rows], [predicted for _, predicted in rows]
    answered = set.union(*truth)

    def by_sets(permitted: set[int]) -> float:
        hits = sum(len(t & p & permitted) for t, p in rows)
        named = sum(len(t & permitted) + len(p & permitted) for t, p in rows)
        return 2 * hits / named if named else 0.0

    matrices = sets(*truth), sets(*guess)
    assert get_metric("micro_f1").score(*matrices) == pytest.approx(by_sets(set(range(6))), abs=1e-12)
    variant = get_metric("micro_f1_answer_classes").score(*matrices)
    assert variant == pytest.approx(by_sets(answered), abs=1e-12)


def test_only_the_mle_bench_variant_ignores_classes_without_answers() -> None:
    truth, guess = sets({0}, {1}), sets({0, 5}, {1, 5})
    assert get_metric("micro_f1_answer_classes").score(truth, guess) == 1.0
    assert get_metric("micro_f1").score(truth, guess) == pytest.approx(4 / 6)


@pytest.mark.parametrize("name", ["micro_f1", "micro_f1_answer_classes", "macro_f1"])
def test_f1_without_any_positive_is_0(name: str) -> None:
    assert get_metric(name).score(sets(set(), set()), sets(set(), set())) == 0.0


def test_binary_auc_agrees_with_scikit_learn_with_and_without_ties() -> None:
    truth, _ = labels(seed=1, classes=2)
    smooth = probabilities(2, len(truth), 2)
    for guess in (smooth, smooth.round(1)):
        expected = sk.roc_auc_score(truth, guess[:, 1])
        assert get_metric("roc_auc").score(truth, guess) == pytest.approx(expected, abs=1e-12)


def test_auc_of_several_classes_agrees_with_scikit_learn() -> None:
    truth, _ = labels(seed=3, classes=4)
    guess = probabilities(4, len(truth), 4)
    expected = sk.roc_auc_score(truth, guess, multi_class="ovr", average="macro")
    assert get_metric("roc_auc").score(truth, guess) == pytest.approx(expected, abs=1e-12)


def test_auc_leaves_absent_classes_out_and_is_undefined_for_a_single_class() -> None:
    auc = get_metric("roc_auc")
    truth, guess = np.array([0, 1, 0, 1]), probabilities(5, 4, 3)
    present = np.mean([sk.roc_auc_score(truth == index, guess[:, index]) for index in (0, 1)])
    assert auc.score(truth, guess) == pytest.approx(present)
    assert math.isnan(auc.score(np.array([1, 1]), np.array([[0.5, 0.5], [0.1, 0.9]])))


@pytest.mark.parametrize("classes", [2, 7])
def test_log_loss_agrees_with_scikit_learn(classes: int) -> None:
    truth, _ = labels(seed=6, classes=classes)
    guess = probabilities(7, len(truth), classes)
    expected = sk.log_loss(truth, guess, labels=range(classes))
    assert get_metric("log_loss").score(truth, guess) == pytest.approx(expected, abs=1e-12)


def test_log_loss_stays_finite_for_a_sure_mistake() -> None:
    truth, guess = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    score = get_metric("log_loss").score(truth, guess)
    assert score == pytest.approx(sk.log_loss(truth, guess))
    assert math.isfinite(score)


@pytest.mark.parametrize("name", SKLEARN_VALUES)
@pytest.mark.parametrize("shape", [(200,), (200, 3)])
def test_value_metrics_agree_with_scikit_learn(name: str, shape: tuple[int, ...]) -> None:
    generator = np.random.default_rng(8)
    truth = 1e6 + generator.normal(size=shape)  # far from 0: sums of squares must not lose the variance
    guess = truth + 0.3 * generator.normal(size=shape)
    score = get_metric(name).score(truth, guess)
    assert type(score) is float
    assert score == pytest.approx(SKLEARN_VALUES[name](truth, guess), rel=1e-9)


@pytest.mark.parametrize("guess", [[0.5, 0.5, 0.5], [0.5, 0.5, 0.25]])
def test_r2_of_a_constant_truth_agrees_with_scikit_learn(guess: list[float]) -> None:
    truth = np.array([0.5, 0.5, 0.5])
    assert get_metric("r2").score(truth, np.array(guess)) == sk.r2_score(truth, guess)


@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
def test_integers_score_like_floats(name: str) -> None:
    truth, guess = np.array([1, 2, 9]), np.array([1, 3, 7])
    score = get_metric(name).score(truth, guess)
    assert score == get_metric(name).score(truth.astype(float), guess.astype(float))
    assert type(score) is float


def test_rows_must_match_and_exist() -> None:
    accuracy = get_metric("accuracy")
    with pytest.raises(ValueError, match="same number of rows"):
        accuracy.score(np.array([1, 2]), np.array([1]))
    with pytest.raises(ValueError, match="at least one"):
        accuracy.score(np.array([], dtype=int), np.array([], dtype=int))


def test_unknown_metric_lists_all_names_nearest_first() -> None:
    with pytest.raises(SetupError, match="'microf1'; choose one of: micro_f1, ") as caught:
        get_metric("microf1")
    assert all(name in str(caught.value) for name in METRICS)


def test_unserved_task_is_refused() -> None:
    assert get_metric("macro_f1").prediction_kind("multilabel") == "label_set"
    assert get_metric("macro_f1").prediction_kind("classification") == "label"
    with pytest.raises(SetupError, match="'rmse' does not serve the task 'multilabel', only regression"):
        get_metric("rmse").prediction_kind("multilabel")


@pytest.mark.parametrize(("name", "good", "bad"), [("accuracy", 1, 0.5), ("rmse", 0, 0.5)])
def test_direction_and_scores_that_are_not_finite(name: str, good: float, bad: float) -> None:
    metric = get_metric(name)
    assert metric.is_better(good, bad)
    assert not metric.is_better(bad, good)
    assert not metric.is_better(good, good)
    for broken in (math.nan, math.inf, -math.inf):
        assert not metric.is_better(broken, bad)
        assert metric.is_better(bad, broken)
    assert metric.error(good) == 0
    assert metric.error(bad) == 0.5


def test_standard_error_of_accuracy_is_the_binomial_one() -> None:
    truth, guess = labels(seed=9, rows=2000)
    accuracy = get_metric("accuracy")
    share = accuracy.score(truth, guess)
    expected = math.sqrt(share * (1 - share) / len(truth))
    assert standard_error(accuracy, truth, guess, resamples=2000) == pytest.approx(expected, rel=0.1)


def test_standard_error_of_a_mean_is_that_of_the_mean() -> None:
    generator = np.random.default_rng(10)
    truth = generator.normal(size=1000)
    guess = truth + generator.normal(size=1000)
    expected = np.abs(truth - guess).std() / math.sqrt(1000)
    assert standard_error(get_metric("mae"), truth, guess, resamples=2000) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("name", [*SKLEARN_LABELS, *SKLEARN_VALUES])
def test_standard_error_is_that_of_rows_drawn_again(name: str) -> None:
    truth, guess = labels(seed=11, rows=400)
    metric = get_metric(name)
    generator = np.random.default_rng(12)
    draws = (generator.integers(0, 400, 400) for _ in range(400))
    by_hand = np.std([metric.score(truth[draw], guess[draw]) for draw in draws])
    assert standard_error(metric, truth, guess, resamples=400) == pytest.approx(by_hand, rel=0.2)


def test_standard_error_of_auc_is_that_of_rows_drawn_again() -> None:
    truth, _ = labels(seed=13, rows=300, classes=2)
    guess = probabilities(14, 300, 2)
    generator = np.random.default_rng(15)
    draws = (generator.integers(0, 300, 300) for _ in range(400))
    by_hand = np.std([sk.roc_auc_score(truth[draw], guess[draw, 1]) for draw in draws])
    found = standard_error(get_metric("roc_auc"), truth, guess, resamples=400)
    assert found == pytest.approx(by_hand, rel=0.2)


def test_the_same_seed_gives_the_same_standard_error() -> None:
    truth, guess = labels(seed=16)
    macro_f1 = get_metric("macro_f1")
    first = standard_error(macro_f1, truth, guess, seed=3)
    assert first == standard_error(macro_f1, truth, guess, seed=3)
    assert first != standard_error(macro_f1, truth, guess, seed=4)


def test_an_undefined_score_has_no_standard_error() -> None:
    truth, guess = np.array([1, 1, 1]), np.full((3, 2), 0.5)
    assert math.isnan(standard_error(get_metric("roc_auc"), truth, guess))


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
def test_paired_effect_of_a_better_prediction(name: str) -> None:
    truth, before = labels(seed=17, rows=2000, noise=0.4)
    after = np.where(np.random.default_rng(18).random(2000) < 0.5, truth, before)
    metric = get_metric(name)
    found = paired_effect(metric, truth, before, after)
    error_before = 1 - metric.score(truth, before)
    error_after = 1 - metric.score(truth, after)
    gain = error_before - error_after
    assert found.effect == pytest.approx(gain / error_before)
    assert 0 < found.lower < gain < found.upper
    assert 0 < found.standard_error < 0.05
    backwards = paired_effect(metric, truth, after, before)
    assert backwards.effect == pytest.approx(-found.effect)
    assert backwards.standard_error == pytest.approx(found.standard_error, rel=0.1)
    assert backwards.upper < 0


def test_paired_effect_of_a_loss_is_positive_where_it_falls() -> None:
    truth = np.zeros(500)
    before = np.random.default_rng(19).normal(size=500)
    found = paired_effect(get_metric("rmse"), truth, before, before / 2)
    assert found.effect == pytest.approx(0.5)
    assert found.effect > 10 * found.standard_error
    assert found.lower > 0


def test_pairing_removes_what_both_predictions_share() -> None:
    truth, before = labels(seed=20, rows=2000)
    after = before.copy()
    after[:20] = truth[:20]
    found = paired_effect(get_metric("accuracy"), truth, before, after)
    unpaired = standard_error(get_metric("accuracy"), truth, before)
    assert found.upper - found.lower < unpaired


def test_paired_standard_error_measures_the_certainty_of_the_sign() -> None:
    """As in McNemar's test, only rows count that exactly one of the predictions has wrong."""
    truth, before = labels(seed=21, rows=1000, noise=0.5)
    _, after = labels(seed=21, rows=1000, noise=0.3)
    wrong_before, wrong_after = truth != before, truth != after
    only = [(wrong_before & ~wrong_after).sum(), (wrong_after & ~wrong_before).sum()]
    difference = only[0] - only[1]
    error = math.sqrt(sum(only) - difference**2 / 1000)
    found = paired_effect(get_metric("accuracy"), truth, before, after, resamples=1000)
    assert found.effect / found.standard_error == pytest.approx(difference / error, rel=0.1)


def test_few_mistakes_give_a_large_standard_error() -> None:
    truth = np.arange(500) % 7
    before, after = truth.copy(), truth.copy()
    before[:1] += 1
    after[10:18] += 1
    found = paired_effect(get_metric("accuracy"), truth, before, after, resamples=1000)
    assert found.effect == pytest.approx(-7 / 8)
    assert found.effect / found.standard_error == pytest.approx(
        -7 / 3, rel=0.15
    )  # 8 - 1 over the root of 8 + 1


def test_paired_effect_without_an_error_before() -> None:
    truth, worse = labels(seed=23)
    accuracy = get_metric("accuracy")
    unchanged = paired_effect(accuracy, truth, truth, truth)
    assert (unchanged.effect, unchanged.standard_error, unchanged.lower, unchanged.upper) == (0, 0, 0, 0)
    spoiled = paired_effect(accuracy, truth, truth, worse)
    assert spoiled.effect == -1.0
    assert math.isfinite(spoiled.standard_error)
    assert spoiled.upper < 0


@dataclass
class _Counting:
    """A scorer that counts its calls and the resamples that each one scores."""

    scorer: WeightedScorer
    scored: list[int]

    def scores(self, weights: Floats) -> Floats:
        self.scored.append(len(weights))
        return self.scorer.scores(weights)


@pytest.mark.parametrize("name", ["accuracy", "micro_f1"])
def test_400_resamples_are_scored_together(name: str) -> None:
    metric, scored = get_metric(name), list[int]()
    counting = replace(metric, scorer=lambda *rows: _Counting(metric.scorer(*rows), scored))
    both = random_sets(25, rows=2000), random_sets(26, rows=2000)
    truth, before = labels(seed=24, rows=2000) if name == "accuracy" else both
    paired_effect(counting, truth, before, truth)
    assert sum(scored) == 2 * (1 + 400)
    assert len(scored) <= 2 * (1 + 2)


def test_a_large_multilabel_problem_is_compared() -> None:
    generator = np.random.default_rng(27)

    def matrix() -> csr_array:
        columns = generator.integers(0, 3474, (21_000, 5))
        starts = np.arange(0, 5 * 21_000 + 1, 5)
        found = csr_array((np.ones(columns.size, bool), columns.ravel(), starts), shape=(21_000, 3474))
        found.sum_duplicates()
        return found

    truth, before, after = matrix(), matrix(), matrix()
    found = paired_effect(get_metric("micro_f1"), truth, before, truth)
    assert found.effect == 1.0
    assert 0 < found.standard_error < 0.01
    between_guesses = paired_effect(get_metric("micro_f1"), truth, before, after)
    assert abs(between_guesses.effect) < 4 * between_guesses.standard_error
