"""Server momentum: the direction remembers earlier directions (Hsu, Qi and Brown 2019, FedAvgM).

Beside the momentum that the base's line search finds, which may be 0 where this one is wanted alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from federation.aggregation.strategy import Combined, Context, scaled
from federation.fixedpoint import Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Momentum:
    """``direction = sum_i delta_i + near(beta * last direction)``.

    The deltas are priced as under the sum; what was carried over is no innovation and paid to nobody.

    Attributes:
        beta_milli: beta in thousandths, below 1000.
    """

    name: ClassVar[str] = "momentum"
    exact: ClassVar[bool] = True
    lost: ClassVar[str] = ""

    beta_milli: int

    def combine(self, deltas: Ints, context: Context) -> Combined:
        """Return the deltas, and the share of the last direction."""
        last = context.memory[0] if context.memory else np.zeros_like(deltas[0])
        carried = scaled(last, self.beta_milli, 1000)
        return Combined(parts=deltas, carried=carried, memory=(deltas.sum(axis=0) + carried,))
