"""Guess the role of each input column (`mars init`)."""

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from agent.competition.preparation.signals import is_signal
from agent.competition.spec import InputColumn, Role
from agent.core.errors import SetupError
from agent.drafting.rules.images import guess_images
from agent.drafting.rules.tables import FoundTables, Guess

_GROUP_NAME = re.compile(
    r"(.*[_\W])?(group|patient|subject|user|customer|session|household|player|speaker|person|study)([_\W]?id)?",
    re.IGNORECASE,
)
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?")
_ROWS_READ = 2_000
_MIN_NUMERIC_SHARE = 0.95
_MIN_GROUPS = 10
_MIN_TEXT_WORDS = 4  # mean words per cell
_MIN_SIGNAL_LENGTH = 8  # mean samples per cell; shorter lists are usually measurements or codes
_OTHER_SEPARATORS = str.maketrans(",;[]()", "      ")

GuessedInput = tuple[InputColumn, Guess]


def guess_inputs(
    tables: FoundTables, taken: Sequence[str], id_column: str
) -> tuple[list[GuessedInput], list[str]]:
    """Guess the role of each column that the training table and the rows to predict share.

    Args:
        tables: The tables of the folder.
        taken: Columns that cannot be inputs: targets and folds.
        id_column: The column that identifies rows.

    Returns:
        The inputs, images first, and the questions for the user.

    Raises:
        SetupError: The folder has no input.
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
            questions.append(
                f"Column '{name}' is left out: the rows to predict do not have that column. Is that right?"
            )
            continue
        role, reason = _guess_role(tables.train[name], tables.test[name])
        if role is None:
            questions.append(f"Column '{name}' is left out: {reason}. Is that right?")
            continue
        inputs.append((InputColumn(name=name, role=role), Guess(f"inputs.{name}", role, reason)))
        if role == "time":
            questions.append(
                f"The validation rows will be the latest rows by '{name}'. "
                "If the rows to predict are not later, delete that input."
            )
        if role == "signal":
            questions.append(
                f"Column '{name}' is read as signals: numbers in order of time or place. "
                "If their order means nothing, give each number its own column."
            )
    if not inputs:
        raise SetupError(
            f"{tables.folder}: no input is left: there are no images, and {tables.train_name} shares no "
            f"usable column with {tables.test_name or 'a test.csv'}. {' '.join(questions[:2])}".rstrip()
        )
    return inputs, questions


def _guess_role(train: "pd.Series[str]", test: "pd.Series[str]") -> tuple[Role | None, str]:
    """Return the role of a column, None to leave the column out, and the reason."""
    present = train[train != ""]
    distinct = int(present.nunique())
    if distinct < 2:
        return None, "it has fewer than two values"
    if _GROUP_NAME.fullmatch(str(train.name)) and _MIN_GROUPS <= distinct < 0.8 * len(present):
        if test.isin(set(present)).mean() < 0.5:
            return (
                "group",
                f"named like a group; most rows to predict belong to none of the {distinct} training groups",
            )
        return "category", f"named like a group, but the rows to predict belong to the same {distinct} groups"
    if are_numbers(present):
        return "number", "its values are numbers"
    if are_dates(present):
        return "time", "its values are dates"
    cells = present.head(_ROWS_READ)
    if (samples := _mean_signal_length(cells)) is not None:
        return "signal", f"{samples:.0f} numbers per row, separated by blanks"
    if _mean_signal_length(cells.str.translate(_OTHER_SEPARATORS)) is not None:
        return None, "its cells are lists of numbers; separate the numbers by blanks to use them as signals"
    words = mean_words(present)
    if words >= _MIN_TEXT_WORDS and distinct > len(present) / 2:
        return "text", f"{words:.0f} words per row, most rows differ"
    return "category", f"{distinct} different values"


def _mean_signal_length(cells: "pd.Series[str]") -> float | None:
    """Return the mean number of samples per cell; None if the cells are not signals."""
    lengths = [len(cell.split()) for cell in cells]
    if np.mean(lengths) < _MIN_SIGNAL_LENGTH or not cells.map(is_signal).all():
        return None
    return float(np.mean(lengths))


def are_numbers(present: "pd.Series[str]") -> bool:
    """Return whether at least 95 % of the non-blank cells are numbers."""
    share = pd.to_numeric(present.head(_ROWS_READ), errors="coerce").notna().mean()
    return bool(share >= _MIN_NUMERIC_SHARE)


def are_dates(present: "pd.Series[str]") -> bool:
    """Return whether all of the non-blank cells are dates."""
    return bool(present.head(_ROWS_READ).map(is_date).all())


def is_date(text: str) -> bool:
    """Return whether a text is a date, with or without a time of day."""
    return bool(_DATE.fullmatch(text))


def mean_words(present: "pd.Series[str]") -> float:
    """Return the mean number of words per cell."""
    return float(np.mean([len(value.split()) for value in present.head(_ROWS_READ)]))
