"""Guess the role of each input column (`mars init`)."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from agent.competition.canonical import GAP_WORDS, ColumnKind, column_kind, gap_words_in, with_like_marks
from agent.competition.pictures.index import build_index
from agent.competition.preparation.signals import is_signal
from agent.competition.spec import CsvForm, InputColumn, Role
from agent.core.errors import SetupError
from agent.core.format import listed
from agent.drafting.rules.images import (
    are_image_names,
    are_web_addresses,
    columns_left_out,
    explain_picture_names,
    explain_unmatched_images,
    guess_images,
)
from agent.drafting.rules.tables import FoundTables, Guess

_GROUP_NAME = re.compile(
    r"(.*[_\W])?(group|patient|subject|user|customer|session|household|player|speaker|person|study)([_\W]?id)?",
    re.IGNORECASE,
)
_ROWS_READ = 2_000
_MIN_GROUPS = 10
_MIN_TEXT_WORDS = 4  # mean words per cell
_MIN_NAME_WORDS = 1.5  # mean words per cell of names such as "Allen, Miss. Elisabeth"
_NAME_SHARE = 0.9  # of the rows that have a name of their own; as levels of a category they say nothing
_MIN_NAMES = 50  # rows
_MIN_SIGNAL_LENGTH = 8  # mean samples per cell; shorter lists are usually measurements or codes
_OTHER_SEPARATORS = str.maketrans(",;[]()", "      ")

GuessedInput = tuple[InputColumn, Guess]


def guess_inputs(
    tables: FoundTables, taken: Collection[str], id_column: str
) -> tuple[list[GuessedInput], list[str]]:
    """Guess the role of each column that the training table and the rows to predict share.

    Args:
        tables: The tables of the folder.
        taken: Columns that cannot be inputs: targets, folds, and columns that identify a row together.
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
        inputs.append((image.column, image.guess))
        image_key = image.key
        questions += image.questions
    elif (unmatched := explain_unmatched_images(tables, id_column)) is not None:
        questions.append(unmatched)
    left = {*taken, id_column, image_key, *tables.index_columns}
    for name in tables.train.columns:
        if name in left:
            continue
        if tables.test is None or name not in tables.test.columns:
            questions.append(
                f"Column '{name}' is left out: the rows to predict do not have that column. Is that right?"
            )
            continue
        if are_image_names(tables.train[name]):
            reason = explain_picture_names(tables.train[name], image, build_index(tables.folder))
            questions.append(f"Column '{name}' is left out: {reason}. Is that right?")
            continue
        guessed = _guess_role(tables, name)
        questions += guessed.questions
        if guessed.role is None:
            questions.append(f"Column '{name}' is left out: {guessed.reason}. Is that right?")
            continue
        column = InputColumn(name=name, role=guessed.role, day_first=guessed.day_first)
        inputs.append((column, Guess(f"inputs.{name}", guessed.role, guessed.reason)))
    if not inputs:
        faults = " ".join(question.removesuffix(" Is that right?") for question in questions[:2])
        raise SetupError(
            f"{tables.folder}: no input is left: there are no images, and {tables.train_name} shares no "
            f"usable column with {tables.source_of_rows}. {faults}".rstrip()
        )
    if beside := columns_left_out([column for column, _ in inputs]):
        questions.append(
            f"Models of pictures read only the pictures, not the other inputs: {', '.join(beside)}. "
            "Is that right?"
        )
    return inputs, [*questions, *_gap_questions(tables, inputs)]


@dataclass(frozen=True)
class _GuessedRole:
    role: Role | None  # None to leave the column out
    reason: str
    day_first: bool | None = None
    questions: tuple[str, ...] = ()


def _guess_role(tables: FoundTables, name: str) -> _GuessedRole:
    assert tables.test is not None
    train, test = tables.train[name], tables.test[name]
    present = train[train.str.strip() != ""]
    distinct = int(present.nunique())
    if distinct < 2:
        return _GuessedRole(None, "it has fewer than two values")
    if _GROUP_NAME.fullmatch(name) and _MIN_GROUPS <= distinct < 0.8 * len(present):
        return _guess_group(test, present, distinct)
    form = (tables.forms or {}).get(tables.train_name, CsvForm())
    alike, form = with_like_marks(train, test, form)
    kind = column_kind(*alike, name, csv=form)
    if kind.kind == "number":
        return _GuessedRole("number", _number_reason(kind), questions=kind.questions)
    if kind.kind == "clock":
        return _GuessedRole("number", "its values are times of day")
    if kind.kind == "date":
        return _guess_time(kind)
    return _guess_words(present, name, distinct)


