"""The linear layer on frozen features: its fit, its memory, and the time that features take."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression

from agent.repository.family import Value
from agent.repository.rendering import TaskView
from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import cache_at, default_config, imported

LABEL = task_view("classification", "accuracy")
SETS = task_view("multilabel", "micro_f1")
HEAD = {"backbone": "tf_efficientnet_lite0", "finetune": "head", "flip": False}


def features_of(module: ModuleType, *parts: np.ndarray) -> Any:
    """Features (V, N, D) of training rows alone."""
    table = module.FeatureTable([part.astype(np.float32) for part in parts])
    return module.Features(table, np.arange(table.shape[1]), None, None)


def test_the_fitted_head_is_logistic_regression(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    inputs = (rng.normal(size=(200, 6)) + np.eye(3, 6)[labels]) * [1, 10, 0.1, 5, 1, 1] + 3
    data = SimpleNamespace(classes=["a", "b", "c"], train=SimpleNamespace(truth=labels))
    penalty = 0.05
    with imported(LABEL, HEAD, tmp_path, "head") as module:
        features = features_of(module, inputs[None])
        config = default_config(weight_decay=penalty)
        head = module.fit_head(features, np.arange(200), config=config, data=data, seconds=60.0)
    scaled = (inputs - inputs.mean(axis=0)) / inputs.std(axis=0, ddof=1)
    reference = LogisticRegression(C=1 / (200 * penalty), max_iter=1000, tol=1e-8).fit(scaled, labels)
    ours = torch.softmax(head(torch.tensor(inputs, dtype=torch.float32)), dim=1).numpy()
    assert ours == pytest.approx(reference.predict_proba(scaled), abs=2e-3)


@pytest.mark.parametrize(
    ("task", "slots"),
    [
        (SETS, {"loss": "cross_entropy"}),
        (SETS, {"loss": "focal", "balance": "sqrt_weights"}),
        (SETS, {"loss": "asymmetric"}),
        (LABEL, {"label_smoothing": 0.1, "balance": "weights"}),
        (LABEL, {"balance": "logit_adjustment"}),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else value.task,
)
def test_a_head_is_the_same_on_one_thread_and_on_two(
    tmp_path: Path, task: TaskView, slots: dict[str, Value]
) -> None:
    rng = np.random.default_rng(0)
    inputs = torch.tensor(rng.normal(size=(1, 700, 300)), dtype=torch.float32)
    several = task is SETS
    truth = csr_array(rng.random((700, 6)) < 0.2) if several else rng.integers(0, 6, size=700)
    data = SimpleNamespace(train=SimpleNamespace(truth=truth), classes=list("abcdef"))
    heads, threads = [], torch.get_num_threads()
    with imported(task, {**HEAD, **slots}, tmp_path, "head") as module:
        features = features_of(module, inputs.numpy())
        config = default_config(weight_decay=1e-3)
        try:
            for number in (1, 2):
                torch.set_num_threads(number)
                head = module.fit_head(features, np.arange(700), config=config, data=data, seconds=60.0)
                heads.append(head)
        finally:
            torch.set_num_threads(threads)
    one, two = (head(inputs[0]) for head in heads)
    assert one.dtype == torch.float32
    assert one.std() > 0.1
    assert torch.equal(one, two)


def _sets(rows: int, classes: int) -> SimpleNamespace:
    truth = csr_array(np.random.default_rng(1).random((rows, classes)) < 0.1)
    return SimpleNamespace(train=SimpleNamespace(truth=truth), classes=list(range(classes)))


@pytest.mark.parametrize("kept", [0, 10**9])
@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("balance", ["none", "weights"])
def test_batches_give_the_layer_that_all_rows_at_once_give(
    tmp_path: Path, kept: int, flip: bool, balance: str
) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(3, [1, 5, 0.2, 1, 1, 1, 1, 1], size=(2 if flip else 1, 230, 8))
    heads = []
    with imported(SETS, {**HEAD, "flip": flip, "balance": balance}, tmp_path, "head") as module:
        table = features_of(module, features[:, :100], features[:, 100:])
        indices = np.flatnonzero(np.arange(230) % 3)
        for cells in (10**9, 500):
            config = default_config(weight_decay=0.01, head_batch_cells=cells, head_kept_cells=kept)
            batches = module.HeadBatches(table, indices, config, _sets(230, 20))
            assert len(list(batches)) == (1 if cells > 500 else (13 if flip else 7))
            heads.append(module.fit_head(table, indices, config=config, data=_sets(230, 20), seconds=60.0))
    assert heads[0].weight.abs().max() > 0.1
    assert heads[1].weight.numpy() == pytest.approx(heads[0].weight.numpy(), abs=2e-2)
    assert heads[1].bias.numpy() == pytest.approx(heads[0].bias.numpy(), abs=5e-2)


@pytest.mark.parametrize("finetune", ["head", "head_first"])
def test_no_tensor_of_a_large_fit_holds_all_rows(tmp_path: Path, finetune: str) -> None:
    """As many cells as fit into memory bound every tensor, also with thousands of classes."""
    sizes = []

    class Recorder(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                sizes.append(result.numel())
            return result

    rows, classes, width, cells = 3000, 400, 64, 40_000
    features = np.random.default_rng(0).normal(size=(1, rows, width))
    slots = {**HEAD, "finetune": finetune, "loss": "asymmetric"}
    with imported(SETS, slots, tmp_path, "head") as module:
        table = module.FeatureTable([features.astype(np.float32)])
        more = [None, None] if finetune == "head" else []
        known = module.Features(table, np.arange(rows), *more)
        config = default_config(
            head_batch_cells=cells, head_kept_cells=0, head_steps=2, head_steps_per_check=2
        )
        with Recorder():
            module.fit_head(known, np.arange(rows), config=config, data=_sets(rows, classes), seconds=60.0)
        assert default_config().head_batch_cells * 8 <= 2**30, "a tensor of 400 MB at most"
    parameters = classes * (width + 1)
    assert max(sizes) <= max(cells, 12 * parameters), "L-BFGS keeps some copies of the parameters"
    assert max(sizes) < rows * classes / 3


def test_predictions_from_features_are_made_in_batches(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(2, 50, 6)).astype(np.float32)
    slots = {**HEAD, "flip": True, "tta": "hflip"}
    with imported(LABEL, slots, tmp_path, "inference") as module:
        table = module.FeatureTable([features[:, :20], features[:, 20:]])
        layer = torch.nn.Linear(6, 4)
        seen = []
        layer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape[1]))
        outputs = module.predict(layer, default_config(head_batch_cells=120), table)
    assert max(seen) <= 10
    with torch.inference_mode():
        expected = torch.softmax(layer(torch.from_numpy(features)), dim=2).mean(dim=0).numpy()
    assert outputs == pytest.approx(expected, abs=1e-6)


TRIAL_S = 30.0 + 2 * 0.64  # of two batches, which the rows cannot have too


class _Table:
    """Rows with numbers for pictures."""

    def __init__(self, count: int, first: int = 0) -> None:
        self.keys = np.arange(first, first + count, dtype=np.uint64)

    def __len__(self) -> int:
        return len(self.keys)


class _Network:
    """A frozen network as the extraction knows it."""

    def __init__(self) -> None:
        self.side = torch.tensor(0)


@pytest.fixture
def extraction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, list[float]]]:
    """The module, with batches of 64 rows that take 0.64 s on its clock after a first one of 30 s more."""
    now = [0.0]
    with imported(LABEL, HEAD, tmp_path, "head") as module:

        def batches(_: object, config: Any, rows: object, indices: np.ndarray) -> Iterator[torch.Tensor]:
            now[0] += 30.0
            for start in range(0, len(indices), config.prediction_batch_size):
                chunk = indices[start : start + config.prediction_batch_size]
                now[0] += 0.01 * len(chunk)
                yield torch.from_numpy(chunk[None, :, None].astype(np.float32))

        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(module, "feature_batches", batches)
        yield module, now


def test_the_start_of_processes_is_no_part_of_the_time_per_row(
    extraction: tuple[ModuleType, list[float]],
) -> None:
    module, _ = extraction
    config = default_config()
    assert module.seconds_per_row(None, config, _Table(5000), np.arange(5000)) == pytest.approx(0.01)
    data = SimpleNamespace(train=_Table(5000), val=_Table(500, 5000), test=_Table(500, 5500))

    def affordable(seconds: float) -> tuple[int, int]:
        store, network = module.FeatureStore("random", config), _Network()
        rows = module.affordable_rows(network, store=store, config=config, data=data, seconds=seconds)
        return len(rows), int(network.side)

    assert affordable(TRIAL_S + 80.0) == (5000, 0)
    assert affordable(TRIAL_S + 70.0) in ((4599, 0), (4600, 0))  # 56 s, less 10 s
    assert affordable(TRIAL_S + 40.0) == (5000, 80), "32 s for 60 s of work: 39 % of the pixels"
    assert affordable(1.0) == (64, 48)


def test_what_an_earlier_run_has_left_needs_no_time_and_a_part_is_told(
    extraction: tuple[ModuleType, list[float]], tmp_path: Path
) -> None:
    module, now = extraction
    data = SimpleNamespace(train=_Table(1000), val=_Table(130, 1000), test=_Table(90, 1130))
    config = default_config(cache=cache_at(tmp_path / "cache"), rows_per_file=300)
    told: list[tuple[str, float]] = []
    progress = SimpleNamespace(write=lambda *_, **__: None, note_cut=lambda *cut, **_: told.append(cut))

    def rows_in(seconds: float) -> int:
        arguments = {"store": module.FeatureStore("hub x", config), "config": config, "data": data}
        found = module.extract_all(_Network(), seconds=seconds, progress=progress, **arguments)
        return len(found.train_rows)

    some = rows_in(TRIAL_S + 18.0)  # 10 s, less 2.2 s
    assert some in (779, 780)
    assert rows_in(TRIAL_S + 11.0) == 1000, "the rows of the run before are known"
    before = now[0]
    assert rows_in(0.0) == 1000
    assert now[0] == before
    assert told[::2] == [("training rows", some / 1000), *[("training rows", 1.0)] * 2]
    assert told[1::2] == [("pixels", 1.0)] * 3


@pytest.mark.parametrize("refit", [False, True])
def test_features_are_kept_in_files_of_few_rows(
    extraction: tuple[ModuleType, list[float]], tmp_path: Path, refit: bool
) -> None:
    module, _ = extraction
    train = _Table(1130) if refit else _Table(1000)
    data = SimpleNamespace(train=train, val=_Table(130, 1000), test=_Table(90, 1130))
    config = default_config(cache=cache_at(tmp_path / "cache"), rows_per_file=300, refit=refit)
    store = module.FeatureStore("hub x", config)
    arguments = {"store": store, "config": config, "data": data, "seconds": 1e9}
    progress = SimpleNamespace(write=lambda *_, **__: None, note_cut=lambda *_, **__: None)
    features = module.extract_all(_Network(), progress=progress, **arguments)
    files = list((tmp_path / "cache").glob("*.npy"))
    assert len(files) == 2 * (4 + 1 + (0 if refit else 1)), "features and keys of each part"
    assert max(file.stat().st_size for file in files) <= 300 * 8 + 128
    assert features.train.shape == (1, 1130 if refit else 1000, 1)
    chosen = np.array([999, 0, 299, 300, 650])
    assert features.train.rows(chosen)[0, :, 0].tolist() == chosen.tolist()
    assert (features.val is None) == refit, "a refit scores nothing"
    assert default_config().rows_per_file * 2 * 10_000 * 4 < 2**30


def test_a_refit_computes_only_features_of_pictures_that_no_table_of_the_search_had(
    extraction: tuple[ModuleType, list[float]], tmp_path: Path
) -> None:
    """Its tables hold the same pictures in other places: audit rows move from the rows to predict."""
    module, _ = extraction
    config = default_config(cache=cache_at(tmp_path / "cache"), rows_per_file=300)
    store = module.FeatureStore("hub x", config)
    progress = SimpleNamespace(write=lambda *_, **__: None, note_cut=lambda *_, **__: None)
    search = SimpleNamespace(train=_Table(700), val=_Table(100, 700), test=_Table(200, 800))
    module.extract_all(_Network(), store=store, config=config, data=search, seconds=1e9, progress=progress)
    computed: list[int] = []

    def extract(rows: _Table, indices: np.ndarray) -> np.ndarray:
        computed.extend(rows.keys[indices].tolist())
        return np.asarray(rows.keys[indices], dtype=np.float32)[None, :, None]

    mixed = _Table(1010)
    mixed.keys = np.random.default_rng(0).permutation(mixed.keys)
    other = module.FeatureStore("hub x", config)
    assert np.flatnonzero(other.is_missing(mixed)).tolist() == np.flatnonzero(mixed.keys >= 1000).tolist()
    found = other.part(mixed, np.arange(1010), extract)
    assert sorted(computed) == list(range(1000, 1010))
    # The search's features are the places of rows in their tables.
    starts = np.select([mixed.keys < 700, mixed.keys < 800, mixed.keys < 1000], [0, 700, 800], 0)
    assert found[0, :, 0].tolist() == (mixed.keys - starts).tolist()
    assert module.FeatureStore("hub y", config).is_missing(mixed).all(), "other weights, other features"
    assert module.FeatureStore("random", config).is_missing(mixed).all()


@pytest.mark.parametrize("flip", [True, False])
def test_less_of_each_picture_gives_features_that_are_kept_apart(tmp_path: Path, flip: bool) -> None:
    with imported(LABEL, {**HEAD, "flip": flip, "image_size": 128}, tmp_path, "head") as module:
        network = _Network()
        if flip:
            network.mirrors = torch.tensor(True)  # type: ignore[attr-defined]
        config = default_config()
        assert module.lower_pictures(network, config, share=0.5) == (0.5 if flip else (80 / 128) ** 2)
        assert int(network.side) == (0 if flip else 80)
        assert module.lower_pictures(network, config, share=0.125) == (0.125 if flip else 0.140625)
        assert int(network.side) == (64 if flip else 48)
        pictures = torch.full((2, 128, 128, 3), 7, dtype=torch.uint8)
        seen: list[torch.Size] = []

        def features(given: torch.Tensor) -> torch.Tensor:
            seen.append(given.shape)
            return given.float().mean(dim=(1, 2))

        network.features = features  # type: ignore[attr-defined]
        found = module.features_of_views(network, pictures)
        assert seen == [torch.Size([2, int(network.side), int(network.side), 3])]
        assert found.shape == (2 if flip else 1, 2, 3)
        assert found.eq(7).all()
        whole, lowered = (
            module.FeatureStore("hub x", default_config(cache=cache_at(tmp_path))) for _ in "ab"
        )
        lowered.take_lowered(int(network.side), 0.125)
        rows = _Table(5)
        whole.part(rows, np.arange(5), lambda *_: np.zeros((1, 5, 1), dtype=np.float32))
        assert not whole.is_missing(rows).any()
        assert lowered.is_missing(rows).all()
