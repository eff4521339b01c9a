"""Intersection over union of masks."""

from agent.competition.metrics.masks import mask_areas
from agent.competition.metrics.metric import Metric
from agent.competition.metrics.rows import SparseRows
from agent.competition.metrics.scorers import AdditiveScorer, ratio, row_means


def iou(truth: SparseRows, prediction: SparseRows) -> AdditiveScorer:
    """|A and B| / |A or B| of each row (Jaccard, 1901), averaged; 1 where both are empty."""
    common, true, predicted = mask_areas(truth, prediction)
    return row_means(ratio(common, true + predicted - common, undefined=1.0))


# Without a source: no bundled family draws masks.
METRIC = Metric(
    name="iou",
    definition="Intersection over union of each row's mask, averaged over rows; 1 where both masks are "
    "empty.",
    higher_is_better=True,
    prediction_kinds={"segmentation": "mask"},
    scorer=iou,
)
