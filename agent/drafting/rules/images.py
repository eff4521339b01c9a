"""Guess the column and the path pattern of images (`mars init`)."""

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from agent.competition.pictures.index import (
    PICTURE_SUFFIXES,
    UNREAD_SUFFIXES,
    PictureIndex,
    build_index,
    split_path,
    without_suffix,
)
from agent.competition.preparation.media import ANY_ENDING, ANY_FOLDERS
from agent.competition.spec import InputColumn
from agent.drafting.rules.tables import FoundTables, Guess

_ROWS_READ = 200  # of a column, to see what its cells are
_ROWS_TRIED = 1_000  # per table
_FOLDERS_TRIED = 30
_AFFIXES_TRIED = 4
_MIN_FOUND = 0.5  # share of the rows of each table
_MIN_FOUND_BY_OTHERS = 0.9  # of a column that is neither the id nor named like a picture
_PICTURE_WORD = re.compile(r"image|img|picture|photo|file|path|frame|scan|slide", re.IGNORECASE)
_WORDS = re.compile(r"[^\W_]+"), re.compile(r"\d+")
_SPLIT_WORD = re.compile(r"(?<![a-z])train(?![a-z])")
_SPLIT = "\0"  # stands for {split} in folders, since their names may hold braces

GuessedImages = tuple[InputColumn, Guess, str]


@dataclass(frozen=True)
class _Pattern:
    """A path pattern that is tried, and how the picture of a cell is found."""

    path: str
    is_found: Callable[[str, str], bool]  # of a cell and a split


def guess_images(tables: FoundTables, id_column: str) -> GuessedImages | None:
    """Guess the path pattern of the images.

    A plain pattern is preferred. A lookup by name is chosen if it finds more images.

    Returns:
        The image input, the guess with its reason, and the column that the pattern uses; None without images.
    """
    to_predict = tables.test if tables.test is not None else tables.sample
    if to_predict is None:
        return None
    index = build_index(tables.folder)
    if not index.files:
        return None
    for key, least in _keys(tables.train, to_predict, id_column):
        train, test = _tried(tables.train[key]), _tried(to_predict[key])
        best, best_found = None, 0
        for pattern in _patterns(index, key, are_image_names(tables.train[key]), [*train, *test]):
            found = [
                sum(pattern.is_found(cell, split) for cell in cells)
                for cells, split in ((train, "train"), (test, "test"))
            ]
            enough = found[0] >= least * len(train) and found[1] >= least * len(test)
            if enough and sum(found) > best_found:
                best, best_found = pattern, sum(found)
        if best is not None:
            reason = _reason(best.path, best_found, len(train) + len(test), index)
            column = InputColumn(name="image" if key == id_column else key, role="image", path=best.path)
            return column, Guess(f"inputs.{column.name}", best.path, reason), key
    return None


def explain_unmatched_images(tables: FoundTables, id_column: str) -> str | None:
    """Return sentences for a folder with pictures that no row names; None without pictures."""
    index = build_index(tables.folder)
    if not index.files:
        return " ".join(index.faults) or None
    named = [name for name in tables.train.columns if are_image_names(tables.train[name])]
    key = (named or [id_column])[0]
    if key not in tables.train.columns or not len(tables.train):
        return None
    cell = next((one for one in tables.train[key] if one), "")
    several = index.find(cell)
    if len(several) > 1:
        return (
            f"The cell {cell!r} in column '{key}' of {tables.train_name} may mean {several[0].name} or "
            f"{several[1].name}. Write the path of one of them into the column, or move the others away."
        )
    found = (
        f"The folder has {len(index.files)} pictures ({index.describe()}), but no column names them: "
        f"column '{key}' of {tables.train_name} has {cell!r}. "
        "Write the paths of the pictures into a column of both tables."
    )
    return " ".join([found, *index.faults])


def are_image_names(values: "pd.Series[str]") -> bool:
    """Return whether most of the first cells are names or paths of image files, of any system."""
    present = values[values != ""].head(_ROWS_READ)
    endings = PICTURE_SUFFIXES | UNREAD_SUFFIXES
    named = [os.path.splitext(value.strip())[1].lower() in endings for value in present]
    return bool(named) and bool(np.mean(named) > 0.5)


def columns_left_out(inputs: Sequence[InputColumn]) -> list[str]:
    """Return the inputs that models of pictures do not read."""
    if not any(column.role == "image" for column in inputs):
        return []
    return [column.name for column in inputs if column.role not in ("image", "group", "time")]


def _keys(train: pd.DataFrame, to_predict: pd.DataFrame, id_column: str) -> list[tuple[str, float]]:
    """Return the columns that may name images, the likely ones first, and the least share of found images."""
    shared = [name for name in train.columns if name in to_predict.columns]
    named = [name for name in shared if are_image_names(train[name])]
    likely = [name for name in shared if _PICTURE_WORD.search(name)]
    others = [name for name in shared if _are_names(train[name])]
    keys = dict.fromkeys([*named, *likely, *([id_column] if id_column in shared else [])], _MIN_FOUND)
    return list({**keys, **{name: _MIN_FOUND_BY_OTHERS for name in others if name not in keys}}.items())


