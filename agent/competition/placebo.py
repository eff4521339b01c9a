"""The placebo probe: whether a candidate's predictions follow validation answers that it should not learn.

A candidate is executed once more where the answers of `val.csv` are shuffled among their rows. Honest code
learns from other rows, so that its predictions fit the shuffle that it saw about as well as any other; code
that trains on validation rows, reads their answers or takes them for inputs fits it far better: a permutation
test.

Validation answers may decide where to stop, thresholds and shares of a blend, which fits the shuffle a little
too. Hence three conditions. The best of a thousand tries is 3.2 standard deviations above chance. Simulated
thresholds per class on 60 to 1,000 rows reached 24, and all of the way to a real score that was hardly above
chance, but 0.12 of the way to the perfect one, and 0.19 of the way to a real score worth having. Trees and
boosting that were trained on validation rows reached 0.84 to 1.0 of both. A model that cannot learn shuffled
answers by heart (linear, strongly regularized) passes; it owes little to them.
"""

import math
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.competition.evaluation import VALIDATION_FILE, own_file
from agent.competition.files import machine_errors
from agent.competition.metrics import Metric, Rows
from agent.competition.metrics.metric import Floats
from agent.competition.prepared import Prepared
from agent.competition.submission import SubmissionFormat, read_predictions, read_truth
from agent.competition.tables import read_table, write_table

DEVIATIONS = 4.0  # of the scores on other shuffles
OF_REAL = 1 / 3  # of the way from chance to the score on the real answers
OF_PERFECT = 1 / 5  # of the way from chance to the perfect score
SHUFFLES = 200
FEWEST = 20  # other shuffles that must be scored: fewer say nothing of their spread
SCORING_S = 20.0

_VAL = "val.csv"


@dataclass(frozen=True)
class Placebo:
    """Metadata whose validation answers are shuffled, and these answers, row by row as in `ids`."""

    metadata: Path
    ids: list[str]
    answers: Rows
    seed: int


@dataclass(frozen=True)
class Verdict:
    """What predictions say of a candidate that saw a placebo; `follows` is None where they say nothing."""

    follows: bool | None
    said: str


def make_placebo(prepared: Prepared, folder: Path, seed: int) -> Placebo:
    """Copies the public metadata into a new folder, the target cells of a validation row moved as one.

    Raises:
        InfrastructureError: the folder cannot be written.
    """
    with machine_errors(f"Writing {folder}"):
        shutil.copytree(prepared.metadata, folder, ignore=shutil.ignore_patterns(_VAL))
        table = read_table(prepared.metadata, _VAL)
        targets = list(prepared.spec.targets)
        order = np.random.default_rng(seed).permutation(len(table))
        table[targets] = table[targets].to_numpy()[order]
        write_table(table, folder / _VAL)
    ids, answers = read_truth(folder / _VAL, SubmissionFormat.of(prepared))
    return Placebo(folder, ids, answers, seed)


def judge(prepared: Prepared, metric: Metric, placebo: Placebo, workspace: Path, real: float) -> Verdict:
    """Compares the fit to the shuffle that was seen with that to others.

    Args:
        workspace: of the candidate that saw the placebo.
        real: its score on the real validation answers.

    Raises:
        SubmissionError: the candidate left no predictions of the validation rows.
    """
    file = own_file(workspace, VALIDATION_FILE)
    guess = read_predictions(file, SubmissionFormat.of(prepared), placebo.ids)
    seen = metric.score(placebo.answers, guess)
    others = _other_scores(metric, placebo, guess)
    if not math.isfinite(seen) or len(others) < FEWEST:
        return Verdict(
            None, "The metric is undefined on shuffled answers, or too slow to be compared on them."
        )
    chance, deviation = float(others.mean()), float(others.std(ddof=1))
    gain = metric.error(chance) - metric.error(seen)
    said = f"scores {seen:.4g}, {chance:.4g} ± {deviation:.2g} on other shuffles of them"
    real_gain = metric.error(chance) - metric.error(real)
    if real_gain <= 0:
        return Verdict(None, "The candidate is no better than chance, so that nothing can be told.")
    follows = (
        gain > DEVIATIONS * deviation
        and gain > OF_REAL * real_gain
        and gain > OF_PERFECT * metric.error(chance)
    )
    if follows:
        return Verdict(True, f"Its predictions follow the validation answers: on shuffled ones it {said}.")
    return Verdict(False, f"On shuffled validation answers it {said}.")


def _other_scores(metric: Metric, placebo: Placebo, guess: Rows) -> Floats:
    """Scores of the predictions on other shuffles, those that are defined, as many as there is time for."""
    rng = np.random.default_rng(placebo.seed + 1)
    deadline = time.monotonic() + SCORING_S
    scores: list[float] = []
    for _ in range(SHUFFLES):
        order = rng.permutation(len(placebo.ids))
        scores.append(metric.score(placebo.answers[order], guess))
        if time.monotonic() > deadline:
            break
    found = np.array(scores, dtype=np.float64)
    return found[np.isfinite(found)]
