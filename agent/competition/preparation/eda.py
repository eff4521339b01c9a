"""Exploratory data analysis of the training rows: aggregates only, never the value of a row.

The names of categories, labels and words are values too, so the summary holds only their counts. Column names
are part of the schema and appear. Extremes and quantiles are omitted, since each is the value of some row.
"""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from agent.competition.preparation.image_eda import summarize_images
from agent.competition.preparation.signals import read_signals
from agent.competition.spec import FILE_COLUMN, CompetitionSpec
from agent.competition.target import mask_sizes
from agent.competition.target_views import target_views

_SEED = 42
_TOP_LABELS = 30
_TOP_RELATIONS = 5
_COLLINEAR_CORRELATION = 0.90
_RARE_ROWS = 10  # rows
# With fewer distinct values, or fewer rows, the four moments would reveal the values.
_MIN_DISTINCT_VALUES = 5
_MAX_SIGNALS = 20_000
_MAX_RELATION_ROWS = 20_000
_MAX_RELATION_COLUMNS = 200
_MI_BINS = 10
_WORD = re.compile(r"\w+")

EdaSummary = dict[str, object]


def summarize_training_rows(train: pd.DataFrame, spec: CompetitionSpec, media: Path) -> EdaSummary:
    """Summarise the public training table.

    Args:
        train: the training rows, all cells as strings.
        spec: the competition.
        media: the folder that the column `file_path` is relative to.

    Returns:
        A dict for JSON with the keys rows, target, columns, relations and, for images, images.
    """
    summary: EdaSummary = {
        "rows": len(train),
        "target": _summarise_target(train, spec),
        "columns": {
            column.name: {"role": column.role, **_summarise_column(train[column.name], column.role)}
            for column in spec.inputs
            if column.name in train.columns and column.role != "image"
        },
        "relations": _relations(train, spec),
    }
    if FILE_COLUMN in train.columns:
        summary["images"] = summarize_images(train[FILE_COLUMN].tolist(), media)
    return summary


def _summarise_target(train: pd.DataFrame, spec: CompetitionSpec) -> EdaSummary:
    if spec.task == "several":
        summaries = ((view, _summarise_target(train, view)) for view in target_views(spec))
        return {
            view.targets[0]: summary[view.targets[0]] if view.task == "regression" else summary
            for view, summary in summaries
        }
    if spec.task == "regression":
        return {name: _moments(_numbers(train[name])) for name in spec.targets}
    if spec.task == "segmentation":
        sizes = pd.Series(mask_sizes(train[spec.targets[0]], Path(spec.train)))
        return {"rows_without_mask": int((sizes == 0).sum()), "mask_pixels": _moments(sizes)}
    cells = train[spec.targets[0]]
    lists = cells.str.split() if spec.task == "multilabel" else cells.map(lambda cell: [cell])
    counts = Counter(label for labels in lists for label in labels)
    frequencies = sorted(counts.values(), reverse=True)
    summary: EdaSummary = {
        "labels_seen": len(counts),
        "most_frequent_counts": frequencies[:_TOP_LABELS],
        "labels_below_10_rows": sum(count < _RARE_ROWS for count in frequencies),
        "imbalance_ratio": frequencies[0] / frequencies[-1] if frequencies else None,
    }
    if spec.task == "multilabel":
        lengths = np.array([len(labels) for labels in lists])
        summary |= {
            "labels_per_row_mean": float(lengths.mean()),
            "labels_per_row_std": float(lengths.std()),
            "rows_without_label": int((lengths == 0).sum()),
        }
    return summary


def _summarise_column(values: "pd.Series[str]", role: str) -> EdaSummary:
    present = values[values != ""]
    summary: EdaSummary = {"missing": int(len(values) - len(present)), "distinct": int(present.nunique())}
    if role == "number":
        return summary | _moments(_numbers(present))
    if role in ("category", "group"):
        counts = present.value_counts().to_numpy()
        rare = counts[counts < _RARE_ROWS]
        return summary | {
            "largest_count": int(counts.max()) if len(counts) else 0,
            "levels_below_10_rows": len(rare),
            "rows_in_such_levels": int(rare.sum()),
        }
    if role == "text":
        return summary | _text(present)
    if role == "time":
        return summary | _times(present)
    if role == "signal":
        return summary | _signals(present)
    return summary


