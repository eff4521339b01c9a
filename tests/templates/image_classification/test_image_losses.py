"""The losses: their values by definition, and gradients where the usual forms lose them."""

from pathlib import Path

import pytest
import torch
from picture_competitions import task_view
from rendered_library import imported
from timm.loss import AsymmetricLossMultiLabel
from torch.nn import functional
from torchvision.ops import sigmoid_focal_loss

LABELS = task_view("multilabel", "micro_f1")
LABEL = task_view("classification", "accuracy")


@pytest.fixture
def logits() -> torch.Tensor:
    return 3 * torch.randn(8, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def sets() -> torch.Tensor:
    return (torch.rand(8, 5, generator=torch.Generator().manual_seed(1)) < 0.4).float()


def test_asymmetric_is_timms_as_a_mean_over_cells(
    tmp_path: Path, logits: torch.Tensor, sets: torch.Tensor
) -> None:
    with imported(LABELS, {"loss": "asymmetric"}, tmp_path, "loss") as module:
        ours = module.loss_function(logits, sets)
    theirs = AsymmetricLossMultiLabel(gamma_neg=4, gamma_pos=0, clip=0.05)(logits, sets)
    assert float(ours) == pytest.approx(float(theirs) / logits.shape[1], rel=1e-5)


def test_a_hopelessly_wrong_positive_keeps_its_gradient(tmp_path: Path) -> None:
    with imported(LABELS, {"loss": "asymmetric"}, tmp_path, "loss") as module:
        logits = torch.tensor([[-25.0, -100.0]], requires_grad=True)
        module.loss_function(logits, torch.ones(1, 2)).backward()
    assert logits.grad is not None
    assert logits.grad[0].tolist() == pytest.approx([-0.5, -0.5])


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "asymmetric"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("task", [LABELS, LABEL], ids=["sets", "label"])
def test_gradients_are_finite_at_extreme_logits(tmp_path: Path, task, loss: str, smoothing: float) -> None:
    slots = {"loss": loss, "label_smoothing": smoothing}
    targets = torch.tensor([[1.0, 0.0, 1.0]]) if task is LABELS else torch.tensor([2])
    uses_smoothing = smoothing > 0 and not (task is LABELS and loss == "asymmetric")
    with imported(task, slots, tmp_path, "loss") as module:
        for extreme in (-200.0, 0.0, 200.0):
            logits = torch.tensor([[extreme, extreme, -extreme]], requires_grad=True)
            value = module.loss_function(logits, targets, *([smoothing] if uses_smoothing else []))
            value.backward()
            assert torch.isfinite(value)
            assert torch.isfinite(logits.grad).all()


def test_sigmoid_focal_is_torchvisions(tmp_path: Path, logits: torch.Tensor, sets: torch.Tensor) -> None:
    with imported(LABELS, {"loss": "focal"}, tmp_path, "loss") as module:
        ours = module.loss_function(logits, sets)
    theirs = sigmoid_focal_loss(logits, sets, alpha=-1, gamma=2, reduction="mean")
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def test_smoothed_losses_meet_their_definitions(
    tmp_path: Path, logits: torch.Tensor, sets: torch.Tensor
) -> None:
    with imported(LABELS, {"label_smoothing": 0.1}, tmp_path / "sets", "loss") as module:
        expected = functional.binary_cross_entropy_with_logits(logits, 0.9 * sets + 0.05)
        assert float(module.loss_function(logits, sets, 0.1)) == pytest.approx(float(expected))
    targets = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])
    with imported(LABEL, {"loss": "focal"}, tmp_path / "focal", "loss") as module:
        confident = 50 * functional.one_hot(targets, 5).float()
        assert float(module.loss_function(confident, targets)) == pytest.approx(0.0, abs=1e-6)
        even = torch.zeros(8, 5)
        expected = 0.8**2 * torch.log(torch.tensor(5.0))
        assert float(module.loss_function(even, targets)) == pytest.approx(float(expected))
