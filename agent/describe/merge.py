"""An answer becomes a draft: held against the tables, joined with what the rules know for sure.

What contradicts the tables is an AnswerError, whose sentence goes back to the model: it names tables, columns
and numbers of rows, never a value. What the rules know for sure wins, and the user is told.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from agent.competition.init import Draft, SpecGuesses, build_draft, distinct_labels
from agent.competition.init_tables import (
    FoundTables,
    Guess,
    guess_fold,
    guess_id,
    guess_label_table,
    guess_targets,
    match_usual_names,
)
from agent.competition.metrics import METRICS, get_metric
from agent.competition.spec import OWN_METRIC, MetricParameters, OwnMetric, metric_code
from agent.competition.submission import SubmissionFormat
from agent.describe.answer import OWN, Answer
from agent.describe.inputs import merged_inputs
from agent.describe.words import names, plain
from agent.errors import SetupError
from agent.llm.forms import AnswerError

_CLASSES_AT_MOST = 20  # or half of the rows: what has more different values is no class


@dataclass(frozen=True)
class View:
    """A folder as far as a language model is told of it."""

    folder: Path
    tables: dict[str, pd.DataFrame]
    overview: str


def merged(view: View, answer: Answer, model: str, own: bool) -> Draft:
    """The draft that the answer and the rules make together.

    Args:
        view: the folder.
        answer: what the model says.
        model: its name, for the reasons.
        own: whether a metric of its own may be among them.

    Raises:
        AnswerError: the answer contradicts the tables.
    """
    notes: list[str] = []
    tables = _tables(view, answer, notes)
    id_column = _id_column(tables, answer, model, notes)
    targets = _targets(tables, str(id_column.value), answer, model, notes)
    columns = [str(name) for name in targets.value]  # type: ignore[attr-defined]  # a list
    labels = _labels(tables, columns, answer)
    metric, parameters, own_metric = _metric(answer, model, own, len(labels))
    fold = guess_fold(tables)
    if fold is not None and fold.value in {*columns, id_column.value}:
        fold = None
    taken = [*columns, *([str(fold.value)] if fold else [])]
    inputs, questions = merged_inputs(tables, answer, taken, str(id_column.value), model)
    guesses = SpecGuesses(
        id_column=id_column,
        targets=targets,
        task=Guess("task", answer.task, answer.task_why, model),
        metric=metric,
        label_table=guess_label_table(tables, labels) if labels else None,
        fold=fold,
        inputs=inputs,
        questions=[*notes, *questions, *_asked(own_metric)],
        title=Guess("title", _title(answer, view.folder), "as the description has it", model),
        tables=[Guess("train", tables.train_name, answer.tables_why, model)],
        metric_parameters=parameters,
        own_metric=own_metric,
    )
    try:
        draft = build_draft(tables, guesses)
    except SetupError:
        raise AnswerError("task, metric and own_metric do not fit each other.") from None
    _require_format(tables, draft, labels)
    return draft


def _tables(view: View, answer: Answer, notes: list[str]) -> FoundTables:
    sample = answer.sample_submission or None
    usual = match_usual_names(list(view.tables))[2]
    if usual is not None and sample != usual:
        notes.append(f"{usual} is the sample submission by its name; the language model took another table.")
        sample = usual
    test = answer.test or None
    named = [("train", answer.train), ("test", test), ("sample_submission", sample)]
    for field, name in named:
        if name is not None and name not in view.tables:
            raise AnswerError(f"{field}: there is no table '{name}'; there are {names(view.tables)}.")
    if len({name for _, name in named if name}) < sum(name is not None for _, name in named):
        raise AnswerError("train, test and sample_submission: a table can be one of them only.")
    if test is None and sample is None:
        raise AnswerError("test: the rows to predict must be in a table; name it, or the sample submission.")
    labels = [
        name for name in match_usual_names(list(view.tables))[3] if name not in (answer.train, test, sample)
    ]
    return FoundTables.from_names(view.folder, view.tables, answer.train, test, sample, labels)


def _others(tables: FoundTables) -> dict[str, pd.DataFrame]:
    """The tables of rows to predict, by their names."""
    named = {tables.test_name: tables.test, tables.sample_name: tables.sample}
    return {name: table for name, table in named.items() if name is not None and table is not None}


def _id_column(tables: FoundTables, answer: Answer, model: str, notes: list[str]) -> Guess:
    if tables.sample is not None:
        try:
            sure = guess_id(tables)
        except SetupError:
            sure = None
        if sure is not None and sure.value == tables.sample.columns[0]:
            if sure.value != answer.id_column:
                notes.append(
                    f"The id is '{sure.value}': {sure.reason}; the language model took another column."
                )
            return sure
    name = answer.id_column
    for table_name, table in {tables.train_name: tables.train, **_others(tables)}.items():
        if name not in table.columns:
            raise AnswerError(
                f"id_column: {table_name} has no column '{name}'; it has {names(table.columns)}."
            )
        if (table[name] == "").any() or not table[name].is_unique:
            raise AnswerError(
                f"id_column: '{name}' does not identify the rows of {table_name}: it is blank or repeats."
            )
    return Guess("id_column", name, "its values are unique in every table", model)


def _targets(tables: FoundTables, id_column: str, answer: Answer, model: str, notes: list[str]) -> Guess:
    fold = guess_fold(tables)
    try:
        sure = guess_targets(tables, id_column, None if fold is None else str(fold.value))
    except SetupError:
        sure = None
    asked = [] if tables.sample is None else [name for name in tables.sample.columns if name != id_column]
    if sure is not None and sure.value == asked:
        if sorted(asked) != sorted(answer.targets):
            notes.append(f"Targets are {', '.join(asked)}: {sure.reason}; the language model took others.")
        return sure
    columns = list(dict.fromkeys(answer.targets))
    for name in columns:
        if name not in tables.train.columns:
            has = names(tables.train.columns)
            raise AnswerError(f"targets: {tables.train_name} has no column '{name}'; it has {has}.")
        if name == id_column:
            raise AnswerError(f"targets: '{name}' is the id.")
        if tables.test is not None and name in tables.test.columns and not (tables.test[name] == "").all():
            raise AnswerError(f"targets: rows to predict have '{name}', so that it needs no prediction.")
    return Guess("targets", columns, answer.targets_why, model)


def _labels(tables: FoundTables, targets: list[str], answer: Answer) -> set[str]:
    """The labels that occur, none for numbers and masks; AnswerError where the task does not fit."""
    if answer.task == "regression":
        for name in targets:
            numbers = pd.to_numeric(tables.train[name], errors="coerce").astype(float)
            if not np.isfinite(numbers).all():
                raise AnswerError(f"task: '{name}' is blank or no number in some rows: no regression.")
        return set()
    if len(targets) > 1:
        raise AnswerError(
            f"targets: {answer.task} takes one column, not {len(targets)}; several are a regression."
        )
    cells = tables.train[targets[0]]
    if answer.task == "segmentation":
        return set()
    if answer.task == "multilabel":
        labels = set(distinct_labels(cells))
    else:
        labels = set(cells)
        if (cells.str.strip() == "").any():
            raise AnswerError(f"task: '{targets[0]}' is blank in some rows: no classification.")
    most = len(labels) if answer.task == "multilabel" else max(_CLASSES_AT_MOST, len(cells) / 2)
    if not 2 <= len(labels) <= most:
        raise AnswerError(
            f"task: '{targets[0]}' has {len(labels)} different values in {len(cells)} rows: no {answer.task}."
        )
    return labels


def _metric(
    answer: Answer, model: str, own: bool, classes: int
) -> tuple[Guess, MetricParameters, OwnMetric | None]:
    guess = Guess("metric", answer.metric, answer.metric_why, model)
    if answer.metric == OWN:
        return Guess("metric", OWN_METRIC, answer.metric_why, model), MetricParameters(), _own(answer, own)
    if answer.metric not in METRICS:
        raise AnswerError(f"metric: '{answer.metric}' is none of {', '.join(METRICS)}.")
    metric = METRICS[answer.metric]
    if answer.task not in metric.kinds:
        raise AnswerError(f"metric: '{metric.name}' serves {', '.join(metric.kinds)}, not {answer.task}.")
    if metric.two_classes and classes != 2:
        raise AnswerError(
            f"metric: '{metric.name}' is about two classes, there are {classes}; macro_{metric.name} and "
            f"weighted_{metric.name} serve any number."
        )
    if metric.higher_is_better != answer.higher_is_better:
        direction = "higher" if metric.higher_is_better else "lower"
        raise AnswerError(f"higher_is_better: {direction} is better for '{metric.name}'.")
    given: dict[str, Any] = dict.fromkeys(metric.needs, answer.metric_parameter)
    if "k" in given and answer.metric_parameter is not None and answer.metric_parameter.is_integer():
        given["k"] = int(answer.metric_parameter)
    try:
        parameters = MetricParameters.model_validate(given)
        get_metric(metric.name, parameters)
    except (SetupError, ValueError):
        raise AnswerError(
            f"metric_parameter: '{metric.name}' needs its {metric.needs[0]}, a number in its range."
        ) from None
    return guess, parameters, None


def _own(answer: Answer, allowed: bool) -> OwnMetric:
    said = answer.own_metric
    if not allowed or said is None:
        more = "own_metric must define it" if allowed else "it cannot be tried here"
        raise AnswerError(f"metric: '{OWN}' is of no use: {more}; or name the nearest that has a name.")
    try:
        code = metric_code(said.code, Path(OWN_METRIC))
    except SetupError as error:
        raise AnswerError(f"own_metric.code: {error}") from None
    usual = float(answer.higher_is_better)
    return OwnMetric(
        definition=said.definition,
        prediction=said.prediction,
        higher_is_better=answer.higher_is_better,
        best=None if said.best == usual else said.best,
        code=code,
    )


def _require_format(tables: FoundTables, draft: Draft, labels: set[str]) -> None:
    sample = tables.sample if tables.sample is not None else draft.generated_sample
    assert sample is not None
    try:
        SubmissionFormat.build(draft.spec, sorted(labels), tuple(sample.columns))
    except SetupError:  # its sentence may name labels
        raise AnswerError(
            f"metric: '{draft.spec.metric}' does not fit the {len(sample.columns) - 1} columns that a "
            f"submission has beside the id, with {len(labels)} classes, {len(draft.spec.targets)} targets; "
            "probabilities have a column for each class (one for two classes), all else one for each target."
        ) from None


def _title(answer: Answer, folder: Path) -> str:
    return plain(answer.title, 200) or folder.resolve().name


def _asked(own: OwnMetric | None) -> list[str]:
    if own is None:
        return []
    return [f"Read {OWN_METRIC}: the language model wrote it. Does it measure what the description says?"]
