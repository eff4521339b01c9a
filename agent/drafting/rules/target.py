"""Guess the task and the metric from the target column (`mars init`)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from agent.core.errors import SetupError
from agent.drafting.rules.tables import FoundTables, Guess

_MAX_CLASSES = 20  # whole numbers with more distinct values are quantities, not classes
_MIN_LABEL_SET_SHARE = 0.10  # of cells with several labels


@dataclass(frozen=True)
class TargetGuess:
    """The guessed task and metric, questions for the user, and the labels of the training table."""

    task: Guess
    metric: Guess
    questions: tuple[str, ...]
    labels: frozenset[str]


def guess_target_kind(tables: FoundTables, id_column: str, targets: list[str]) -> TargetGuess:
    """Guess whether the task is classification, multilabel or regression.

    Raises:
        SetupError: A target is blank, constant or free text, or one of several targets is not numeric.
    """
    cells = tables.train[targets[0]]
    if len(targets) > 1:
        return _guess_multi_target(tables, targets)
    if (cells.str.strip() == "").all() or cells.nunique() < 2:
        raise SetupError(f"{tables.folder}: the target '{targets[0]}' has fewer than two values.")
    answers = _sample_answers(tables, id_column)
    tokens = cells.str.split()
    if _is_label_sets(cells, tokens, answers):
        labels = frozenset(label for row in tokens for label in row)
        reason = f"cells of '{targets[0]}' hold several of {len(labels)} labels, separated by blanks"
        return TargetGuess(
            Guess("task", "multilabel", reason),
            Guess("metric", "micro_f1", "usual for label sets"),
            (),
            labels,
        )
    numbers = pd.to_numeric(cells, errors="coerce")
    distinct = int(cells.nunique())
    if numbers.notna().all() and not (_are_whole(numbers) and distinct <= _MAX_CLASSES):
        return _guess_regression(targets[0], distinct)
    if distinct > max(_MAX_CLASSES, len(cells) / 2):
        raise SetupError(
            f"{tables.folder}: the target '{targets[0]}' has {distinct} different texts in {len(cells)} "
            "rows; the target must hold classes that repeat, or numbers."
        )
    return _guess_classification(tables, targets[0], cells, answers)


def _guess_multi_target(tables: FoundTables, targets: list[str]) -> TargetGuess:
    columns = tables.train[targets].apply(pd.to_numeric, errors="coerce")
    if columns.isna().any(axis=None) or columns.isin([0, 1]).all(axis=None):
        raise SetupError(
            f"{tables.folder}: the targets {', '.join(targets[:5])} are not numeric quantities; "
            "put the labels of a row into one column, separated by blanks."
        )
    reason = f"{len(targets)} numeric target columns"
    metric = Guess("metric", "rmse", "usual for numbers; averaged over the target columns")
    return TargetGuess(Guess("task", "regression", reason), metric, (), frozenset())


def _guess_regression(target: str, distinct: int) -> TargetGuess:
    task = Guess("task", "regression", f"'{target}' is a number with {distinct} different values")
    question = f"Is '{target}' a quantity? If its values are classes, set task: classification."
    return TargetGuess(task, Guess("metric", "rmse", "usual for numbers"), (question,), frozenset())


def _guess_classification(
    tables: FoundTables, target: str, cells: "pd.Series[str]", answers: pd.DataFrame | None
) -> TargetGuess:
    labels = frozenset(cells)
    task = Guess("task", "classification", f"'{target}' has {len(labels)} different values")
    name = tables.sample_name
    question = f"Is accuracy the metric? {tables.train_name} does not say."
    if answers is not None and answers.shape[1] > 1:
        metric = Guess("metric", "log_loss", f"{name} has a probability column for each class")
        return TargetGuess(task, metric, (), labels)
    values = set() if answers is None else set(answers.iloc[:, 0])
    probabilities = {value for value in values - labels if _is_probability(value)}
    if len(labels) == 2 and probabilities and probabilities == values - labels:
        metric = Guess("metric", "roc_auc", f"{name} holds the probability of one of two classes")
        return TargetGuess(task, metric, ("Is roc_auc the metric, or log_loss?",), labels)
    reason = "usual for classes" if answers is None else f"{name} holds classes"
    return TargetGuess(task, Guess("metric", "accuracy", reason), (question,), labels)


def _is_label_sets(
    cells: "pd.Series[str]", tokens: "pd.Series[list[str]]", answers: pd.DataFrame | None
) -> bool:
    """Return whether many cells hold several labels that combine freely.

    Names of several words, such as 'golden retriever', have fewer distinct cells than distinct words.
    """
    several_share = float(np.mean([len(row) > 1 for row in tokens]))
    sample_has_sets = answers is not None and bool(answers.iloc[:, 0].str.strip().str.contains(" ").any())
    distinct_tokens = len({label for row in tokens for label in row})
    return (sample_has_sets or several_share >= _MIN_LABEL_SET_SHARE) and cells.nunique() > distinct_tokens


def _sample_answers(tables: FoundTables, id_column: str) -> pd.DataFrame | None:
    """Return the answer columns of the sample submission; None without any."""
    if tables.sample is None or len(tables.sample.columns) < 2:
        return None
    return tables.sample.drop(columns=id_column)


def _are_whole(numbers: "pd.Series[float]") -> bool:
    return bool((numbers == numbers.round()).all())


def _is_probability(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False
