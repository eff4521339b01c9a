"""Guess the types of several target columns, which one draft predicts together (`mars init`)."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from agent.competition.metric_parameters import MetricParameters
from agent.competition.positive_class import guess_positive_class
from agent.competition.reading.user_table import read_user_table
from agent.competition.typed_targets import MEAN_OF, TypedTarget
from agent.core.errors import SetupError
from agent.core.format import listed
from agent.drafting.rules.tables import FoundTables, Guess
from agent.drafting.rules.target import TargetGuess, guess_multi_target, guess_target_kind, numbers_of

_NOVEL = re.compile(r"(.*[^a-z])?(novel|unknown|unseen|new|other|others|none of)([^a-z].*)?", re.IGNORECASE)
_SCORE = re.compile(r"(.*[_\W])?(scores?|ratings?|stars|points|grades?|marks?)([_\W].*)?", re.IGNORECASE)
_SCALES = ((0, 1), (1, 5), (0, 5), (0, 10), (1, 10), (0, 100))
_MOST_QUESTIONS = 5  # about single targets
_CHILD_ROWS = 2  # rows per label of a child, at least; fewer belong to one parent by chance


@dataclass(frozen=True)
class _Typed:
    """One target with its type, why it has that type, and its labels."""

    target: TypedTarget
    reason: str
    labels: frozenset[str] = frozenset()
    questions: tuple[str, ...] = ()


def guess_targets_kind(tables: FoundTables, ids: tuple[str, ...], targets: list[str]) -> TargetGuess:
    """Guess the task of one target or of several, which may have different types.

    Raises:
        SetupError: A target is blank, constant or free text.
    """
    if len(targets) == 1:
        return guess_target_kind(tables, ids, targets)
    same_kind = guess_multi_target(tables, targets)
    if same_kind is not None and same_kind.task.value == "multilabel":
        return same_kind
    found = [_guess_type(tables, ids, name) for name in targets]
    if same_kind is not None and all(one.target.type in ("value", "bounded") for one in found):
        return same_kind
    typed = _with_parents(tables, [_with_label_table(tables, one) for one in found])
    counts = Counter(f"{one.target.type} ({one.target.metric})" for one in typed)
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return TargetGuess(
        Guess("task", "several", f"{len(typed)} target columns of different types: {kinds}"),
        Guess("metric", MEAN_OF, "the mean of the targets' metrics"),
        (
            f"Is the score the mean of a metric per target: {kinds}? The tables do not say; correct metric "
            "and weight of each target.",
            *_questions(typed),
        ),
        typed=tuple(one.target for one in typed),
        target_reasons=tuple(
            Guess(f"targets.{one.target.name}", one.target.type, one.reason) for one in typed
        ),
    )


def _guess_type(tables: FoundTables, ids: tuple[str, ...], name: str) -> _Typed:
    """Return the type of one target, as if it were the only one."""
    guess = guess_target_kind(tables, ids, [name])
    settled = {one.field: one.value for one in guess.fields}
    if (bounds := _bounds(tables, name)) is not None and "class_order" not in settled:
        low, high = bounds
        question = (
            f"Is '{name}' a number from {low} to {high}? If its values are classes, set type: category."
        )
        return _typed(
            name,
            "bounded",
            "r2",
            f"its numbers are on a scale from {low} to {high}",
            (question,),
            low=low,
            high=high,
        )
    if guess.task.value == "regression":
        return _typed(name, "value", "r2", guess.task.reason, ())
    if guess.task.value == "multilabel":
        questions = guess.questions[:1]
        separator = settled.get("label_separator")
        return _typed(name, "label_set", "micro_f1", guess.task.reason, questions, label_separator=separator)
    if order := settled.get("class_order"):
        reason = f"{guess.task.reason}, which are grades"
        return _typed(name, "ordinal", "qwk", reason, guess.questions[:1], guess.labels, order=order)
    if len(guess.labels) != 2:
        return _typed(name, "category", "accuracy", guess.task.reason, (), guess.labels)
    counts = {str(label): int(count) for label, count in tables.train[name].value_counts().items()}
    positive = guess_positive_class({label: count for label, count in counts.items() if label.strip()})
    metric = "roc_auc" if guess.metric.value == "roc_auc" else "accuracy" if positive is None else "f1"
    chosen = None if positive is None else positive.positive
    return _typed(name, "binary", metric, guess.task.reason, (), guess.labels, positive_class=chosen)


def _typed(
    name: str,
    kind: str,
    metric: str,
    reason: str,
    questions: Sequence[str],
    labels: frozenset[str] = frozenset(),
    **keys: object,
) -> _Typed:
    given = {key: value for key, value in keys.items() if value is not None}
    target = TypedTarget.model_validate({"name": name, "type": kind, "metric": metric, **given})
    return _Typed(target, reason, labels, tuple(questions))


def _bounds(tables: FoundTables, name: str) -> tuple[int, int] | None:
    """Return the scale of a column that is named like a score and holds numbers of a usual scale."""
    if not _SCORE.fullmatch(name):
        return None
    numbers = numbers_of(tables, name)
    if numbers is None or numbers.nunique() < 3:
        return None
    for low, high in _SCALES:
        reaches = numbers.min() - low <= (high - low) / 4 and high - numbers.max() <= (high - low) / 4
        if numbers.between(low, high).all() and reaches:
            return low, high
    return None


def _with_label_table(tables: FoundTables, one: _Typed) -> _Typed:
    """Return a category with the table that lists its labels, and with the label that no training row has."""
    if one.target.type != "category":
        return one
    best: tuple[int, str, dict[str, str]] | None = None
    for name in tables.label_tables:
        rows = _labels_of_table(tables, name)
        extra = len(rows.keys() - one.labels)
        if one.labels <= rows.keys() and (best is None or extra < best[0]):
            best = extra, name, rows
    if best is None:
        return one
    _, name, rows = best
    novel = [label for label in rows if label not in one.labels and _NOVEL.fullmatch(rows[label].strip())]
    changes: dict[str, object] = {"label_table": name}
    if len(novel) == 1:  # accuracy would depend on how many rows to predict are novel, which no table says
        parameters = MetricParameters.model_validate({"novel": list(rows).index(novel[0])})
        changes |= {"novel": novel[0], "metric": "seen_unseen_accuracy", "metric_parameters": parameters}
    question = f"Do only rows to predict have the label '{{}}' of '{one.target.name}'? {name} calls it novel."
    asked = [question.format(label) for label in novel] if len(novel) == 1 else []
    return _Typed(
        one.target.model_copy(update=changes),
        f"{one.reason}; {name} lists them",
        one.labels,
        (*one.questions, *asked),
    )


def _labels_of_table(tables: FoundTables, name: str) -> dict[str, str]:
    """Return the labels of a table's first column, each with the other cells of its row."""
    try:
        cells = read_user_table(tables.folder, name).cells
    except SetupError:
        return {}  # the table is optional
    return {str(row[0]): " ".join(map(str, row[1:])) or str(row[0]) for row in cells.to_numpy()}


