"""What training minimises."""

import torch
from torch.nn import functional


def loss_function(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy: logits (B, C), class indices (B,)."""
    return functional.cross_entropy(logits.float(), targets)
