"""Measure the seed's training loop against the rendered one on a GPU, then run the tests that need one.

    python benchmarks/performance/gpu.py [--device cuda] [--backbones resnet101d convnext_base] [--size 352]
        [--seconds 20] [--skip-tests]
    python benchmarks/performance/gpu.py --device cpu --quick    # tries the script itself

Both loops train on the same JPEG files, with random weights, 3,474 classes, the asymmetric loss, one cycle
and batches of 48. The seed's loop decodes each picture at each access by 8 processes and computes in fp16
with a scaler. The rendered loop reads its cache (pictures encoded at the network's size, as for iMet-2020).
Speed is that of whole steps after the first ones. The wait share is the time without a batch, in further
steps that each end with a synchronisation. Takes under 8 minutes.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import timm
import torch
from image_loading import SeedDataset, draw_pictures
from rendered_image_library import multilabel_task, rendered_modules
from scipy.sparse import csr_array
from torch.utils.data import DataLoader, RandomSampler

LIKE_IMET = 142_119  # training rows, which select the encoded cache
WORKERS = 8
MANY = 1_000_000  # steps or rows, more than any measurement takes
MARGIN, GAMMA = 0.05, 4

Batch = tuple[torch.Tensor, torch.Tensor]  # pictures, row numbers
Step = Callable[[torch.Tensor, torch.Tensor], object]


@dataclass(frozen=True)
class Setting:
    """What both loops have in common."""

    device: str
    backbone: str
    size: int
    batch: int
    classes: int
    seconds: float
    warm_up: int  # steps before the time counts
    files: list[Path]
    truth: csr_array  # (N, C) bool
    cache: Path


@dataclass(frozen=True)
class Measured:
    """Speed, waiting and memory of one loop."""

    images_per_s: float
    wait_share: float
    peak_gib: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--backbones", nargs="+", default=["resnet101d", "convnext_base"])
    parser.add_argument("--size", type=int, default=352, help="Side of the network's input in pixels.")
    parser.add_argument("--pictures", type=int, default=1920)
    parser.add_argument("--seconds", type=float, default=20.0, help="Measured seconds per loop.")
    parser.add_argument("--quick", action="store_true", help="Tiny networks and pictures, to try the script.")
    parser.add_argument("--skip-tests", action="store_true", help="Measure only.")
    arguments = parser.parse_args()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("No CUDA device is visible; --device cpu --quick tries the script without one.")
    if arguments.quick:
        arguments.backbones, arguments.size, arguments.pictures = ["resnet10t", "convnext_atto"], 64, 64
        arguments.seconds = min(arguments.seconds, 2.0)
    with tempfile.TemporaryDirectory() as folder:
        print_table(arguments, Path(folder))
    if not arguments.skip_tests:
        root = Path(__file__).resolve().parents[2]
        command = [sys.executable, "-m", "pytest", "-q", "-rs", "-m", "gpu", "tests/gpu"]
        raise SystemExit(subprocess.run(command, cwd=root, check=False).returncode)


def print_table(arguments: argparse.Namespace, folder: Path) -> None:
    """Measure each network with each loop and print a Markdown table."""
    cv2.setNumThreads(0)
    files = draw_pictures(folder, arguments.pictures, "jpg")
    classes = 20 if arguments.quick else 3_474
    labels = np.random.default_rng(0).random((len(files), classes)) < 3 / classes
    name = torch.cuda.get_device_name() if arguments.device == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, {arguments.size} pixels\n")
    print("| network | loop | images per second | wait for batches | peak memory |")
    print("| --- | --- | --- | --- | --- |", flush=True)
    for backbone in arguments.backbones:
        setting = Setting(
            device=arguments.device,
            backbone=backbone,
            size=arguments.size,
            batch=8 if arguments.quick else 48,
            classes=classes,
            seconds=arguments.seconds,
            warm_up=2 if arguments.quick else 15,
            files=files,
            truth=csr_array(labels),
            cache=folder / "cache",
        )
        print_row(backbone, "the seed's, fp16", measure(setting, *seed_loop(setting)))
        for amp in ("bf16", "fp16"):
            print_row(backbone, f"rendered, {amp}", measure(setting, *rendered_loop(setting, amp)))


def print_row(backbone: str, loop: str, measured: Measured) -> None:
    speed, wait = f"{measured.images_per_s:.1f}", f"{measured.wait_share:.0%}"
    print(f"| {backbone} | {loop} | {speed} | {wait} | {measured.peak_gib:.2f} GiB |", flush=True)


def measure(setting: Setting, loader: DataLoader[Batch], step: Step) -> Measured:
    """Take steps: some untimed, then timed ones as a whole, then some that measure the waiting."""
    on_gpu = setting.device == "cuda"
    synchronise = torch.cuda.synchronize if on_gpu else lambda: None
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    batches = iter(loader)
    for _ in range(setting.warm_up):
        step(*next(batches))
    synchronise()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < setting.seconds:
        pictures, indices = next(batches)
        step(pictures, indices)
        count += len(indices)
    synchronise()
    speed = count / (time.perf_counter() - started)
    waited, whole = waiting_time(batches, step, synchronise, setting.seconds / 4)
    peak = torch.cuda.max_memory_allocated() / 2**30 if on_gpu else 0.0
    return Measured(speed, waited / whole, peak)


def waiting_time(
    batches: Iterator[Batch], step: Step, synchronise: Callable[[], None], seconds: float
) -> tuple[float, float]:
    """Return the seconds without a batch, and all seconds, of steps that the device completes."""
    started, waited = time.perf_counter(), 0.0
    while time.perf_counter() - started < seconds:
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        step(*batch)
        synchronise()
    return waited, time.perf_counter() - started


class NumberedSeedDataset(SeedDataset):
    """Adds the row number, by which the loop finds the labels."""

    def __getitem__(self, row: int) -> Batch:  # type: ignore[override]
        return super().__getitem__(row), torch.tensor(row)


def seed_loop(setting: Setting) -> tuple[DataLoader[Batch], Step]:
    """Return the loader and the training step of the seed solution."""
    data = NumberedSeedDataset(setting.files, setting.size)
    workers = WORKERS if setting.device == "cuda" else 0
    loader: DataLoader[Batch] = DataLoader(
        data,  # type: ignore[arg-type]
        batch_size=setting.batch,
        sampler=RandomSampler(data, replacement=True, num_samples=MANY),
        num_workers=workers,
        pin_memory=workers > 0,
        drop_last=True,
    )
    model = timm.create_model(setting.backbone, num_classes=setting.classes).to(setting.device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-3, total_steps=MANY)
    on_gpu = setting.device == "cuda"
    scaler = torch.amp.GradScaler(setting.device, enabled=on_gpu)  # type: ignore[attr-defined]

    def step(pictures: torch.Tensor, indices: torch.Tensor) -> None:
        labels = torch.from_numpy(setting.truth[indices.numpy()].toarray().astype(np.float32))
        pictures, labels = pictures.to(setting.device), labels.to(setting.device)
        with torch.autocast(setting.device, dtype=torch.float16, enabled=on_gpu):
            logits = model(pictures)
        loss = asymmetric_loss(logits.float(), labels)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        schedule.step()

    return loader, step


def asymmetric_loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the asymmetric loss (Ridnik et al. 2021, gamma+ 0), in float32."""
    shifted = (torch.sigmoid(logits) - MARGIN).clamp(min=0)
    negatives = (1 - targets) * shifted**GAMMA * torch.log1p(-shifted)
    positives = targets * torch.nn.functional.logsigmoid(logits)
    return -(positives + negatives).sum(dim=1).mean()


