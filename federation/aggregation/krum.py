"""Krum and multi-Krum: only deltas in the thick of the others count (Blanchard et al. 2017).

Members count alike, whatever their quotas. With skewed data the honest ones are far from each other
too, and many are left out: see docs/aggregation.md for what that costs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from federation.aggregation.strategy import Combined, Context, scaled
from federation.fixedpoint import FLOAT_EXACT, Ints, exact_dot, norm_squared

_BLOCK: Final = 256
"""So many rows of distances are held at once."""


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
    sums = [sum(sorted(row.tolist())[: nearest + 1]) for row in distances(deltas)]
    parts = np.zeros_like(deltas)
    taken = sorted(range(n), key=lambda i: (sums[i], i))[:keep]
    parts[taken] = scaled(deltas[taken], n, keep)
    return parts


def distances(deltas: Ints) -> Iterator[NDArray[np.object_ | np.int64]]:
    """Yield each delta's squared distances to all, exactly; they are Python's integers where they must be."""
    norms = [norm_squared(delta) for delta in deltas]
    largest, small = max(norms), max(norms) < FLOAT_EXACT
    squares = np.array(norms, dtype=np.int64 if small else object)
    for start in range(0, len(deltas), _BLOCK):
        some = slice(start, start + _BLOCK)
        yield from squares[some, None] + squares - 2 * _products(deltas[some], deltas, largest)


def _products(a: Ints, b: Ints, largest: int) -> NDArray[np.object_ | np.int64]:
    """Return the inner product of every two rows, none of which has a larger squared norm.

    By Cauchy and Schwarz no partial sum exceeds the largest squared norm: below 2^53 all of them are one
    product in float64. Longer rows are cut in two halves of their bits, which are short enough; what is
    longer still, as no admitted delta is, is left to Python's integers one by one.
    """
    if largest < FLOAT_EXACT:
        return _in_floats(a, b)
    bits = (FLOAT_EXACT.bit_length() - 2 - a.shape[1].bit_length()) // 2
    # Rounding down adds less than one to an entry of the upper half.
    upper = (math.isqrt(largest) >> bits) + math.isqrt(a.shape[1]) + 2
    if upper * upper >= FLOAT_EXACT:
        return np.array([[exact_dot(x, y) for y in b] for x in a], dtype=object)
    (high_a, low_a), (high_b, low_b) = ((x >> bits, x & ((1 << bits) - 1)) for x in (a, b))
    mixed = _in_floats(high_a, low_b) + _in_floats(low_a, high_b)
    high, low = _in_floats(high_a, high_b).astype(object), _in_floats(low_a, low_b).astype(object)
    whole: NDArray[np.object_] = (high << 2 * bits) + (mixed.astype(object) << bits) + low
    return whole


def _in_floats(a: Ints, b: Ints) -> Ints:
    return (a.astype(np.float64) @ b.astype(np.float64).T).astype(np.int64)
