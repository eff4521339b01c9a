"""Which time input splits the labelled rows, if any.

`time_split: auto` splits by the first time input by which the rows to predict are later: at least 90 % of
them lie after 90 % of the training rows. Where they lie among the training rows, the date is an input only
and validation rows are drawn at random. The same holds where the split would hold out more than half of the
rows, because they share the latest moment, or where more than half of them have no time. A named column
always splits.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.preparation.splits import VALIDATION_SHARE, audit_size, latest_rows
from agent.competition.spec import CompetitionSpec
from agent.competition.tables import parse_times
from agent.core.errors import SetupError, redacted_as

_LATER_SHARE = 0.9
_MOST_HELD_OUT = 0.5  # of the labelled rows
_MOST_GAPS = 0.5


@dataclass(frozen=True)
class TimeSplit:
    """The times (N,) that split the labelled rows, None without a split by time, and warnings for the user.

    Rows without a time count as earlier than all others.
    """

    column: str | None = None
    times: NDArray[np.float64] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Candidate:
    name: str
    train: NDArray[np.float64]
    test: NDArray[np.float64]


def choose_time_split(
    spec: CompetitionSpec, train: pd.DataFrame, test: pd.DataFrame, train_file: Path, test_file: Path
) -> TimeSplit:
    """Choose the time input that splits the labelled rows. The time columns are canonical.

    Raises:
        SetupError: `time_split` names a column that is no time input, or one that has only one value.
    """
    names = spec.columns_with("time")
    if spec.time_split not in ("auto", "none"):
        _require_time_input(spec, names, train_file)
    if not names or spec.time_split == "none" or spec.fold_column is not None:
        return TimeSplit()
    candidates = [
        _Candidate(name, _floats(train[name], train_file), _floats(test[name], test_file)) for name in names
    ]
    if spec.time_split != "auto":
        named = next(candidate for candidate in candidates if candidate.name == spec.time_split)
        return _split_by(named, names, spec)
    later = [candidate for candidate in candidates if _is_later(candidate)]
    reasons = [reason for candidate in later if (reason := _reason_against(candidate))]
    splitting = next((candidate for candidate in later if not _reason_against(candidate)), None)
    if splitting is not None:
        return _split_by(splitting, names, spec)
    return TimeSplit(warnings=(_random_sentence(names, reasons),))


def _require_time_input(spec: CompetitionSpec, names: list[str], file: Path) -> None:
    if spec.time_split not in names:
        known = ", ".join(names) or "none"
        raise SetupError(
            f"{file}: time_split names '{spec.time_split}', which is no input with the role time (time "
            f"inputs: {known}); correct competition.yaml."
        )


@redacted_as("the time column holds values that are not dates or times")
def _floats(cells: "pd.Series[str]", file: Path) -> NDArray[np.float64]:
    return np.asarray(parse_times(cells, file), dtype=np.float64)


def _is_later(candidate: _Candidate) -> bool:
    """Return whether nearly all rows to predict are later than nearly all training rows."""
    train = candidate.train[~np.isnan(candidate.train)]
    test = candidate.test[~np.isnan(candidate.test)]
    if not len(train) or not len(test):
        return False
    bound = np.quantile(train, _LATER_SHARE, method="higher")
    return bool((test > bound).mean() >= _LATER_SHARE)


def _reason_against(candidate: _Candidate) -> str:
    """Return why this time does not split the rows; '' if it can."""
    times = _filled(candidate.train)
    rows, gaps = len(times), int(np.isnan(candidate.train).sum())
    if gaps > _MOST_GAPS * rows:
        return f"{gaps} of {rows} training rows have no '{candidate.name}'"
    distinct = np.unique(times)
    latest = int((times == distinct[-1]).sum())
    if len(distinct) < 2:
        return f"all training rows have the same '{candidate.name}'"
    if _held_out(times) > _MOST_HELD_OUT * rows:
        return f"the latest '{candidate.name}' belongs to {latest} of {rows} training rows"
    return ""


def _held_out(times: NDArray[np.float64]) -> int:
    """Return how many rows a split by time holds out for validation and audit."""
    audit = audit_size(len(times))
    if audit:
        return len(latest_rows(times, audit + round(VALIDATION_SHARE * (len(times) - audit))))
    return len(latest_rows(times, max(1, round(VALIDATION_SHARE * len(times)))))


def _split_by(candidate: _Candidate, names: list[str], spec: CompetitionSpec) -> TimeSplit:
    times = _filled(candidate.train)
    gaps, rows = int(np.isnan(candidate.train).sum()), len(times)
    others = [name for name in names if name != candidate.name]
    warnings = []
    if spec.time_split == "auto" and not others:
        warnings.append(
            f"Validation rows are the latest by '{candidate.name}', since the rows to predict are later."
        )
    if others:
        warnings.append(
            f"Validation rows are the latest by '{candidate.name}'; {_inputs_only(others)}. "
            "Set time_split in competition.yaml for another choice."
        )
    if gaps:
        warnings.append(f"{gaps} training rows have no '{candidate.name}'; they count as the earliest rows.")
    if len(np.unique(times)) > 1 and (held := _held_out(times)) > _MOST_HELD_OUT * rows:
        warnings.append(
            f"Validation and audit rows hold {held} of {rows} labelled rows, since many rows share the "
            f"latest '{candidate.name}'. Set time_split: none in competition.yaml for random validation rows."
        )
    return TimeSplit(candidate.name, times, tuple(warnings))


def _filled(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return times (N,) with a moment before all others for rows without a time."""
    missing = np.isnan(times)
    if not missing.any():
        return times
    first = 0.0 if missing.all() else float(np.nanmin(times))
    return np.where(missing, first - 1 - abs(first) * 1e-6, times)


def _random_sentence(names: list[str], reasons: list[str]) -> str:
    listed = ", ".join(f"'{name}'" for name in names[:5])
    why = reasons[0] if reasons else f"the rows to predict are not later by {listed} than the training rows"
    return (
        f"Validation rows are drawn at random, because {why}; {_inputs_only(names)}. "
        "Set time_split in competition.yaml to the name of a time input for a split by time."
    )


def _inputs_only(names: list[str]) -> str:
    listed = ", ".join(f"'{name}'" for name in names[:5])
    return f"{listed} is an input only" if len(names) == 1 else f"{listed} are inputs only"


def time_stretches(times: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the number (N,) of the stretch of time that each row is in, 0 the earliest.

    A model often errs on the next day as it did on a day before. So standard errors draw whole stretches.
    A stretch has M^(1/3) of M moments, the rate of the block bootstrap (Künsch, 1989; Hall et al., 1995).
    """
    moments, place = np.unique(times, return_inverse=True)
    stretches: NDArray[np.intp] = (place // np.ceil(np.cbrt(len(moments)))).astype(np.intp)
    return stretches
