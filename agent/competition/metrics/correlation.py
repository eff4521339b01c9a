"""Correlations of predicted and true values (N,), or (N, T) averaged over targets.

Undefined (NaN) if the truth or the prediction of a target is constant.
"""

import numpy as np

from agent.competition.metrics.rows import Floats
from agent.competition.metrics.scorers import ratio
from agent.competition.metrics.source import MetricSource

_BODY = """\
columns = zip(truth.reshape(len(truth), -1).T, prediction.reshape(len(truth), -1).T, strict=True)
return float(np.mean([{function}(true, guess).statistic for true, guess in columns]))"""


def correlation(x: Floats, y: Floats, xx: Floats, yy: Floats, xy: Floats) -> Floats:
    """Return the correlation from the means of x, y and their products, elementwise."""
    spreads = [squares - mean**2 for mean, squares in ((x, xx), (y, yy))]
    varies = (spreads[0] > 1e-14 * xx) & (spreads[1] > 1e-14 * yy)  # less is rounding of the subtraction
    scale = np.sqrt(np.where(varies, spreads[0] * spreads[1], 0.0))
    return np.clip(ratio(xy - x * y, scale, undefined=np.nan), -1.0, 1.0)


def correlation_source(function: str) -> MetricSource:
    """Return the code that averages a correlation of scipy.stats over targets."""
    return MetricSource(_BODY.format(function=function), (f"from scipy.stats import {function}",))
