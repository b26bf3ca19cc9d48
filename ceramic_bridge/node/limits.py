"""What one caller may take of a node's time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CALLERS: Final = 4096
"""Callers remembered; the one heard of longest ago is forgotten first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A token bucket.

    Attributes:
        per_second: Units that a caller gains each second.
        burst: Most units that it can save up.
    """

    per_second: float
    burst: float


class RateLimiter:
    """One token bucket per caller, in bounded memory."""

    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        """Start with every bucket full.

        Args:
            rate: The size of each bucket.
            clock: Seconds that only grow.
        """
        self._rate = rate
        self._clock = clock
        self._callers: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, caller: str, units: float) -> bool:
        """Take units from a caller's bucket; ``False`` if it holds fewer."""
        now = self._clock()
        saved, since = self._callers.pop(caller, (self._rate.burst, now))
        saved = min(self._rate.burst, saved + (now - since) * self._rate.per_second)
        allowed = saved >= units
        self._callers[caller] = (saved - units if allowed else saved, now)
        if len(self._callers) > MAX_CALLERS:
            self._callers.popitem(last=False)
        return allowed
