"""Each metric agrees with scikit-learn, scipy or its formula, and its bootstrap with explicit resampling."""

import math
import warnings

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats
from scipy.sparse import csr_array
from sklearn import metrics as sk

from agent.competition.metrics import Metric, Rows, get_metric, standard_error
from agent.competition.spec import MetricParameters
from agent.core.errors import SetupError

BETA, QUANTILE, K = 2.0, 0.8, 3


def metric_called(name: str) -> Metric:
    needed = {"beta": BETA, "quantile": QUANTILE, "k": K}
    for names in ([], ["beta"], ["quantile"], ["k"]):
        try:
            return get_metric(name, MetricParameters(**{key: needed[key] for key in names}))  # type: ignore[arg-type]
        except SetupError:
            continue
    raise AssertionError(name)


def labels(seed: int, classes: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, rows)
    wrong = generator.random(rows) < 0.3
    return truth, np.where(wrong, generator.integers(0, classes, rows), truth)


def sets(seed: int, rows: int = 200, classes: int = 12, share: float = 0.15) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, classes)) < share


def sk_f(average: str, beta: float) -> object:
    return lambda truth, guess: sk.fbeta_score(truth, guess, beta=beta, average=average, zero_division=0)


SKLEARN_LABELS = {
    "mcc": sk.matthews_corrcoef,
    "weighted_f1": sk_f("weighted", 1),
    "weighted_f_beta": sk_f("weighted", BETA),
    "macro_f_beta": sk_f("macro", BETA),
}
SKLEARN_SETS = {
    "samples_f1": sk_f("samples", 1),
    "samples_f_beta": sk_f("samples", BETA),
    "micro_f_beta": sk_f("micro", BETA),
    "weighted_f1": sk_f("weighted", 1),
    "weighted_f_beta": sk_f("weighted", BETA),
}
SKLEARN_VALUES = {
    "rmsle": sk.root_mean_squared_log_error,
    "mape": sk.mean_absolute_percentage_error,
    "pinball": lambda truth, guess: sk.mean_pinball_loss(truth, guess, alpha=QUANTILE),
}
SCIPY_VALUES = {
    "pearson": lambda truth, guess: stats.pearsonr(truth, guess).statistic,
    "spearman": lambda truth, guess: stats.spearmanr(truth, guess).statistic,
}


@pytest.mark.parametrize("name", SKLEARN_LABELS)
@pytest.mark.parametrize("classes", [2, 7])
def test_scores_of_labels(name: str, classes: int) -> None:
    truth, guess = labels(classes, classes)
    guess[:5], truth[guess == 0] = 1, 1  # class 0 is predicted only
    assert metric_called(name).score(truth, guess) == pytest.approx(
        SKLEARN_LABELS[name](truth, guess), abs=1e-12
    )  # type: ignore[operator]


@pytest.mark.parametrize(("name", "beta"), [("f1", 1.0), ("f_beta", BETA)])
def test_f_scores_of_the_second_class(name: str, beta: float) -> None:
    truth, guess = labels(1, 2)
    expected = sk.fbeta_score(truth, guess, beta=beta)
    assert metric_called(name).score(truth, guess) == pytest.approx(expected, abs=1e-12)
    assert metric_called(name).score(np.array([0, 0]), np.array([0, 0])) == 0.0


def test_matthews_correlation_of_a_constant_is_0() -> None:
    assert get_metric("mcc").score(np.array([0, 1, 2]), np.array([1, 1, 1])) == 0.0


@pytest.mark.parametrize("name", SKLEARN_SETS)
def test_scores_of_label_sets(name: str) -> None:
    truth, guess = sets(2), sets(3) | (sets(2) & (sets(4, share=0.7)))
    truth[:3], guess[:2] = False, False
    found = metric_called(name).score(csr_array(truth), csr_array(guess))
    assert found == pytest.approx(SKLEARN_SETS[name](truth, guess), abs=1e-12)  # type: ignore[operator]


@pytest.mark.parametrize("ties", [False, True])
def test_average_precision(ties: bool) -> None:
    average_precision = get_metric("average_precision")
    truth, _ = labels(5, 4)
    guess = np.random.default_rng(6).dirichlet(np.ones(4), len(truth))
    guess = guess.round(1) if ties else guess
    each = [sk.average_precision_score(truth == index, guess[:, index]) for index in range(4)]
    assert average_precision.score(truth, guess) == pytest.approx(np.mean(each), abs=1e-12)
    present = truth % 2  # classes 2 and 3 never occur
    assert average_precision.score(present, guess) == pytest.approx(
        np.mean([sk.average_precision_score(present == index, guess[:, index]) for index in range(2)]),
        abs=1e-12,
    )
    two = sk.average_precision_score(present, guess[:, 1])
    assert average_precision.score(present, guess[:, :2]) == pytest.approx(two, abs=1e-12)


