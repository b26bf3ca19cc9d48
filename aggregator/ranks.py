"""How alike two rankings are, ties counted as ties."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from federation.fixedpoint import Floats


def ranks(values: Sequence[int]) -> Floats:
    """Return ranks from 1 in ascending order; equal values share the mean of their places; shape (n,)."""
    _, inverse, counts = np.unique(np.array(values), return_inverse=True, return_counts=True)
    shared: Floats = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return shared


def spearman(a: Sequence[int], b: Sequence[int]) -> float | None:
    """Return Spearman's rho: Pearson's correlation of the ranks; None where one side has no two values."""
    middle = (len(a) + 1) / 2
    x, y = ranks(a) - middle, ranks(b) - middle
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / scale if scale else None


def kendall(a: Sequence[int], b: Sequence[int]) -> float | None:
    """Return Kendall's tau-b; None where one side has no two values."""
    x, y = np.array(a), np.array(b)
    agreeing, ordered_a, ordered_b = 0, 0, 0
    for i in range(len(x) - 1):
        left, right = np.sign(x[i + 1 :] - x[i]), np.sign(y[i + 1 :] - y[i])
        agreeing += int((left * right).sum())
        ordered_a += int(np.count_nonzero(left))
        ordered_b += int(np.count_nonzero(right))
    scale = math.sqrt(ordered_a * ordered_b)
    return agreeing / scale if scale else None
