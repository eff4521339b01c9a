"""Build a draft from the answer of a language model and the guesses of the rules.

An answer that contradicts the tables raises AnswerError. The message goes back to the model, so it names
tables, columns and numbers of rows, never a value. Where the sample submission settles a field, the rules win
over the answer and a note tells the user.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from agent.competition.metric_parameters import MetricParameters
from agent.competition.metrics import METRICS, get_metric
from agent.competition.spec import METRIC_FILE, OwnMetric, check_metric_code
from agent.competition.submission import SubmissionFormat
from agent.core.errors import SetupError
from agent.drafting.llm.answer import OWN, Answer
from agent.drafting.llm.format import format_names, sanitize
from agent.drafting.llm.merge_inputs import merge_inputs
from agent.drafting.rules.draft import Draft, SpecGuesses, build_draft
from agent.drafting.rules.ids import guess_id
from agent.drafting.rules.label_sets import find_label_sets
from agent.drafting.rules.sample import distinct_labels
from agent.drafting.rules.tables import FoundTables, Guess, match_usual_names
from agent.drafting.rules.target import guess_positive
from agent.drafting.rules.targets import guess_fold, guess_label_table, guess_targets
from agent.llm.answer_format import AnswerError

_MAX_CLASSES = 20  # or half of the rows; a target with more different values is not a class


@dataclass(frozen=True)
class CompetitionFolder:
    """The tables and the description of a folder that a prompt may quote from."""

    folder: Path
    tables: dict[str, pd.DataFrame]
    overview: str


def merge_answer(folder: CompetitionFolder, answer: Answer, model: str, own_metric_allowed: bool) -> Draft:
    """Merge the answer of the model with the guesses of the rules.

    Args:
        folder: The tables and the description.
        answer: The answer of the model.
        model: The name of the model, for the reasons.
        own_metric_allowed: Whether the answer may define its own metric in code.

    Raises:
        AnswerError: The answer contradicts the tables.
    """
    notes: list[str] = []
    tables = _assign_tables(folder, answer, notes)
    id_column = _settle_id(tables, answer, model, notes)
    targets = _settle_targets(tables, str(id_column.value), answer, model, notes)
    columns = [str(name) for name in targets.value]  # type: ignore[attr-defined]  # a list
    labels = _collect_labels(tables, columns, answer)
    fields, class_questions = _class_fields(tables, columns, answer, labels)
    metric, parameters, own_metric = _settle_metric(answer, model, own_metric_allowed, len(labels))
    fold = guess_fold(tables)
    if fold is not None and fold.value in {*columns, id_column.value}:
        fold = None
    taken = [*columns, *([str(fold.value)] if fold else [])]
    inputs, questions = merge_inputs(tables, answer, taken, str(id_column.value), model)
    guesses = SpecGuesses(
        id_column=id_column,
        targets=targets,
        task=Guess("task", answer.task, answer.task_why, model),
        metric=metric,
        label_table=guess_label_table(tables, labels) if labels else None,
        fold=fold,
        inputs=inputs,
        questions=[*class_questions, *notes, *questions, *_own_metric_questions(own_metric)],
        title=Guess("title", _title(answer, folder.folder), "from the description", model),
        tables=[Guess("train", tables.train_name, answer.tables_why, model)],
        metric_parameters=parameters,
        own_metric=own_metric,
        fields=[*fields, *_time_split(answer, model)],
    )
    try:
        draft = build_draft(tables, guesses)
    except SetupError:
        raise AnswerError("task, metric and own_metric do not fit together.") from None
    _require_format(tables, draft, labels)
    return draft


def _assign_tables(folder: CompetitionFolder, answer: Answer, notes: list[str]) -> FoundTables:
    sample = answer.sample_submission or None
    usual = match_usual_names(list(folder.tables))[2]
    if usual is not None and sample != usual:
        notes.append(
            f"{usual} is the sample submission, by its name; the language model chose another table."
        )
        sample = usual
    test = answer.test or None
    named = [("train", answer.train), ("test", test), ("sample_submission", sample)]
    for field, name in named:
        if name is not None and name not in folder.tables:
            raise AnswerError(
                f"{field}: there is no table '{name}'; the tables are {format_names(folder.tables)}."
            )
    if len({name for _, name in named if name}) < sum(name is not None for _, name in named):
        raise AnswerError(
            "train, test and sample_submission: one table is named for two of them; name different tables."
        )
    if test is None and sample is None:
        raise AnswerError("test: name the table of the rows to predict, or a sample submission.")
    labels = [
        name for name in match_usual_names(list(folder.tables))[3] if name not in (answer.train, test, sample)
    ]
    return FoundTables.from_names(folder.folder, folder.tables, answer.train, test, sample, labels)


def _prediction_tables(tables: FoundTables) -> dict[str, pd.DataFrame]:
    """Return the test table and the sample submission by their names."""
    named = {tables.test_name: tables.test, tables.sample_name: tables.sample}
    return {name: table for name, table in named.items() if name is not None and table is not None}


def _settle_id(tables: FoundTables, answer: Answer, model: str, notes: list[str]) -> Guess:
    if tables.sample is not None:
        try:
            sure = guess_id(tables)
        except SetupError:
            sure = None
        if sure is not None and sure.value == tables.sample.columns[0]:
            if sure.value != answer.id_column:
                notes.append(
                    f"The id is '{sure.value}': {sure.reason}. The language model chose another column."
                )
            return sure
    name = answer.id_column
    for table_name, table in {tables.train_name: tables.train, **_prediction_tables(tables)}.items():
        if name not in table.columns:
            raise AnswerError(
                f"id_column: {table_name} has no column '{name}'; it has {format_names(table.columns)}."
            )
        if (table[name] == "").any() or not table[name].is_unique:
            raise AnswerError(
                f"id_column: '{name}' does not identify the rows of {table_name}: its values are blank or "
                "repeat."
            )
    return Guess("id_column", name, "its values are unique in every table", model)


def _settle_targets(
    tables: FoundTables, id_column: str, answer: Answer, model: str, notes: list[str]
) -> Guess:
    fold = guess_fold(tables)
    try:
        sure = guess_targets(tables, [id_column], None if fold is None else str(fold.value)).guess
    except SetupError:
        sure = None
    sample_columns = [] if tables.sample is None else list(tables.sample.columns)
    requested = [name for name in sample_columns if name != id_column]
    if sure is not None and sure.value == requested:
        if sorted(requested) != sorted(answer.targets):
            notes.append(
                f"Targets are {', '.join(requested)}: {sure.reason}. The language model chose other columns."
            )
        return sure
    columns = list(dict.fromkeys(answer.targets))
    for name in columns:
        if name not in tables.train.columns:
            has = format_names(tables.train.columns)
            raise AnswerError(f"targets: {tables.train_name} has no column '{name}'; it has {has}.")
        if name == id_column:
            raise AnswerError(f"targets: '{name}' is the id; name another column.")
        if tables.test is not None and name in tables.test.columns and not (tables.test[name] == "").all():
            raise AnswerError(f"targets: the rows to predict have '{name}', so it cannot be a target.")
    return Guess("targets", columns, answer.targets_why, model)


def _collect_labels(tables: FoundTables, targets: list[str], answer: Answer) -> set[str]:
    """Return the labels of the targets; empty for regression and segmentation.

    Raises:
        AnswerError: The task does not fit the target columns.
    """
    if answer.task == "regression":
        for name in targets:
            numbers = pd.to_numeric(tables.train[name], errors="coerce").astype(float)
            if not np.isfinite(numbers).all():
                raise AnswerError(
                    f"task: '{name}' is blank or not a number in some rows, so it cannot be a regression "
                    "target."
                )
        return set()
    if len(targets) > 1:
        raise AnswerError(
            f"targets: {answer.task} takes one column, not {len(targets)}; only regression takes several."
        )
    cells = tables.train[targets[0]]
    if answer.task == "segmentation":
        return set()
    if answer.task == "multilabel":
        labels = set(distinct_labels(cells, _mark_between_labels(cells)))
    else:
        labels = set(cells)
        if (cells.str.strip() == "").any():
            raise AnswerError(
                f"task: '{targets[0]}' is blank in some rows, so it cannot be a classification target."
            )
    most = len(labels) if answer.task == "multilabel" else max(_MAX_CLASSES, len(cells) / 2)
    if not 2 <= len(labels) <= most:
        raise AnswerError(
            f"task: '{targets[0]}' has {len(labels)} different values in {len(cells)} rows, which does not "
            f"fit {answer.task}."
        )
    return labels


def _class_fields(
    tables: FoundTables, targets: list[str], answer: Answer, labels: set[str]
) -> tuple[list[Guess], list[str]]:
    """Return the mark between labels, or which of two classes is positive, with a question about it."""
    cells = tables.train[targets[0]]
    if answer.task == "multilabel":
        mark = _mark_between_labels(cells)
        return ([] if mark is None else [Guess("label_separator", mark, "stands between two labels")]), []
    metric = METRICS.get(answer.metric)
    if answer.task != "classification" or metric is None or len(labels) != 2:
        return [], []
    one_probability = metric.prediction_kinds.get("classification") == "probability" and (
        tables.sample is None or len(tables.sample.columns) <= 2
    )
    if not (one_probability or metric.binary_only):
        return [], []
    guess, question = guess_positive(cells)
    return [guess], [question]


def _mark_between_labels(cells: "pd.Series[str]") -> str | None:
    """Return the mark between the labels of a cell; None for blanks."""
    found = find_label_sets(cells)
    return None if found is None or found.mark == " " else found.mark


def _time_split(answer: Answer, model: str) -> list[Guess]:
    if not answer.time_column:
        return []
    return [Guess("time_split", answer.time_column, answer.time_why, model)]


def _settle_metric(
    answer: Answer, model: str, own_metric_allowed: bool, classes: int
) -> tuple[Guess, MetricParameters, OwnMetric | None]:
    guess = Guess("metric", answer.metric, answer.metric_why, model)
    if answer.metric == OWN:
        return (
            Guess("metric", METRIC_FILE, answer.metric_why, model),
            MetricParameters(),
            _own_metric(answer, own_metric_allowed),
        )
    if answer.metric not in METRICS:
        raise AnswerError(
            f"metric: there is no metric '{answer.metric}'; choose one of {', '.join(METRICS)}."
        )
    metric = METRICS[answer.metric]
    if answer.task not in metric.prediction_kinds:
        raise AnswerError(
            f"metric: '{metric.name}' serves {', '.join(metric.prediction_kinds)}, not {answer.task}."
        )
    if metric.binary_only and classes != 2:
        raise AnswerError(
            f"metric: '{metric.name}' takes two classes, but there are {classes}; "
            f"{' and '.join(metric.alternatives) or 'other metrics'} take any number."
        )
    if metric.higher_is_better != answer.higher_is_better:
        direction = "higher" if metric.higher_is_better else "lower"
        raise AnswerError(f"higher_is_better: {direction} is better for '{metric.name}'.")
    values: dict[str, Any] = dict.fromkeys(metric.parameter_names, answer.metric_parameter)
    if "k" in values and answer.metric_parameter is not None and answer.metric_parameter.is_integer():
        values["k"] = int(answer.metric_parameter)
    try:
        parameters = MetricParameters.model_validate(values)
        get_metric(metric.name, parameters)
    except (SetupError, ValueError):
        raise AnswerError(
            f"metric_parameter: '{metric.name}' needs {metric.parameter_names[0]}, "
            "a number in its valid range."
        ) from None
    return guess, parameters, None


def _own_metric(answer: Answer, allowed: bool) -> OwnMetric:
    proposed = answer.own_metric
    if not allowed or proposed is None:
        why = "own_metric must define it" if allowed else "this machine cannot run it safely"
        raise AnswerError(f"metric: '{OWN}' is not possible: {why}; or choose the nearest metric by name.")
    try:
        code = check_metric_code(proposed.code, Path(METRIC_FILE))
    except SetupError as error:
        raise AnswerError(f"own_metric.code: {error}") from None
    default_best = float(answer.higher_is_better)
    return OwnMetric(
        definition=proposed.definition,
        prediction=proposed.prediction,
        higher_is_better=answer.higher_is_better,
        best=None if proposed.best == default_best else proposed.best,
        code=code,
    )


def _require_format(tables: FoundTables, draft: Draft, labels: set[str]) -> None:
    sample = tables.sample if tables.sample is not None else draft.generated_sample
    assert sample is not None
    try:
        SubmissionFormat.build(draft.spec, sorted(labels), tuple(sample.columns))
    except SetupError:  # its message may name labels, which are values
        raise AnswerError(
            f"metric: '{draft.spec.metric}' does not fit the sample submission, which has "
            f"{len(sample.columns) - 1} column(s) beside the id, for {len(labels)} classes and "
            f"{len(draft.spec.targets)} target(s); probabilities take one column per class (one for two "
            "classes), other predictions one column per target."
        ) from None


def _title(answer: Answer, folder: Path) -> str:
    return sanitize(answer.title, 200) or folder.resolve().name


def _own_metric_questions(own: OwnMetric | None) -> list[str]:
    if own is None:
        return []
    return [f"Read {METRIC_FILE}: the language model wrote it. Does it measure what the description says?"]
