"""Grading of a final submission against the private answers of a competition. Only `mars grade` uses it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from agent.competition.final_form import read_final
from agent.competition.metrics import Rows, SandboxRunner, TargetScore, metric_of, score_targets
from agent.competition.preparation.raw_tables import read_sample, read_training_table, read_user_cells
from agent.competition.preparation.sample_form import SubmissionPlan, plan_submission
from agent.competition.row_ids import add_keys, key_column, rename_columns, settle_ids
from agent.competition.spec import CompetitionSpec
from agent.competition.submission import (
    SubmissionFormat,
    parse_predictions,
    parse_truth,
    read_predictions,
    read_truth,
)
from agent.competition.tables import require_columns
from agent.competition.target import ReadTargets, canonical_answers, canonical_spec, read_targets
from agent.competition.untrusted_csv import SubmissionError, TextColumn, read_header, read_text_columns
from agent.core.errors import SetupError

_DEFAULT_ANSWERS = ("test.csv", "answers.csv")  # of MARS, of MLE-bench


@dataclass(frozen=True)
class Grade:
    """The score of a submission on the rows with answers."""

    metric: str
    score: float
    higher_is_better: bool
    rows: int
    target_scores: tuple[TargetScore, ...] = ()
    """The score of each of several targets, by its own metric."""


def grade_submission(
    spec: CompetitionSpec,
    folder: Path,
    submission: Path,
    answers: str | None = None,
    run: SandboxRunner | None = None,
) -> Grade:
    """Score a submission that uses the original ids.

    Args:
        spec: the competition.
        folder: the data folder, which holds the tables of the specification and `answers/`.
        submission: the file to grade.
        answers: name of the table below `answers/`. The default is the only table; among several, it is
            `test.csv`, then the `answers.csv` of MLE-bench.
        run: runs the metric of the competition (`metric.py`), if the competition has one.

    Raises:
        SetupError: the answers are missing, ambiguous or damaged, or the metric is undefined on them.
        SubmissionError: the submission is invalid.
    """
    file = _answer_file(folder / "answers", answers)
    metric = metric_of(spec, run)
    task = _read_task(settle_ids(spec), folder)
    target = task.targets.target
    classes_of_targets = [part.classes for part in target.parts]
    form = SubmissionFormat.build(task.spec, target.classes, task.plan.columns, classes_of_targets)
    ids, truth = _read_answers(file, task, form)
    if not ids:
        raise SetupError(f"{file}: the table holds no answers.")
    predictions = _read_submission(submission, task, form, ids)
    score = metric.score(truth, predictions)
    if not math.isfinite(score):
        raise SetupError(f"{file}: the metric '{metric.name}' is undefined on these answers; check the file.")
    of_targets = score_targets(spec, truth, predictions)
    return Grade(metric.name, score, metric.higher_is_better, len(ids), of_targets)


@dataclass(frozen=True)
class _GradedTask:
    """What grading knows of a competition from the user's tables."""

    spec: CompetitionSpec  # with canonical names
    user_spec: CompetitionSpec
    targets: ReadTargets
    plan: SubmissionPlan
    is_plain: bool  # whether the target cells of the training table are canonical as they are
    sample_ids: list[str]  # original ids, in the order of the sample submission


def _read_task(spec: CompetitionSpec, folder: Path) -> _GradedTask:
    train, _ = read_training_table(spec, folder)
    sample, ids = read_sample(spec, folder, train.form)
    key = key_column(spec, [train.cells, sample.cells])
    keyed = spec.model_copy(update={"id_column": key})
    targets = read_targets(keyed, train.cells, folder)
    canonical = canonical_spec(keyed, targets)
    plan = plan_submission(canonical, keyed, targets, sample)
    numbers = spec.task in ("regression", "several")
    is_plain = not numbers or targets.cells.equals(train.cells[list(spec.targets)])
    return _GradedTask(canonical, keyed, targets, plan, is_plain, ids)


def _read_answers(file: Path, task: _GradedTask, form: SubmissionFormat) -> tuple[list[str], Rows]:
    """Return ids and answers. Answers in the form of the training table become canonical first."""
    spec = task.user_spec
    is_canonical = spec == task.spec and not task.targets.names and task.is_plain
    if is_canonical and _has_columns(file, {form.answer_id_column, *form.answer_columns}):
        return read_truth(file, form)
    wanted = [spec.id_column] if spec.id_from is None else list(spec.id_from)
    table = rename_columns(read_user_cells(spec, file.parent, file.name).cells, [*wanted, *spec.targets])
    require_columns(table, spec.targets, file)
    if (wanted and not set(wanted) & set(table.columns)) or spec.id_from == ():
        if len(table) != len(task.sample_ids):
            raise SetupError(
                f"{file}: the table has {len(table)} rows and no ids, but {len(task.sample_ids)} rows are to "
                "be predicted; give both the same rows."
            )
        ids = task.sample_ids
    else:
        ids = add_keys(spec, table, spec.id_column, file)[spec.id_column].tolist()
    cells = canonical_answers(spec, task.targets, table, file)
    columns = {spec.id_column: ids, **{name: cells[name].tolist() for name in task.targets.targets}}
    texts = [TextColumn(file.name, name, pa.array(cells, pa.string())) for name, cells in columns.items()]
    try:
        return parse_truth(texts, form)
    except SubmissionError as error:
        raise SetupError(f"The answers in {file.parent} are damaged: {error}") from error


def _has_columns(file: Path, names: set[str]) -> bool:
    """Return whether a file is comma-separated and has these columns."""
    try:
        return names <= set(read_header(file, own=True))
    except SubmissionError:
        return False


def _read_submission(file: Path, task: _GradedTask, form: SubmissionFormat, ids: Sequence[str]) -> Rows:
    """Return the predictions of a file in the form of the sample submission, or of candidates."""
    final, columns = task.plan.final, (form.id_column, *form.columns)
    if not final.has_header(columns):
        if (found := read_final(file, final, columns, task.sample_ids)) is not None:
            return parse_predictions(found, form, ids)
        if not set(columns) <= set(read_header(file, own=True)):
            names = [*final.id_columns, *(column.name for column in final.filled)]
            read_text_columns(file, names, final.separator, own=True)
    return read_predictions(file, form, ids, own=True)


def _answer_file(folder: Path, name: str | None) -> Path:
    files = {file.name: file for file in sorted(folder.glob("*.csv"))}
    if not files:
        raise SetupError(
            f"{folder}: the folder holds no answers; put a CSV file with the ids and targets there."
        )
    if name is None and len(files) == 1:
        return next(iter(files.values()))
    chosen = name or next((default for default in _DEFAULT_ANSWERS if default in files), _DEFAULT_ANSWERS[0])
    if chosen not in files:
        raise SetupError(f"{folder}: the folder has no {chosen}; choose one of {', '.join(files)}.")
    return files[chosen]