def test_brier_of_two_and_of_several_classes() -> None:
    truth, _ = labels(7, 3)
    guess = np.random.default_rng(8).dirichlet(np.ones(3), len(truth))
    assert get_metric("brier").score(truth, guess) == pytest.approx(
        sk.brier_score_loss(truth, guess, labels=range(3), scale_by_half=False), abs=1e-12
    )
    truth, second = truth % 2, guess[:, 1]
    expected = sk.brier_score_loss(truth, second)
    assert get_metric("brier").score(truth, np.stack([1 - second, second], axis=1)) == pytest.approx(expected)


CELLWISE = {
    "roc_auc": lambda truth, guess: sk.roc_auc_score(truth, guess, average="macro"),
    "average_precision": lambda truth, guess: sk.average_precision_score(truth, guess, average="macro"),
    "log_loss": lambda truth, guess: np.mean(
        [sk.log_loss(truth[:, index], guess[:, index]) for index in range(truth.shape[1])]
    ),
    "brier": lambda truth, guess: np.mean((truth - guess) ** 2),
}


@pytest.mark.parametrize("name", CELLWISE)
def test_probabilities_of_label_sets(name: str) -> None:
    truth = sets(9)
    guess = np.clip(np.random.default_rng(10).random(truth.shape) + 0.3 * truth, 0, 1)
    metric = get_metric(name)
    assert metric.prediction_kind("multilabel") == "probability"
    assert metric.score(csr_array(truth), guess) == pytest.approx(CELLWISE[name](truth, guess), abs=1e-12)


def test_classes_without_a_true_label_are_left_out_of_means() -> None:
    truth = sets(11)
    truth[:, 0] = False
    guess = np.random.default_rng(12).random(truth.shape)
    for name in ("roc_auc", "average_precision"):
        rest = CELLWISE[name](truth[:, 1:], guess[:, 1:])
        assert get_metric(name).score(csr_array(truth), guess) == pytest.approx(rest, abs=1e-12)


def values(seed: int, shape: tuple[int, ...] = (200, 2)) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = np.exp(generator.normal(size=shape)).round(1)
    return truth, np.abs(truth + generator.normal(size=shape)).round(1)


@pytest.mark.parametrize("name", SKLEARN_VALUES)
def test_errors_of_values(name: str) -> None:
    truth, guess = values(13)
    assert metric_called(name).score(truth, guess) == pytest.approx(
        SKLEARN_VALUES[name](truth, guess), rel=1e-12
    )
    one = SKLEARN_VALUES[name](truth[:, 0], guess[:, 0])
    assert metric_called(name).score(truth[:, 0], guess[:, 0]) == pytest.approx(one, rel=1e-12)


@pytest.mark.parametrize("name", SCIPY_VALUES)
@pytest.mark.parametrize("far", [0.0, 1e6])
def test_correlations(name: str, far: float) -> None:
    truth, guess = values(14)
    truth += far
    each = [SCIPY_VALUES[name](truth[:, index], guess[:, index]) for index in range(2)]
    assert get_metric(name).score(truth, guess) == pytest.approx(np.mean(each), abs=1e-9)
    assert get_metric(name).score(guess, 2 * guess) == pytest.approx(1)
    assert get_metric(name).score(guess, -guess) == pytest.approx(-1)
    assert math.isnan(get_metric(name).score(truth, np.full_like(truth, 0.1)))


def test_a_logarithm_of_nothing_is_undefined() -> None:
    assert math.isnan(get_metric("rmsle").score(np.array([1.0, 2.0]), np.array([1.0, -1.0])))


