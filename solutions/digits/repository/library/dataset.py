"""The data: tables, labels, pictures and their augmentation."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import albumentations as A
import cv2
import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset

from library.config import Config
from library.utils import cached_array

ID = "id"
TARGET = "label"
SMOKE_ROWS = 64
PREDICTION_BATCH = 64
MAX_UNREADABLE = 0.01  # More than this share of pictures that cannot be read is an error.


@dataclass(frozen=True)
class Rows:
    """One part of the data, N rows."""

    ids: list[str]
    pictures: np.ndarray  # (N, S, S, 3) uint8
    truth: np.ndarray | None  # (N,) class indices; None for test rows

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Data:
    """Everything the solution learns from and predicts."""

    classes: list[str]
    train: Rows
    val: Rows
    test: Rows
    submission_ids: list[str]  # in the order of the sample submission
    unreadable: list[str]  # files whose pictures are the mean colour instead


def load_data(config: Config) -> Data:
    """Reads the tables and pictures; a smoke run takes a random few rows of each."""
    cv2.setNumThreads(0)  # The pool below uses the cores already.
    classes = read_table(config.metadata / "classes.csv")["label"].tolist()
    sample = read_table(config.metadata / "sample_submission.csv")
    parts = {}
    unreadable = []
    total = 0
    for part in ("train", "val", "test"):
        table = read_table(config.metadata / f"{part}.csv")
        if config.smoke and len(table) > SMOKE_ROWS:
            table = table.sample(SMOKE_ROWS, random_state=config.seed)
        files = [config.input / name for name in table["file_path"]]
        pictures, faulty = load_pictures(files, config)
        truth = None if part == "test" else encode_labels(table, classes, part)
        parts[part] = Rows(table[ID].tolist(), pictures, truth)
        unreadable += [str(files[row]) for row in faulty]
        total += len(table)
    if len(unreadable) > MAX_UNREADABLE * total:
        raise ValueError(
            f"{len(unreadable)} of {total} pictures cannot be read, such as {', '.join(unreadable[:3])}; "
            f"at most {MAX_UNREADABLE:.0%} may be."
        )
    if unreadable:
        print(f"A mean colour stands in for {len(unreadable)} unreadable pictures, such as {unreadable[0]}.")
    submission_ids = sample[ID].tolist()
    if config.smoke:
        predicted = set(parts["test"].ids)
        submission_ids = [row_id for row_id in submission_ids if row_id in predicted]
    return Data(classes, **parts, submission_ids=submission_ids, unreadable=unreadable)


def read_table(file: Path) -> pd.DataFrame:
    """A CSV file with every cell as the text it is: ids and labels are no numbers."""
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def encode_labels(table: pd.DataFrame, classes: list[str], part: str) -> np.ndarray:
    """Labels as class indices (N,)."""
    position = {label: index for index, label in enumerate(classes)}
    unknown = sorted(set(table[TARGET]) - position.keys())
    if unknown:
        raise ValueError(f"{part}.csv has {len(unknown)} labels that classes.csv lacks, e.g. {unknown[0]!r}.")
    return table[TARGET].map(position).to_numpy(dtype=np.int64)


def read_picture(file: Path, size: int) -> np.ndarray | None:
    """Decodes and resizes a picture to (S, S, 3) RGB uint8; None if it is missing or damaged."""
    if not file.is_file():
        return None
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if picture is None:
        return None
    shrinks = min(picture.shape[:2]) > size
    picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def read_pictures(files: list[Path], size: int) -> Iterator[np.ndarray | None]:
    """Pictures in order, decoded by as many threads as torch may use."""
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        yield from pool.map(lambda file: read_picture(file, size), files)


def fingerprint(files: list[Path]) -> str:
    """What tells these files from others, and from themselves before a change."""
    digest = sha256()
    for file in files:
        found = file.stat() if file.is_file() else None
        digest.update(f"{file} {found and (found.st_size, found.st_mtime_ns)}\n".encode())
    return digest.hexdigest()


def load_pictures(files: list[Path], config: Config) -> tuple[np.ndarray, list[int]]:
    """Pictures (N, S, S, 3) uint8, decoded once and kept in the cache, and the rows that cannot be read."""
    key = ("pictures", config.image_size, fingerprint(files))

    @cache
    def decode() -> tuple[np.ndarray, np.ndarray]:
        pictures = np.zeros((len(files), config.image_size, config.image_size, 3), dtype=np.uint8)
        readable = np.ones(len(files), dtype=bool)
        for row, picture in enumerate(read_pictures(files, config.image_size)):
            if picture is None:
                readable[row] = False
            else:
                pictures[row] = picture
        if not readable.all() and readable.any():
            pictures[~readable] = pictures[readable].mean(axis=(0, 1, 2)).astype(np.uint8)
        return pictures, np.flatnonzero(~readable)

    unreadable = cached_array(config.cache, (*key, "unreadable"), lambda: decode()[1])
    return cached_array(config.cache, key, lambda: decode()[0]), unreadable.tolist()


def augmentation(config: Config) -> A.Compose:
    """Random changes that leave the label as it is."""
    return A.Compose(
        [
            A.Affine(
                scale=(0.9, 1.1),
                translate_percent=(-0.08, 0.08),
                rotate=(-12, 12),
                border_mode=cv2.BORDER_REPLICATE,
                p=0.9,
            ),
        ],
        seed=config.seed,
    )


def seed_worker(worker: int) -> None:
    """Gives every loading process a random stream of its own."""
    torch.utils.data.get_worker_info().dataset.augment.set_random_seed(torch.initial_seed() % 2**32)


class PictureSet(Dataset):
    """Chosen rows as (picture (S, S, 3) uint8, row number), augmented if asked."""

    def __init__(self, rows: Rows, chosen: np.ndarray, augment: A.Compose | None = None) -> None:
        self._pictures = rows.pictures
        self._chosen = chosen
        self.augment = augment

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        row = int(self._chosen[index])
        picture = self._pictures[row]
        if self.augment is not None:
            picture = self.augment(image=np.asarray(picture))["image"]
        return np.array(picture), row


def training_loader(config: Config, rows: Rows, chosen: np.ndarray) -> DataLoader:
    """Shuffled batches; a last short batch is dropped where that costs little, as batch norm dislikes it."""
    batch_size = max(1, min(config.batch_size, len(chosen) // 4))
    return DataLoader(
        PictureSet(rows, chosen, augmentation(config)),
        batch_size=batch_size,
        shuffle=True,
        drop_last=len(chosen) > batch_size,
        generator=torch.Generator().manual_seed(config.seed),
        worker_init_fn=seed_worker,
        **loading(config),
    )


def prediction_loader(config: Config, rows: Rows) -> DataLoader:
    """Batches in order."""
    everything = PictureSet(rows, np.arange(len(rows)))
    return DataLoader(everything, batch_size=PREDICTION_BATCH, **loading(config))


def loading(config: Config) -> dict[str, object]:
    """On a CPU the cores are busy with the network; beside a GPU they load pictures."""
    workers = min(8, torch.multiprocessing.cpu_count()) if config.device == "cuda" else 0
    return {"num_workers": workers, "pin_memory": workers > 0, "persistent_workers": workers > 0}
