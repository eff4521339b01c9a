"""Times the rendered asymmetric loss, forward and backward, and checks its gradient.

    python benchmarks/performance/asymmetric_loss.py [--rows 48] [--classes 3474] [--repeats 300]

The rendered loss is the plain formula, differentiated by autograd. It is compared with torch's
BCEWithLogitsLoss, with a hand-derived backward pass, and with a training step of the smallest pretrained
network: the share of a step that the hand-derived pass would save says whether it is worth its code. The
losses take turns, and the best time of each counts. Gradients are compared with the formula's in float64.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import timm
import torch
from rendered_image_library import multilabel_task, rendered_modules
from torch.autograd.function import once_differentiable
from torch.nn import functional

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
TOLERANCE = 1e-5  # of the largest slope
MARGIN, GAMMA = 0.05, 4
BACKBONE, PICTURE = "tf_efficientnet_lite0", 96  # the draft `finetuned_light`


def formula(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The formula (Ridnik et al. 2021, gamma+ 0, gamma- 4, margin 0.05), the mean of the rows' sums."""
    shifted = (torch.sigmoid(logits) - MARGIN).clamp(min=0)
    negative = -(shifted**GAMMA) * torch.log1p(-shifted)
    return torch.where(targets > 0, -functional.logsigmoid(logits), negative).sum(dim=1).mean()


class HandDerived(torch.autograd.Function):
    """The formula's sum, with a derivative in closed form: one array is kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        p = torch.sigmoid(logits)
        s = (p - MARGIN).clamp_(min=0).mul_(1 - targets)
        log = torch.log1p(-s)
        cube = s * s * s
        negatives = (cube * s).flatten().dot(log.flatten())
        positives = targets.flatten().dot(functional.logsigmoid(logits).flatten())
        slope = cube.mul_(s.div_(1 - s).sub_(log, alpha=4)).mul_(p)
        ctx.save_for_backward(slope.sub_(targets).mul_(1 - p))
        return -(negatives + positives)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None]:
        (slope,) = ctx.saved_tensors
        return upstream * slope, None


def hand_derived(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return HandDerived.apply(logits, targets) / len(logits)


def step_seconds(loss: Loss, targets: torch.Tensor, repeats: int) -> float:
    """The best time of a training step of the smallest pretrained network, without loading pictures."""
    network = timm.create_model(BACKBONE, num_classes=targets.shape[1]).to(targets.device)
    optimizer = torch.optim.AdamW(network.parameters())
    pictures = torch.rand(len(targets), 3, PICTURE, PICTURE, device=targets.device)
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        optimizer.zero_grad()
        loss(network(pictures), targets).backward()
        optimizer.step()
        if targets.is_cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return best


def seconds(loss: Loss, logits: torch.Tensor, targets: torch.Tensor) -> float:
    """One forward and backward pass."""
    logits.grad = None
    started = time.perf_counter()
    loss(logits, targets).backward()
    if logits.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started


def gradient_error(loss: Loss, logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Largest difference from the formula's slopes in float64, as a share of the largest slope."""
    exact = logits.detach().double().requires_grad_()
    (expected,) = torch.autograd.grad(formula(exact, targets.double()), exact)
    (ours,) = torch.autograd.grad(loss(logits, targets), logits)
    return float((ours.double() - expected).abs().max() / expected.abs().max())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=48)
    parser.add_argument("--classes", type=int, default=3_474)
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--threads", type=int, default=1, help="Threads of torch, on a CPU.")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    task = multilabel_task(n_train=100_000, n_classes=arguments.classes)
    module, settings = rendered_modules(["loss", "config"], {"loss": "asymmetric"}, task)
    config = settings.Config.from_environment(smoke=False)

    def rendered(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return module.loss_function(logits, targets, config)  # type: ignore[no-any-return]

    generator = torch.Generator().manual_seed(0)
    shape = (arguments.rows, arguments.classes)
    targets = (torch.rand(shape, generator=generator) < 5 / arguments.classes).float()
    logits = 2 * torch.randn(shape, generator=generator) - 4
    logits[:, 0], targets[:, 0] = (
        -25.0,
        1.0,
    )  # Hopeless positives: no slope in forms that clamp the logarithm.
    logits = logits.to(arguments.device).requires_grad_()
    targets = targets.to(arguments.device)

    losses: dict[str, Loss] = {
        "BCEWithLogitsLoss": torch.nn.BCEWithLogitsLoss(),
        "rendered": rendered,
        "hand-derived": hand_derived,
    }
    best = dict.fromkeys(losses, float("inf"))
    for _ in range(arguments.repeats):
        for name, loss in losses.items():
            best[name] = min(best[name], seconds(loss, logits, targets))

    step = step_seconds(rendered, targets, repeats=5)
    saved = best["rendered"] - best["hand-derived"]
    error = gradient_error(rendered, logits, targets)
    (slopes,) = torch.autograd.grad(rendered(logits, targets), logits)
    alive = bool((slopes[:, 0] < 0).all())
    print(f"{shape} logits, forward + backward, best of {arguments.repeats}, on {arguments.device}")
    for name, taken in best.items():
        ratio = taken / best["BCEWithLogitsLoss"]
        print(f"{name:20} {1000 * taken:8.3f} ms   {ratio:6.2f} times BCEWithLogitsLoss")
    print(f"training step        {1000 * step:8.1f} ms   {BACKBONE}, {PICTURE} px, without loading pictures")
    print(f"hand-derived saves   {100 * saved / step:8.2f} % of a training step")
    print(f"gradient             {error:.1e} of its largest slope off the formula in float64")
    print(f"positives at -25     {'have' if alive else 'have no'} slope")
    raise SystemExit(0 if error < TOLERANCE and alive else 1)


if __name__ == "__main__":
    main()
