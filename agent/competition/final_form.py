"""Writing and reading of the file to submit in the form of the user's sample submission."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from agent.competition.final_columns import FinalColumn, FinalForm
from agent.competition.labels import as_flag, split_labels
from agent.competition.row_ids import joined_keys
from agent.competition.tables import write_table
from agent.competition.untrusted_csv import SubmissionError, TextColumn, read_header, read_text_columns
from agent.core.atomic_files import atomic_file


def fill_sample(
    form: FinalForm, sample: pd.DataFrame, predictions: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return the table to submit, with columns by place.

    Args:
        form: the form of the file.
        sample: the cells of the sample submission, one column per column of the form, by place.
        predictions: the cells of the canonical submission by column, in the order of the sample.
    """
    cells = {
        place: sample.iloc[:, place].tolist()
        if column.source is None
        else [format_cell(form, column, cell) for cell in predictions[column.source]]
        for place, column in enumerate(form.columns)
    }
    return pd.DataFrame(cells)


def format_cell(form: FinalForm, column: FinalColumn, cell: str) -> str:
    """Return a predicted cell in the user's form."""
    match column.kind:
        case "number":
            return cell.replace(".", form.decimal)
        case "flag":
            return str(int(column.label in cell.split()))
        case "labels" if form.label_names or form.label_separator is not None:
            names = [form.label_names.get(label, label) for label in cell.split()]
            return (form.label_separator or " ").join(names)
    return cell


def write_final(file: Path, form: FinalForm, table: pd.DataFrame) -> None:
    """Write the table to submit; a reader sees the old file or the complete new one."""
    header = [column.name for column in form.columns]
    with atomic_file(file, "submission") as path:
        write_table(table, path, form.separator, header)


def read_final(
    file: Path, form: FinalForm, canonical: Sequence[str], ids: Sequence[str]
) -> list[TextColumn] | None:
    """Read a file in the user's form as columns of the canonical submission, the ids first.

    Args:
        file: the file.
        form: the user's form.
        canonical: the columns of the canonical submission, the id column first.
        ids: the ids of the rows by place; not used if the form has id columns.

    Returns:
        The columns, or None if the header is that of another form.

    Raises:
        SubmissionError: the file is damaged, or a cell cannot be read.
    """
    needed = [*form.id_columns, *dict.fromkeys(column.name for column in form.filled)]
    header = read_header(file, form.separator, own=True)
    if any(header.count(name) != 1 for name in needed):
        return None
    columns = {column.name: column for column in read_text_columns(file, needed, form.separator, own=True)}
    rows = len(next(iter(columns.values())).text)
    keys = pa.array(_row_ids([columns[name] for name in form.id_columns], rows, ids), pa.string())
    found = {canonical[0]: TextColumn(file.name, ", ".join(form.id_columns) or canonical[0], keys)}
    by_source: dict[str, list[FinalColumn]] = {}
    for column in form.filled:
        by_source.setdefault(str(column.source), []).append(column)
    for source, parts in by_source.items():
        if parts[0].kind == "flag":
            found[source] = _joined_flags(file, parts, columns)
        else:
            text = columns[parts[0].name]
            cells = [parse_cell(form, parts[0], cell) for cell in text.text.to_pylist()]
            found[source] = TextColumn(file.name, text.name, pa.array(cells, pa.string()))
    if missing := [name for name in canonical if name not in found]:
        raise SubmissionError(
            f"{file.name}: the file holds no predictions of {missing[0]!r}, which the metric needs."
        )
    return [found[name] for name in canonical]


def _row_ids(columns: Sequence[TextColumn], rows: int, by_place: Sequence[str]) -> list[str]:
    if not columns:
        return [*by_place[:rows], *(f"row {number}" for number in range(len(by_place) + 1, rows + 1))]
    if len(columns) == 1:
        ids: list[str] = columns[0].text.to_pylist()
        return ids
    names = [column.name for column in columns]
    return joined_keys(pd.DataFrame({column.name: column.text.to_pylist() for column in columns}), names)


def parse_cell(form: FinalForm, column: FinalColumn, cell: str) -> str:
    """Return the canonical cell of a cell in the user's form."""
    if column.kind == "number":
        return cell.replace(form.decimal, ".")
    if column.kind == "labels" and (form.label_names or form.label_separator is not None):
        internal = {name: label for label, name in form.label_names.items()}
        return " ".join(internal.get(label, label) for label in split_labels(cell, form.label_separator))
    return cell


def _joined_flags(file: Path, parts: Sequence[FinalColumn], columns: Mapping[str, TextColumn]) -> TextColumn:
    """Return the label sets of columns of 0 and 1, as cells of the canonical column."""
    rows: list[list[str]] = [[] for _ in columns[parts[0].name].text]
    for part in parts:
        for row, cell in enumerate(columns[part.name].text.to_pylist()):
            flag = as_flag(cell)
            if flag is None:
                raise columns[part.name].fault(row + 1, "is neither 0 nor 1")
            if flag:
                rows[row].append(str(part.label))
    cells = pa.array([" ".join(row) for row in rows], pa.string())
    return TextColumn(file.name, str(parts[0].source), cells)
