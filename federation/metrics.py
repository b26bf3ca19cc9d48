"""Area under the ROC curve."""

from __future__ import annotations

import numpy as np

from federation.fixedpoint import Ints
from federation.models.linear import Design


def auc(logits: Ints, labels: Ints) -> float:
    """Return the probability that a positive scores above a negative, ties counting half.

    Mann-Whitney statistic; 0.5 when one class is missing.
    """
    _, inverse, counts = np.unique(logits, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return 0.5
    rank_sum = float(ranks[labels == 1].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def model_auc(design: Design, weights: Ints) -> float:
    """Return a model's AUC on some examples, rounded to 6 digits."""
    return round(auc(design.logits(weights), design.labels), 6)
