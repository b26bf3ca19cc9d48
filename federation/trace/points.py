"""Records of the models that a round evaluates: the line searches' candidates and the scoring path.

A point p is momentum candidate p, step candidate p - 256, or place p - 512 on the path from the
base (0) over the four quadrature nodes to the end (5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

import numpy as np

from federation.fixedpoint import Ints, sigmoid
from federation.models.linear import ONE, Fit, log_losses
from federation.trace.records import Op, Record
from federation.trace.vectors import Vectors

STEP_POINTS: Final = 256
PATH_POINTS: Final = 512
PATH_END: Final = PATH_POINTS + 5


def on_path(point: int) -> bool:
    """Tell whether a point lies on the scoring path, evaluated on the drawn shard alone."""
    return point >= PATH_POINTS


def running_sums(logits: Ints, labels: Ints, intercept: int, *, brier: bool) -> tuple[Ints, Ints, Ints]:
    """Return the sums that decide an intercept and a loss, cumulative over examples.

    Args:
        logits: z per example, without the intercept; shape (n,).
        labels: 0 or 1; shape (n,).
        intercept: c.
        brier: The loss is ``(sigma - y)^2``, else the logarithmic one.

    Returns:
        Sums of ``sigma(z + c) - y``, of the same with c + 1, and of the loss; 0 first, of shape (n + 1,).
    """
    targets = labels * ONE
    excess = sigmoid(logits + intercept) - targets
    above = sigmoid(logits + intercept + 1) - targets
    loss = excess * excess if brier else log_losses(logits + intercept, labels)
    first, second, third = (np.concatenate(([0], np.cumsum(terms))) for terms in (excess, above, loss))
    return first, second, third


def point_records(
    point: int, fit: Fit, mean: Ints, vectors: Vectors, *, first: int, sizes: Sequence[int]
) -> Iterator[Record]:
    """Yield the records of one point: its weights and intercept, then its sums position by position.

    Args:
        point: p.
        fit: The model on the examples of its positions, joined.
        mean: m, shape (dim,).
        vectors: Takes what the records commit to.
        first: The first position.
        sizes: How many examples each position has.
    """
    product = int(mean @ fit.weights)
    yield Record(Op.POINT, point, 0, (vectors.commit(fit.weights), product, fit.intercept))
    sums = running_sums(fit.logits, fit.labels, fit.intercept, brier=on_path(point))
    start = 0
    for position, end in enumerate(accumulate(sizes), start=first):
        root = vectors.commit(fit.logits[start:end])
        yield Record(Op.SUMS, point, position, (root, *(int(total[end]) for total in sums)))
        start = end
