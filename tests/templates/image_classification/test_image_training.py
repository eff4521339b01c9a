"""What training is made of: schedules, batches, folds, time, the fitted head."""

from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import default_config, imported, silent_progress

LABEL = task_view("classification", "accuracy")
SETS = task_view("multilabel", "micro_f1")
TINY = {"backbone": "tiny_cnn", "image_size": 32}
HEAD = {"backbone": "tf_efficientnet_lite0", "finetune": "head", "flip": False}


class _Rows:
    """As many rows as there are labels."""

    def __init__(self, truth: np.ndarray) -> None:
        self.truth = truth

    def __len__(self) -> int:
        return len(self.truth)


def rates(train: ModuleType, steps: int) -> list[tuple[float, float]]:
    """Learning rate and first momentum at each step of a peak rate of 1."""
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=1.0)
    config = default_config()
    seen = []
    for step in range(steps):
        if hasattr(train, "one_cycle"):
            train.set_learning_rate(optimizer, *train.one_cycle(step / steps, config), config.beta2)
        else:
            train.set_learning_rate(optimizer, train.lr_factor(step / steps, config))
        seen.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"][0]))
    return seen


def test_one_cycle_is_torchs(tmp_path: Path) -> None:
    steps = 2000
    with imported(SETS, {**TINY, "schedule": "onecycle"}, tmp_path, "fit") as fit:
        ours = rates(fit, steps)
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=steps, pct_start=0.1, div_factor=25, final_div_factor=1000
    )
    for step in range(steps):
        group = optimizer.param_groups[0]
        assert ours[step] == pytest.approx((group["lr"], group["betas"][0]), abs=0.01), step
        optimizer.step()
        theirs.step()
    assert ours[0][0] == pytest.approx(1 / 25)
    assert ours[-1][0] < 1e-4


def test_the_cosine_rises_shortly_and_ends_near_nothing(tmp_path: Path) -> None:
    with imported(SETS, TINY, tmp_path, "fit") as fit:
        seen = [rate for rate, _ in rates(fit, 100)]
    assert seen.index(max(seen)) == 5
    assert seen[0] == pytest.approx(0.1)
    assert seen[5:] == sorted(seen[5:], reverse=True)
    assert seen[-1] < 1e-3


@pytest.mark.parametrize(
    ("rows", "expected"), [(1, (1, 1)), (9, (2, 4)), (64, (16, 4)), (70, (17, 4)), (1000, (32, 31))]
)
def test_batches_suit_the_number_of_rows(tmp_path: Path, rows: int, expected: tuple[int, int]) -> None:
    with imported(LABEL, TINY, tmp_path, "dataset") as dataset:
        config = default_config()
        pictures = np.zeros((rows, 32, 32, 3), dtype=np.uint8)
        part = dataset.Rows([str(row) for row in range(rows)], pictures, np.zeros(rows, dtype=np.int64))
        loader = dataset.training_loader(config, part, np.arange(rows))
        sizes = [len(numbers) for _, numbers in loader]
    assert (sizes[0], len(sizes)) == expected
    assert len(set(sizes)) == 1  # no short batch for the batch norm


def test_folds_spread_rare_labels_evenly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth = rng.random((300, 6)) < np.array([0.5, 0.3, 0.2, 0.1, 0.03, 0.0])
    data = SimpleNamespace(train=SimpleNamespace(truth=csr_array(truth)))
    with imported(SETS, {**TINY, "folds": 3}, tmp_path, "dataset") as dataset:
        part = dataset.split_folds(default_config(), data)
    assert np.bincount(part).tolist() == [100, 100, 100]
    per_fold = np.array([truth[part == fold].sum(axis=0) for fold in range(3)])
    assert np.ptp(per_fold[:, 4]) <= 1


def test_folds_of_one_label_are_stratified(tmp_path: Path) -> None:
    labels = np.repeat(np.arange(4), [100, 50, 20, 7])
    data = SimpleNamespace(train=SimpleNamespace(truth=labels))
    with imported(LABEL, {**TINY, "folds": 5}, tmp_path, "dataset") as dataset:
        part = dataset.split_folds(default_config(), data)
    for label in range(4):
        assert np.ptp(np.bincount(part[labels == label], minlength=5)) <= 1


