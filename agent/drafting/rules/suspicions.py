"""Questions about tables whose content suggests a mistake or a leak (`mars init`)."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from agent.drafting.rules.ids import IdGuess
from agent.drafting.rules.tables import FoundTables

_MIN_EQUAL_SHARE = 0.99  # of rows in which a column tells the target
_MIN_CORRELATION = 0.9995  # of a number with a numeric target
_MIN_ORDER_CORRELATION = 0.9  # of the target with the place of its row
_MIN_ROWS = 30
_MAX_ROWS = 50_000  # rows that are compared
_MAX_LEVELS_SHARE = 0.2  # distinct values of a column per row; a column of more is no copy of classes


def ask_about_suspicions(
    tables: FoundTables, ids: IdGuess, target: str, inputs: Sequence[str], is_regression: bool
) -> list[str]:
    """Return a question per sign of a leak or a mistake: copies of the target, repeated rows, order."""
    train = tables.train.head(_MAX_ROWS)
    names = [name for name in inputs if name in train.columns]
    return [
        *_copies_of_target(train, target, names, is_regression),
        *_repeated_rows(tables, target, names),
        *_order_of_rows(train, ids, target, is_regression),
    ]


def _copies_of_target(
    train: pd.DataFrame, target: str, names: Sequence[str], is_regression: bool
) -> Iterator[str]:
    if len(train) < _MIN_ROWS:
        return
    truth = train[target]
    for name in names:
        if _equal_share(train[name], truth) >= _MIN_EQUAL_SHARE:
            how = "equals"
        elif is_regression and _correlation(train[name], truth) >= _MIN_CORRELATION:
            how = "almost gives"
        elif not is_regression and _tells(train[name], truth):
            how = "tells"
        else:
            continue
        yield (
            f"Column '{name}' {how} the target '{target}' in the labelled rows. Is it known for rows to "
            "predict? If not, remove that input: every score would look perfect."
        )


def _equal_share(values: "pd.Series[str]", truth: "pd.Series[str]") -> float:
    return float((values.str.strip() == truth.str.strip()).mean())


def _correlation(values: "pd.Series[str]", truth: "pd.Series[str]") -> float:
    pair = pd.DataFrame({"value": _numbers(values), "truth": _numbers(truth)}).dropna()
    if len(pair) < max(_MIN_ROWS, 0.9 * len(values)) or pair.nunique().min() < 3:
        return 0.0
    with np.errstate(all="ignore"):
        found = abs(np.corrcoef(pair["value"], pair["truth"])[0, 1])
    return float(found) if np.isfinite(found) else 0.0


def _tells(values: "pd.Series[str]", truth: "pd.Series[str]") -> bool:
    """Return whether each level of a column has rows of one class only, with few levels."""
    levels = values.nunique()
    if not 2 <= levels <= max(_MAX_LEVELS_SHARE * len(values), 2) or truth.nunique() < 2:
        return False
    largest = pd.crosstab(values, truth).max(axis=1).sum() if truth.nunique() <= 200 else 0
    return bool(largest >= _MIN_EQUAL_SHARE * len(values) and levels <= 2 * truth.nunique())


def _repeated_rows(tables: FoundTables, target: str, names: Sequence[str]) -> Iterator[str]:
    if len(names) < 2:
        return
    train = tables.train
    repeated = train.duplicated([*names, target])
    if (count := int(repeated.sum())) >= max(2, 0.01 * len(train)):
        yield (
            f"{count} rows of {tables.train_name} repeat an earlier row in every input and the target. If "
            "that is a mistake, remove them: copies may fall into training and validation rows."
        )
    if tables.test is None or not set(names) <= set(tables.test.columns):
        return
    known = pd.util.hash_pandas_object(train[list(names)], index=False)
    asked = pd.util.hash_pandas_object(tables.test[list(names)], index=False)
    count = int(asked.isin(set(known)).sum())
    if count >= max(2, 0.01 * len(tables.test)):
        yield (
            f"{count} of {len(tables.test)} rows to predict have the inputs of a labelled row. Is that "
            "right? A score on other rows would be lower."
        )


def _order_of_rows(train: pd.DataFrame, ids: IdGuess, target: str, is_regression: bool) -> Iterator[str]:
    if len(train) < _MIN_ROWS:
        return
    truth = (
        _numbers(train[target]) if is_regression else pd.Series(pd.factorize(train[target])[0], dtype=float)
    )
    if truth.nunique() < 2:
        return
    orders = {"the order of the rows": pd.Series(np.arange(len(train)), dtype=float)}
    if ids.id_from is None and ids.name in train.columns:
        orders[f"the id '{ids.name}'"] = _numbers(train[ids.name])
    for what, order in orders.items():
        pair = pd.DataFrame({"order": order.to_numpy(), "truth": truth.to_numpy()}).dropna()
        if len(pair) < _MIN_ROWS or pair["order"].nunique() < 2:
            continue
        ranked = pair.rank()
        found = abs(float(np.corrcoef(ranked["order"], ranked["truth"])[0, 1]))
        if found >= _MIN_ORDER_CORRELATION or (not is_regression and _is_sorted_by_class(pair)):
            yield (
                f"The target '{target}' follows {what}. MARS hides ids and order from solutions. Were the "
                "rows to predict drawn in another way? Then a score on labelled rows may mislead."
            )
            return


def _is_sorted_by_class(pair: pd.DataFrame) -> bool:
    """Return whether the rows of each class stand together."""
    ordered = pair.sort_values("order", kind="stable")["truth"].to_numpy()
    changes = int((ordered[1:] != ordered[:-1]).sum())
    return changes == len(np.unique(ordered)) - 1


def _numbers(cells: "pd.Series[str]") -> "pd.Series[float]":
    numbers = pd.to_numeric(cells, errors="coerce").astype(float)
    return numbers.where(np.isfinite(numbers))
