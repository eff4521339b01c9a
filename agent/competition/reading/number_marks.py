"""The decimal mark and the thousands mark of a table, decided over all its cells."""

from typing import Literal

import pandas as pd

from agent.competition.spec import CsvForm


def decide_marks(
    cells: pd.DataFrame, separator: str, form: CsvForm
) -> tuple[Literal[".", ","], str | None, tuple[str, ...]]:
    """Return decimal mark, thousands mark and notes."""
    return form.decimal or ".", form.thousands, ()
