"""Times the rendered asymmetric loss, forward and backward, against torch's BCEWithLogitsLoss, and checks it.

    python benchmarks/performance/asymmetric_loss.py [--rows 48] [--classes 3474] [--repeats 300]

The losses take turns, so that whatever else the machine does meets all of them; the best time of each counts.
For comparison the same formula runs in plain operations, which autograd differentiates. Gradients are
compared with those of the formula in float64.
"""

import argparse
import time
from collections.abc import Callable

import torch
from rendered_image_library import multilabel_task, rendered_modules
from torch.nn import functional

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
TOLERANCE = 1e-5  # of the largest slope
MARGIN, FOCUS = 0.05, 4


def plain_operations(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The formula (Ridnik et al. 2021, gamma+ 0, gamma- 4, margin 0.05), mean over cells of (B, C)."""
    shifted = (torch.sigmoid(logits) - MARGIN).clamp(min=0)
    negative = -(shifted**FOCUS) * torch.log1p(-shifted)
    return torch.where(targets > 0, -functional.logsigmoid(logits), negative).mean()


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
    (expected,) = torch.autograd.grad(plain_operations(exact, targets.double()), exact)
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
    (module,) = rendered_modules(["loss"], {"loss": "asymmetric"}, task)
    rendered: Loss = module.loss_function

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
        "plain operations": plain_operations,
    }
    best = dict.fromkeys(losses, float("inf"))
    for _ in range(arguments.repeats):
        for name, loss in losses.items():
            best[name] = min(best[name], seconds(loss, logits, targets))

    error = gradient_error(rendered, logits, targets)
    (slopes,) = torch.autograd.grad(rendered(logits, targets), logits)
    alive = bool((slopes[:, 0] < 0).all())
    print(f"{shape} logits, forward + backward, best of {arguments.repeats}, on {arguments.device}")
    for name, taken in best.items():
        ratio = taken / best["BCEWithLogitsLoss"]
        print(f"{name:20} {1000 * taken:8.3f} ms   {ratio:6.2f} times BCEWithLogitsLoss")
    print(f"gradient             {error:.1e} of its largest slope off the formula in float64")
    print(f"positives at -25     {'have' if alive else 'have no'} slope")
    raise SystemExit(0 if error < TOLERANCE and alive else 1)


if __name__ == "__main__":
    main()
