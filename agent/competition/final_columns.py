"""The form of the file to submit: the columns, names and marks of the user's sample submission."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CellKind = Literal["sample", "text", "number", "labels", "flag"]


class FinalColumn(BaseModel):
    """One column of the file to submit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: CellKind = Field(
        default="sample",
        description="sample: the sample's own cells; text: cells of `source`; number: with the decimal mark; "
        "labels: the user's names of labels; flag: 1 if `label` is in the set, else 0.",
    )
    source: str | None = Field(default=None, description="Column of the canonical submission.")
    label: str | None = Field(default=None, description="Internal name of a label, for flags.")


class FinalForm(BaseModel):
    """The columns and marks of the file to submit. The rows and other cells are in `private/sample.csv`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[FinalColumn, ...]
    id_columns: tuple[str, ...] = Field(description="Columns that identify a row; empty: the row number.")
    separator: str = ","
    decimal: Literal[".", ","] = "."
    label_separator: str | None = None
    label_names: dict[str, str] = Field(
        default_factory=dict, description="The user's names of labels by internal names, where they differ."
    )

    @property
    def filled(self) -> tuple[FinalColumn, ...]:
        """Return the columns that predictions fill."""
        return tuple(column for column in self.columns if column.kind != "sample")

    def is_canonical(self, columns: Sequence[str]) -> bool:
        """Return whether the file to submit has the form of the canonical submission with these columns."""
        own = [column.name for column in self.columns if column.kind == "sample"]
        return own == list(self.id_columns) and self.has_header(columns)

    def has_header(self, columns: Sequence[str]) -> bool:
        """Return whether the file to submit looks like the canonical submission with these columns."""
        plain_marks = (self.separator, self.decimal) == (",", ".") and not self.label_names
        plain_cells = all(column.kind in ("sample", "text", "number", "labels") for column in self.columns)
        own_separator = self.label_separator in (None, " ")
        same = tuple(column.name for column in self.columns) == tuple(columns)
        return plain_marks and plain_cells and own_separator and same and self.id_columns == (columns[0],)
