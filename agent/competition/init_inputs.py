"""`mars init`: the role of each input column, and where pictures are."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from agent.competition.init_tables import FoundTables, Guess
from agent.competition.signals import is_signal
from agent.competition.spec import InputColumn, Role
from agent.errors import SetupError

_PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
_GROUP_NAME = re.compile(
    r"(.*[_\W])?(group|patient|subject|user|customer|session|household|player|speaker|person|study)([_\W]?id)?",
    re.IGNORECASE,
)
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?")
_LOOKED_AT = 2_000
_TRIED_ROWS = 20
_NUMERIC_SHARE = 0.95
_GROUPS_AT_LEAST = 10
_WORDS_OF_TEXT = 4
_SIGNAL_FROM = 8  # samples a row on average; fewer numbers are rather a few measurements or codes
_OTHER_MARKS = str.maketrans(",;[]()", "      ")  # that part numbers in other people's cells

GuessedInput = tuple[InputColumn, Guess]


def guess_inputs(
    tables: FoundTables, taken: Sequence[str], id_column: str
) -> tuple[list[GuessedInput], list[str]]:
    """Roles of all columns that rows to predict have too, pictures first; and what to ask the user.

    Raises:
        SetupError: no input is left.
    """
    inputs: list[GuessedInput] = []
    questions: list[str] = []
    image, image_key = guess_images(tables, id_column), None
    if image is not None:
        inputs.append(image[:2])
        image_key = image[2]
    for name in tables.train.columns:
        if name in {*taken, id_column, image_key}:
            continue
        if tables.test is None or name not in tables.test.columns:
            questions.append(f"Column '{name}' is left out: rows to predict do not have it. Is that right?")
            continue
        role, reason = _role(tables.train[name], tables.test[name])
        if role is None:
            questions.append(f"Column '{name}' is left out: {reason}. Is that right?")
            continue
        inputs.append((InputColumn(name=name, role=role), Guess(f"inputs.{name}", role, reason)))
        if role == "time":
            questions.append(
                f"Validation will be the rows that are latest by '{name}'. "
                "If rows to predict are not later ones, delete that input."
            )
        if role == "signal":
            questions.append(
                f"Column '{name}' is read as signals, numbers whose order matters. "
                "If it is no order of time or place, give each number a column of its own."
            )
    if not inputs:
        raise SetupError(
            f"{tables.folder}: no input is left: neither pictures nor a column that {tables.train_name} "
            f"shares with {tables.test_name or 'a test.csv'}. {' '.join(questions[:2])}".rstrip()
        )
    return inputs, questions


def guess_images(tables: FoundTables, id_column: str) -> tuple[InputColumn, Guess, str] | None:
    """The path pattern that finds the pictures of rows in all tables, and the column that it uses."""
    to_predict = tables.test if tables.test is not None else tables.sample
    folders = _picture_folders(tables.folder)
    if not folders or to_predict is None:
        return None
    shared = [name for name in tables.train.columns if name in to_predict.columns and name != id_column]
    keys = [name for name in shared if name_pictures(tables.train[name])] + [id_column]
    for key in keys:
        train = _pattern(tables.folder, folders, tables.train[key], key, "train")
        test = _pattern(tables.folder, folders, to_predict[key], key, "test")
        common = [pattern for pattern in train if pattern in test]
        if common:
            reason = f"finds the pictures of the first {_TRIED_ROWS} rows"
            column = InputColumn(name="image" if key == id_column else key, role="image", path=common[0])
            return column, Guess(f"inputs.{column.name}", common[0], reason), key
    return None


def _pattern(
    folder: Path, folders: list[tuple[str, str]], values: "pd.Series[str]", key: str, split: str
) -> list[str]:
    """Patterns under which most of the first rows have a file, '{split}' standing for train or test."""
    tried = values.head(_TRIED_ROWS).tolist()
    fitting = []
    for below, suffix in folders:
        for ending in ("", suffix):
            prefix = f"{below}/" if below != "." else ""
            found = np.mean([(folder / f"{prefix}{value}{ending}").is_file() for value in tried])
            if found > 0.5:
                literal = re.sub(rf"(?<![a-z]){split}(?![a-z])", "{split}", prefix, count=1)
                fitting += [f"{literal}{{{key}}}{ending}", f"{prefix}{{{key}}}{ending}"]
    return fitting


def _picture_folders(folder: Path) -> list[tuple[str, str]]:
    """Folders with pictures down to two levels, each as path ('.': the folder itself) and usual suffix."""
    found = []
    below = [path for pattern in ("*", "*/*") for path in sorted(folder.glob(pattern)) if path.is_dir()]
    for place in [folder, *below]:
        suffixes = Counter(path.suffix for path in place.iterdir() if path.suffix.lower() in _PICTURES)
        if suffixes:
            found.append((str(place.relative_to(folder)), suffixes.most_common(1)[0][0]))
    # Cells may hold paths from the folder itself, wherever the pictures are.
    if found and found[0][0] != ".":
        found.insert(0, (".", found[0][1]))
    return found


def name_pictures(values: "pd.Series[str]") -> bool:
    """Whether the first cells are names of picture files."""
    named = [Path(value).suffix.lower() in _PICTURES for value in values.head(_TRIED_ROWS)]
    return bool(np.mean(named) > 0.5)


def _role(train: "pd.Series[str]", test: "pd.Series[str]") -> tuple[Role | None, str]:
    present = train[train != ""]
    distinct = int(present.nunique())
    if distinct < 2:
        return None, "it has fewer than two values"
    if _GROUP_NAME.fullmatch(str(train.name)) and _GROUPS_AT_LEAST <= distinct < 0.8 * len(present):
        if test.isin(set(present)).mean() < 0.5:
            return (
                "group",
                f"named like a group; most rows to predict belong to none of the {distinct} known ones",
            )
        return "category", f"named like a group, but rows to predict belong to the same {distinct} ones"
    if are_numbers(present):
        return "number", "its values are numbers"
    if are_dates(present):
        return "time", "its values are dates"
    looked_at = present.head(_LOOKED_AT)
    if (samples := _samples_a_row(looked_at)) is not None:
        return "signal", f"{samples:.0f} numbers a row, parted by blanks"
    if _samples_a_row(looked_at.str.translate(_OTHER_MARKS)) is not None:
        return None, "its cells are lists of numbers; parted by blanks alone they would be signals"
    words = mean_words(present)
    if words >= _WORDS_OF_TEXT and distinct > len(present) / 2:
        return "text", f"{words:.0f} words a row, hardly any repeated"
    return "category", f"{distinct} different values"


def _samples_a_row(cells: "pd.Series[str]") -> float | None:
    """How many numbers a cell holds on average, if cells are signals."""
    lengths = [len(cell.split()) for cell in cells]
    if np.mean(lengths) < _SIGNAL_FROM or not cells.map(is_signal).all():
        return None
    return float(np.mean(lengths))


def are_numbers(present: "pd.Series[str]") -> bool:
    """Whether (nearly) all of the cells, none of them blank, are numbers."""
    return bool(pd.to_numeric(present.head(_LOOKED_AT), errors="coerce").notna().mean() >= _NUMERIC_SHARE)


def are_dates(present: "pd.Series[str]") -> bool:
    """Whether all of the cells, none of them blank, are dates."""
    return bool(present.head(_LOOKED_AT).map(is_date).all())


def is_date(text: str) -> bool:
    """Whether a text is a date, perhaps with a time."""
    return bool(_DATE.fullmatch(text))


def mean_words(present: "pd.Series[str]") -> float:
    """Words a cell."""
    return float(np.mean([len(value.split()) for value in present.head(_LOOKED_AT)]))