def rendered_loop(setting: Setting, amp: str) -> tuple[DataLoader[Batch], Step]:
    """Return the loader and the training step of a rendered repository; its cache is filled first."""
    slots = {
        "backbone": setting.backbone,
        "pretrained": False,
        "image_size": setting.size,
        "augmentation": "none",
        "loss": "asymmetric",
        "schedule": "onecycle",
        "batch_size": setting.batch,
        "amp": amp,
    }
    task = multilabel_task(n_train=LIKE_IMET, n_classes=setting.classes)
    names = ["config", "dataset", "models", "fit", "checkpoint", "device", "utils"]
    settings, dataset, models, fit, checkpoint, device, utils = rendered_modules(names, slots, task)
    config = replace(
        settings.Config.from_environment(smoke=False),
        device=setting.device,
        cache=utils.Cache(setting.cache),
        checkpoints=checkpoint.Checkpoints(None),
    )
    device.set_up_device(config.device)
    pictures, _ = dataset.load_pictures(setting.files, config)
    rows = dataset.Rows([file.stem for file in setting.files], pictures, setting.truth)
    numbers = np.tile(np.arange(len(rows)), MANY // len(rows))
    loader = dataset.training_loader(config, rows, numbers)
    model, _ = models.build_model(config, setting.classes)
    model.train()
    trainer = fit.Trainer(
        model,
        config=config,
        data=SimpleNamespace(train=rows),
        budget=fit.StepBudget(MANY, float("inf"), 0.0, config),
        checkpoint=checkpoint.Checkpoint(config, setting.backbone, ""),
        report=print,
    )
    return loader, trainer.learn


if __name__ == "__main__":
    main()
