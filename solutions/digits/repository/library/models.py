"""The network."""

import torch
from torch import nn

from library.config import Config


class Classifier(nn.Module):
    """A network that takes pictures as they are stored: (B, S, S, 3) uint8 -> logits (B, C)."""

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", 255 * torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.network(self.normalise(pictures))

    def normalise(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, S, S, 3) uint8 -> (B, 3, S, S) float, channels last in memory."""
        return (pictures.permute(0, 3, 1, 2).float() - self.mean) / self.std


class TinyCNN(nn.Module):
    """3 stages of two 3x3 convolutions, each stage at half the size of the one before."""

    WIDTHS = (32, 64, 128)

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        layers = []
        for before, width in zip((3, *self.WIDTHS), self.WIDTHS, strict=False):
            layers += [convolution(before, width, stride=2), convolution(width, width, stride=1)]
        self.stages = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(self.WIDTHS[-1], n_classes))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.stages(images)  # (B, D, S', S')
        return self.classifier(maps.mean(dim=(2, 3)))


def convolution(before: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )


def build_model(config: Config, n_classes: int) -> tuple[Classifier, str]:
    """The network on its device, and what its weights are."""
    network = TinyCNN(n_classes)
    return place(Classifier(network, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)), config), "random"


def place(model: Classifier, config: Config) -> Classifier:
    return model.to(config.device, memory_format=torch.channels_last)


def precision(device: str | torch.device) -> torch.autocast:
    """bf16 where it pays: on a GPU."""
    kind = torch.device(device).type
    return torch.autocast(kind, dtype=torch.bfloat16, enabled=kind == "cuda")