def test_features_of_all_stages_are_not_those_of_the_last(tmp_path: Path) -> None:
    pictures = torch.randint(
        0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    widths = {}
    for features in ("last", "levels"):
        with imported(SETS, {**HEAD, "features": features}, tmp_path / features, "models") as models:
            config = models.Config.from_environment(smoke=False)
            model, _ = models.build_model(config, 6)
            with torch.inference_mode():
                widths[features] = model.eval().to("cpu").features(pictures).shape[1]
    assert widths == {"last": 1280, "levels": 1280 + 2 * (16 + 24 + 40 + 112 + 320)}


@pytest.mark.parametrize("finetune", ["full", "head_first"])
def test_a_soup_is_the_mean_of_networks_with_one_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finetune: str
) -> None:
    slots = {"backbone": "lcnet_050", "image_size": 32, "folds": 3, "soup": True, "finetune": finetune}
    starts, predicted = [], []

    def fit(model: torch.nn.Module, **_: object) -> tuple[torch.nn.Module, float]:
        starts.append(model.network.conv_stem.weight.detach().clone())
        with torch.no_grad():
            model.network.conv_stem.weight += len(starts)  # 1, 2, 3
        return model, 1.0

    def predict(model: torch.nn.Module, _: object, rows: object, chosen: object = None) -> np.ndarray:
        predicted.append((rows, model.network.conv_stem.weight.detach().clone()))
        return np.zeros((len(rows if chosen is None else chosen), 3), dtype=np.float32)

    truth = np.arange(12) % 3
    with imported(LABEL, slots, tmp_path, "train") as train:
        config = train.Config.from_environment(smoke=False)
        data = SimpleNamespace(
            train=_Rows(truth), val=_Rows(truth[:5]), test=_Rows(truth[:4]), classes=list("abc")
        )
        monkeypatch.setattr(train, "fit", fit)
        monkeypatch.setattr(train, "predict", predict)
        clock = SimpleNamespace(left=lambda: 100.0)
        progress = silent_progress()
        if finetune == "head_first":
            features = SimpleNamespace(train_rows=np.arange(12))
            monkeypatch.setattr(train, "extract_all", lambda *_, **__: features)
            monkeypatch.setattr(train, "fit_head", lambda *_, **__: None)
            monkeypatch.setattr(train, "use_head", lambda *_: None)
        train.train_and_predict(config, data, clock, progress)
    assert all(torch.equal(start, starts[0]) for start in starts)
    assert len(starts) == 3
    whole = [weight for rows, weight in predicted if rows is not data.train]
    assert len(whole) == 2, "validation and test rows are predicted once each"
    assert all(torch.allclose(weight, starts[0] + 2, atol=1e-5) for weight in whole)


def test_norms_and_biases_do_not_decay(tmp_path: Path) -> None:
    from timm.optim import create_optimizer_v2

    with imported(LABEL, TINY, tmp_path, "models") as models:
        model, _ = models.build_model(models.Config.from_environment(smoke=False), 3)
        groups = create_optimizer_v2(model.network, opt="adamw", lr=1.0, weight_decay=0.1).param_groups
    assert {group["weight_decay"] for group in groups} == {0.0, 0.1}
    for group in groups:
        assert group["params"]
        assert all((parameter.ndim > 1) == (group["weight_decay"] > 0) for parameter in group["params"])


@pytest.mark.parametrize("mixing", ["mixup", "cutmix", "both"])
def test_mixed_pictures_hold_their_share_of_themselves(tmp_path: Path, mixing: str) -> None:
    rng = np.random.default_rng(0)
    pictures = torch.stack([torch.full((64, 64, 3), value, dtype=torch.uint8) for value in (0, 100, 200)])
    shares, kinds = [], set()
    with imported(SETS, {**TINY, "mixing": mixing}, tmp_path, "dataset") as dataset:
        for _ in range(200):
            mixed, share = dataset.mix(pictures, rng, *([] if mixing == "cutmix" else [default_config()]))
            first = mixed[0].float()  # mixed with the last
            assert first.mean() == pytest.approx(200 * (1 - share), abs=0.51)
            assert torch.allclose(mixed[1].float(), pictures[1].float())  # mixed with itself
            shares.append(share)
            kinds.add(mixed.dtype)
    assert 0 <= min(shares) < 0.3 < 0.9 < max(shares) <= 1
    assert kinds == {torch.uint8}  # two types would make torch.compile compile twice, in mid-training


def test_strong_augmentation_is_seeded_and_keeps_the_form(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    slots = {**TINY, "augmentation": "strong", "erasing": 0.5, "flip": True}
    with imported(SETS, slots, tmp_path, "dataset") as dataset:
        series = []
        for seed in (0, 0, 1):
            augment = dataset.augmentation(default_config(seed=seed))
            series.append([augment(image=picture)["image"] for _ in range(20)])
    for made in series[0]:
        assert made.shape == picture.shape
        assert made.dtype == np.uint8
    assert np.array_equal(series[0], series[1])
    assert not np.array_equal(series[0], series[2])
    assert len({made.tobytes() for made in series[0]}) == 20


def test_gradient_descent_cycles_its_momentum(tmp_path: Path) -> None:
    slots = {**TINY, "optimizer": "sgd", "schedule": "onecycle"}
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    with imported(SETS, slots, tmp_path, "fit") as fit:
        for fraction, momentum in ((0.0, 0.95), (0.1, 0.85), (1.0, 0.95)):
            fit.set_learning_rate(optimizer, *fit.one_cycle(fraction, default_config()))
            assert optimizer.param_groups[0]["momentum"] == pytest.approx(momentum)
