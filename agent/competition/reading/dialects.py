"""The dialect of a text table: separator, quotation mark and escapes, decided from its first rows."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

if TYPE_CHECKING:
    import _csv

USUAL = (",", ";", "\t", "|")
MARKED = (",", ";")
"""Separators of programs that put quotation marks around cells. With others, the marks may be text."""

_RARE = (" ", ":", "^", "~", "\x01", "\x1f", "\xa6", "!", "#")
_LONGEST_CELL = 2**31 - 1
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar", " ": "blank"}

Escape = Literal["none", "quotes", "all"]


@dataclass(frozen=True)
class Dialect:
    """How cells are separated and quoted."""

    separator: str
    quote: str | None = '"'
    escape: Escape = "none"
    """What a backslash protects: nothing, quotation marks alone (R), or any character."""

    skips_blanks: bool = False
    """Whether blanks stand between a separator and a quotation mark."""


@dataclass(frozen=True)
class Fit:
    """How well a dialect explains the first rows."""

    dialect: Dialect
    header: int  # cells
    width: int  # cells of most rows
    share: float  # of the rows with that width
    is_strict: bool  # every quotation mark stands at an end of a cell

    @property
    def is_exact(self) -> bool:
        """Return whether all rows have the width of the header."""
        return self.share == 1.0 and self.width == self.header

    @property
    def is_even(self) -> bool:
        """Return whether all rows have one width, which may be that of a header with row names."""
        return self.share == 1.0 and 0 <= self.width - self.header <= 1 and self.header > 1


def name_of(separator: str) -> str:
    """Return the name of a separator for messages."""
    return _NAMES.get(separator, repr(separator))


def decide_dialect(lines: Sequence[str], separator: str | None = None) -> Dialect:
    """Return the dialect of the lines, which start with the header.

    Args:
        lines: the first lines of the file with their line ends.
        separator: the separator, if it is known.
    """
    if separator is not None:
        return _best_quotes(lines, separator).dialect
    fits = [_best_quotes(lines, mark) for mark in USUAL]
    strict = [fit for fit in fits if fit.is_strict]
    rare = [_best_quotes(lines, mark) for mark in _RARE if mark in lines[0]] if lines else []
    for group in (strict, [fit for fit in rare if fit.is_strict], fits):
        exact = [fit for fit in group if fit.is_exact and fit.header > 1]
        if exact or (exact := [fit for fit in group if fit.is_even]):
            return max(exact, key=lambda fit: fit.header).dialect
    if lines and not any(mark in lines[0] for mark in USUAL):
        column = _single_column(lines)
        if column is not None:
            return column
    near = [fit for fit in fits if max(fit.width, fit.header) > 1]
    if near:
        return max(near, key=lambda fit: (fit.header > 1, fit.share, fit.header)).dialect
    return fits[0].dialect


def simplify(text: bytes, dialect: Dialect) -> bytes:
    """Return the text without what the parser does not know: marks that R escapes, blanks before marks."""
    if dialect.escape == "quotes":
        text = text.replace(b'\\"', b'""')
    if dialect.skips_blanks and dialect.separator == " ":
        text = re.sub(rb"(?m)^ +| +(?=\r?$)", b"", re.sub(rb" {2,}", b" ", text))
    elif dialect.skips_blanks:
        text = re.sub(
            re.escape(dialect.separator.encode()) + rb' +"', dialect.separator.encode() + b'"', text
        )
    return text


def _single_column(lines: Sequence[str]) -> Dialect | None:
    """Return the dialect of a table of one column, or None if the rows look like several columns.

    The separator of the dialect occurs in no cell outside quotation marks.
    """
    fits = [_fit(lines, Dialect(mark)) for mark in (*USUAL, "\x1f")]
    wide = [
        fit
        for fit in fits
        if fit is not None
        and fit.share > 0.9
        and (
            fit.width > 1
            if fit.dialect.separator == ","
            else fit.width > 2 and len(lines) > 3 and _has_texts_side_by_side(lines, fit.dialect)
        )
    ]
    has_decimals = all(re.fullmatch(r"\D?\d*,\d+\D?\s*", line) for line in lines[1:] if line.strip())
    if wide and not has_decimals:
        return None  # the header is a title, or lacks names
    for fit in fits:
        if fit is not None and fit.is_exact and fit.is_strict:
            return fit.dialect
    return Dialect("\x1f", None)


def _has_texts_side_by_side(lines: Sequence[str], dialect: Dialect) -> bool:
    """Return whether most rows hold text in at least two cells. Cells of marks alone are text themselves."""
    rows = read_rows(lines, dialect, strict=False)[1:]
    full = [sum(cell.strip() != "" for cell in row) > 1 for row in rows]
    return 2 * sum(full) > len(full)


def _best_quotes(lines: Sequence[str], separator: str) -> Fit:
    """Return the fit of the most usual quotation that explains the lines."""
    text = "".join(lines)
    usual = Dialect(separator, skips_blanks=separator == " " and "  " in text and '"' not in text)
    tried = [usual]
    if '\\"' in text:
        tried.append(replace(usual, escape="quotes"))
    if "\\" in text:
        tried.append(replace(usual, escape="all"))
        tried.append(Dialect(separator, None, "all"))
    if "'" in text and re.search(rf"(?:^|{re.escape(separator)})'", text, re.MULTILINE):
        tried.append(replace(usual, quote="'"))
    if separator + ' "' in text:
        tried.append(replace(usual, skips_blanks=True))
    if '"' in text and separator not in MARKED:
        tried.append(replace(usual, quote=None))
    fits = [fit for dialect in tried if (fit := _fit(lines, dialect)) is not None]
    if not fits:
        return Fit(usual, 0, 0, 0.0, False)
    wraps = _wrapped_in_single_quotes(lines, separator)
    ranked = sorted(
        enumerate(fits),
        key=lambda item: (
            not (wraps and item[1].dialect.quote == "'"),
            not ((item[1].is_exact or item[1].is_even) and item[1].is_strict),
            item[1].dialect.quote is None,
            not item[1].is_exact,
            -item[1].share,
            item[0],
        ),
    )
    return ranked[0][1]


def _wrapped_in_single_quotes(lines: Sequence[str], separator: str) -> bool:
    """Return whether the header cells all stand in single quotation marks."""
    cells = lines[0].strip("\r\n").split(separator) if lines else []
    return bool(cells) and all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in cells)


def _fit(lines: Sequence[str], dialect: Dialect) -> Fit | None:
    source = [line.replace('\\"', '""') for line in lines] if dialect.escape == "quotes" else lines
    is_strict = True
    try:
        widths = [len(row) for row in read_rows(source, dialect, strict=True)]
    except csv.Error:
        is_strict = False
        try:
            widths = [len(row) for row in read_rows(source, dialect, strict=False)]
        except csv.Error:
            return None
    if not is_strict and dialect.escape != "none":
        return None
    if not widths:
        return None
    header, counts = widths[0], Counter(widths[1:])
    if not counts:
        return Fit(dialect, header, header, 1.0, is_strict)
    width, count = max(counts.items(), key=lambda item: (item[1], item[0] == header))
    return Fit(dialect, header, width, count / sum(counts.values()), is_strict)


def csv_reader(lines: Iterable[str], dialect: Dialect, *, strict: bool) -> "_csv.Reader":
    """Return a reader of lines. A strict one raises csv.Error for a quotation mark within a cell."""
    csv.field_size_limit(_LONGEST_CELL)
    return csv.reader(
        lines,
        delimiter=dialect.separator,
        quotechar=dialect.quote,
        quoting=csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL,
        escapechar="\\" if dialect.escape == "all" else None,
        skipinitialspace=dialect.skips_blanks,
        strict=strict,
    )


def open_rows(text: pa.Buffer, dialect: Dialect, *, strict: bool, end: str | None = None) -> "_csv.Reader":
    """Return a reader of a whole text; `end` is a line to add below it."""
    lines = io.TextIOWrapper(io.BufferedReader(pa.BufferReader(text)), encoding="utf-8", newline="")
    return csv_reader(lines if end is None else chain(lines, ["\n", end]), dialect, strict=strict)


def read_rows(lines: Sequence[str], dialect: Dialect, *, strict: bool) -> list[list[str]]:
    """Return the rows of some lines without empty ones; a last row that is cut off is left out.

    Raises:
        csv.Error: a quotation mark stands within a cell (strict), or a cell is too long.
    """
    rows = []
    reader = csv_reader(lines, dialect, strict=strict)
    try:
        for row in reader:
            if row:
                rows.append(row)
    except csv.Error as error:
        if "unexpected end" not in str(error):
            raise
    return rows
