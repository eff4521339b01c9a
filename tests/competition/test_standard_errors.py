"""Standard errors and paired differences equal those of many plain resamples, for any table."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from agent.competition.metrics import Metric, Rows, get_metric, paired_effect, standard_error
from agent.competition.spec import MetricParameters

RESAMPLES = 600
SEEDS = st.integers(0, 2**32 - 1)


def plain_bootstrap(metric: Metric, truth: Rows, before: Rows, after: Rows) -> tuple[float, float]:
    """Return the deviations of the first score and of the difference when every resample is scored."""
    rows = int(truth.shape[0])
    weights = np.random.default_rng(7).multinomial(rows, np.ones(rows) / rows, size=RESAMPLES).astype(float)
    scores = [metric.scorer(truth, guess).scores(weights) for guess in (before, after)]
    return float(np.nanstd(scores[0], ddof=1)), float(np.nanstd(scores[1] - scores[0], ddof=1))


def check(metric: Metric, truth: Rows, before: Rows, after: Rows, tolerance: float) -> None:
    """Both estimates have a noise of their own: 5 % for 200 resamples, 3.5 % for 400, 3 % for 600."""
    expected = plain_bootstrap(metric, truth, before, after)
    paired = paired_effect(metric, truth, before, after)
    found = standard_error(metric, truth, before), paired.standard_error * paired.scale
    assert found == pytest.approx(expected, rel=tolerance, abs=1e-9)
    gain = metric.error(metric.score(truth, before)) - metric.error(metric.score(truth, after))
    assert paired.effect * paired.scale == pytest.approx(gain)
    assert paired.lower <= paired.upper


def distributions(rng: np.random.Generator, truth: Rows, classes: int, has_ties: bool) -> list[Rows]:
    """Return two predictions (N, C), the second a little better, with many equal probabilities on request."""
    found = []
    for skill in (0.5, 0.7):
        scores = np.exp(rng.normal(size=(len(truth), classes)) + skill * np.eye(classes)[truth])
        shares = scores / scores.sum(axis=1, keepdims=True)
        found.append(shares.round(1) if has_ties else shares)
    return found


def classes_of(rng: np.random.Generator, rows: int, classes: int, smallest: int) -> Rows:
    """Return labels (N,) whose last class has `smallest` rows."""
    truth = rng.integers(0, classes - 1, rows)
    truth[:smallest] = classes - 1
    return rng.permutation(truth)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(SEEDS, st.integers(130, 500), st.integers(2, 5), st.sampled_from([1, 2, 4, 12, 40]), st.booleans())
def test_roc_auc(seed: int, rows: int, classes: int, smallest: int, has_ties: bool) -> None:
    rng = np.random.default_rng(seed)
    truth = classes_of(rng, rows, classes, smallest)
    check(get_metric("roc_auc"), truth, *distributions(rng, truth, classes, has_ties), tolerance=0.25)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(SEEDS, st.integers(130, 500), st.integers(2, 5), st.sampled_from([30, 60]), st.booleans())
def test_average_precision(seed: int, rows: int, classes: int, smallest: int, has_ties: bool) -> None:
    rng = np.random.default_rng(seed)
    truth = classes_of(rng, rows, classes, smallest)
    check(
        get_metric("average_precision"), truth, *distributions(rng, truth, classes, has_ties), tolerance=0.25
    )


@settings(max_examples=10, deadline=None, derandomize=True)
@given(SEEDS, st.integers(130, 400), st.sampled_from(["roc_auc", "average_precision"]))
def test_label_sets(seed: int, rows: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random((rows, 4)) < (0.4, 0.3, 0.2, 0.0)  # the last class never occurs
    guesses = [rng.random(truth.shape) + skill * truth for skill in (0.3, 0.5)]
    check(get_metric(name), csr_array(truth), *guesses, tolerance=0.25)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    SEEDS,
    st.integers(2, 500),
    st.integers(2, 12),
    st.sampled_from(["accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "mcc", "qwk"]),
)
def test_metrics_of_labels(seed: int, rows: int, classes: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    truth = np.minimum(rng.integers(0, classes, rows), rng.integers(0, classes, rows))  # rare last classes
    guesses = [
        np.where(rng.random(rows) < skill, truth, rng.integers(0, classes, rows)) for skill in (0.6, 0.7)
    ]
    if np.unique(truth).size < 2:
        truth[:2] = 0, 1
    check(get_metric(name), truth, *guesses, tolerance=0.3 if rows > 20 else 0.5)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    SEEDS,
    st.integers(130, 500),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from(["rmse", "mae", "r2", "pearson", "spearman", "mape"]),
)
def test_metrics_of_values(seed: int, rows: int, targets: int, has_ties: bool, name: str) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.gamma(2, size=(rows, targets)) + 1
    guesses = [truth + noise * rng.standard_t(5, size=truth.shape) for noise in (1.0, 0.8)]
    if has_ties:
        truth, *guesses = (values.round() for values in (truth, *guesses))
    check(get_metric(name), truth, *guesses, tolerance=0.25)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision", "spearman"])
def test_the_expansion_has_the_score_and_its_derivative(name: str) -> None:
    """A small change of one row's weight changes the expansion as it changes the metric."""
    rng, rows = np.random.default_rng(5), 200
    truth = rng.integers(0, 3, rows)
    guess: Rows = distributions(rng, truth, 3, has_ties=True)[0]
    if name == "spearman":
        truth, guess = truth.astype(float), truth + rng.normal(size=rows).round()
    scorer = get_metric(name).scorer(truth, guess)
    expansion = scorer.linearise()  # type: ignore[attr-defined]
    weights = np.ones((rows, rows)) + 1e-4 * (np.eye(rows) - 1 / rows)
    once = scorer.scores(np.ones((1, rows)))
    assert expansion.scores(np.ones((1, rows))) == pytest.approx(once)
    changes = scorer.scores(weights) - once
    assert np.abs(changes).max() > 1e-8
    assert expansion.scores(weights) - once == pytest.approx(changes, rel=1e-3, abs=1e-10)


