"""Time the rendered asymmetric loss, forward and backward, against BCEWithLogitsLoss, and check gradients.

    python benchmarks/performance/asymmetric_loss.py [--rows 48] [--classes 3474] [--repeats 300]

The losses run in turns, so that other load on the machine affects all of them; the best time of each counts.
For comparison, the same formula also runs as plain operations that autograd differentiates. Gradients are
compared with those of the formula in float64.
"""

import argparse
import time
from collections.abc import Callable

import torch
from rendered_image_library import multilabel_task, rendered_modules
from torch.nn import functional

Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
TOLERANCE = 1e-5  # share of the largest gradient
MARGIN, GAMMA = 0.05, 4


def plain_operations(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the loss of Ridnik et al. 2021 (gamma+ 0, gamma- 4, margin 0.05), mean over (B, C)."""
    shifted = (torch.sigmoid(logits) - MARGIN).clamp(min=0)
    negative = -(shifted**GAMMA) * torch.log1p(-shifted)
    return torch.where(targets > 0, -functional.logsigmoid(logits), negative).mean()


def seconds(loss: Loss, logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the seconds of one forward and backward pass."""
    logits.grad = None
    started = time.perf_counter()
    loss(logits, targets).backward()
    if logits.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started


def gradient_error(loss: Loss, logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the largest error of the gradients, relative to the largest gradient in float64."""
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
    )  # Positives at -25: forms that clamp the logarithm have zero gradient there.
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
    (gradients,) = torch.autograd.grad(rendered(logits, targets), logits)
    nonzero = bool((gradients[:, 0] < 0).all())
    print(f"{shape} logits, forward + backward, best of {arguments.repeats}, on {arguments.device}")
    for name, taken in best.items():
        ratio = taken / best["BCEWithLogitsLoss"]
        print(f"{name:20} {1000 * taken:8.3f} ms   {ratio:6.2f} times BCEWithLogitsLoss")
    print(f"gradient error       {error:.1e}, relative to the largest gradient in float64")
    print(f"positives at -25     {'nonzero' if nonzero else 'zero'} gradient")
    raise SystemExit(0 if error < TOLERANCE and nonzero else 1)


if __name__ == "__main__":
    main()
