"""Traits of metrics: what a metric rewards.

Templates and the conditions of moves ask for traits, never for names of metrics, so that a new metric needs
no edit of a family.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

Trait: TypeAlias = Literal[
    "answer_classes",
    "class_mean",
    "class_order",
    "log_scale",
    "mean_recall",
    "median",
    "open_set",
    "pooled_cells",
    "quantile",
    "rare_classes",
    "row_sets",
    "separate_classes",
]

TRAITS: Mapping[Trait, str] = MappingProxyType(
    {
        "answer_classes": "Classes without a true row are not scored.",
        "class_mean": "The score is an average over classes in which every class counts alike.",
        "class_order": "A distant class is a worse mistake than a neighbouring class.",
        "log_scale": "The score compares ln(1 + value), so values must be above -1.",
        "mean_recall": "The score is the mean recall, which probability divided by class share maximises.",
        "median": "The median of the distribution is the best prediction.",
        "open_set": "Rows of unseen classes count as much as all others; preparation holds classes out.",
        "pooled_cells": "The score is an F score of all cells of the row-by-class matrix together.",
        "quantile": "The quantile named by the parameter `quantile` is the best prediction.",
        "rare_classes": "A mistake on a rare class costs more than a mistake on a frequent class.",
        "row_sets": "The score is an F score of each row's label set, averaged over rows.",
        "separate_classes": "The score averages one F score per class, so each class has a best threshold.",
    }
)
