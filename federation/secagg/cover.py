"""The entry that covers a member's score with noise, where a community agreed to it.

A delta then has one entry more than weights, noise e that is committed to with the rest, and the gradient
one more, so that the product is ``<g, x> + gamma e``. gamma is |g| rounded up, and its sign a bit of the
gradient's hash: nobody knows it when deltas are committed to, so who puts something else than noise there
wins as often as it loses.
"""

from __future__ import annotations

import math

import numpy as np

from federation.fixedpoint import Ints, norm_squared
from federation.secagg.ring import gradient_hash


def covered(gradient: Ints) -> Ints:
    """Return the gradient with the entry that meets a delta's last one; 0 for a zero gradient.

    Args:
        gradient: The round's projected gradient; shape (dim,).

    Returns:
        Shape (dim + 1,).
    """
    square = norm_squared(gradient)
    length = math.isqrt(square - 1) + 1 if square else 0
    sign = -1 if gradient_hash(gradient)[-1] & 1 else 1
    return np.append(gradient, np.int64(sign * length))
