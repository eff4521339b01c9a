"""The label permutation test: do the predictions of a candidate follow validation answers?

The harness shuffles the answers of `val.csv` among their rows and runs the candidate again. Honest code
learns from other rows, so its predictions fit the shuffled answers about as well as any other shuffle. Code
that trains on validation rows, reads their answers or uses them as inputs fits the shuffled answers better.

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
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.competition.evaluation import require_own_file
from agent.competition.hold_out import load_validation
from agent.competition.metrics import Metric, Rows
from agent.competition.metrics.rows import Floats
from agent.competition.prepared import Prepared
from agent.competition.submission import SubmissionFormat, read_truth
from agent.competition.tables import read_table, write_table
from agent.core.contract import VALIDATION_FILE
from agent.core.files import translate_os_errors

MIN_DEVIATIONS = 4.0  # standard deviations of the scores on other shuffles
MIN_REAL_SHARE = 1 / 3  # share of the gain of the real score over chance
MIN_PERFECT_SHARE = 1 / 5  # share of the gain of the perfect score over chance
MAX_SHUFFLES = 200
MIN_SHUFFLES = 20  # scored shuffles that a standard deviation needs
SCORING_LIMIT_S = 20.0

_VAL = "val.csv"


@dataclass(frozen=True)
class LabelPermutationTest:
    """Metadata with shuffled validation answers, and these answers in the order of `ids`."""

    metadata: Path
    ids: list[str]
    answers: Rows
    seed: int


@dataclass(frozen=True)
class PermutationTestResult:
    """The result of a label permutation test. `follows` is None if the test is inconclusive."""

    is_leak: bool | None
    reason: str


def make_permutation_test(prepared: Prepared, folder: Path, seed: int) -> LabelPermutationTest:
    """Copy the public metadata into a new folder and shuffle the validation answers among their rows.

    All target cells of a row move together.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    with translate_os_errors(f"Writing {folder}"):
        shutil.copytree(prepared.metadata, folder, ignore=shutil.ignore_patterns(_VAL))
        table = read_table(prepared.metadata, _VAL)
        targets = list(prepared.spec.targets)
        order = np.random.default_rng(seed).permutation(len(table))
        table[targets] = table[targets].to_numpy()[order]
        write_table(table, folder / _VAL)
    ids, answers = read_truth(folder / _VAL, SubmissionFormat.of(prepared))
    return LabelPermutationTest(folder, ids, answers, seed)


def evaluate_permutation_test(
    prepared: Prepared, metric: Metric, permutation: LabelPermutationTest, workspace: Path, real: float
) -> PermutationTestResult:
    """Compare the fit of predictions to the shuffled answers with the fit to other shuffles.

    Only rows of `val.csv` count, which are fold 0: other rows keep their answers.

    Args:
        prepared: the prepared competition.
        metric: the metric of the competition.
        permutation: the shuffled answers that the candidate saw.
        workspace: the folder of the candidate that saw the shuffled answers.
        real: the score of the candidate on the real answers of `val.csv`.

    Raises:
        SubmissionError: the candidate wrote no valid predictions of the validation rows.
    """
    file = require_own_file(workspace, VALIDATION_FILE)
    predictions = load_validation(prepared, file).predictions[: len(permutation.ids)]
    seen = metric.score(permutation.answers, predictions)
    others = _other_scores(metric, permutation, predictions)
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


def _other_scores(metric: Metric, permutation: LabelPermutationTest, predictions: Rows) -> Floats:
    """Return the defined scores of the predictions on other shuffles, as many as the time limit allows."""
    rng = np.random.default_rng(permutation.seed + 1)
    deadline = time.monotonic() + SCORING_LIMIT_S
    scores: list[float] = []
    for _ in range(MAX_SHUFFLES):
        order = rng.permutation(len(permutation.ids))
        scores.append(metric.score(permutation.answers[order], predictions))
        if time.monotonic() > deadline:
            break
    defined = np.array(scores, dtype=np.float64)
    return defined[np.isfinite(defined)]
