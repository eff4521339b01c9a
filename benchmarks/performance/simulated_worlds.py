"""Simulated competitions whose best score is known: what searches are compared on, without training anything.

A world is an endless tree of solutions. Everything about a solution is a function of the world's seed and of
the solution's path (draft n, then child n of each node on the way), whoever asks and in whatever order; so
every policy meets the same world.

An error is a floor, which belongs to the structure, and an excess above it, which improvements shrink:
`error = floor + excess`. The floors of the few structures are the known optimum: no path gets below the
lowest, and paths come as near to it as they are long.

The parameters were fixed before any policy was run on them, for these reasons:

- Drafts have an error of about 0.5, of which 0.2 can be removed, as on the iMet sample (README.md: first
  scores 0.36, 0.54 and 0.43, later ones up to 0.58).
- An improvement changes the excess by a factor exp(-gain), gain ~ N(0.05, 0.15): about 2 ± 6 % of the error,
  which is what the families' moves state of themselves (gains of 0.03 to 0.1 with a spread of 0.05), so that
  every third makes things worse. One in ten breaks something, as a bad threshold or too small a picture did
  on the iMet sample. What an improvement can give fades with depth, by `fading` per level.
- It costs exp(N(0.1, 0.35)) times its parent's time (the moves state 0.6 to 2.5), and what costs more gives
  more: 0.15 of the excess per e-fold, 6 % of the error; moves towards larger pictures state 5 to 14 %.
- Structures differ in time by exp(N(0, `heaviness`)), are drafted lightest first (MARS.md, model scouting),
  and the heavier have the lower floors: 0.03 per e-fold is a tenth of the error, as from the small to the
  base ViT; twice that where heavy structures pay.
- The same solution takes 10 % more or less when run (log-normal), 8 % fail, after any share of their time.
- Validation scores are off by 0.005: half the standard error of a score on the iMet sample's 1,500 rows,
  for all candidates are scored on the same rows, which takes out the other half.

What is simpler than life: a node's children promise the same in whatever order they come, where a planner has
its best ideas first; and the standard error is the same for all.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

Path = tuple[int, ...]
"""Number of the draft, then of the child at each level, from 0."""

STRUCTURES = 8  # a draft beyond these is another start with one of them
TYPICAL_S = 60.0  # the median structure's draft
FLOOR = 0.30
EXCESS = 0.20
WORST_ERROR = 0.95
GAIN, GAIN_SD = 0.05, 0.15
GAIN_PER_COST = 0.15
COST, COST_SD = 0.1, 0.35  # of the logarithm of child over parent
BROKEN_SHARE, BROKEN_SD = 0.10, 0.5
FAILED_SHARE = 0.08
RUN_TIME_SD = 0.10
NOISE = 0.005  # standard error of a validation score


@dataclass(frozen=True)
class Kind:
    """What sets a kind of world apart."""

    name: str
    fading: float  # factor on the gains per level below the drafts
    start_sd: float  # of the logarithm of a draft's excess
    floor_sd: float  # between structures of equal time
    floor_per_cost: float  # by which an e-fold of a structure's time lowers its floor
    heaviness: float  # of the logarithm of the structures' times


KINDS = (
    # Structures are much alike; who improves long enough wins.
    Kind("deep", fading=0.97, start_sd=0.15, floor_sd=0.01, floor_per_cost=0.03, heaviness=0.3),
    # Structures differ more than improvements can make up for, and those fade fast.
    Kind("broad", fading=0.6, start_sd=0.5, floor_sd=0.05, floor_per_cost=0.03, heaviness=0.5),
    # The best structures take many times as long as the first.
    Kind("heavy", fading=0.85, start_sd=0.25, floor_sd=0.02, floor_per_cost=0.06, heaviness=1.0),
)


@dataclass(frozen=True)
class Solution:
    """The truth about one solution, and what executing it to its end shows."""

    floor: float
    excess: float
    cost_s: float  # without the luck of the run
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
        """(logarithm of the time, floor of the error) of each, lightest first."""
        rng = np.random.default_rng([self.seed, 0])
        times = np.sort(self.kind.heaviness * rng.standard_normal(STRUCTURES))
        floors = (
            FLOOR - self.kind.floor_per_cost * times + self.kind.floor_sd * rng.standard_normal(STRUCTURES)
        )
        return tuple(zip(times.tolist(), np.maximum(floors, 0.02).tolist(), strict=True))

    @property
    def optimum(self) -> float:
        """The score that no solution exceeds and that long enough paths come near."""
        return 1.0 - min(floor for _, floor in self.structures)

    @cached_property
    def _known(self) -> dict[Path, Solution]:
        return {}

    def solution(self, path: Path) -> Solution:
        """The solution at a path."""
        if path not in self._known:
            # A seed sequence takes trailing zeros for nothing: numbers are counted from 1 in it.
            rng = np.random.default_rng([self.seed, *(number + 1 for number in path)])
            self._known[path] = self._improved(path, rng) if path[1:] else self._draft(path[0], rng)
        return self._known[path]

    def _draft(self, number: int, rng: np.random.Generator) -> Solution:
        time, floor = self.structures[number % STRUCTURES]
        excess = EXCESS * np.exp(self.kind.start_sd * rng.standard_normal())
        return _executed(floor, float(excess), float(TYPICAL_S * np.exp(time)), rng)

    def _improved(self, path: Path, rng: np.random.Generator) -> Solution:
        parent = self.solution(path[:-1])
        cost = COST + COST_SD * rng.standard_normal()
        gain = GAIN + GAIN_SD * rng.standard_normal() + GAIN_PER_COST * cost
        gain *= self.kind.fading ** (len(path) - 2)
        if rng.random() < BROKEN_SHARE:
            gain = -BROKEN_SD * abs(rng.standard_normal())
        excess = float(parent.excess * np.exp(-gain))
        return _executed(parent.floor, excess, float(parent.cost_s * np.exp(cost)), rng)


def _executed(floor: float, excess: float, cost_s: float, rng: np.random.Generator) -> Solution:
    excess = min(excess, WORST_ERROR - floor)
    seconds = cost_s * float(np.exp(RUN_TIME_SD * rng.standard_normal()))
    measured = 1.0 - floor - excess + NOISE * float(rng.standard_normal())
    fails, share = rng.random() < FAILED_SHARE, rng.random()
    return Solution(floor, excess, cost_s, seconds * share if fails else seconds, measured, bool(fails))
