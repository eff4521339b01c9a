"""Grades a final submission against a competition's private answers, for `mars grade` alone."""

import math
from dataclasses import dataclass
from pathlib import Path

from agent.competition.metrics import RunBounded, metric_of
from agent.competition.spec import CompetitionSpec
from agent.competition.submission import SubmissionFormat, read_predictions, read_truth
from agent.competition.tables import read_table
from agent.competition.target import read_target
from agent.errors import SetupError

_DEFAULT_ANSWERS = ("test.csv", "answers.csv")  # ours, MLE-bench's


@dataclass(frozen=True)
class Grade:
    """The competition's metric on the rows of its answers."""

    metric: str
    score: float
    higher_is_better: bool
    rows: int


def grade_submission(
    spec: CompetitionSpec,
    folder: Path,
    submission: Path,
    answers: str | None = None,
    run: RunBounded | None = None,
) -> Grade:
    """Scores a submission with original ids.

    Args:
        spec: the competition.
        folder: its data folder, which holds the tables that the spec names and `answers/`.
        submission: the file to grade.
        answers: which table below `answers/`; by default the only one; among several `test.csv`, then
            MLE-bench's `answers.csv`.
        run: runs the competition's own metric, where it has one.

    Raises:
        SetupError: the answers are missing, ambiguous or damaged.
        SubmissionError: the submission does not fit, or the metric is undefined on the answers.
    """
    file = _answer_file(folder / "answers", answers)
    metric = metric_of(spec, run)
    header = tuple(read_table(folder, spec.sample_submission).columns)
    classes = read_target(spec, read_table(folder, spec.train), folder).classes
    form = SubmissionFormat.build(spec, classes, header)
    ids, truth = read_truth(file, form)
    if not ids:
        raise SetupError(f"{file}: holds no answers.")
    score = metric.score(truth, read_predictions(submission, form, ids))
    if not math.isfinite(score):
        raise SetupError(f"{file}: the metric '{metric.name}' is undefined on these answers.")
    return Grade(metric.name, score, metric.higher_is_better, len(ids))


def _answer_file(folder: Path, name: str | None) -> Path:
    files = {file.name: file for file in sorted(folder.glob("*.csv"))}
    if not files:
        raise SetupError(f"{folder}: holds no answers (CSV files), so that nothing can be graded.")
    if name is None and len(files) == 1:
        return next(iter(files.values()))
    wanted = name or next((usual for usual in _DEFAULT_ANSWERS if usual in files), _DEFAULT_ANSWERS[0])
    if wanted not in files:
        raise SetupError(f"{folder}: has no {wanted}; choose one of {', '.join(files)}.")
    return files[wanted]
