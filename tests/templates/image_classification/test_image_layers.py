"""Learning rates by layer: bounded in the stem however deep the network, on the meta device."""

import itertools
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import timm
import torch

from tests.templates.image_classification.image_runs import FAMILY
from tests.templates.image_classification.picture_competitions import task_view
from tests.templates.image_classification.rendered_library import default_config, imported

LABEL = task_view("classification", "accuracy")
BACKBONES = [str(name) for name in FAMILY.slots["backbone"].values if name != "tiny_cnn"]


def network_of(name: str) -> torch.nn.Module:
    """The network without memory for its weights."""
    with torch.device("meta"):
        network: torch.nn.Module = timm.create_model(name, num_classes=7)
    return network


def groups_of(module: ModuleType, network: torch.nn.Module) -> list[dict[str, Any]]:
    optimizer = module.make_optimizer(network, default_config())
    module.set_learning_rate(optimizer, 1.0)
    groups: list[dict[str, Any]] = optimizer.param_groups
    return groups


@pytest.mark.parametrize(("decay", "stem"), [(0.85, 0.377), (0.7, 0.118), (0.4, 0.05)])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_stem_learns_at_its_share_of_the_rate_in_every_network(
    tmp_path: Path, backbone: str, decay: float, stem: float
) -> None:
    network = network_of(backbone)
    with imported(LABEL, {"backbone": "lcnet_050", "layer_decay": decay}, tmp_path, "fit") as module:
        groups = groups_of(module, network)
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    parameters = dict(network.named_parameters())
    assert sum(len(group["params"]) for group in groups) == len(rates) == len(parameters), "each once"
    assert min(rates.values()) == pytest.approx(stem, abs=1e-3)
    assert max(rates.values()) == 1.0
    first, *_, last = parameters.values()
    assert rates[id(first)] == min(rates.values())
    assert rates[id(last)] == 1.0
    levels = sorted(set(rates.values()))
    assert 5 <= len(levels) <= 26, "stages or blocks (24 in the largest network), not layers"
    ratios = [b / a for a, b in itertools.pairwise(levels)]
    assert max(ratios) < 2.2


@pytest.mark.parametrize("decay", [1.0, 0.85])
@pytest.mark.parametrize("backbone", BACKBONES)
def test_norms_biases_and_positions_do_not_decay(tmp_path: Path, backbone: str, decay: float) -> None:
    network = network_of(backbone)
    with imported(LABEL, {"backbone": "lcnet_050", "layer_decay": decay}, tmp_path, "fit") as module:
        groups = groups_of(module, network)
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert set(decays.values()) == {0.0, default_config_decay(decays)}
    kept = set(network.no_weight_decay()) if hasattr(network, "no_weight_decay") else set()
    for name, parameter in network.named_parameters():
        assert (decays[id(parameter)] > 0) == (parameter.ndim > 1 and name not in kept), name


def default_config_decay(decays: dict[int, float]) -> float:
    """The only decay beside none."""
    (decay,) = set(decays.values()) - {0.0}
    assert decay == FAMILY.slots["weight_decay"].default
    return decay
