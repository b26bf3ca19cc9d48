"""Trimmed mean and median, coordinate by coordinate (Yin et al. 2018).

Members count alike, whatever their quotas; a member's clip still bounds what it can be paid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from federation.aggregation.strategy import Combined, Context, scaled
from federation.fixedpoint import Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimmedMean:
    """Per weight: n times the mean of what remains without the largest and the smallest entries.

    Attributes:
        trim_milli: The share that is left out at either end, in thousandths, below 500; rounded down.
    """

    name: ClassVar[str] = "trimmed-mean"
    exact: ClassVar[bool] = False
    lost: ClassVar[str] = "that an entry farther out would have been left out, and another one kept"

    trim_milli: int

    def combine(self, deltas: Ints, context: Context) -> Combined:  # noqa: ARG002 - the deltas say it all
        """Return the kept entries, scaled up for those left out."""
        return Combined(parts=inner(deltas, self.trim_milli * len(deltas) // 1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Median:
    """Per weight: n times the median, of an even number the mean of the two in the middle."""

    name: ClassVar[str] = "median"
    exact: ClassVar[bool] = False
    lost: ClassVar[str] = "that an entry farther out would not have been the median"

    def combine(self, deltas: Ints, context: Context) -> Combined:  # noqa: ARG002 - the deltas say it all
        """Return the entries in the middle, scaled up for all others."""
        return Combined(parts=inner(deltas, (len(deltas) - 1) // 2))


def inner(deltas: Ints, cut: int) -> Ints:
    """Return the entries without the ``cut`` largest and smallest of each weight, others 0.

    A kept entry becomes ``near(n * entry / (n - 2 cut))``. Of equal entries, the earlier member's
    counts as the smaller one.

    Args:
        deltas: Shape (n, dim).
        cut: So many at either end, ``2 cut < n``.
    """
    n = len(deltas)
    order = np.argsort(deltas, axis=0, kind="stable")[cut : n - cut]
    parts = np.zeros_like(deltas)
    kept = np.take_along_axis(deltas, order, axis=0)
    np.put_along_axis(parts, order, scaled(kept, n, n - 2 * cut), axis=0)
    return parts
