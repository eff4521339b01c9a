"""Folders of pictures: names, places, forms of pixels, damaged files."""

import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tests.cases.case import Case, save_split

Picture = NDArray[np.uint8]
_ROWS = 96


def draw(index: int) -> Picture:
    """Return a picture (40, 40, 3): rows with an even index are bright on the left, others on the right."""
    rng = np.random.default_rng(index)
    picture = rng.integers(0, 50, (40, 40, 3)).astype(np.uint8)
    half = slice(0, 20) if index % 2 == 0 else slice(20, 40)
    picture[:, half] += rng.integers(120, 200, 3).astype(np.uint8)
    return picture


def _table() -> pd.DataFrame:
    ids = [f"q{index:04d}" for index in range(_ROWS)]
    return pd.DataFrame(
        {"id": ids, "side": ["left" if index % 2 == 0 else "right" for index in range(_ROWS)]}
    )


def _write(
    folder: Path,
    place: Callable[[str, int, str], str],
    pixels: Callable[[int], object] = draw,
    skip: Callable[[int], bool] = lambda index: False,
) -> pd.DataFrame:
    """Write the pictures at `place(part, index, id)` and return the table of all rows."""
    table = _table()
    for index, name in enumerate(table["id"]):
        part = "train" if index < _ROWS * 3 // 4 else "test"
        file = folder / place(part, index, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        if not skip(index):
            encoded = cv2.imencode(file.suffix.lower() or ".png", np.asarray(pixels(index)))[1]
            file.write_bytes(encoded.tobytes())
    return table


def _by_id(folder: Path, suffix: Callable[[int], str], **options: object) -> None:
    table = _write(folder, lambda part, index, name: f"{part}/{name}{suffix(index)}", **options)
    save_split(folder, table, "side")


def _without_suffix(folder: Path) -> None:
    _by_id(folder, lambda index: ".png")
    for file in [*folder.glob("*/*.png")]:
        file.rename(file.with_suffix(""))


def _damaged(folder: Path, keep: float) -> None:
    _by_id(folder, lambda index: ".jpg")
    for index in (3, 90):
        file = next(folder.glob(f"*/q{index:04d}.jpg"))
        content = file.read_bytes()
        file.write_bytes(content[: int(len(content) * keep)])


def _paths(folder: Path, prefix: str, mark: str) -> None:
    table = _write(folder, lambda part, index, name: f"shots/{name}.png")
    table.insert(
        1, "shot", [mark.join([*filter(None, [prefix]), "shots", f"{name}.png"]) for name in table["id"]]
    )
    save_split(folder, table, "side")


def _deep(folder: Path) -> None:
    table = _write(folder, lambda part, index, name: f"{part}/{index % 3}/{name[-1]}/{name}.png")
    save_split(folder, table, "side")


def _without_zeros(folder: Path) -> None:
    table = _write(folder, lambda part, index, name: f"{part}/{index + 1:04d}.png")
    table["id"] = np.arange(1, _ROWS + 1)
    save_split(folder, table, "side")


def _renamed(folder: Path, column: str, new: str) -> None:
    table = _write(folder, lambda part, index, name: f"{part}/{name}.png").rename(columns={column: new})
    save_split(folder, table, "side" if column == "id" else new)


def _zipped(folder: Path) -> None:
    _by_id(folder, lambda index: ".png")
    for part in ("train", "test"):
        shutil.make_archive(str(folder / part), "zip", folder / part)
        shutil.rmtree(folder / part)


def _class_folders(folder: Path) -> None:
    def place(part: str, index: int, name: str) -> str:
        return (
            f"test/{name}.png"
            if part == "test"
            else f"train/{'left' if index % 2 == 0 else 'right'}/{name}.png"
        )

    _write(folder, place)


def _with_masks(folder: Path) -> None:
    _by_id(folder, _png)
    for file in [*folder.glob("*/*.png")]:
        mask = folder / "masks" / file.parent.name / file.name
        mask.parent.mkdir(parents=True, exist_ok=True)
        mask.write_bytes(cv2.imencode(".png", np.full((40, 40), 255, np.uint8))[1].tobytes())


def _umlauts(folder: Path) -> None:
    def name(index: int, form: Literal["NFC", "NFD"]) -> str:
        return unicodedata.normalize(form, f"Bild {index} größe.png")

    table = _write(folder, lambda part, index, _: f"Fotos/{name(index, 'NFD' if index % 3 else 'NFC')}")
    table.insert(1, "Datei", [name(index, "NFC" if index % 5 else "NFD") for index in range(_ROWS)])
    save_split(folder, table, "side")


def _web_addresses(folder: Path) -> None:
    table = _write(folder, lambda part, index, name: f"shots/{name}.png")
    table.insert(1, "url", [f"https://a.org/x/{name}.png?w=40&h=40" for name in table["id"]])
    table["id"] = np.arange(1, _ROWS + 1)
    save_split(folder, table, "side")


def _twelve_bit(index: int) -> object:
    return draw(index)[:, :, 0].astype(np.uint16) * 4


def _drawn_in_alpha(index: int) -> object:
    ink = np.zeros((40, 40, 4), np.uint8)
    ink[:, :, 3] = draw(index).max(axis=2)
    return ink


def _png(index: int) -> str:
    return ".png"


PICTURE_CASES = [
    Case("mixed endings", lambda f: _by_id(f, lambda index: (".png", ".jpg", ".JPG")[index % 3]), best=0.9),
    Case(
        "some endings in capitals",
        lambda f: _by_id(f, lambda index: ".JPG" if index % 10 < 3 else ".jpg"),
        best=0.9,
    ),
    Case("no endings", _without_suffix, best=0.9),
    Case("12 bits in files of 16 bits", lambda f: _by_id(f, _png, pixels=_twelve_bit), best=0.9),
    Case("drawn in alpha", lambda f: _by_id(f, _png, pixels=_drawn_in_alpha), best=0.9),
    Case("truncated pictures", lambda f: _damaged(f, 0.05), best=0.9),
    Case("half pictures", lambda f: _damaged(f, 0.6), best=0.9),
    Case(
        "a tenth of the pictures to predict is missing",
        lambda f: _by_id(f, _png, skip=lambda index: index >= 72 and index % 10 == 3),
        best=0.9,
    ),
    Case("paths of Windows", lambda f: _paths(f, "", "\\"), {}, {"shot": "image"}, best=0.9),
    Case(
        "paths of another machine",
        lambda f: _paths(f, "/data/input/set", "/"),
        {},
        {"shot": "image"},
        best=0.9,
    ),
    Case("three folders deep", _deep, best=0.9),
    Case("ids without zeros", _without_zeros, best=0.9),
    Case("a quotation mark in a name", lambda f: _renamed(f, "id", "the \"picture\" 'id'"), best=0.9),
    Case("a backslash in a name", lambda f: _renamed(f, "side", "s\\new"), best=0.9),
    Case("pictures in zips", _zipped, best=0.9),
    Case("masks of the same names", _with_masks, {}, {"image": "image"}, best=0.9),
    Case("umlauts in two forms", _umlauts, {}, {"Datei": "image"}, best=0.9),
    Case("web addresses", _web_addresses, {}, {"url": "image"}, best=0.9),
    Case("folders of classes", _class_folders, {"task": "classification"}, best=0.9),
]