def _moments(numbers: "pd.Series[float]") -> EdaSummary:
    """Return moments of the finite values and the number of outliers beyond 1.5 interquartile ranges.

    Too few distinct values or rows give shares only, since the moments would reveal the values.
    """
    finite = numbers[np.isfinite(numbers)]
    if finite.empty:
        return {"not_numeric": len(numbers)}
    values = finite.to_numpy(dtype=np.float64)
    shares: EdaSummary = {
        "not_numeric": len(numbers) - len(values),
        "zero_share": float((values == 0).mean()),
        "negative_share": float((values < 0).mean()),
    }
    if len(values) < _RARE_ROWS or len(np.unique(values)) < _MIN_DISTINCT_VALUES:
        return shares
    low, high = np.quantile(values, [0.25, 0.75])
    margin = 1.5 * (high - low)
    spread = values.std()
    standard = (values - values.mean()) / spread if spread > 0 else np.full(len(values), np.nan)
    return shares | {
        "mean": _finite(values.mean()),
        "std": _finite(spread),
        "skew": _finite((standard**3).mean()),
        "excess_kurtosis": _finite((standard**4).mean() - 3),
        "iqr_outliers": int(((values < low - margin) | (values > high + margin)).sum()),
    }


def _text(texts: "pd.Series[str]") -> EdaSummary:
    words = [_WORD.findall(text.lower()) for text in texts]
    counts = Counter(word for row in words for word in row)
    lengths = np.array([len(row) for row in words]) if words else np.zeros(1)
    return {
        "words_mean": _finite(lengths.mean()),
        "words_std": _finite(lengths.std()),
        "characters_mean": _finite(texts.str.len().astype(float).mean()),
        "vocabulary": len(counts),
        "words_seen_once": sum(count == 1 for count in counts.values()),
    }


def _times(values: "pd.Series[str]") -> EdaSummary:
    if _numbers(values).notna().all():
        return {"kind": "number"}
    dates = pd.to_datetime(values, errors="coerce", format="mixed", utc=True)
    span = dates.max() - dates.min()
    return {
        "kind": "date",
        "not_dates": int(dates.isna().sum()),
        "span_days": None if pd.isna(span) else round(span.total_seconds() / 86_400),
    }


@np.errstate(over="ignore", invalid="ignore")  # numbers near the float maximum overflow; `_finite` drops them
def _signals(cells: "pd.Series[str]") -> EdaSummary:
    """Return the lengths of signals, the moments of all samples, and averages of per-row statistics.

    The `spread` of a row is the standard deviation of its samples. The `roughness` of a row is the standard
    deviation of the steps between neighbouring samples, divided by the spread: 1.4 for white noise, towards 0
    for a smooth signal.
    """
    cells = cells[cells.str.strip() != ""]
    if len(cells) > _MAX_SIGNALS:
        cells = cells.sample(_MAX_SIGNALS, random_state=_SEED)
    if len(cells) < _RARE_ROWS:
        return {}
    pieces = list(read_signals(cells, Path("train.csv")))
    lengths = np.concatenate([piece.lengths for piece in pieces])
    samples = np.concatenate([piece.samples for piece in pieces])
    row = np.repeat(np.arange(len(lengths)), lengths)
    means, spreads = _by_row(samples, row, lengths)
    inside = row[1:] == row[:-1]
    _, steps = _by_row(np.diff(samples)[inside], row[1:][inside], lengths - 1)
    roughness = (steps / spreads)[(spreads > 0) & (lengths > 1)]
    return {
        "looked_at": len(cells),
        "length_mean": float(lengths.mean()),
        "length_std": float(lengths.std()),
        "distinct_lengths": len(np.unique(lengths)),
        "samples": _moments(pd.Series(samples)),
        "row_mean_std": _finite(means.std()),
        "row_spread_mean": _finite(spreads.mean()),
        "row_spread_std": _finite(spreads.std()),
        "row_roughness_mean": _finite(roughness.mean()) if len(roughness) >= _RARE_ROWS else None,
    }


