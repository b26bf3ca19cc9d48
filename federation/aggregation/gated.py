"""Score-gated sum: a delta that would do harm on the known examples is left out.

The gate looks at the public portion and the shards of earlier rounds, as the line searches do, and
never at the shard that pays: that one must choose nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from federation.aggregation.strategy import Combined, Context
from federation.fixedpoint import Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """The sum of the deltas whose price on the known examples, in the sum of all, is not negative.

    Whoever is left out neither earns nor is charged: its delta changed nothing.
    """

    name: ClassVar[str] = "gated"
    exact: ClassVar[bool] = False
    lost: ClassVar[str] = "that another delta might have been left out, or not"

    def combine(self, deltas: Ints, context: Context) -> Combined:
        """Return the deltas that may enter, zeros for the others."""
        enters = np.array([worth >= 0 for worth in context.valued(deltas)])
        return Combined(parts=np.where(enters[:, None], deltas, 0))
