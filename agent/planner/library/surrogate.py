"""A Gaussian process over the slots of one structure: what all evidence says about values not tried yet.

The logarithm of the error is a sum: one smooth function of each slot, and one function of all of them. The
sum lets few evaluations speak about many slots. Two kinds of evidence enter alike, as noisy linear
observations: the error of an evaluated point, and the difference of two points (a lesson of another run,
the prior of a move).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LENGTH = 1.5  # rungs of a ladder over which a slot's effect changes
JOINT_LENGTH = 2.5  # rungs over which the joint effect of all slots changes
CONSTANT_VARIANCE = 1.0  # of the level of all errors, which is not known
# Priors of the logarithms of the standard deviations: (mean, spread).
SLOT_SD = (np.log(0.03), 1.2)
JOINT_SD = (np.log(0.03), 1.0)
NOISE_SD = (np.log(0.008), 0.8)
STEPS = 25  # of the search for the hyperparameters
_STEP = 0.35  # first step, in units of a logarithm
_JITTER = 1e-8


@dataclass(frozen=True)
class Observations:
    """Noisy linear observations of a function at points.

    Attributes:
        points: Positions (m, axes).
        weights: Weights (n, m) of the points in each observation.
        values: Observed values (n,), without the prior mean.
        variances: Known variances (n,) of the observations.
        noisy: Whether (n,) the unknown noise of an evaluation is added.
        joint: Whether (n,) an observation says something about the joint effect of the slots. A difference
            that was observed elsewhere speaks about its own slots only.
    """

    points: Floats
    weights: Floats
    values: Floats
    variances: Floats
    noisy: npt.NDArray[np.bool_]
    joint: npt.NDArray[np.bool_]


class Surrogate:
    """The posterior of the function, with hyperparameters of the largest posterior density."""

    def __init__(self, ordered: npt.NDArray[np.bool_], seen: Observations) -> None:
        """
        Args:
            ordered: Whether (axes,) positions of an axis are ordered; else they are choices.
            seen: The observations, at least one.
        """
        self._ordered = ordered
        self._seen = seen
        parts = self._parts(seen.points, seen.points)
        self._joint_weights = seen.weights * seen.joint[:, None]
        projected = [seen.weights @ part @ seen.weights.T for part in parts[:-1]]
        self._projected = np.stack([*projected, self._joint_weights @ parts[-1] @ self._joint_weights.T])
        level = seen.weights.sum(axis=1)
        self._level = CONSTANT_VARIANCE * np.outer(level, level)
        self._sds = self._fitted()
        covariance = self._covariance(self._sds)
        self._factor = np.linalg.cholesky(covariance)
        self._alpha = self._solve(seen.values)

    def predict(self, points: Floats) -> tuple[Floats, Floats]:
        """Return posterior means (k,) and standard deviations (k,) of the function at points (k, axes)."""
        seen = self._seen
        parts = self._parts(points, seen.points)
        variances = self._sds[:-1] ** 2
        crossed = (np.tensordot(variances[:-1], parts[:-1], axes=1) + CONSTANT_VARIANCE) @ seen.weights.T
        crossed = crossed + variances[-1] * parts[-1] @ self._joint_weights.T
        mean = crossed @ self._alpha
        prior = variances.sum() + CONSTANT_VARIANCE
        half = np.linalg.solve(self._factor, crossed.T)
        return mean, np.sqrt(np.maximum(prior - np.square(half).sum(axis=0), 1e-12))

    @property
    def noise_sd(self) -> float:
        """Standard deviation of the noise of one evaluation."""
        return float(self._sds[-1])

    def _parts(self, one: Floats, other: Floats) -> Floats:
        """Return the kernels (axes + 1, k, m) of unit variance: of each slot, then of all slots together."""
        gaps = np.abs(one[:, None, :] - other[None, :, :])
        gaps = np.where(self._ordered, gaps, gaps > 0)
        alone = np.where(self._ordered, np.exp(-0.5 * (gaps / LENGTH) ** 2), 1.0 - gaps)
        joint = np.exp(-np.sqrt(np.square(gaps).sum(axis=2)) / JOINT_LENGTH)
        return np.concatenate([np.moveaxis(alone, 2, 0), joint[None]])

    def _covariance(self, sds: Floats) -> Floats:
        total = np.tensordot(sds[:-1] ** 2, self._projected, axes=1) + self._level
        diagonal = self._seen.variances + np.where(self._seen.noisy, sds[-1] ** 2, 0.0) + _JITTER
        return np.asarray(total + np.diag(diagonal))

    def _solve(self, values: Floats) -> Floats:
        return np.linalg.solve(self._factor.T, np.linalg.solve(self._factor, values))

    def _fitted(self) -> Floats:
        """Return the standard deviations of the slots, of the joint effect and of the noise."""
        axes = len(self._ordered)
        centre = np.array([SLOT_SD[0]] * axes + [JOINT_SD[0], NOISE_SD[0]])
        spread = np.array([SLOT_SD[1]] * axes + [JOINT_SD[1], NOISE_SD[1]])
        logs, steps = centre.copy(), np.full(axes + 2, _STEP)
        before = np.zeros(axes + 2)
        for _ in range(STEPS):  # resilient steps need the sign of the gradient only
            sign = np.sign(self._gradient(np.exp(logs)) - (logs - centre) / spread**2)
            steps = np.clip(np.where(sign * before < 0, 0.5 * steps, 1.2 * steps), 1e-3, 0.7)
            logs = np.clip(logs + sign * steps, centre - 3 * spread, centre + 3 * spread)
            before = sign
        return np.asarray(np.exp(logs))

    def _gradient(self, sds: Floats) -> Floats:
        """Return the gradient of the logarithm of the likelihood by the logarithms of the deviations."""
        inverse = np.linalg.inv(self._covariance(sds))
        alpha = inverse @ self._seen.values
        outer = np.outer(alpha, alpha) - inverse
        kernels = sds[:-1] ** 2 * np.tensordot(self._projected, outer, axes=2)
        noise = sds[-1] ** 2 * np.diag(outer)[self._seen.noisy].sum()
        return np.append(kernels, noise)
