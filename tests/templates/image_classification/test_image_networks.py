"""Networks, views and squares: pictures of any size, drop path, GeM, several views, proportions."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.templates.image_classification.image_runs import FAMILY
from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import default_config, imported

LABEL = task_view("classification", "accuracy")
TRANSFORMERS = [
    name for name in FAMILY.slots["backbone"].values if str(name).startswith(("vit_", "swin_", "eva02_"))
]
LIGHT = {"backbone": "resnet10t", "pretrained": False, "image_size": 64}
MANY = task_view("classification", "accuracy", 10**9)  # too many pictures to keep decoded


@pytest.mark.parametrize("backbone", TRANSFORMERS)
def test_transformers_take_pictures_of_any_size(backbone: str, tmp_path: Path) -> None:
    slots = {"backbone": backbone, "pretrained": False, "image_size": 160, "drop_path": 0.2}
    with imported(LABEL, slots, tmp_path, "models") as models, torch.device("meta"):
        model, _ = models.build_model(replace(default_config(), device="meta"), 5)
        for size in (96, 160, 352):
            assert model.train()(torch.zeros(2, size, size, 3, dtype=torch.uint8)).shape == (2, 5)


@pytest.mark.parametrize(
    "order", [("resnet10t", "eva02_base_patch14_448"), ("swin_base_patch4_window7_224", "resnet10t")]
)
def test_networks_of_different_kinds_are_built_with_their_own_options(
    order: tuple[str, str], tmp_path: Path
) -> None:
    slots = {
        "backbone": order[0],
        "second_backbone": order[1],
        "pretrained": False,
        "image_size": 96,
        "pooling": "gem",
    }
    with imported(LABEL, slots, tmp_path, "models") as models, torch.device("meta"):
        pooled = {}
        for name in order:
            model, _ = models.build_model(name, replace(default_config(), device="meta"), 5)
            assert model(torch.zeros(2, 96, 96, 3, dtype=torch.uint8)).shape == (2, 5)
            pooled[name] = any(isinstance(module, models.GeM) for module in model.modules())
    assert pooled == {name: name == "resnet10t" for name in order}


def test_generalised_mean_lies_between_mean_and_maximum(tmp_path: Path) -> None:
    maps = torch.rand(2, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    with imported(LABEL, {**LIGHT, "pooling": "gem"}, tmp_path, "models") as models:
        pool = models.GeM(flatten=True, config=default_config())
        pooled = pool(maps)
        with torch.no_grad():
            pool.exponent.fill_(1.0)
        assert torch.allclose(pool(maps), maps.mean(dim=(2, 3)), atol=1e-6)
    assert (maps.mean(dim=(2, 3)) < pooled).all()
    assert (pooled < maps.amax(dim=(2, 3))).all()


def test_the_exponent_of_the_generalised_mean_is_trained(tmp_path: Path) -> None:
    with imported(LABEL, {**LIGHT, "pooling": "gem"}, tmp_path, "models") as models:
        model, _ = models.build_model(default_config(), 3)
        logits = model.train()(torch.randint(0, 255, (2, 64, 64, 3), dtype=torch.uint8))
        logits.sum().backward()
        (pool,) = [module for module in model.modules() if isinstance(module, models.GeM)]
        assert pool.exponent.grad is not None


def test_drop_path_skips_blocks_in_training_only(tmp_path: Path) -> None:
    slots = {"backbone": "convnext_atto", "pretrained": False, "image_size": 32, "drop_path": 0.3}
    pictures = torch.randint(0, 255, (8, 32, 32, 3), dtype=torch.uint8)
    with imported(LABEL, slots, tmp_path, "models") as models, torch.no_grad():
        model, _ = models.build_model(default_config(), 3)
        for scale in (block.gamma for block in model.network.modules() if hasattr(block, "gamma")):
            scale.fill_(1.0)  # at the start a block adds next to nothing
        assert not torch.equal(model.train()(pictures), model(pictures))
        assert torch.equal(model.eval()(pictures), model(pictures))


def test_eight_views_are_the_rotations_and_mirror_images(tmp_path: Path) -> None:
    picture = torch.arange(4, dtype=torch.uint8).reshape(1, 2, 2, 1).expand(1, 2, 2, 3)
    with imported(LABEL, {**LIGHT, "tta": "d4"}, tmp_path, "inference") as inference:
        views = {tuple(view[0, :, :, 0].flatten().tolist()) for view in inference.turned(picture)}
    assert views == {
        (0, 1, 2, 3), (1, 3, 0, 2), (3, 2, 1, 0), (2, 0, 3, 1),
        (1, 0, 3, 2), (3, 1, 2, 0), (2, 3, 0, 1), (0, 2, 1, 3),
    }  # fmt: skip


def test_views_of_three_sizes_are_averaged(tmp_path: Path) -> None:
    seen = []

    class Sizes(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            seen.append((pictures.shape[1], pictures.dtype))
            return torch.tensor([[float(pictures.shape[1]), 0.0]])

    with imported(LABEL, {**LIGHT, "image_size": 256, "tta": "scales"}, tmp_path, "inference") as inference:
        picture = torch.zeros(1, 256, 256, 3, dtype=torch.uint8)
        found = inference.probabilities(Sizes(), picture, default_config())
    assert seen == [(size, torch.uint8) for size in (224, 224, 256, 256, 288, 288)]
    assert found[0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("task", [LABEL, MANY], ids=["decoded", "files"])
@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_squares_keep_the_proportions_on_request(resize: str, task: object, tmp_path: Path) -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, :20], picture[:, 60:] = (255, 0, 0), (0, 0, 255)  # blue left, red right, as OpenCV stores them
    file = tmp_path / "wide.png"
    cv2.imwrite(str(file), picture)
    with imported(task, {**LIGHT, "resize": resize}, tmp_path / "code", "dataset") as dataset:  # type: ignore[arg-type]
        square = dataset.read_picture(file, 40)
    assert square.shape == (40, 40, 3)
    left, middle, right, top = square[20, 2], square[20, 20], square[20, 37], square[2, 20]
    if resize == "crop":
        assert (left.tolist(), right.tolist()) == ([0, 0, 0], [0, 0, 0]), "both coloured ends are cut off"
    else:
        assert (left.tolist(), right.tolist()) == ([0, 0, 255], [255, 0, 0])
    assert top.tolist() == ([124, 116, 104] if resize == "pad" else [0, 0, 0])
    assert middle.tolist() == [0, 0, 0]


def test_crops_come_from_the_stored_size_and_predictions_do_not(tmp_path: Path) -> None:
    slots = {**LIGHT, "augmentation": "medium", "stored_scale": 1.5}
    with imported(LABEL, slots, tmp_path, "dataset") as dataset:
        config = default_config()
        stored = np.random.default_rng(0).integers(0, 255, (12, 96, 96, 3), dtype=np.uint8)
        rows = dataset.Rows([str(row) for row in range(12)], stored, np.zeros(12, np.int64))
        assert config.stored_size == 96
        trained, _ = next(iter(dataset.training_loader(config, rows, np.arange(12))))
        predicted, _ = next(iter(dataset.prediction_loader(config, rows)))
    assert trained.shape[1:] == predicted.shape[1:] == (64, 64, 3)
    assert np.array_equal(predicted[0], cv2.resize(stored[0], (64, 64), interpolation=cv2.INTER_AREA))


def test_every_network_has_its_own_learning_rate(tmp_path: Path) -> None:
    slots = {**LIGHT, "second_backbone": "tiny_cnn", "lr": 0.002, "second_lr": 3.0, "third_lr": 0.1}
    with imported(LABEL, slots, tmp_path, "config"):
        config = default_config()
        assert config.learning_rate_of("resnet10t") == pytest.approx(0.002)
        assert config.learning_rate_of("tiny_cnn") == pytest.approx(0.006)
