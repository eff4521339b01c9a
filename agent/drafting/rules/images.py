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
    PictureFile,
    PictureIndex,
    build_index,
    is_web_address,
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

_SIDE_FOLDER = re.compile(
    r"(?<![a-z])(masks?|labels?|seg|segmentations?|annotations?|gt|truth|thumbs?|thumbnails?|previews?|small"
    r"|overlays?|depth|heatmaps?)(?![a-z])",
    re.IGNORECASE,
)
"""Words of folders beside the pictures: their files often have the same names."""


@dataclass(frozen=True)
class GuessedImages:
    """The image input that was guessed."""

    column: InputColumn
    guess: Guess
    key: str
    """The column of the tables that the pattern uses."""

    rivals: tuple[str, ...]
    """Patterns that find other pictures for as many rows."""

    @property
    def questions(self) -> list[str]:
        """Return a question for the user if other pictures have the same names."""
        if not self.rivals:
            return []
        return [
            f"Several pictures have the name of a row: {self.column.path} is read, not "
            f"{' or '.join(self.rivals)}. Is that right?"
        ]


@dataclass(frozen=True)
class _Pattern:
    """A path pattern that is tried, and how the picture of a cell is found."""

    path: str
    find: Callable[[str, str], str | None]  # of a cell and a split: the picture's name

    @property
    def rank(self) -> tuple[bool, int]:
        """Return the order among patterns that find other pictures: folders with masks come last."""
        folders = self.path.split("/")[:-1]
        return any(_SIDE_FOLDER.search(folder) is not None for folder in folders), len(folders)


@dataclass(frozen=True)
class _Finding:
    """The pictures that a pattern finds."""

    pattern: _Pattern
    train: tuple[str | None, ...]
    test: tuple[str | None, ...]

    @property
    def count(self) -> int:
        return sum(name is not None for name in self.train + self.test)

    def finds_share(self, least: float) -> bool:
        """Return whether the pattern finds at least a share of the pictures of each table."""
        return all(
            sum(name is not None for name in part) >= least * len(part) for part in (self.train, self.test)
        )

    def is_rival_of(self, other: "_Finding") -> bool:
        """Return whether as many pictures are found as by another pattern, and all of them are others."""
        pairs = zip(self.train + self.test, other.train + other.test, strict=True)
        return self.count == other.count and all(one != two for one, two in pairs if one is not None)


def guess_images(tables: FoundTables, id_column: str) -> GuessedImages | None:
    """Guess the path pattern of the images.

    A plain pattern is preferred. A lookup by name is chosen if it finds more images.

    Returns:
        The image input; None without images.
    """
    to_predict = tables.test if tables.test is not None else tables.sample
    if to_predict is None:
        return None
    index = build_index(tables.folder)
    if not index.files:
        return None
    for key, least in _keys(tables.train, to_predict, id_column):
        train, test = _tried(tables.train[key]), _tried(to_predict[key])
        tried = [
            _Finding(
                pattern,
                tuple(pattern.find(cell, "train") for cell in train),
                tuple(pattern.find(cell, "test") for cell in test),
            )
            for pattern in _patterns(index, key, are_image_names(tables.train[key]), [*train, *test])
        ]
        enough = [one for one in tried if one.count and one.finds_share(least)]
        if enough:
            best, rivals = _choose(enough)
            reason = _reason(best.pattern.path, best.count, len(train) + len(test), index)
            name = "image" if key == id_column else key
            column = InputColumn(name=name, role="image", path=best.pattern.path)
            guess = Guess(f"inputs.{name}", best.pattern.path, reason)
            return GuessedImages(column, guess, key, rivals)
    return None


def _choose(findings: Sequence[_Finding]) -> tuple[_Finding, tuple[str, ...]]:
    """Return the best finding, and the patterns that find other pictures for as many rows."""
    first = max(findings, key=lambda one: one.count)  # the first of equal ones, which is the simplest
    distinct = [first]
    for one in findings:
        if all(one.is_rival_of(other) for other in distinct):
            distinct.append(one)
    best, *others = sorted(distinct, key=lambda one: one.pattern.rank)
    return best, tuple(one.pattern.path for one in others)


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
    parts = [split_path(value) for value in present]
    named = [bool(names) and os.path.splitext(names[-1])[1].lower() in endings for names in parts]
    return bool(named) and bool(np.mean(named) > 0.5)


def are_web_addresses(values: "pd.Series[str]") -> bool:
    """Return whether most of the first cells are web addresses."""
    present = values[values != ""].head(_ROWS_READ)
    return bool(len(present)) and bool(np.mean([is_web_address(value) for value in present]) > 0.5)


def explain_picture_names(values: "pd.Series[str]", images: GuessedImages | None, index: PictureIndex) -> str:
    """Return why a column that names pictures is no input."""
    cells = values[values != ""].head(_ROWS_READ)
    if images is not None and np.mean([bool(index.find(cell)) for cell in cells]) >= _MIN_FOUND:
        return f"models read one picture per row, which column '{images.key}' names"
    if are_web_addresses(values):
        return "its cells are web addresses of pictures; to use them, download the pictures into the folder"
    return "its cells name pictures that are not found"


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
    def find(value: str, split: str) -> str | None:
        return _only(index.find(f"{before.replace(_SPLIT, split)}{value}{after}")) if value else None

    return _Pattern(f"{ANY_FOLDERS}{_literal(before)}{cell}{_literal(after)}{ANY_ENDING}", find)


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

    def find(value: str, split: str) -> str | None:
        name = f"{prefix.replace(_SPLIT, split)}{value}{ending}"
        return name if name in names else None

    return _Pattern(f"{_literal(prefix)}{cell}{_literal(ending)}", find)


def _lookup_pattern(index: PictureIndex, root: str, cell: str, ending: str) -> _Pattern:
    def find(value: str, split: str) -> str | None:
        return _only(index.find(value, root.replace(_SPLIT, split)))

    return _Pattern(f"{_literal(root)}{ANY_FOLDERS}{cell}{ending}", find)


def _only(found: Sequence[PictureFile]) -> str | None:
    return found[0].name if len(found) == 1 else None


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
