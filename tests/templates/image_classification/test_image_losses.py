"""The losses: their values by definition, and gradients where the usual forms lose them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from timm.loss import AsymmetricLossMultiLabel
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import default_config, imported

LABELS = task_view("multilabel", "micro_f1")
LABEL = task_view("classification", "accuracy")


@pytest.fixture
def logits() -> torch.Tensor:
    return 3 * torch.randn(8, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def sets() -> torch.Tensor:
    return (torch.rand(8, 5, generator=torch.Generator().manual_seed(1)) < 0.4).float()


def test_asymmetric_is_timms_sum_over_classes(
    tmp_path: Path, logits: torch.Tensor, sets: torch.Tensor
) -> None:
    with imported(LABELS, {"loss": "asymmetric"}, tmp_path, "loss") as module:
        ours = module.loss_function(logits, sets, default_config())
    theirs = AsymmetricLossMultiLabel(gamma_neg=4, gamma_pos=0, clip=0.05)(logits, sets)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def test_a_hopelessly_wrong_positive_keeps_its_gradient(tmp_path: Path) -> None:
    with imported(LABELS, {"loss": "asymmetric"}, tmp_path, "loss") as module:
        logits = torch.tensor([[-25.0, -100.0]], requires_grad=True)
        module.loss_function(logits, torch.ones(1, 2), default_config()).backward()
    assert logits.grad is not None
    assert logits.grad[0].tolist() == pytest.approx([-1.0, -1.0])


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "asymmetric"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("task", [LABELS, LABEL], ids=["sets", "label"])
def test_gradients_are_finite_at_extreme_logits(tmp_path: Path, task, loss: str, smoothing: float) -> None:
    slots = {"loss": loss, "label_smoothing": smoothing}
    targets = torch.tensor([[1.0, 0.0, 1.0]]) if task is LABELS else torch.tensor([2])
    uses_config = smoothing > 0 or loss == "focal" or (task is LABELS and loss == "asymmetric")
    with imported(task, slots, tmp_path, "loss") as module:
        for extreme in (-200.0, 0.0, 200.0):
            logits = torch.tensor([[extreme, extreme, -extreme]], requires_grad=True)
            value = module.loss_function(logits, targets, *([default_config()] if uses_config else []))
            value.backward()
            assert torch.isfinite(value)
            assert torch.isfinite(logits.grad).all()


def test_sigmoid_focal_is_torchvisions(tmp_path: Path, logits: torch.Tensor, sets: torch.Tensor) -> None:
    with imported(LABELS, {"loss": "focal"}, tmp_path, "loss") as module:
        ours = module.loss_function(logits, sets, default_config())
    theirs = sigmoid_focal_loss(logits, sets, alpha=-1, gamma=2, reduction="sum")
    assert float(ours) == pytest.approx(float(theirs) / len(logits), rel=1e-5)


def test_smoothed_losses_meet_their_definitions(
    tmp_path: Path, logits: torch.Tensor, sets: torch.Tensor
) -> None:
    with imported(LABELS, {"label_smoothing": 0.1}, tmp_path / "sets", "loss") as module:
        smoothed = 0.9 * sets + 0.05
        total = functional.binary_cross_entropy_with_logits(logits, smoothed, reduction="sum")
        ours = module.loss_function(logits, sets, default_config())
        assert float(ours) == pytest.approx(float(total) / len(logits))
    targets = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])
    with imported(LABEL, {"loss": "focal"}, tmp_path / "focal", "loss") as module:
        confident = 50 * functional.one_hot(targets, 5).float()
        config = default_config()
        assert float(module.loss_function(confident, targets, config)) == pytest.approx(0.0, abs=1e-6)
        even = torch.zeros(8, 5)
        expected = 0.8**2 * torch.log(torch.tensor(5.0))
        assert float(module.loss_function(even, targets, config)) == pytest.approx(float(expected))


@pytest.mark.parametrize("weighed", [False, True])
def test_the_asymmetric_gradient_is_that_of_the_formula(
    tmp_path: Path, logits: torch.Tensor, sets: torch.Tensor, weighed: bool
) -> None:
    exact = torch.cat([logits, torch.tensor([[-60.0, 60.0, -2.95, -2.94, 0.0]])]).double().requires_grad_()
    sets = torch.cat([sets, torch.tensor([[1.0, 0.0, 0.0, 0.0, 1.0]])]).double()
    weights = torch.tensor([0.5, 1.0, 2.0, 3.0, 4.0]).double() if weighed else torch.ones(5).double()
    shifted = (torch.sigmoid(exact) - 0.05).clamp(min=0)
    negative = -(shifted**4) * torch.log1p(-shifted)
    cells = torch.where(sets > 0, -weights * functional.logsigmoid(exact), negative)
    (expected,) = torch.autograd.grad(cells.sum(dim=1).mean(), exact)
    slots = {"loss": "asymmetric", "balance": "weights" if weighed else "none"}
    with imported(LABELS, slots, tmp_path, "loss") as module:
        ours = exact.detach().float().requires_grad_()
        value = module.loss_function(
            ours, sets.float(), default_config(), *([weights.float()] if weighed else [])
        )
        value.backward()
    assert value.item() == pytest.approx(cells.sum(dim=1).mean().item(), rel=1e-5)
    assert ours.grad is not None
    assert ours.grad.double().numpy() == pytest.approx(expected.numpy(), abs=1e-7)


def test_class_weights_fall_with_frequency_and_are_one_on_the_mean(tmp_path: Path) -> None:
    counts = np.array([400, 100, 25, 0])
    for balance, power in (("weights", 1.0), ("sqrt_weights", 0.5)):
        with imported(LABEL, {"balance": balance}, tmp_path / balance, "loss") as module:
            config = default_config()
            weights = module.class_weights(counts, config).numpy()
            assert weights.max() <= config.max_class_weight
        assert weights[0] / weights[1] == pytest.approx((100 / 400) ** power)
        assert (weights * counts).sum() / counts.sum() == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_weighed_rows_count_their_classs_weight(tmp_path: Path, logits: torch.Tensor, loss: str) -> None:
    targets = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])
    weights = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])
    with imported(LABEL, {"loss": loss, "balance": "weights"}, tmp_path, "loss") as module:
        extra = [default_config()] if loss == "focal" else []
        weighed = float(module.loss_function(logits, targets, *extra, weights))
        chosen = float(module.loss_function(logits[targets == 0], targets[targets == 0], *extra, weights))
    assert weighed == pytest.approx(chosen * 2 / 8)


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "asymmetric"])
def test_only_positives_of_label_sets_are_weighed(
    tmp_path: Path, logits: torch.Tensor, sets: torch.Tensor, loss: str
) -> None:
    with imported(LABELS, {"loss": loss, "balance": "weights"}, tmp_path, "loss") as module:
        extra = [] if loss == "cross_entropy" else [default_config()]

        def value(weight: float, targets: torch.Tensor) -> float:
            return float(module.loss_function(logits, targets, *extra, torch.full((5,), weight)))

        assert value(7.0, torch.zeros_like(sets)) == pytest.approx(value(1.0, torch.zeros_like(sets)))
        positives = (value(2.0, sets) - value(1.0, sets), value(1.0, sets) - value(0.0, sets))
    assert positives[0] == pytest.approx(positives[1], rel=1e-5)
    assert positives[0] > 0


@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_adjusted_logits_see_the_classes_shares(tmp_path: Path, logits: torch.Tensor, loss: str) -> None:
    targets = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])
    counts = np.array([79, 9, 4, 3, 0])
    with imported(LABEL, {"loss": loss, "balance": "logit_adjustment"}, tmp_path / "a", "loss") as module:
        prior = module.log_priors(counts)
        extra = [default_config()] if loss == "focal" else []
        adjusted = float(module.loss_function(logits, targets, *extra, prior))
    with imported(LABEL, {"loss": loss}, tmp_path / "b", "loss") as module:
        extra = [default_config()] if loss == "focal" else []
        plain = float(module.loss_function(logits + prior, targets, *extra))
    assert prior.exp().tolist() == pytest.approx([0.8, 0.1, 0.05, 0.04, 0.01])
    assert adjusted == pytest.approx(plain)


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "asymmetric"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradients_of_sets_are_as_long_with_thousands_of_classes(
    tmp_path: Path, loss: str, smoothing: float
) -> None:
    """Three labels per row: the gradient that SGD follows and clipping measures must not fade."""
    slots = {"loss": loss, "label_smoothing": smoothing, "optimizer": "sgd", "clip_norm": 1.0}
    lengths = []
    with imported(LABELS, slots, tmp_path, "loss") as module:
        extra = [] if loss == "cross_entropy" and not smoothing else [default_config()]
        for classes in (10, 3474):
            sets = torch.zeros(4, classes)
            sets[:, :3] = 1
            logits = torch.full((4, classes), float(np.log(3 / (classes - 3)))).requires_grad_()
            module.loss_function(logits, sets, *extra).backward()
            assert logits.grad is not None
            lengths.append(float(logits.grad.norm()))
    assert 0.5 < lengths[1] / lengths[0] < 5
    assert 0.2 < lengths[1] < 3


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "asymmetric"])
def test_a_step_moves_a_label_as_far_among_thousands_of_classes(
    tmp_path: Path, loss: str, optimizer: str
) -> None:
    """The first label of each row, before and after one step of a linear layer with clipped gradients."""
    slots = {"backbone": "tiny_cnn", "loss": loss, "optimizer": optimizer, "clip_norm": 5.0, "lr": 0.1}
    inputs = torch.randn(16, 8, generator=torch.Generator().manual_seed(0))
    moved = []
    with imported(LABELS, slots, tmp_path, "fit") as module:
        extra = [] if loss == "cross_entropy" else [default_config()]
        for classes in (10, 3474):
            layer = torch.nn.Linear(8, classes)
            torch.nn.init.zeros_(layer.weight)
            torch.nn.init.constant_(layer.bias, float(np.log(3 / (classes - 3))))
            sets = torch.zeros(16, classes)
            sets[:, :3] = 1
            descent = module.make_optimizer(layer, default_config())
            before = layer(inputs)[:, 0].mean()
            module.loss_function(layer(inputs), sets, *extra).backward()
            torch.nn.utils.clip_grad_norm_(layer.parameters(), default_config().clip_norm)
            descent.step()
            moved.append(float((layer(inputs)[:, 0].mean() - before).detach()))
    assert moved[0] > 0.01
    assert 0.4 < moved[1] / moved[0] < 5
