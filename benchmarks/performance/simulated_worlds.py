"""Simulated competitions with a known best score, to compare search policies without training.

A world is an infinite tree of solutions. A solution is a function of the world's seed and of its path (number
of the draft, then number of the child at each level), independent of the order of queries. So every policy
meets the same world.

`error = floor + excess`. The floor belongs to the structure; improvements reduce the excess. The lowest floor
is the known optimum: no path gets below it, and longer paths come closer to it.

The parameters were fixed before any policy was run, for these reasons:

- Drafts have an error of about 0.5, of which 0.2 can be removed, as on the iMet sample (README.md: first
  scores 0.36, 0.54 and 0.43, later ones up to 0.58).
- An improvement changes the excess by a factor exp(-gain), gain ~ N(0.05, 0.15): about 2 ± 6 % of the error.
  The moves of the families declare gains of 0.03 to 0.1 with a spread of 0.05. So every third improvement
  makes the score worse. One in ten breaks something, like a bad threshold or too small pictures on the iMet
  sample. Gains shrink with depth, by the factor `fading` per level.
- An improvement takes exp(N(0.1, 0.35)) times its parent's time (the moves declare 0.6 to 2.5). More time
  gives more gain: 0.15 of the excess per e-fold, 6 % of the error; moves to larger pictures declare
  5 to 14 %.
- Times of structures differ by exp(N(0, `heaviness`)). The lightest is drafted first, as in the model
  scouting of MARS. Heavier structures have lower floors: 0.03 per e-fold is a tenth of the error, as from the
  small to the base ViT; twice that in worlds where heavy structures pay.
- The run time of a solution varies by 10 % (log-normal). 8 % of the executions fail, at any time.
- Validation scores have an error of 0.005: half the standard error on the 1,500 rows of the iMet sample. All
  candidates are scored on the same rows, which removes the other half.

Simplifications: the children of a node are equally promising in any order, although planners propose their
best ideas first; and all scores have the same standard error.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

Path = tuple[int, ...]
"""Number of the draft, then number of the child at each level, from 0."""

STRUCTURES = 8  # later drafts start again with one of these
TYPICAL_S = 60.0  # seconds of the median structure's draft
FLOOR = 0.30
EXCESS = 0.20
WORST_ERROR = 0.95
GAIN, GAIN_SD = 0.05, 0.15
GAIN_PER_COST = 0.15
COST, COST_SD = 0.1, 0.35  # of log(child seconds / parent seconds)
BROKEN_SHARE, BROKEN_SD = 0.10, 0.5
FAILED_SHARE = 0.08
RUN_TIME_SD = 0.10
NOISE = 0.005  # standard error of a validation score


@dataclass(frozen=True)
class Kind:
    """Parameters of a kind of world."""

    name: str
    fading: float  # factor on gains per level below the drafts
    start_sd: float  # of log(excess) of a draft
    floor_sd: float  # between structures of equal time
    floor_per_cost: float  # reduction of the floor per e-fold of a structure's time
    heaviness: float  # standard deviation of log(seconds) between structures


KINDS = (
    # Structures are similar; long chains of improvements win.
    Kind("deep", fading=0.97, start_sd=0.15, floor_sd=0.01, floor_per_cost=0.03, heaviness=0.3),
    # Structures differ more than improvements can compensate, and gains fade fast.
    Kind("broad", fading=0.6, start_sd=0.5, floor_sd=0.05, floor_per_cost=0.03, heaviness=0.5),
    # The best structures take many times the time of the first.
    Kind("heavy", fading=0.85, start_sd=0.25, floor_sd=0.02, floor_per_cost=0.06, heaviness=1.0),
)


@dataclass(frozen=True)
class Solution:
    """The true quality of one solution, and the outcome of its execution."""

    floor: float
    excess: float
    cost_s: float  # seconds without random variation
    seconds: float
    measured: float  # validation score
    fails: bool

    @property
    def quality(self) -> float:
        """The true score, higher is better."""
        return 1.0 - self.floor - self.excess


@dataclass(frozen=True)
class World:
    """One tree of solutions."""

    kind: Kind
    seed: int

    @cached_property
    def structures(self) -> tuple[tuple[float, float], ...]:
        """Return (log time, error floor) of each structure, lightest first."""
        rng = np.random.default_rng([self.seed, 0])
        times = np.sort(self.kind.heaviness * rng.standard_normal(STRUCTURES))
        floors = (
            FLOOR - self.kind.floor_per_cost * times + self.kind.floor_sd * rng.standard_normal(STRUCTURES)
        )
        return tuple(zip(times.tolist(), np.maximum(floors, 0.02).tolist(), strict=True))

    @property
    def optimum(self) -> float:
        """Return the limit of the scores, which long paths approach."""
        return 1.0 - min(floor for _, floor in self.structures)

    @cached_property
    def _known(self) -> dict[Path, Solution]:
        return {}

    def solution(self, path: Path) -> Solution:
        """Return the solution at a path."""
        if path not in self._known:
            # Seed sequences ignore trailing zeros, so numbers count from 1 here.
            rng = np.random.default_rng([self.seed, *(number + 1 for number in path)])
            self._known[path] = self._improve(path, rng) if path[1:] else self._draft(path[0], rng)
        return self._known[path]

    def _draft(self, number: int, rng: np.random.Generator) -> Solution:
        time, floor = self.structures[number % STRUCTURES]
        excess = EXCESS * np.exp(self.kind.start_sd * rng.standard_normal())
        return _execute(floor, float(excess), float(TYPICAL_S * np.exp(time)), rng)

    def _improve(self, path: Path, rng: np.random.Generator) -> Solution:
        parent = self.solution(path[:-1])
        cost = COST + COST_SD * rng.standard_normal()
        gain = GAIN + GAIN_SD * rng.standard_normal() + GAIN_PER_COST * cost
        gain *= self.kind.fading ** (len(path) - 2)
        if rng.random() < BROKEN_SHARE:
            gain = -BROKEN_SD * abs(rng.standard_normal())
        excess = float(parent.excess * np.exp(-gain))
        return _execute(parent.floor, excess, float(parent.cost_s * np.exp(cost)), rng)


def _execute(floor: float, excess: float, cost_s: float, rng: np.random.Generator) -> Solution:
    excess = min(excess, WORST_ERROR - floor)
    seconds = cost_s * float(np.exp(RUN_TIME_SD * rng.standard_normal()))
    measured = 1.0 - floor - excess + NOISE * float(rng.standard_normal())
    fails, share = rng.random() < FAILED_SHARE, rng.random()
    return Solution(floor, excess, cost_s, seconds * share if fails else seconds, measured, bool(fails))
