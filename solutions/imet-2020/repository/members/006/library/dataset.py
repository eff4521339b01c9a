"""The data: tables, labels, pictures."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_array
from torch.utils.data import DataLoader, Dataset

from library.config import Config
from library.utils import cached_array

ID = "id"
TARGET = "attribute_ids"
SMOKE_ROWS = 64
PREDICTION_BATCH = 64
MAX_UNREADABLE = 0.01  # More than this share of pictures that cannot be read is an error.


@dataclass(frozen=True)
class Rows:
    """One part of the data, N rows."""

    ids: list[str]
    pictures: np.ndarray  # (N, S, S, 3) uint8
    files: str  # changes with the pictures' files
    truth: csr_array | None  # (N, C) bool; None for test rows

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
        parts[part] = Rows(table[ID].tolist(), pictures, fingerprint(files), truth)
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


def encode_labels(table: pd.DataFrame, classes: list[str], part: str) -> csr_array:
    """Space-separated labels as a sparse (N, C) bool matrix; a blank cell is the empty set."""
    position = {label: index for index, label in enumerate(classes)}
    sets = [cell.split() for cell in table[TARGET]]
    unknown = sorted({label for labels in sets for label in labels} - position.keys())
    if unknown:
        raise ValueError(f"{part}.csv has {len(unknown)} labels that classes.csv lacks, e.g. {unknown[0]!r}.")
    columns = [sorted({position[label] for label in labels}) for labels in sets]
    starts = np.cumsum([0, *map(len, columns)])
    indices = np.array([column for row in columns for column in row], dtype=np.int64)
    return csr_array((np.ones(len(indices), dtype=bool), indices, starts), shape=(len(sets), len(classes)))


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


class PictureSet(Dataset):
    """Chosen rows as (picture (S, S, 3) uint8, row number)."""

    def __init__(self, rows: Rows, chosen: np.ndarray) -> None:
        self._pictures = rows.pictures
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        row = int(self._chosen[index])
        picture = self._pictures[row]
        return np.array(picture), row


def prediction_loader(config: Config, rows: Rows, chosen: np.ndarray | None) -> DataLoader:
    """Batches of the chosen rows, or of all, in order."""
    wanted = np.arange(len(rows)) if chosen is None else chosen
    return DataLoader(PictureSet(rows, wanted), batch_size=PREDICTION_BATCH, **loading(config))


def loading(config: Config) -> dict[str, object]:
    """On a CPU the cores are busy with the network; beside a GPU they load pictures."""
    workers = min(8, torch.multiprocessing.cpu_count()) if config.device == "cuda" else 0
    return {"num_workers": workers, "pin_memory": workers > 0, "persistent_workers": workers > 0}
