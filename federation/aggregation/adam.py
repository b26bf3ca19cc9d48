"""Adam at the server (Reddi et al. 2021, FedAdam): weights that move a lot are held back.

Without a rate of its own: the scaling of the weights leaves the length of a round's sum as it was
(grafting, Agarwal et al. 2020), so that the grid of steps means what it means under the sum, and Adam's
corrections of its first rounds, which are one factor for all weights, drop out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np

from federation.aggregation.strategy import Combined, Context, Memory, scaled
from federation.fixedpoint import Ints, norm_squared

_MEAN_BITS: Final = 8
"""Of a sum per unit of quota, beyond the deltas': what is squared."""

_LARGEST_MEAN: Final = (1 << 31) - 1
"""Beyond it an entry is squared as if it were this: so second moments stay below 2^62."""

_FACTOR_BITS: Final = 24
_LENGTH_BITS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """``direction = P (beta1 m + (1 - beta1) sum_i delta_i)``, P one positive factor per weight.

    Attributes:
        beta1_milli: Of the first moment m, in thousandths, below 1000; 0 for none.
        beta2_milli: Of the second moment, in thousandths, below 1000.
        floor_milli: How much of the second moments' mean root every weight is given, in thousandths: small
            lets weights move alike, large leaves the sum nearly as it is.
    """

    name: ClassVar[str] = "adam"
    exact: ClassVar[bool] = False
    lost: ClassVar[str] = "what a delta does to the factors that all deltas are scaled by"

    beta1_milli: int
    beta2_milli: int
    floor_milli: int

    def combine(self, deltas: Ints, context: Context) -> Combined:
        """Return the scaled deltas, and the scaled first moment."""
        total: Ints = deltas.sum(axis=0)
        first, second = context.memory or (np.zeros_like(total), np.zeros_like(total))
        second = self._second(second, total, context.quota_total)
        factors = self._factors(second, total)
        fresh = 1000 - self.beta1_milli
        parts, carried = (
            scaled(vector, scaled(factors, share, 1000), 1 << _FACTOR_BITS)
            for vector, share in ((deltas, fresh), (first, self.beta1_milli))
        )
        memory: Memory = (scaled(first, self.beta1_milli, 1000) + scaled(total, fresh, 1000), second)
        return Combined(parts=parts, carried=carried, memory=memory)

    def _second(self, before: Ints, total: Ints, quota_total: int) -> Ints:
        """Return the moving mean of squares, per weight."""
        mean = np.clip(scaled(total, 1 << _MEAN_BITS, quota_total), -_LARGEST_MEAN, _LARGEST_MEAN)
        return scaled(before, self.beta2_milli, 1000) + scaled(mean * mean, 1000 - self.beta2_milli, 1000)

    def _factors(self, second: Ints, total: Ints) -> Ints:
        """Return P, ``_FACTOR_BITS`` fractional bits."""
        spread = math.isqrt(sum(second.tolist()) // len(second))
        roots = np.array([math.isqrt(x) for x in second.tolist()], dtype=np.int64)
        held = roots + max(1, self.floor_milli * spread // 1000)
        freed = scaled(total, 1 << _LENGTH_BITS, held)
        length, found = math.isqrt(norm_squared(total)), max(1, math.isqrt(norm_squared(freed)))
        return scaled(np.ones_like(held), (length << (_LENGTH_BITS + _FACTOR_BITS)) // found, held)
