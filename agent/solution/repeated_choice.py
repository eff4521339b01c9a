"""Expected score of a chosen node: the choice is made again on two thirds of the rows, the others score it.

The best of many scores on the same rows is too good. A choice without a third of the rows owes them nothing,
so their score of the node that it chooses is not. The estimate is the score of the chosen node on all rows
plus the mean difference, on the rows left out, between the node chosen without them and this node.

Bootstrap bias-corrected cross-validation (Tsamardinos et al., 2018, "Bootstrapping the out-of-sample
predictions for efficient and accurate cross-validation") chooses on bootstrap samples instead. Their choice
is as noisy as one on half of the rows, so the estimate is too low where one node is really better. With two
thirds that bias is half as large, and the variance little larger; with four fifths the variance is larger.
`docs/design/decisions.md` has the figures.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from agent.competition.metrics import Floats, Metric, Rows, WeightedScorer
from agent.solution.choose import Estimate, Rival, preferred

THIRDS = 3  # of the rows; each is left out in turn
MOST_REPEATS = 12  # of the division into parts
RESAMPLES = 200
_LEAST_REPEATS = 2
_TINY = 1e-9

Groups = npt.NDArray[np.intp]
Blend = Callable[[npt.NDArray[np.intp], Floats], Rows]
"""Returns a blend's predictions (N, ...), its members and weights chosen on `rows` by the nodes' scores."""


@dataclass(frozen=True)
class Candidate:
    """One of the nodes that the choice is made among."""

    node: int
    errors: tuple[float, ...]  # standard error of its score on each part
    is_blend: bool = False

    def pooled(self, scores: Sequence[float]) -> float:
        """Return the mean of the scores on the parts, weighted by inverse variance."""
        if len(scores) == 1:
            return scores[0]
        weights = [1 / max(error, _TINY) ** 2 for error in self.errors]
        return sum(w * score for w, score in zip(weights, scores, strict=True)) / sum(weights)


@dataclass(frozen=True)
class Part:
    """Labelled rows of one part, validation or audit, with the predictions of each candidate."""

    truth: Rows  # (N, ...)
    predictions: Sequence[Rows]  # (N, ...) by candidate
    groups: Groups  # (N,), 0 and up; groups stay whole


@dataclass(frozen=True)
class RepeatedChoice:
    """The estimate, and the number of choices behind it."""

    estimate: Estimate
    choices: int


def repeat_choice(
    metric: Metric,
    parts: Sequence[Part],
    candidates: Sequence[Candidate],
    chosen: int,
    limit_s: float,
    blend: Blend | None = None,
    seed: int = 0,
) -> RepeatedChoice | None:
    """Return the expected score of `candidates[chosen]` on new rows; None if few rows leave it undefined.

    Args:
        metric: the metric.
        parts: the rows: those of the folds, and the audit rows if they have a say in the choice.
        candidates: the nodes, by id.
        chosen: position of the node that was chosen on all rows.
        limit_s: seconds after which no other division begins; two are always made.
        blend: blends the nodes anew on given rows of the first part, if there is one part; None: an ensemble
            keeps its predictions, whose weights were fitted on other rows.
        seed: seed of the divisions.
    """
    ends = time.monotonic() + limit_s
    rng = np.random.default_rng(seed)
    scorers = [[metric.scorer(part.truth, one) for one in part.predictions] for part in parts]
    error = _pooled_error(metric, parts, [some[chosen] for some in scorers], candidates[chosen], rng)
    if min(part.groups.max() + 1 for part in parts) < THIRDS or not np.isfinite(error):
        return None
    differences: list[float] = []
    choices = 0
    while len(differences) < MOST_REPEATS:
        if len(differences) >= _LEAST_REPEATS and time.monotonic() > ends:
            break
        thirds = [(rng.permutation(int(one.groups.max()) + 1) % THIRDS)[one.groups] for one in parts]
        found = _differences(metric, parts, candidates, scorers, chosen, thirds, blend)
        if not len(found):
            return None
        differences.append(float(np.mean(found)))
        choices += len(found)
    # Scores of one division vary, because the rows of its thirds do: so does the correction.
    error = float(np.hypot(error, np.std(differences, ddof=1)))
    scores = [metric.score(part.truth, part.predictions[chosen]) for part in parts]
    value = candidates[chosen].pooled(scores) + float(np.mean(differences))
    return RepeatedChoice(Estimate(value, error), choices)


def _differences(
    metric: Metric,
    parts: Sequence[Part],
    candidates: Sequence[Candidate],
    scorers: Sequence[Sequence[WeightedScorer]],
    chosen: int,
    thirds: Sequence[npt.NDArray[np.intp]],
    blend: Blend | None,
) -> list[float]:
    """Return, for each third left out, the score of the node chosen without it minus that of `chosen`."""
    key = metric.direction.key
    out = [(third == np.arange(THIRDS)[:, None]).astype(np.float64) for third in thirds]
    # (parts, candidates, THIRDS)
    fitted = np.stack(
        [[one.scores(1 - left) for one in some] for some, left in zip(scorers, out, strict=True)]
    )
    held_out = np.stack([[one.scores(left) for one in some] for some, left in zip(scorers, out, strict=True)])
    widening = float(np.sqrt(THIRDS / (THIRDS - 1)))  # of a standard error, with fewer rows
    found = []
    for third in range(THIRDS):
        rivals = [
            Rival(
                key(one.pooled(fitted[:, place, third].tolist())),
                place,
                one.is_blend,
                one.errors[0] * widening,
            )
            for place, one in enumerate(candidates)
        ]
        best = preferred(rivals).node
        scores = held_out[:, best, third]
        if candidates[best].is_blend and blend is not None:
            rows = np.flatnonzero(thirds[0] == third)
            predictions = blend(np.flatnonzero(thirds[0] != third), fitted[0, :, third])
            scores = np.array([metric.score(parts[0].truth[rows], predictions[rows])])
        found.append(candidates[chosen].pooled((scores - held_out[:, chosen, third]).tolist()))
    return [one for one in found if np.isfinite(one)]


def _pooled_error(
    metric: Metric,
    parts: Sequence[Part],
    scorers: Sequence[WeightedScorer],
    candidate: Candidate,
    rng: np.random.Generator,
) -> float:
    """Return the standard error of a candidate's pooled score; NaN if undefined."""
    errors = [
        _grouped_error(metric, *pair, rng) for pair in zip(scorers, (p.groups for p in parts), strict=True)
    ]
    shares = [candidate.pooled(row) for row in np.eye(len(parts)).tolist()]
    return float(np.hypot.reduce([share * error for share, error in zip(shares, errors, strict=True)]))


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