def _are_names(values: "pd.Series[str]") -> bool:
    """Return whether most cells differ and hold letters, as names of files do and measurements do not."""
    cells = values.head(_ROWS_READ)
    distinct = cells.nunique() > 0.9 * len(cells)
    return distinct and bool(cells.str.contains(r"[^\W\d_]", regex=True).mean() > 0.9)


def _tried(values: "pd.Series[str]") -> list[str]:
    """Return cells that are spread over the whole column."""
    return values.iloc[:: max(1, len(values) // _ROWS_TRIED)].tolist()


def _reason(path: str, found: int, tried: int, index: PictureIndex) -> str:
    reason = f"finds {found} of {tried} tried image files"
    if ANY_FOLDERS in path:
        reason += ", in any folder by name"
    if path.endswith(ANY_ENDING):
        reason += ", with any ending"
    if index.archives:
        reason += f"; read from {', '.join(archive.file.name for archive in index.archives)}"
    return reason


def _patterns(index: PictureIndex, key: str, has_endings: bool, cells: Sequence[str]) -> list[_Pattern]:
    """Return the patterns to try, the simplest first."""
    cell = f"{{{key}}}"
    names = {picture.name for picture in index.files}
    patterns = []
    for folder, ending in _plain_places(index):
        patterns += [
            _plain_pattern(place, cell, ending, names)
            for place in dict.fromkeys([_with_split(folder), folder])
        ]
    ending = "" if has_endings else ANY_ENDING
    folders = list(dict.fromkeys(_with_split(name.rpartition("/")[0]) for name in names))
    parted = sorted({_up_to_split(folder) for folder in folders if _SPLIT in folder})
    tops = sorted({picture.name.partition("/")[0] for picture in index.files if "/" in picture.name})
    roots = [f"{root}/" for root in parted] + ([f"{tops[0]}/"] if len(tops) == 1 else []) + [""]
    roots += [f"{top}/" for top in tops if f"{top}/" not in roots][:_FOLDERS_TRIED]
    lookups = [_lookup_pattern(index, root, cell, ending) for root in roots]
    return [*patterns, *lookups, *_affixed_patterns(index, cell, cells)]


def _affixed_patterns(index: PictureIndex, cell: str, cells: Sequence[str]) -> list[_Pattern]:
    """Return lookups for names with the same text around every cell: 7 in img_7.png or img_007.png."""
    affixes = Counter[tuple[str, str]]()
    stems = [without_suffix(picture.name.rpartition("/")[2]) for picture in index.files[:_ROWS_READ]]
    known = {value.lstrip("0") or "0" for value in cells if value}
    for stem in stems:
        for match in [match for words in _WORDS for match in words.finditer(stem)]:
            if (match.group().lstrip("0") or "0") in known:
                affixes[stem[: match.start()], stem[match.end() :]] += 1
    common = [affix for affix, _ in affixes.most_common(_AFFIXES_TRIED) if any(affix)]
    return [
        _affixed_pattern(index, cell, part, after)
        for before, after in common
        for part in dict.fromkeys([_with_split(before), before])
    ]


def _affixed_pattern(index: PictureIndex, cell: str, before: str, after: str) -> _Pattern:
    def is_found(value: str, split: str) -> bool:
        return bool(value) and len(index.find(f"{before.replace(_SPLIT, split)}{value}{after}")) == 1

    return _Pattern(f"{ANY_FOLDERS}{_literal(before)}{cell}{_literal(after)}{ANY_ENDING}", is_found)


def _plain_places(index: PictureIndex) -> list[tuple[str, str]]:
    """Return folders and endings of images: cells may hold paths below the folder itself, or file names."""
    places = Counter[tuple[str, str]]()
    for picture in index.files:
        folder, _, name = picture.name.rpartition("/")
        places[folder, os.path.splitext(name)[1]] += 1
    common = sorted(place for place, _ in places.most_common(_FOLDERS_TRIED))
    folders = dict.fromkeys(folder for folder, _ in common)
    above = dict.fromkeys(folder.partition("/")[0] for folder in folders)
    return [("", ""), *((folder, "") for folder in {**folders, **above} if folder), *common]


def _plain_pattern(place: str, cell: str, ending: str, names: set[str]) -> _Pattern:
    prefix = f"{place}/" if place else ""

    def is_found(value: str, split: str) -> bool:
        return f"{prefix.replace(_SPLIT, split)}{value}{ending}" in names

    return _Pattern(f"{_literal(prefix)}{cell}{_literal(ending)}", is_found)


def _lookup_pattern(index: PictureIndex, root: str, cell: str, ending: str) -> _Pattern:
    def is_found(value: str, split: str) -> bool:
        return bool(split_path(value)) and len(index.find(value, root.replace(_SPLIT, split))) == 1

    return _Pattern(f"{_literal(root)}{ANY_FOLDERS}{cell}{ending}", is_found)


def _literal(text: str) -> str:
    """Return text for a pattern: braces in names of folders are no fields."""
    return text.replace("{", "{{").replace("}", "}}").replace(_SPLIT, "{split}")


def _with_split(folder: str) -> str:
    """Return a folder with the mark of the split for the first word "train"."""
    return _SPLIT_WORD.sub(_SPLIT, folder, count=1)


def _up_to_split(folder: str) -> str:
    """Return a folder up to the part with the mark of the split."""
    parts = folder.split("/")
    return "/".join(parts[: next(n for n, part in enumerate(parts) if _SPLIT in part) + 1])
