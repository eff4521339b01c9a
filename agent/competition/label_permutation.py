"""The label permutation test: do the predictions of a candidate follow validation answers?

The harness shuffles the answers of `val.csv` among their rows and runs the candidate again. Honest code
learns from other rows, so its predictions fit the shuffled answers about as well as any other shuffle. Code
that trains on validation rows, reads their answers or uses them as inputs fits the shuffled answers better.

A candidate that predicts several folds sees shuffled answers in each of these folds. Its honest models learn
nothing then, and a model that learned from the rows that it predicts fits their shuffled answers.

Honest code may use validation answers for early stopping, thresholds and blend weights, which fits the
shuffled answers a little. Hence the test reports a leak only if the predictions exceed three bounds:

* `MIN_DEVIATIONS` from chance. The best of 1,000 random tries is 3.2 standard deviations above chance.
  Simulated thresholds per class on 60 to 1,000 rows reached 24.
* `MIN_REAL_SHARE` of the gain of the real score over chance. Thresholds reached 1.0 of a real score hardly
  above chance, and 0.19 of a useful real score.
* `MIN_PERFECT_SHARE` of the gain of the perfect score over chance. Thresholds reached 0.12.

Trees and boosting that were trained on validation rows reached 0.84 to 1.0 of both gains. A model that cannot
memorise shuffled answers (linear, strongly regularised) passes the test, but gains little from the leak.
"""

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from agent.competition.evaluation import require_own_file
from agent.competition.hold_out import load_validation
from agent.competition.metrics import Metric, Rows
from agent.competition.metrics.rows import Floats, is_sparse
from agent.competition.prepared import Prepared
from agent.competition.submission import SubmissionFormat, read_truth
from agent.competition.tables import read_table, write_table
from agent.core.contract import VALIDATION_FILE
from agent.core.files import translate_os_errors
from agent.core.locks import temporary_folder

MIN_DEVIATIONS = 4.0  # standard deviations of the scores on other shuffles
MIN_REAL_SHARE = 1 / 3  # share of the gain of the real score over chance
MIN_PERFECT_SHARE = 1 / 5  # share of the gain of the perfect score over chance
MAX_SHUFFLES = 200
MIN_SHUFFLES = 20  # scored shuffles that a standard deviation needs
SCORING_LIMIT_S = 20.0

_VAL, _TRAIN = "val.csv", "train.csv"


@dataclass(frozen=True)
class LabelPermutationTest:
    """Metadata with shuffled validation answers, and these answers in the order of `ids`."""

    metadata: Path
    ids: list[str]
    answers: Rows
    seed: int


@dataclass(frozen=True)
class ShuffledFit:
    """Shuffled answers (N,) and the predictions of a candidate that saw them, in the same order."""

    answers: Rows
    predictions: Rows
    seed: int


@dataclass(frozen=True)
class PermutationTestResult:
    """The result of a label permutation test. `follows` is None if the test is inconclusive."""

    is_leak: bool | None
    reason: str


def make_permutation_test(
    prepared: Prepared, folder: Path, seed: int, folds: int = 1
) -> LabelPermutationTest:
    """Copy the public metadata into a new folder and shuffle the answers of each fold among its rows.

    All target cells of a row move together.

    Args:
        prepared: the prepared competition.
        folder: the folder to make.
        seed: seed of the shuffles.
        folds: number of folds that the candidate predicts; fold 0 is `val.csv`.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    shuffled = (_VAL, _TRAIN) if folds > 1 else (_VAL,)
    rng = np.random.default_rng(seed)
    with translate_os_errors(f"Writing {folder}"):
        shutil.copytree(prepared.metadata, folder, ignore=shutil.ignore_patterns(*shuffled))
        table = _shuffle_answers(prepared, read_table(prepared.metadata, _VAL), rng)
        write_table(table, folder / _VAL)
        parts = [table]
        if folds > 1:
            train = read_table(prepared.metadata, _TRAIN)
            fold = _folds_of(prepared, train)
            for number in range(1, folds):
                rows = np.flatnonzero(fold == number)
                parts.append(_shuffle_answers(prepared, train.iloc[rows], rng))
                train.iloc[rows] = parts[-1].to_numpy()
            write_table(train, folder / _TRAIN)
        with temporary_folder("mars-permutation-") as place:
            columns = [prepared.spec.id_column, *prepared.spec.targets]
            write_table(pd.concat([part[columns] for part in parts]), place / _VAL)
            ids, answers = read_truth(place / _VAL, SubmissionFormat.of(prepared))
    return LabelPermutationTest(folder, ids, answers, seed)


def _shuffle_answers(prepared: Prepared, table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the table with the target cells of its rows shuffled among them."""
    targets = list(prepared.spec.targets)
    shuffled = table.copy()
    shuffled[targets] = table[targets].to_numpy()[rng.permutation(len(table))]
    return shuffled


