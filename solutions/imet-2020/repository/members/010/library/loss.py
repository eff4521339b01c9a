"""What training minimises."""

import torch
from torch.nn import functional

NEGATIVE_FOCUS = 4
MARGIN = 0.05  # Negatives below this probability count as solved.


def loss_function(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Asymmetric loss (Ridnik et al. 2021, gamma+ 0), mean over all cells of (B, C); targets are 0 or 1.

    In log-sigmoid form a positive keeps its gradient however wrong its logit is.
    """
    logits = logits.float()
    shifted = (torch.sigmoid(logits) - MARGIN).clamp(min=0)
    positive = -functional.logsigmoid(logits)
    negative = -(shifted**NEGATIVE_FOCUS) * torch.log1p(-shifted)
    return torch.where(targets > 0, positive, negative).mean()
