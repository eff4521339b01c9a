"""Compare loading speed on one core in the second epoch: the rendered data set against the seed's.

    python benchmarks/performance/image_loading.py [--pictures 768] [--size 352] [--format png] [--epochs 3]

The seed's data set reads, decodes, resizes, flips and normalises a picture at every access. The rendered data
set decodes and resizes once into its cache (the first epoch), flips cached pictures, and leaves normalisation
to the network's device. That device may be the same core, so the benchmark also times it with normalisation.
The cache holds decoded pixels up to 2 GB, else JPEG; both are timed. The data sets run in turns; the best
epoch of each counts.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import albumentations
import cv2
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from rendered_image_library import multilabel_task, rendered_modules
from torch.utils.data import DataLoader, Dataset

BATCH = 48
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ROWS = {
    "decoded": 1_000,
    "encoded": 100_000,
}  # numbers of training rows at 352 pixels that select the cache format

Batches = Callable[[], Iterable[torch.Tensor]]


class SeedDataset(Dataset[torch.Tensor]):
    """Decodes and resizes a picture at every access, as the seed solution does."""

    def __init__(self, files: list[Path], size: int) -> None:
        self._files = files
        self._transform = albumentations.Compose(
            [
                albumentations.Resize(size, size),
                albumentations.HorizontalFlip(p=0.5),
                albumentations.Normalize(MEAN, STD),
                ToTensorV2(),
            ]
        )

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, row: int) -> torch.Tensor:
        picture = cv2.cvtColor(cv2.imread(str(self._files[row])), cv2.COLOR_BGR2RGB)
        return self._transform(image=picture)["image"]  # type: ignore[no-any-return]


def draw_pictures(folder: Path, count: int, suffix: str) -> list[Path]:
    """Draw smooth random pictures with grain, 300 x 400 pixels, about the size of those of iMet-2020."""
    rng = np.random.default_rng(0)
    files = []
    for number in range(count):
        smooth = cv2.resize(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8), (400, 300), interpolation=3)
        grain = rng.normal(0, 6, smooth.shape)
        file = folder / f"{number:05}.{suffix}"
        cv2.imwrite(str(file), np.clip(smooth + grain, 0, 255).astype(np.uint8))
        files.append(file)
    return files


def seed_batches(files: list[Path], size: int) -> Batches:
    loader = DataLoader(SeedDataset(files, size), batch_size=BATCH, shuffle=True, drop_last=True)
    return lambda: loader


def rendered_batches(files: list[Path], size: int, kept: str, cache: Path, normalised: bool) -> Batches:
    """Fill the cache of the rendered training loader and return its batches."""
    slots = {"backbone": "resnet101d", "image_size": size, "augmentation": "none", "flip": True}
    task = multilabel_task(n_train=ROWS[kept], n_classes=3_474)
    names = ["dataset", "models", "utils", "config"]
    dataset, models, utils, settings = rendered_modules(names, slots, task)
    config = replace(
        settings.Config.from_environment(smoke=False),
        batch_size=BATCH,
        device="cpu",
        cache=utils.Cache(cache / kept),
    )
    pictures, _ = dataset.load_pictures(files, config)
    rows = dataset.Rows([file.stem for file in files], pictures, None)
    loader = dataset.training_loader(config, rows, np.arange(len(files)))
    prepare = models.Classifier(torch.nn.Identity(), MEAN, STD) if normalised else torch.nn.Identity()
    return lambda: (prepare(batch) for batch, _ in loader)


def epoch_rate(batches: Batches) -> float:
    """Return the pictures per second of one epoch."""
    started = time.perf_counter()
    count = sum(len(batch) for batch in batches())
    return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=768)
    parser.add_argument("--size", type=int, default=352, help="Side of the network's input in pixels.")
    parser.add_argument("--format", choices=["png", "jpg"], default="png", help="Format; iMet-2020 uses PNG.")
    parser.add_argument("--epochs", type=int, default=3, help="Timed epochs per data set.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        root = Path(folder)
        files = draw_pictures(root, arguments.pictures, arguments.format)
        data_sets = {"seed's": seed_batches(files, arguments.size)}
        for kept in ROWS:
            for normalised in (False, True):
                name = f"rendered, {kept}{', normalised' if normalised else ''}"
                batches = rendered_batches(files, arguments.size, kept, root / "cache", normalised)
                data_sets[name] = batches
        for batches in data_sets.values():
            epoch_rate(batches)  # the first epoch fills the system's file cache
        best = dict.fromkeys(data_sets, 0.0)
        for _ in range(arguments.epochs):
            for name, batches in data_sets.items():
                best[name] = max(best[name], epoch_rate(batches))
    print(f"{arguments.pictures} {arguments.format} pictures of 300 x 400 -> {arguments.size}, one core")
    for name, rate in best.items():
        ratio = rate / best["seed's"]
        print(f"{name:30} {rate:8.0f} pictures per second   {ratio:6.2f} times the seed's")


if __name__ == "__main__":
    main()
