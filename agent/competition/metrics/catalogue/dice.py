"""Dice coefficient of masks."""

from agent.competition.metrics.masks import mask_areas
from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import SparseRows
from agent.competition.metrics.scorers import AdditiveScorer, ratio, row_means


def dice(truth: SparseRows, prediction: SparseRows) -> AdditiveScorer:
    """2 |A and B| / (|A| + |B|) of each row (Dice, 1945), averaged; 1 where both are empty."""
    common, true, predicted = mask_areas(truth, prediction)
    return row_means(ratio(2 * common, true + predicted, undefined=1.0))


# Without a source: no bundled family draws masks.
METRIC = Metric(
    name="dice",
    definition="Dice coefficient of each row's mask, averaged over rows; 1 where both masks are empty.",
    higher_is_better=True,
    prediction_kinds={"segmentation": "mask"},
    scorer=dice,
)
