"""`mars init`: what kind of answer the target is, and how answers are probably scored."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from agent.competition.init_tables import FoundTables, Guess
from agent.errors import SetupError

_CLASSES_AT_MOST = 20  # whole numbers with more distinct values are quantities rather than classes
_MULTI_TOKEN_SHARE = 0.10


@dataclass(frozen=True)
class TargetGuess:
    """Task and metric with their reasons, what to ask the user, and the labels that occur."""

    task: Guess
    metric: Guess
    questions: tuple[str, ...]
    labels: frozenset[str]


def guess_target_kind(tables: FoundTables, id_column: str, targets: list[str]) -> TargetGuess:
    """Tells classification, label sets and regression apart.

    Raises:
        SetupError: blank or constant targets, free text, several targets that are no numbers.
    """
    cells = tables.train[targets[0]]
    if len(targets) > 1:
        return _several(tables, targets)
    if (cells.str.strip() == "").all() or cells.nunique() < 2:
        raise SetupError(f"{tables.folder}: the target '{targets[0]}' has fewer than two values.")
    answers = _sample_answers(tables, id_column)
    tokens = cells.str.split()
    if _is_label_sets(cells, tokens, answers):
        labels = frozenset(label for row in tokens for label in row)
        reason = f"cells of '{targets[0]}' hold several of {len(labels)} labels, parted by blanks"
        return TargetGuess(
            Guess("task", "multilabel", reason),
            Guess("metric", "micro_f1", "usual for label sets"),
            (),
            labels,
        )
    numbers = pd.to_numeric(cells, errors="coerce")
    distinct = int(cells.nunique())
    if numbers.notna().all() and not (_whole(numbers) and distinct <= _CLASSES_AT_MOST):
        return _regression(targets[0], distinct)
    if distinct > max(_CLASSES_AT_MOST, len(cells) / 2):
        raise SetupError(
            f"{tables.folder}: the target '{targets[0]}' has {distinct} different texts in {len(cells)} "
            "rows; that is neither a class nor a number."
        )
    return _classification(tables, targets[0], cells, answers)


def _several(tables: FoundTables, targets: list[str]) -> TargetGuess:
    columns = tables.train[targets].apply(pd.to_numeric, errors="coerce")
    if columns.isna().any(axis=None) or columns.isin([0, 1]).all(axis=None):
        raise SetupError(
            f"{tables.folder}: the targets {', '.join(targets[:5])} are no numbers to predict; "
            "put a row's labels into one column, parted by blanks."
        )
    reason = f"{len(targets)} numeric columns are to be predicted"
    metric = Guess("metric", "rmse", "usual for numbers; averaged over the columns")
    return TargetGuess(Guess("task", "regression", reason), metric, (), frozenset())


def _regression(target: str, distinct: int) -> TargetGuess:
    task = Guess("task", "regression", f"'{target}' is a number with {distinct} different values")
    question = f"Is '{target}' a quantity? If its values are classes, set task: classification."
    return TargetGuess(task, Guess("metric", "rmse", "usual for numbers"), (question,), frozenset())


def _classification(
    tables: FoundTables, target: str, cells: "pd.Series[str]", answers: pd.DataFrame | None
) -> TargetGuess:
    labels = frozenset(cells)
    task = Guess("task", "classification", f"'{target}' has {len(labels)} different values")
    name, asked = tables.sample_name, f"Is accuracy the metric? {tables.train_name} does not tell."
    if answers is not None and answers.shape[1] > 1:
        metric = Guess("metric", "log_loss", f"{name} has a column of probabilities for each class")
        return TargetGuess(task, metric, (), labels)
    values = set() if answers is None else set(answers.iloc[:, 0])
    between = {value for value in values - labels if _is_probability(value)}
    if len(labels) == 2 and between and between == values - labels:
        metric = Guess("metric", "roc_auc", f"{name} holds probabilities of one of two classes")
        return TargetGuess(task, metric, ("Is ROC-AUC the metric? It may be log_loss.",), labels)
    reason = "usual for classes" if answers is None else f"{name} holds classes"
    return TargetGuess(task, Guess("metric", "accuracy", reason), (asked,), labels)


def _is_label_sets(
    cells: "pd.Series[str]", tokens: "pd.Series[list[str]]", answers: pd.DataFrame | None
) -> bool:
    """Several tokens in many cells, combined freely: 'golden retriever' has fewer cells than words."""
    several = float(np.mean([len(row) > 1 for row in tokens]))
    asked = answers is not None and bool(answers.iloc[:, 0].str.strip().str.contains(" ").any())
    distinct_tokens = len({label for row in tokens for label in row})
    return (asked or several >= _MULTI_TOKEN_SHARE) and cells.nunique() > distinct_tokens


def _sample_answers(tables: FoundTables, id_column: str) -> pd.DataFrame | None:
    if tables.sample is None or len(tables.sample.columns) < 2:
        return None
    return tables.sample.drop(columns=id_column)


def _whole(numbers: "pd.Series[float]") -> bool:
    return bool((numbers == numbers.round()).all())


def _is_probability(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False