def _guess_group(test: "pd.Series[str]", present: "pd.Series[str]", distinct: int) -> _GuessedRole:
    if test.isin(set(present)).mean() < 0.5:
        reason = f"named like a group; most rows to predict belong to none of the {distinct} training groups"
        return _GuessedRole("group", reason)
    reason = f"named like a group, but the rows to predict belong to the same {distinct} groups"
    return _GuessedRole("category", reason)


def _number_reason(kind: ColumnKind) -> str:
    reason = "its values are numbers"
    number = kind.number
    if number is not None and (number.decimal != "." or number.thousands is not None):
        marks = [f"decimal mark '{number.decimal}'"]
        if number.thousands is not None:
            mark = "blanks" if number.thousands == " " else f"'{number.thousands}'"
            marks.append(f"{mark} between thousands")
        reason += f" ({', '.join(marks)})"
    if kind.gap_words:
        verb = "means" if len(kind.gap_words) == 1 else "mean"
        reason += f"; {' and '.join(repr(word) for word in kind.gap_words[:4])} {verb} a missing value"
    return reason


def _guess_time(kind: ColumnKind) -> _GuessedRole:
    reason, date = "its values are dates", kind.date
    day_first = None if date is None else date.day_first
    if date is not None and day_first is not None:
        reason += f", the {'day' if day_first else 'month'} first"
    return _GuessedRole("time", reason, day_first, kind.questions)


def _guess_words(present: "pd.Series[str]", name: str, distinct: int) -> _GuessedRole:
    cells = present.head(_ROWS_READ)
    if (samples := _mean_signal_length(cells)) is not None:
        question = (
            f"Column '{name}' is read as signals: numbers in order of time or place. "
            "If their order means nothing, give each number its own column."
        )
        reason = f"{samples:.0f} numbers per row, separated by blanks"
        return _GuessedRole("signal", reason, questions=(question,))
    if _mean_signal_length(cells.str.translate(_OTHER_SEPARATORS)) is not None:
        reason = "its cells are lists of numbers; separate the numbers by blanks to use them as signals"
        return _GuessedRole(None, reason)
    words = mean_words(present)
    if distinct > len(present) / 2 and are_web_addresses(present):
        return _GuessedRole(None, "its cells are web addresses, and most rows differ")
    if words >= _MIN_TEXT_WORDS and distinct > len(present) / 2:
        return _GuessedRole("text", f"{words:.0f} words per row, most rows differ")
    if words >= _MIN_NAME_WORDS and distinct > _NAME_SHARE * len(present) and len(present) >= _MIN_NAMES:
        return _GuessedRole("text", "names: nearly every row has one of its own, and its words may repeat")
    return _GuessedRole("category", f"{distinct} different values")


def _gap_questions(tables: FoundTables, inputs: Sequence[GuessedInput]) -> list[str]:
    """Return a question about categories whose levels include a word for a missing value, such as NA."""
    assert tables.test is not None or all(column.role == "image" for column, _ in inputs)
    found: dict[str, list[str]] = {}
    for column, _ in inputs:
        if column.role == "category" and (words := gap_words_in(tables.train[column.name], GAP_WORDS)):
            found.setdefault(words[0], []).append(f"'{column.name}'")
    return [
        f"'{word}' stays a level of {listed(names, 5)}. If it means a missing value there, add "
        f"gaps: ['{word}'] to these inputs."
        for word, names in found.items()
    ]


def _mean_signal_length(cells: "pd.Series[str]") -> float | None:
    """Return the mean number of samples per cell; None if the cells are not signals."""
    lengths = [len(cell.split()) for cell in cells]
    if np.mean(lengths) < _MIN_SIGNAL_LENGTH or not cells.map(is_signal).all():
        return None
    return float(np.mean(lengths))


def mean_words(present: "pd.Series[str]") -> float:
    """Return the mean number of words per cell."""
    return float(np.mean([len(value.split()) for value in present.head(_ROWS_READ)]))