def _folds_of(prepared: Prepared, table: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the fold of each row of a table (N,)."""
    folds = read_table(prepared.metadata, "folds.csv")
    fold_of = dict(zip(folds.iloc[:, 0], folds.iloc[:, 1].astype(int), strict=True))
    return table[prepared.spec.id_column].map(fold_of).to_numpy(dtype=np.int64)


def read_fit(prepared: Prepared, permutation: LabelPermutationTest, workspace: Path) -> ShuffledFit:
    """Read the predictions of a candidate that saw shuffled answers.

    Only rows of folds that were shuffled and that the candidate predicts count.

    Args:
        prepared: the prepared competition.
        permutation: the shuffled answers that the candidate saw.
        workspace: the folder of the candidate.

    Raises:
        SubmissionError: the candidate wrote no valid predictions of the validation rows.
    """
    file = require_own_file(workspace, VALIDATION_FILE)
    predictions = load_validation(prepared, file).predictions[: len(permutation.ids)]
    rows = int(predictions.shape[0])
    return ShuffledFit(permutation.answers[:rows], predictions, permutation.seed)


def judge_fits(metric: Metric, fits: Sequence[ShuffledFit], real: float) -> PermutationTestResult:
    """Compare the fit of predictions to the shuffled answers with the fit to other shuffles.

    Args:
        metric: the metric of the competition.
        fits: one or more executions, each on a shuffle of its own. With few rows, the noise of one shuffle
            hides a leak of a part of the answers.
        real: the score of the candidate on the real answers of these rows.
    """
    answers, predictions = (
        _stack([getattr(fit, part) for fit in fits]) for part in ("answers", "predictions")
    )
    seen = metric.score(answers, predictions)
    others = _other_scores(metric, answers, predictions, fits[0].seed + 1)
    if not math.isfinite(seen) or len(others) < MIN_SHUFFLES:
        return PermutationTestResult(
            None, "The metric is undefined on shuffled answers, or too slow to score other shuffles."
        )
    chance, deviation = float(others.mean()), float(others.std(ddof=1))
    gain = metric.error(chance) - metric.error(seen)
    comparison = f"score {seen:.4g} on shuffled answers, {chance:.4g} ± {deviation:.2g} on other shuffles."
    real_gain = metric.error(chance) - metric.error(real)
    if real_gain <= 0:
        return PermutationTestResult(
            None, "The candidate is no better than chance, so that the test is inconclusive."
        )
    is_leak = (
        gain > MIN_DEVIATIONS * deviation
        and gain > MIN_REAL_SHARE * real_gain
        and gain > MIN_PERFECT_SHARE * metric.error(chance)
    )
    if is_leak:
        return PermutationTestResult(
            True, f"The predictions follow the validation answers: they {comparison}"
        )
    return PermutationTestResult(
        False, f"The predictions do not follow the validation answers: they {comparison}"
    )


def _stack(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts below each other."""
    return sparse.csr_array(sparse.vstack(parts)) if is_sparse(parts[0]) else np.concatenate(parts)


def _other_scores(metric: Metric, answers: Rows, predictions: Rows, seed: int) -> Floats:
    """Return the defined scores of the predictions on other shuffles, as many as the time limit allows."""
    rng = np.random.default_rng(seed)
    deadline = time.monotonic() + SCORING_LIMIT_S
    scores: list[float] = []
    for _ in range(MAX_SHUFFLES):
        order = rng.permutation(int(predictions.shape[0]))
        scores.append(metric.score(answers[order], predictions))
        if time.monotonic() > deadline:
            break
    defined = np.array(scores, dtype=np.float64)
    return defined[np.isfinite(defined)]
