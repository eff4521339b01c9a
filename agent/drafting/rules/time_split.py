"""Choose which of several time columns splits the rows (`mars init`)."""

import pandas as pd

from agent.competition.canonical import canonical_cells, column_kind
from agent.competition.preparation.time_split import choose_time_split
from agent.competition.spec import CompetitionSpec
from agent.core.errors import SetupError
from agent.drafting.rules.tables import FoundTables, Guess


def guess_time_split(tables: FoundTables, spec: CompetitionSpec) -> Guess | None:
    """Return the time column whose latest rows validate, if there are several time columns; else None."""
    names = spec.columns_with("time")
    if len(names) < 2 or tables.test is None or spec.time_split != "auto":
        return None
    train, test = pd.DataFrame(index=tables.train.index), pd.DataFrame(index=tables.test.index)
    for name in names:
        kind = column_kind(tables.train[name], tables.test[name], name, csv=spec.csv)
        train[name] = canonical_cells(tables.train[name], kind)
        test[name] = canonical_cells(tables.test[name], kind)
    try:
        chosen = choose_time_split(
            spec, train, test, tables.folder / tables.train_name, tables.folder / tables.source_of_rows
        )
    except SetupError:
        return None  # the preparation of the draft reports the fault
    if chosen.column is None:
        return None
    others = " and ".join(f"'{name}'" for name in names if name != chosen.column)
    return Guess("time_split", chosen.column, f"its latest rows validate; not those of {others}")
