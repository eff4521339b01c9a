"""Guess the task, the metric and the order of classes from the target columns (`mars init`)."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from agent.competition.canonical import canonical_cells, column_kind
from agent.competition.labels import alike_labels, parse_flags, sort_labels
from agent.competition.positive_class import guess_positive_class
from agent.competition.preparation.sample_form import ends_with_label
from agent.competition.spec import CsvForm
from agent.competition.typed_targets import TypedTarget
from agent.core.errors import SetupError
from agent.drafting.rules.grades import order_of_grades
from agent.drafting.rules.label_sets import find_label_sets
from agent.drafting.rules.tables import FoundTables, Guess

_MAX_CLASSES = 20  # whole numbers with more distinct values are quantities, not classes
_MAX_ASKED_CLASSES = 200  # whole numbers with more distinct values are quantities without a question
_MIN_ASKED_CLASSES = 3  # whole numbers with fewer distinct values are classes
_LIST = re.compile(r"\[.*\]|\{.*\}|\(.*\)", re.DOTALL)
_QUANTITY_NAME = re.compile(
    r"(.*[_\W])?(count|counts|quantity|qty|amount|price|cost|age|days|hours|minutes|sales|revenue|num|total)([_\W].*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class TargetGuess:
    """The guessed task and metric, what else the classes need, and questions for the user."""

    task: Guess
    metric: Guess
    questions: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()
    fields: tuple[Guess, ...] = field(default=())
    """Guesses of positive_class, class_order and label_separator, where they apply."""

    typed: tuple[TypedTarget, ...] = ()
    """Several targets with types."""

    target_reasons: tuple[Guess, ...] = ()
    """Reasons for their types, a guess `targets.NAME` for each."""


def guess_target_kind(tables: FoundTables, ids: tuple[str, ...], targets: list[str]) -> TargetGuess:
    """Guess whether the task of one target is classification, multilabel or regression.

    Raises:
        SetupError: The target is blank, constant or free text.
    """
    (name,) = targets
    cells = tables.train[name]
    filled = cells[cells.str.strip() != ""]
    if filled.nunique() < 2:
        found = f"{filled.iloc[0]!r} in every row" if len(filled) else "every row is blank"
        raise SetupError(
            f"{tables.folder / tables.train_name}: the target '{name}' has fewer than two values ({found}), "
            "so there is nothing to learn."
        )
    answers = _sample_answers(tables, ids, name)
    numbers = _numbers(filled, _form_of(tables))
    if numbers is None:
        sets = find_label_sets(cells, "" if answers is None else str(answers.iloc[0, 0]))
        if sets is not None:
            return _guess_label_sets(name, sets.mark, sets.mark_in_words, sets.labels)
    if numbers is not None and _is_quantity(name, numbers, filled, answers):
        return _guess_regression(tables, name, numbers, answers)
    distinct = int(filled.nunique())
    if distinct > max(_MAX_CLASSES, len(filled) / 2):
        raise SetupError(
            f"{tables.folder}: the target '{name}' has {distinct} different texts in {len(filled)} rows, for "
            f"example '{_short(filled.iloc[0])}'; the target must hold classes that repeat, or numbers."
        )
    return _guess_classification(tables, name, filled, answers, numbers)


def guess_multi_target(tables: FoundTables, targets: list[str]) -> TargetGuess | None:
    """Return the task of several columns that are all numbers, or all flags; None for other columns."""
    if all(_are_flags(tables.train[name]) for name in targets):
        task = Guess(
            "task", "multilabel", f"each of the {len(targets)} target columns says yes or no to a label"
        )
        metric = Guess("metric", "roc_auc", "usual for a probability per label; averaged over the labels")
        question = "Is roc_auc the metric, or a score of labels said or not said, such as macro_f1?"
        return TargetGuess(task, metric, (question,), frozenset(targets))
    if any(numbers_of(tables, name) is None for name in targets):
        return None
    task = Guess("task", "regression", f"{len(targets)} numeric target columns")
    metric = Guess("metric", "rmse", "usual for numbers; averaged over the target columns")
    return TargetGuess(task, metric, (_ask_about("rmse"),))


def _guess_label_sets(name: str, mark: str, mark_in_words: str, labels: frozenset[str]) -> TargetGuess:
    reason = f"cells of '{name}' hold several of {len(labels)} labels, separated by {mark_in_words}"
    fields = () if mark == " " else (Guess("label_separator", mark, "stands between two labels of a cell"),)
    question = (
        f"Are the cells of '{name}' sets of labels, separated by {mark_in_words}? If each cell names one "
        "class, set task: classification."
    )
    metric = Guess("metric", "micro_f1", "usual for label sets")
    questions = (question, _ask_about("micro_f1"))
    return TargetGuess(Guess("task", "multilabel", reason), metric, questions, labels, fields)


def _guess_regression(
    tables: FoundTables, name: str, numbers: "pd.Series[float]", answers: pd.DataFrame | None
) -> TargetGuess:
    distinct = int(numbers.nunique())
    reason = f"'{name}' is a number with {distinct} different values"
    if distinct <= _MAX_CLASSES and answers is not None and _holds_fractions(answers.iloc[:, 0]):
        reason += f", and {tables.sample_name} holds {str(answers.iloc[0, 0])!r}, which is no class"
    task = Guess("task", "regression", reason)
    metric = Guess("metric", "rmse", "usual for numbers")
    if not _are_whole(numbers) or distinct > _MAX_ASKED_CLASSES:
        return TargetGuess(task, metric, (_ask_about("rmse"),))
    question = f"Is '{name}' a quantity? If its values are classes, set task: classification."
    return TargetGuess(task, metric, (question, _ask_about("rmse")))


def _guess_classification(
    tables: FoundTables,
    name: str,
    cells: "pd.Series[str]",
    answers: pd.DataFrame | None,
    numbers: "pd.Series[float] | None",
) -> TargetGuess:
    labels = frozenset(cells)
    task = Guess("task", "classification", f"'{name}' has {len(labels)} different values")
    metric, question = _classification_metric(tables, labels, answers)
    fields: list[Guess] = []
    questions: list[str] = []
    if len(labels) == 2 and metric.value == "roc_auc":
        positive, question_of_positive = guess_positive(cells)
        fields.append(positive)
        questions.append(question_of_positive)
    order = order_of_grades(labels)
    if order is not None:
        fields.append(Guess("class_order", list(order), "the words are grades"))
        questions.append(
            f"Is this the order of the classes, from low to high: {', '.join(order)}? Metrics such as qwk "
            "use it."
        )
    if labels and all(_LIST.fullmatch(label.strip()) for label in labels):
        questions.append(
            f"Are the cells of '{name}' lists of labels, such as {_short(min(labels, key=len))}? Each list "
            "is a class of its own now; for label sets write one mark between labels, as in sun|rain."
        )
    questions += [
        f"Do {' and '.join(repr(label) for label in alike)} mean the same class? They are different classes "
        f"now; write them alike in {tables.labels_name or tables.train_name} if they are one."
        for alike in alike_labels(labels)[:5]
    ]
    if numbers is not None and len(labels) >= _MIN_ASKED_CLASSES:
        questions.append(
            f"Are the numbers of '{name}' classes? If they are counts, ratings or amounts, set "
            "task: regression and metric: rmse (or mae)."
        )
    if question:
        questions.append(question)
    return TargetGuess(task, metric, tuple(questions), labels, tuple(fields))


def _classification_metric(
    tables: FoundTables, labels: frozenset[str], answers: pd.DataFrame | None
) -> tuple[Guess, str]:
    """Return the metric and a question about it."""
    sample = tables.sample_name
    if answers is not None and answers.shape[1] > 1:
        return Guess("metric", "log_loss", f"{sample} has a probability column for each class"), ""
    values = set() if answers is None else set(answers.iloc[:, 0])
    others = values - labels - _same_numbers(values, labels)
    if len(labels) == 2 and others and all(_is_probability(value) for value in others):
        reason = f"{sample} holds the probability of one of two classes"
        return Guess("metric", "roc_auc", reason), "Is roc_auc the metric, or log_loss?"
    reason = "usual for classes" if answers is None else f"{sample} holds classes"
    return Guess("metric", "accuracy", reason), _ask_about("accuracy")


def _ask_about(metric: str) -> str:
    return f"Is {metric} the metric? The tables do not say."


def _same_numbers(values: set[str], labels: frozenset[str]) -> set[str]:
    """Return the values that are the number of a label: 1 is the label 1.0."""
    numbers = pd.to_numeric(pd.Series(sorted(labels)), errors="coerce").dropna()
    return {value for value in values if _as_number(value) in set(numbers)}


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def guess_positive(cells: "pd.Series[str]") -> tuple[Guess, str]:
    """Return which of two classes is the positive one, and a question about it."""
    counts = {str(label): int(count) for label, count in cells.value_counts().items()}
    first, last = sort_labels(counts)
    guess = guess_positive_class(counts)
    positive = last if guess is None else guess.positive
    other = first if positive == last else last
    last_one = "it is the last one by alphabet; neither words nor rarity decide"
    reason = last_one if guess is None else guess.reason
    question = (
        f"Predictions are probabilities of '{positive}': {reason}. "
        f"If they should be those of '{other}', set positive_class: {other!r}."
    )
    return Guess("positive_class", positive, reason), question


def _sample_answers(tables: FoundTables, ids: tuple[str, ...], target: str) -> pd.DataFrame | None:
    """Return the columns of the sample submission that hold predictions; None without any."""
    if tables.sample is None:
        return None
    offered = [name for name in tables.sample.columns if name not in ids and name not in tables.index_columns]
    if target in offered:
        return tables.sample[[target]]
    labels = set(tables.train[target])
    classes = [name for name in offered if name in labels]
    if len(classes) < 2 and len(labels) > 1:  # prob_red, prob_blue
        by_label = [[name for name in offered if ends_with_label(name, label)] for label in sorted(labels)]
        classes = [names[0] for names in by_label if len(names) == 1]
        classes = classes if len(set(classes)) == len(labels) else []
    if len(classes) > 1:
        return tables.sample[classes]
    return tables.sample[offered[:1]] if offered else None


def _is_quantity(
    name: str, numbers: "pd.Series[float]", cells: "pd.Series[str]", answers: pd.DataFrame | None
) -> bool:
    """Return whether numbers are quantities rather than classes."""
    distinct = int(numbers.nunique())
    if answers is not None and answers.shape[1] > 1:
        return False  # a column for each class
    if distinct < _MIN_ASKED_CLASSES:
        return False
    if not _are_whole(numbers) or distinct > _MAX_CLASSES:
        return True
    if answers is not None and not answers.iloc[:, 0].isin(set(cells)).all():
        return _holds_fractions(answers.iloc[:, 0])
    return bool(_QUANTITY_NAME.fullmatch(name)) and answers is None


def _holds_fractions(values: "pd.Series[str]") -> bool:
    numbers = pd.to_numeric(values, errors="coerce")
    return bool((numbers.notna() & (numbers != numbers.round())).any())


def _numbers(cells: "pd.Series[str]", form: CsvForm) -> "pd.Series[float] | None":
    """Return the readable numbers of a column of numbers; None for a column of another kind."""
    kind = column_kind(cells, None, str(cells.name), csv=form)
    if kind.kind not in ("number", "clock"):
        plain = pd.to_numeric(cells, errors="coerce")
        if kind.kind != "date" or plain.isna().any():
            return None
        return plain.astype(float)
    numbers = pd.to_numeric(canonical_cells(cells, kind), errors="coerce").astype(float)
    return numbers[np.isfinite(numbers)]


def numbers_of(tables: FoundTables, name: str) -> "pd.Series[float] | None":
    """Return the numbers of a target; None for a column of another kind."""
    cells = tables.train[name]
    return _numbers(cells[cells.str.strip() != ""], _form_of(tables))


def _form_of(tables: FoundTables) -> CsvForm:
    name = tables.labels_name or tables.train_name
    return (tables.forms or {}).get(name, CsvForm())


def _are_flags(cells: "pd.Series[str]") -> bool:
    try:
        parse_flags(cells, Path("train"))
    except SetupError:
        return False
    return True


def _are_whole(numbers: "pd.Series[float]") -> bool:
    return bool((numbers == numbers.round()).all())


def _is_probability(text: str) -> bool:
    number = _as_number(text)
    return number is not None and 0 <= number <= 1


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}..."