def _by_row(
    values: NDArray[np.float64], row: NDArray[np.intp], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean (N,) and standard deviation (N,) of each row; `row` holds the row of each value."""
    divisor = np.maximum(counts, 1)
    means = np.bincount(row, values, len(counts)) / divisor
    variances = np.bincount(row, (values - means[row]) ** 2, len(counts)) / divisor
    return means, np.sqrt(variances)


def _relations(train: pd.DataFrame, spec: CompetitionSpec) -> EdaSummary:
    """Return relations of inputs with the first target and among numeric inputs, on sampled rows."""
    if spec.task == "several":
        return _relations(train, target_views(spec)[0])
    if len(train) > _MAX_RELATION_ROWS:
        train = train.sample(_MAX_RELATION_ROWS, random_state=_SEED)
    numeric = [name for name in spec.columns_with("number") if name in train][:_MAX_RELATION_COLUMNS]
    levels = [name for name in spec.columns_with("category") if name in train][:_MAX_RELATION_COLUMNS]
    numbers = pd.DataFrame({name: _numbers(train[name]) for name in numeric}, index=train.index)
    bins = {name: _bin_codes(numbers[name]) for name in numeric}
    bins |= {name: pd.factorize(train[name])[0] for name in levels}
    summary: EdaSummary = {"collinear_pairs": _collinear_pairs(numbers)}
    if spec.task in ("multilabel", "segmentation"):
        return summary
    cells = train[spec.targets[0]]
    if spec.task == "regression":
        target = _numbers(cells)
        ranks = numbers.rank().corrwith(target.rank()).dropna()
        strongest = ranks.reindex(ranks.abs().sort_values(ascending=False).index)[:_TOP_RELATIONS]
        summary["spearman"] = {str(name): float(value) for name, value in strongest.items()}
        codes = _bin_codes(target)
    else:
        codes = pd.factorize(cells)[0]
    information = {name: _mutual_information(binned, codes) for name, binned in bins.items()}
    best = sorted(information.items(), key=lambda item: -item[1])[:_TOP_RELATIONS]
    return summary | {"mutual_information_nats": dict(best)}


def _collinear_pairs(numbers: pd.DataFrame) -> list[list[object]]:
    """Return pairs of columns with |Pearson correlation| above 0.9, and the correlation."""
    if numbers.shape[1] < 2:
        return []
    matrix = numbers.replace([np.inf, -np.inf], np.nan).corr().to_numpy()
    pairs = zip(*np.where(np.triu(np.abs(matrix) > _COLLINEAR_CORRELATION, k=1)), strict=True)
    return [[numbers.columns[i], numbers.columns[j], float(matrix[i, j])] for i, j in pairs]


def _bin_codes(values: "pd.Series[float]") -> NDArray[np.intp]:
    """Return the decile of each value (N,); missing values get bin 0."""
    ranks = values.rank(pct=True, method="average").to_numpy(dtype=np.float64)
    bins = np.ceil(np.nan_to_num(ranks, nan=0.0) * _MI_BINS)
    codes: NDArray[np.intp] = bins.astype(np.intp)
    return codes


def _mutual_information(first: NDArray[np.intp], second: NDArray[np.intp]) -> float:
    """Return the mutual information in nats, at least 0.

    Source: plug-in estimate with the bias correction of Miller and Madow, 1955.
    """
    _, rows = np.unique(first, return_inverse=True)
    _, columns = np.unique(second, return_inverse=True)
    width = int(columns.max()) + 1
    cells, counts = np.unique(rows * width + columns, return_counts=True)
    joint = counts / len(rows)
    independent = np.bincount(rows)[cells // width] * np.bincount(columns)[cells % width] / len(rows) ** 2
    bias = (len(cells) - (int(rows.max()) + 1) - width + 1) / (2 * len(rows))
    return max(0.0, float((joint * np.log(joint / independent)).sum()) - bias)


def _numbers(values: "pd.Series[str]") -> "pd.Series[float]":
    numbers: pd.Series[float] = pd.to_numeric(values, errors="coerce").astype(float)
    return numbers


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
