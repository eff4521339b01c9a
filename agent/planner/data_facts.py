"""Facts about the training rows that conditions of slots, moves and drafts test."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Absolute skewness above which a column counts as strongly skewed; an exponential distribution has 2.
_SKEWED_INPUT = 2.0
_SKEWED_TARGET = 1.0


@dataclass(frozen=True)
class DataFacts:
    """Facts from the exploratory analysis (`eda.json`)."""

    inputs: int  # columns
    numbers: int  # columns with the role number
    times: int  # columns with the role time
    categories: int  # columns with the role category
    classes: int  # labels seen; 0 in regression
    levels: int  # of the category with the most; 0 without categories
    has_gaps: bool  # a number or time input has empty cells
    is_skewed: bool  # a number input has a large skewness
    has_skewed_target: bool  # a regression target has a large skewness
    side: float | None = None  # mean of the pictures' heights and widths, in pixels; None: unknown
    texts: int = 0  # columns with the role text

    @classmethod
    def of(cls, eda: Mapping[str, Any]) -> "DataFacts":
        """Return the facts in an exploratory analysis of the training rows."""
        columns, target = list(eda["columns"].values()), eda["target"]
        counted = [column for column in columns if column["role"] in ("number", "time")]
        numbers = [column for column in columns if column["role"] == "number"]
        pictures = eda.get("images") or {}
        sides = [pictures[name] for name in ("height_mean", "width_mean") if name in pictures]
        targets = [part for part in target.values() if isinstance(part, dict)]
        return cls(
            inputs=len(columns),
            numbers=len(numbers),
            times=sum(column["role"] == "time" for column in columns),
            categories=sum(column["role"] == "category" for column in columns),
            classes=int(target["labels_seen"]) if isinstance(target.get("labels_seen"), int) else 0,
            levels=max((column["distinct"] for column in columns if column["role"] == "category"), default=0),
            has_gaps=any(column["missing"] > 0 for column in counted),
            is_skewed=any(abs(column.get("skew") or 0.0) > _SKEWED_INPUT for column in numbers),
            has_skewed_target=any(abs(part.get("skew") or 0.0) > _SKEWED_TARGET for part in targets),
            side=sum(sides) / len(sides) if sides else None,
            texts=sum(column["role"] == "text" for column in columns),
        )
