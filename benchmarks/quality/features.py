"""Plain features for peers that need a matrix: numbers, parts of dates, categories, words of texts.

Everything is learned from the labelled rows given to `fit`; no target is used.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from problem import ID, Problem
from sklearn.compose import make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

WORDS, TEXT_COMPONENTS = 3, 20  # A column of texts has 3 words or more per cell in the mean.
MOST_LEVELS = 100
_DATE_SHARE = 0.9


@dataclass
class Columns:
    """Turns rows into a frame of numbers and categories, the same for labelled rows and rows to predict."""

    dates: list[str] = field(default_factory=list)
    texts: dict[str, Pipeline] = field(default_factory=dict)
    levels: dict[str, pd.CategoricalDtype] = field(default_factory=dict)

    def fit(self, rows: pd.DataFrame) -> "Columns":
        """Decide the kind of each column of text by its cells."""
        for name in rows.select_dtypes(exclude="number"):
            cells = rows[name].dropna().astype(str)
            if pd.to_datetime(cells, errors="coerce", format="mixed", utc=True).notna().mean() > _DATE_SHARE:
                self.dates.append(name)
            elif cells.str.split().str.len().mean() >= WORDS and cells.nunique() > MOST_LEVELS:
                self.texts[name] = _text_encoder(rows[name].fillna("").astype(str))
            else:
                self.levels[name] = pd.CategoricalDtype(sorted(cells.value_counts().index[:MOST_LEVELS]))
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return columns of numbers and of pandas categories."""
        parts = [rows.drop(columns=[*self.dates, *self.texts, *self.levels]).astype(float)]
        for name in self.dates:
            moments = pd.to_datetime(rows[name], errors="coerce", format="mixed", utc=True)
            parts.append(_date_parts(moments, name))
        for name, pipeline in self.texts.items():
            values = pipeline.transform(rows[name].fillna("").astype(str))
            names = [f"{name}_{place}" for place in range(values.shape[1])]
            parts.append(pd.DataFrame(values, index=rows.index, columns=names))
        for name, levels in self.levels.items():
            parts.append(
                rows[name].where(rows[name].isna(), rows[name].astype(str)).astype(levels).to_frame()
            )
        return pd.concat(parts, axis=1)


def _text_encoder(texts: pd.Series) -> Pipeline:
    """Return TF-IDF of the words that three texts or more have, reduced to few columns."""
    words = TfidfVectorizer(min_df=min(3, len(texts)), sublinear_tf=True).fit(texts)
    columns = min(TEXT_COMPONENTS, len(words.vocabulary_))
    return make_pipeline(words, TruncatedSVD(columns, random_state=0).fit(words.transform(texts)))


def _date_parts(moments: pd.Series, name: str) -> pd.DataFrame:
    days = (moments - pd.Timestamp("2000-01-01", tz="UTC")) / pd.Timedelta(days=1)
    calendar = moments.dt
    parts = {
        "days": days,
        "month": calendar.month,
        "weekday": calendar.day_of_week,
        "day": calendar.day_of_year,
        "hour": calendar.hour,
    }
    return pd.DataFrame({f"{name}_{part}": values.astype(float) for part, values in parts.items()})


@dataclass(frozen=True)
class Matrices:
    """Labelled rows, their targets, and rows to predict.

    Attributes:
        train, test: Columns of numbers and pandas categories.
        target: Numbers, or the class's place in `problem.classes`.
        ids: Ids of the rows to predict.
        texts: Names of the columns of texts.
    """

    train: pd.DataFrame
    target: np.ndarray
    test: pd.DataFrame
    ids: pd.Series
    texts: Sequence[str] = ()


def make_matrices(train: pd.DataFrame, test: pd.DataFrame, problem: Problem) -> Matrices:
    """Return features of labelled rows and of rows to predict."""
    labels = train[problem.target]
    if problem.task == "classification":
        places = {label: place for place, label in enumerate(problem.classes)}
        target = labels.astype(str).map(places).to_numpy()
    else:
        target = labels.to_numpy(float)
    inputs = train.drop(columns=[ID, problem.target])
    columns = Columns().fit(inputs)
    rows = columns.transform(inputs), target, columns.transform(test.drop(columns=ID))
    return Matrices(*rows, test[ID], tuple(columns.texts))


def dense_encoder(rows: pd.DataFrame) -> Pipeline:
    """Return an encoder for models that read neither gaps nor categories."""
    numbers: Sequence[str] = list(rows.select_dtypes("number"))
    categories: Sequence[str] = list(rows.select_dtypes("category"))
    scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", min_frequency=5, sparse_output=False)
    return make_column_transformer((scaled, numbers), (one_hot, categories))