def _with_parents(tables: FoundTables, found: Sequence[_Typed]) -> list[_Typed]:
    """Return the targets; a category each label of which belongs to one label of another is its child."""
    categories = [one for one in found if one.target.type == "category"]
    parents: dict[str, _Typed] = {}
    for parent in found:
        for child in categories:
            if parent.target.type in ("category", "binary") and _is_parent(tables, parent, child):
                parents.setdefault(parent.target.name, child)
    settled = []
    for one in found:
        if one.target.name not in parents:
            settled.append(one)
            continue
        name = parents[one.target.name].target.name
        question = (
            f"Does each label of '{name}' belong to one label of '{one.target.name}'? It does in all rows."
        )
        target = one.target.model_copy(update={"parent_of": name})
        settled.append(_Typed(target, one.reason, one.labels, (*one.questions, question)))
    return settled


def _is_parent(tables: FoundTables, parent: _Typed, child: _Typed) -> bool:
    if len(parent.labels) >= len(child.labels):
        return False
    pairs = tables.train[[parent.target.name, child.target.name]]
    many = len(pairs) >= _CHILD_ROWS * len(child.labels)
    per_child: pd.Series[int] = pairs.groupby(child.target.name)[parent.target.name].nunique()
    return bool(many and (per_child == 1).all())


def _questions(typed: Sequence[_Typed]) -> list[str]:
    """Return the questions about single targets; many are told as one."""
    questions = [question for one in typed for question in one.questions]
    if len(questions) <= _MOST_QUESTIONS:
        return questions
    names = listed([f"'{one.target.name}'" for one in typed if one.questions], _MOST_QUESTIONS)
    return [*questions[: _MOST_QUESTIONS - 1], f"Check the types of the other targets too, of {names}."]
