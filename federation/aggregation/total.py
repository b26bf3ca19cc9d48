"""The sum: every delta counts as it is. The default, and what the on-chain judges can prove."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from federation.aggregation.strategy import Combined, Context
from federation.fixedpoint import Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """``direction = sum_i delta_i``."""

    name: ClassVar[str] = "sum"
    exact: ClassVar[bool] = True
    lost: ClassVar[str] = ""

    def combine(self, deltas: Ints, context: Context) -> Combined:  # noqa: ARG002 - the sum needs no more
        """Return the deltas."""
        return Combined(parts=deltas)