def test_a_class_of_two_rows_may_be_missing_from_a_resample() -> None:
    """Without both rows the mean has one class less, so that the class's score counts in the error."""
    rng, rows = np.random.default_rng(9), 4_500
    truth = rng.integers(0, 2, rows)
    truth[:2] = 2
    before, after = distributions(rng, truth, 3, has_ties=False)
    before[:2, 2], after[:2, 2] = 0.0, 0.0  # the rare class is found in no row
    expected = plain_bootstrap(get_metric("roc_auc"), truth, before, after)[0]
    found = standard_error(get_metric("roc_auc"), truth, before, resamples=2_000)
    assert found == pytest.approx(expected, rel=0.15)
    ample = truth < 2
    assert found > 5 * standard_error(get_metric("roc_auc"), truth[ample], before[ample][:, :2])


def test_means_over_rows_have_no_noise() -> None:
    rng = np.random.default_rng(3)
    losses = rng.exponential(size=(2, 900))
    metric = get_metric("mae")
    found = standard_error(metric, np.zeros(900), losses[0], seed=1)
    assert found == standard_error(metric, np.zeros(900), losses[0], seed=2)
    assert found == pytest.approx(losses[0].std() / 30)
    paired = paired_effect(metric, np.zeros(900), *losses)
    assert paired.standard_error * paired.scale == pytest.approx((losses[1] - losses[0]).std() / 30)


@pytest.mark.parametrize("beta", [0.5, 1.0, 1.7])
def test_label_sets_of_fractional_keys_are_counted(beta: float) -> None:
    rng = np.random.default_rng(4)
    truth, before, after = (csr_array(rng.random((5_000, 6)) < 0.3) for _ in range(3))
    metric = get_metric("micro_f_beta", MetricParameters(beta=beta))
    check(metric, truth, before, after, tolerance=0.25)


def grouped_bootstrap(
    metric: Metric, truth: Rows, before: Rows, after: Rows, groups: npt.NDArray[np.intp]
) -> tuple[float, float]:
    """Return the deviations of the first score and of the difference when whole groups are drawn."""
    count = int(groups.max()) + 1
    draws = np.random.default_rng(7).multinomial(count, np.ones(count) / count, size=RESAMPLES).astype(float)
    scores = [metric.scorer(truth, guess).scores(draws[:, groups]) for guess in (before, after)]
    return float(np.nanstd(scores[0], ddof=1)), float(np.nanstd(scores[1] - scores[0], ddof=1))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(SEEDS, st.integers(60, 150), st.sampled_from(["roc_auc", "log_loss", "macro_f1", "mcc", "accuracy"]))
def test_groups_are_drawn_whole(seed: int, groups: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    metric, group = get_metric(name), rng.permutation(np.arange(4 * groups) % groups)
    truth = rng.integers(0, 3, groups)[group]  # rows of a group have the same label
    guesses = distributions(rng, truth, 3, has_ties=False)
    if metric.prediction_kind("classification") == "label":
        guesses = [guess.argmax(axis=1) for guess in guesses]
    expected = grouped_bootstrap(metric, truth, *guesses, group)
    paired = paired_effect(metric, truth, *guesses, group)
    found = standard_error(metric, truth, guesses[0], group), paired.standard_error * paired.scale
    assert found == pytest.approx(expected, rel=0.25, abs=1e-9)


@pytest.mark.parametrize("name", ["mae", "rmse", "spearman"])
@pytest.mark.parametrize("rows", [300, 6000])
def test_copies_of_a_row_tell_nothing_new(name: str, rows: int) -> None:
    rng, metric = np.random.default_rng(3), get_metric(name)
    truth = rng.normal(size=(rows, 1))
    before, after = (truth + noise * rng.normal(size=(rows, 1)) for noise in (1.0, 0.9))
    alone = standard_error(metric, truth, before), paired_effect(metric, truth, before, after).standard_error
    copies = [np.repeat(values, 4, axis=0) for values in (truth, before, after)]
    groups = np.repeat(np.arange(rows), 4)
    found = (
        standard_error(metric, copies[0], copies[1], groups),
        paired_effect(metric, *copies, groups).standard_error,
    )
    assert found == pytest.approx(alone, rel=0.15)
    assert standard_error(metric, copies[0], copies[1]) < 0.65 * alone[0]
