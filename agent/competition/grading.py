"""Grading of a final submission against the private answers of a competition. Only `mars grade` uses it."""

import math
from dataclasses import dataclass
from pathlib import Path

from agent.competition.metrics import SandboxRunner, metric_of
from agent.competition.reading.user_table import read_user_table
from agent.competition.spec import CompetitionSpec
from agent.competition.submission import SubmissionFormat, read_predictions, read_truth
from agent.competition.target import read_target
from agent.core.errors import SetupError

_DEFAULT_ANSWERS = ("test.csv", "answers.csv")  # of MARS, of MLE-bench


@dataclass(frozen=True)
class Grade:
    """The score of a submission on the rows with answers."""

    metric: str
    score: float
    higher_is_better: bool
    rows: int


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
    header = tuple(read_user_table(folder, spec.sample_submission, spec.csv).cells.columns)
    train = read_user_table(folder, spec.train, spec.csv).cells
    classes = read_target(spec, train, folder).classes
    form = SubmissionFormat.build(spec, classes, header)
    ids, truth = read_truth(file, form)
    if not ids:
        raise SetupError(f"{file}: the table holds no answers.")
    score = metric.score(truth, read_predictions(submission, form, ids, own=True))
    if not math.isfinite(score):
        raise SetupError(f"{file}: the metric '{metric.name}' is undefined on these answers; check the file.")
    return Grade(metric.name, score, metric.higher_is_better, len(ids))


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
