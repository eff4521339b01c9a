"""Expected score of a chosen node: the choice is made again on two thirds of the rows, the others score it.

The best of many scores on the same rows is too good. A choice without a third of the rows owes them nothing,
so their score of the node that it chooses is not. The estimate is the score of the chosen node on all rows
plus the mean difference, on the rows left out, between the node chosen without them and this node.

Bootstrap bias-corrected cross-validation (Tsamardinos et al., 2018, "Bootstrapping the out-of-sample
predictions for efficient and accurate cross-validation") chooses on bootstrap samples instead. Their choice
is as noisy as one on half of the rows, so the estimate is too low where one node is really better. With two
thirds that bias is half as large, and the variance hardly larger; with four fifths the variance is larger.
`docs/design/decisions.md` has the figures.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.competition.metrics import Floats, Metric, Rows, WeightedScorer
from agent.solution.choose import Estimate, Rival, preferred

PARTS = 3  # of the rows; each is left out in turn
MOST_REPEATS = 12  # of the division into parts
RESAMPLES = 200
_LEAST_REPEATS = 2

Groups = npt.NDArray[np.intp]
Blend = Callable[[npt.NDArray[np.intp], Floats], Rows]
"""Returns a blend's predictions (N, ...), its members and weights chosen on `rows` by the nodes' scores."""


@dataclass(frozen=True)
class Candidate:
    """One of the nodes that the choice is made among, with its predictions of all rows."""

    node: int
    predictions: Rows
    is_blend: bool = False
    error: float = 0.0  # standard error of its validation score


@dataclass(frozen=True)
class RepeatedChoice:
    """The estimate, and the number of choices behind it."""

    estimate: Estimate
    choices: int


def repeat_choice(
    metric: Metric,
    truth: Rows,
    candidates: Sequence[Candidate],
    chosen: int,
    groups: Groups,
    limit_s: float,
    blend: Blend | None = None,
    seed: int = 0,
) -> RepeatedChoice | None:
    """Return the expected score of `candidates[chosen]` on new rows; None if parts leave it undefined.

    Args:
        metric: the metric.
        truth: the answers (N, ...).
        candidates: the nodes with their out-of-fold predictions.
        chosen: position of the node that was chosen on all rows.
        groups: group (N,) of each row, 0 and up; groups stay whole.
        limit_s: seconds after which no other division begins; two are always made.
        blend: blends the nodes anew on given rows; None: an ensemble keeps its cross-fitted predictions.
        seed: seed of the divisions.
    """
    ends = time.monotonic() + limit_s
    rng = np.random.default_rng(seed)
    scorers = [metric.scorer(truth, one.predictions) for one in candidates]
    error = _grouped_error(metric, scorers[chosen], groups, rng)
    if groups.max() + 1 < PARTS or not np.isfinite(error):
        return None
    differences: list[float] = []
    choices = 0
    while len(differences) < MOST_REPEATS:
        if len(differences) >= _LEAST_REPEATS and time.monotonic() > ends:
            break
        part_of_group = rng.permutation(int(groups.max()) + 1) % PARTS
        parts = part_of_group[groups]
        found = _differences(metric, truth, candidates, scorers, chosen, parts, blend)
        if not len(found):
            return None
        differences.append(float(np.mean(found)))
        choices += len(found)
    # Scores of one division vary, because the rows of its parts do: so does the correction.
    error = float(np.hypot(error, np.std(differences, ddof=1)))
    score = metric.score(truth, candidates[chosen].predictions)
    return RepeatedChoice(Estimate(score + float(np.mean(differences)), error), choices)


def _differences(
    metric: Metric,
    truth: Rows,
    candidates: Sequence[Candidate],
    scorers: Sequence[WeightedScorer],
    chosen: int,
    parts: npt.NDArray[np.intp],
    blend: Blend | None,
) -> list[float]:
    """Return, for each part left out, the score of the node chosen without it minus that of `chosen`."""
    out = (parts == np.arange(PARTS)[:, None]).astype(np.float64)
    key = metric.direction.key
    fitted = np.stack([scorer.scores(1 - out) for scorer in scorers])  # (candidates, PARTS)
    held_out = np.stack([scorer.scores(out) for scorer in scorers])
    widening = float(np.sqrt(PARTS / (PARTS - 1)))  # of a standard error, with fewer rows
    found = []
    for part in range(PARTS):
        rivals = [
            Rival(key(float(score)), place, one.is_blend, one.error * widening)
            for place, (score, one) in enumerate(zip(fitted[:, part], candidates, strict=True))
        ]
        best = preferred(rivals).node
        score = float(held_out[best, part])
        if candidates[best].is_blend and blend is not None:
            rows = np.flatnonzero(parts == part)
            predictions = blend(np.flatnonzero(parts != part), fitted[:, part])
            score = metric.score(truth[rows], predictions[rows])
        found.append(score - float(held_out[chosen, part]))
    return [one for one in found if np.isfinite(one)]


def _grouped_error(metric: Metric, scorer: WeightedScorer, groups: Groups, rng: np.random.Generator) -> float:
    """Return the standard error of a score over resampled groups of rows; NaN if undefined."""
    count = int(groups.max()) + 1
    draws = rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)
    scores = scorer.scores(draws[:, groups])
    defined = scores[np.isfinite(scores)]
    if len(defined) < RESAMPLES // 2:
        return float("nan")
    least = 1 / len(groups) if metric.higher_is_better else 0.0  # N perfect rows do not prove perfection
    return max(float(defined.std(ddof=1)), least)