def ranked(seed: int, rows: int, classes: int, places: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    ranking = np.argsort(generator.random((rows, classes)), axis=1)[:, :places]
    lengths = generator.integers(0, places + 1, rows)
    return np.where(np.arange(places) < lengths[:, None], ranking, -1)


def by_hand(truth: set[int], ranking: list[int], gain: object) -> float:
    """Either score of one row, from its definition."""
    if not truth:
        return 0.0
    hits = [label in truth for label in ranking[:K]]
    if gain == "precision":
        precisions = [sum(hits[: place + 1]) / (place + 1) for place in range(len(hits)) if hits[place]]
        return sum(precisions) / min(len(truth), K)
    best = sum(1 / math.log2(place + 2) for place in range(min(len(truth), K)))
    return sum(1 / math.log2(place + 2) for place, hit in enumerate(hits) if hit) / best


@pytest.mark.parametrize(("name", "gain"), [("map_at_k", "precision"), ("ndcg_at_k", "discount")])
def test_rankings(name: str, gain: str) -> None:
    ranking, metric = ranked(15, 200, 6, K), metric_called(name)
    lists = [[label for label in row if label >= 0] for row in ranking.tolist()]
    single, _ = labels(16, 6, rows=200)
    expected = [by_hand({label}, row, gain) for label, row in zip(single.tolist(), lists, strict=True)]
    assert metric.score(single, ranking) == pytest.approx(np.mean(expected), abs=1e-12)
    several = sets(17, classes=6, share=0.3)
    expected = [
        by_hand(set(np.flatnonzero(true)), row, gain) for true, row in zip(several, lists, strict=True)
    ]
    assert metric.score(csr_array(several), ranking) == pytest.approx(np.mean(expected), abs=1e-12)


def test_ndcg_agrees_with_scikit_learn() -> None:
    truth = sets(18, classes=8, share=0.4)
    truth[:, 0] = True
    scores = np.random.default_rng(19).random(truth.shape)
    ranking = np.argsort(-scores, axis=1)[:, :K]
    expected = sk.ndcg_score(truth, scores, k=K)
    assert metric_called("ndcg_at_k").score(csr_array(truth), ranking) == pytest.approx(expected, abs=1e-12)


def test_perfect_predictions_have_no_error() -> None:
    truth = sets(20)
    single, _ = labels(21, 4)
    order = np.argsort(~truth, axis=1, kind="stable")
    order = np.where(np.arange(truth.shape[1]) < truth.sum(axis=1)[:, None], order, -1)
    truth[~truth.any(axis=1), 0] = True
    for name in ("samples_f1", "micro_f_beta", "weighted_f1", "macro_f_beta"):
        assert metric_called(name).error(metric_called(name).score(csr_array(truth), csr_array(truth))) == 0
    for name in ("average_precision", "brier"):
        assert metric_called(name).error(metric_called(name).score(single, np.eye(4)[single])) == 0
    for name in (*SKLEARN_VALUES, *SCIPY_VALUES):
        one, _ = values(22)
        assert metric_called(name).error(metric_called(name).score(one, one)) == pytest.approx(0, abs=1e-12)
    assert metric_called("map_at_k").score(single, single[:, None]) == 1


def drawn_again(metric: Metric, truth: Rows, guess: Rows) -> float:
    generator = np.random.default_rng(23)
    count = truth.shape[0]
    draws = (generator.integers(0, count, count) for _ in range(300))
    return float(np.nanstd([metric.score(truth[draw], guess[draw]) for draw in draws]))


RESAMPLED = {
    "mcc": labels(24, 4),
    "f_beta": labels(25, 2),
    "weighted_f1": labels(26, 4),
    "samples_f1": (csr_array(sets(27)), csr_array(sets(27) & sets(28, share=0.6))),
    "average_precision": (labels(29, 2)[0], np.random.default_rng(30).dirichlet(np.ones(2), 300).round(1)),
    "pearson": values(31),
    "spearman": values(32),
    "pinball": values(33),
    "rmsle": values(34),
    "map_at_k": (labels(35, 6, rows=200)[0], ranked(36, 200, 6, K)),
    "ndcg_at_k": (csr_array(sets(37, classes=6)), ranked(38, 200, 6, K)),
}


@pytest.mark.parametrize("name", RESAMPLED)
def test_standard_errors_agree_with_explicit_resampling(name: str) -> None:
    metric, (truth, guess) = metric_called(name), RESAMPLED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = standard_error(metric, truth, guess, resamples=300)
    assert found == pytest.approx(drawn_again(metric, truth, guess), rel=0.25)


def test_missing_and_superfluous_parameters_are_refused() -> None:
    with pytest.raises(SetupError, match=r"'map_at_k' needs k; write `metric_parameters: \{k: \.\.\.\}`"):
        get_metric("map_at_k")
    with pytest.raises(SetupError, match="'micro_f1' does not take beta; remove it"):
        get_metric("micro_f1", MetricParameters(beta=2))
    bound = get_metric("micro_f_beta", MetricParameters(beta=2))
    assert bound.parameters == {"beta": 2}
    assert "beta 2" in bound.definition


@pytest.mark.parametrize("beta", [0.01, 1000])
def test_extreme_valid_betas_can_be_scored(beta: float) -> None:
    metric = get_metric("micro_f_beta", MetricParameters(beta=beta))
    truth = csr_array(sets(41))
    assert metric.score(truth, truth) == pytest.approx(1)
    with pytest.raises(ValidationError):
        MetricParameters(beta=1e300)  # its square is no number
