"""Norm cap: no delta counts for more than a typical one (Sun et al. 2019, norm clipping).

The manifest's own cap leaves room for a quota's signal and the demanded noise, so whoever skips its
noise has all of that room for signal. This one is relative to what the others sent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from federation.aggregation.strategy import Combined, Context, scaled
from federation.fixedpoint import Ints, norm_squared


@dataclass(frozen=True, slots=True, kw_only=True)
class NormCap:
    """``part_i = delta_i``, shortened to a multiple of the median norm where it is longer.

    Attributes:
        norm_milli: The multiple, in thousandths.
    """

    name: ClassVar[str] = "norm-cap"
    exact: ClassVar[bool] = False
    lost: ClassVar[str] = "that a longer delta would have been shortened to the same length"

    norm_milli: int

    def combine(self, deltas: Ints, context: Context) -> Combined:  # noqa: ARG002 - the deltas say it all
        """Return the deltas, the long ones shortened."""
        norms = [_length(delta) for delta in deltas]
        limit = self.norm_milli * sorted(norms)[(len(norms) - 1) // 2] // 1000
        parts = [
            delta if norm <= limit else scaled(delta, limit, norm)
            for delta, norm in zip(deltas, norms, strict=True)
        ]
        return Combined(parts=np.stack(parts))


def _length(delta: Ints) -> int:
    """Return a delta's norm, rounded up: no delta counts as shorter than it is."""
    squared = norm_squared(delta)
    return math.isqrt(squared - 1) + 1 if squared else 0
