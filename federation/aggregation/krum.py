"""Krum and multi-Krum: only deltas in the thick of the others count (Blanchard et al. 2017).

Members count alike, whatever their quotas. With skewed data the honest ones are far from each other
too, and many are left out: see docs/aggregation.md for what that costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from federation.aggregation.strategy import Combined, Context, scaled
from federation.fixedpoint import FLOAT_EXACT, Ints, exact_dot, norm_squared


@dataclass(frozen=True, slots=True, kw_only=True)
class Krum:
    """n times the one delta that is nearest to its neighbours.

    Attributes:
        faulty_milli: The share of members that may be faulty, in thousandths, below 500.
    """

    name: ClassVar[str] = "krum"
    exact: ClassVar[bool] = False
    lost: ClassVar[str] = "that a delta farther from the others would not have been chosen"

    faulty_milli: int

    def combine(self, deltas: Ints, context: Context) -> Combined:  # noqa: ARG002 - the deltas say it all
        """Return the chosen delta, scaled up for all others."""
        return Combined(parts=chosen(deltas, faulty=_faulty(deltas, self.faulty_milli), keep=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiKrum:
    """The deltas nearest to their neighbours: all but as many as may be faulty.

    Attributes:
        faulty_milli: The share of members that may be faulty, in thousandths, below 500.
    """

    name: ClassVar[str] = "multi-krum"
    exact: ClassVar[bool] = False
    lost: ClassVar[str] = Krum.lost

    faulty_milli: int

    def combine(self, deltas: Ints, context: Context) -> Combined:  # noqa: ARG002 - the deltas say it all
        """Return the chosen deltas, scaled up for the others."""
        faulty = _faulty(deltas, self.faulty_milli)
        return Combined(parts=chosen(deltas, faulty=faulty, keep=len(deltas) - faulty))


def _faulty(deltas: Ints, milli: int) -> int:
    return milli * len(deltas) // 1000


def chosen(deltas: Ints, *, faulty: int, keep: int) -> Ints:
    """Return the ``keep`` deltas of the least sums of distances, each ``near(n * delta / keep)``; others 0.

    The sum is over a delta's ``n - faulty - 2`` nearest others, at least one; of equal sums the earlier
    member's counts as the smaller one.

    Args:
        deltas: Shape (n, dim).
        faulty: f.
        keep: From 1 to n.
    """
    n = len(deltas)
    nearest = max(1, n - faulty - 2)
    # A delta's distance to itself is 0 and comes first.
    sums = [sum(sorted(row)[: nearest + 1]) for row in distances(deltas)]
    parts = np.zeros_like(deltas)
    taken = sorted(range(n), key=lambda i: (sums[i], i))[:keep]
    parts[taken] = scaled(deltas[taken], n, keep)
    return parts


def distances(deltas: Ints) -> list[list[int]]:
    """Return the squared distance of every two deltas, exactly.

    By Cauchy and Schwarz no partial sum of an inner product exceeds the largest squared norm: below
    2^53 all of them are one product in float64, else they are Python integers.
    """
    norms = [norm_squared(delta) for delta in deltas]
    if max(norms) < FLOAT_EXACT:
        matrix = deltas.astype(np.float64)
        products = [[int(x) for x in row] for row in (matrix @ matrix.T).tolist()]
    else:
        products = [[exact_dot(a, b) for b in deltas] for a in deltas]
    return [
        [own + other - 2 * product for other, product in zip(norms, row, strict=True)]
        for own, row in zip(norms, products, strict=True)
    ]
