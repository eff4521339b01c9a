"""The threshold search: exact counts, best scores, and no row decided with its own label."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array
from sklearn.metrics import f1_score

from agent.competition.metrics import get_metric
from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import default_config, imported


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    task = task_view("multilabel", "micro_f1")
    with imported(task, {"threshold": "per_class"}, tmp_path_factory.mktemp("micro"), "inference") as module:
        yield module


def made_up(rows: int, classes: int, seed: int = 0) -> tuple[csr_array, np.ndarray]:
    """Rare and frequent classes, and probabilities whose calibration differs from class to class."""
    rng = np.random.default_rng(seed)
    truth = rng.random((rows, classes)) < np.geomspace(0.4, 0.01, classes)
    logits = 2.5 * truth + rng.normal(-2, 1.2, (rows, classes)) + rng.normal(0, 1, classes)
    return csr_array(truth), (1 / (1 + np.exp(-logits))).astype(np.float32)


unit = st.floats(0, 1, width=32)
edges = st.sampled_from([0.0, 1.0, 0.01, 0.99, 0.5, 0.010000001, 0.0099999998])


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, st.integers(0, 300), elements=unit | edges.map(np.float32).map(float)))
def test_counts_are_exact_for_any_float(search: ModuleType, values: np.ndarray) -> None:
    on_them = np.sort(np.concatenate([search.THRESHOLDS, np.unique(values[:20]).astype(np.float64)]))
    counted = search.count_above(values, on_them)
    assert counted.tolist() == [int((values.astype(np.float64) > threshold).sum()) for threshold in on_them]


def test_the_curve_equals_scikit_learns_to_the_bit(search: ModuleType) -> None:
    truth, probabilities = made_up(400, 30)
    curve = search.threshold_curve(truth, probabilities, search.THRESHOLDS)
    dense = truth.toarray()
    expected = [
        f1_score(dense, probabilities > threshold, average="micro") for threshold in search.THRESHOLDS
    ]
    assert curve.tolist() == expected


def test_the_global_threshold_has_the_best_score(search: ModuleType) -> None:
    truth, probabilities = made_up(300, 12)
    metric = get_metric("micro_f1")
    scores = [metric.score(truth, csr_array(probabilities > value)) for value in search.THRESHOLDS]
    assert search.fit_threshold(truth, probabilities) == search.THRESHOLDS[np.argmax(scores)]


def test_class_thresholds_are_the_best_of_all_combinations(
    search: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "THRESHOLDS", np.linspace(0.1, 0.9, 9))
    truth, probabilities = made_up(400, 4)
    metric = get_metric("micro_f1")
    chosen = search.fit_class_thresholds(truth, probabilities, default_config())
    own = np.flatnonzero(truth.sum(axis=0) >= default_config().min_positives)
    assert 2 <= own.size < 4
    trial = chosen.copy()
    best = 0.0
    for values in itertools.product(search.THRESHOLDS, repeat=own.size):
        trial[own] = values
        best = max(best, metric.score(truth, search.to_label_sets(probabilities, trial)))
    assert metric.score(truth, search.to_label_sets(probabilities, chosen)) == best


def test_rare_classes_keep_the_common_threshold(search: ModuleType) -> None:
    truth, probabilities = made_up(500, 20)
    chosen = search.fit_class_thresholds(truth, probabilities, default_config())
    rare = truth.sum(axis=0) < default_config().min_positives
    assert rare.any()
    assert set(chosen[rare]) == {search.fit_threshold(truth, probabilities)}
    assert len(set(chosen[~rare])) > 1


@pytest.mark.parametrize("metric", ["macro_f1", "micro_f1_answer_classes"])
def test_other_metrics_get_their_own_best_thresholds(metric: str, tmp_path: Path) -> None:
    truth, probabilities = made_up(400, 15)
    truth = truth.toarray()
    truth[:, 3] = False  # a class that no answer has
    truth = csr_array(truth)
    with imported(
        task_view("multilabel", metric), {"threshold": "per_class"}, tmp_path, "inference"
    ) as search:
        own = get_metric(metric)
        common = search.fit_threshold(truth, probabilities)
        scores = [own.score(truth, csr_array(probabilities > value)) for value in search.THRESHOLDS]
        assert own.score(truth, csr_array(probabilities > common)) == pytest.approx(max(scores), abs=1e-12)
        thresholds = search.fit_class_thresholds(truth, probabilities, default_config())
        chosen = search.to_label_sets(probabilities, thresholds)
        assert own.score(truth, chosen) > max(scores)
        assert search.score(truth, chosen) == pytest.approx(own.score(truth, chosen), rel=1e-12)


@pytest.mark.parametrize("threshold", ["global", "per_class"])
def test_a_validation_rows_labels_do_not_decide_its_own_threshold(threshold: str, tmp_path: Path) -> None:
    """On labels that are pure chance, thresholds fitted on the same rows look too good."""
    rng = np.random.default_rng(0)
    excess = []
    with imported(
        task_view("multilabel", "micro_f1"), {"threshold": threshold}, tmp_path, "inference"
    ) as module:
        for seed in range(20):
            truth = csr_array(rng.random((80, 8)) < 0.3)
            outputs = rng.random((80, 8)).astype(np.float32)
            data = _data(module, truth)
            val, _, _ = module.decide(default_config(seed=seed), data, module.Outputs(outputs, outputs, {}))
            if threshold == "per_class":
                fitted = module.fit_class_thresholds(truth, outputs, default_config())
            else:
                fitted = module.fit_threshold(truth, outputs)
            optimistic = module.score(truth, module.to_label_sets(outputs, fitted))
            excess.append(optimistic - module.score(truth, val))
    assert np.mean(excess) > 0.005
    assert min(excess) >= -1e-12


def _data(module: ModuleType, truth: csr_array) -> object:
    """Validation rows without pictures."""
    rows = type("Rows", (), {"truth": truth, "__len__": lambda self: truth.shape[0]})()
    return type("Data", (), {"val": rows})()


@pytest.mark.parametrize("threshold", ["global", "per_class"])
@pytest.mark.parametrize("finetune", ["full", "head"])
def test_with_folds_the_thresholds_suit_the_averaged_networks(
    threshold: str, finetune: str, tmp_path: Path
) -> None:
    """The mean of several networks is less extreme than each of them, so that its best threshold is lower."""
    truth, outputs = made_up(500, 6)
    slots = {
        "backbone": "tf_efficientnet_lite0",
        "finetune": finetune,
        "folds": 3,
        "threshold": threshold,
    }
    with imported(task_view("multilabel", "micro_f1"), slots, tmp_path, "inference") as module:
        data = _data(module, truth)  # without labels of training rows: they cannot decide
        val, test, thresholds = module.decide(default_config(), data, module.Outputs(outputs, outputs, {}))
        if threshold == "per_class":
            fitted = module.fit_class_thresholds(truth, outputs, default_config()).tolist()
        else:
            fitted = [module.fit_threshold(truth, outputs)]
        assert thresholds == fitted
        assert val.shape == test.shape == truth.shape
        expected = module.to_label_sets(outputs, np.array(fitted))
        assert (test != expected).nnz == 0


def test_an_empty_set_rightly_predicted_is_perfect(search: ModuleType) -> None:
    truth = csr_array(np.array([[0, 0], [1, 0], [0, 0], [1, 1]], dtype=bool))
    predicted = csr_array(np.array([[0, 0], [1, 0], [1, 0], [1, 0]], dtype=bool))
    assert search.row_errors(truth, predicted).tolist() == pytest.approx([0, 0, 1, 1 / 3])


def test_a_correlation_with_what_does_not_vary_is_none(search: ModuleType) -> None:
    assert search.correlation(np.ones(5), np.arange(5.0)) is None
    assert search.correlation(np.arange(5.0), 2 * np.arange(5.0)) == pytest.approx(1.0)
