"""What every strategy is: from deltas to parts that add up to the direction of the model's step.

The step is ``eta * direction / Q`` with the searched eta, whatever the strategy, and a part is scored as
the sum's deltas are: ``-(eta / Q) <gbar, part_i>``. So the scores always add up to the improvement, but
for what was carried over from earlier rounds, which is paid to nobody. Whether a score is also the
member's exact price is another matter, and ``exact`` says it: only where a part is the delta itself is
the score linear in the delta, hence unbiased under the member's own noise.

All is exact in integers, and every rounding is written down: anybody recomputes the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias

import numpy as np

from federation.fixedpoint import INT_EXACT, Ints

Memory: TypeAlias = tuple[Ints, ...]
"""What a strategy keeps from round to round; vectors of shape (dim,), none before the first step."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Context:
    """What a strategy may see beside the deltas.

    Attributes:
        memory: What it kept when the model last moved; empty before.
        quota_total: Q.
        valued: Tells what each of some parts is worth on the known examples, never on the shard that pays;
            ``SCORE_BITS`` fractional bits.
    """

    memory: Memory
    quota_total: int
    valued: Callable[[Ints], Sequence[int]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Combined:
    """What a strategy makes of a round's deltas.

    Attributes:
        parts: What each delta contributes to the direction; shape (n, dim), as the deltas.
        carried: What earlier rounds contribute to it; shape (dim,), or None where nothing can.
        memory: What the next round gets, if this one moves the model.
    """

    parts: Ints
    carried: Ints | None = None
    memory: Memory = ()

    @property
    def direction(self) -> Ints:
        """The sum of all parts and of what is carried; shape (dim,)."""
        total: Ints = self.parts.sum(axis=0)
        return total if self.carried is None else total + self.carried


class Strategy(Protocol):
    """One way to combine deltas; its fields are its parameters, as ``[aggregation]`` names them.

    Attributes:
        name: As the manifest writes it.
        exact: Whether the Aumann-Shapley price of a part is the delta's exact price.
        lost: Where it is not: what the price leaves out, in words; else empty.
    """

    name: ClassVar[str]
    exact: ClassVar[bool]
    lost: ClassVar[str]

    def combine(self, deltas: Ints, context: Context) -> Combined:
        """Return the parts of some deltas.

        Args:
            deltas: Shape (n, dim), n > 0, in the members' order.
            context: What else is known.
        """
        ...


def scaled(values: Ints, numerator: int | Ints, denominator: int | Ints) -> Ints:
    """Return ``near(values * numerator / denominator)``: to the nearest integer, halves upwards, exactly.

    Args:
        values: Any shape.
        numerator: Not negative; a number, or one per weight.
        denominator: Positive; a number, or one per weight.
    """
    above, below = (int(np.max(of, initial=0)) for of in (numerator, denominator))
    peak = max(int(values.max(initial=0)), -int(values.min(initial=0)))
    if above < INT_EXACT and 2 * below + 2 * peak * above < INT_EXACT:
        result: Ints = (2 * values * numerator + denominator) // (2 * np.asarray(denominator))
        return result
    # Products that int64 cannot hold are Python's integers, entry by entry.
    over, under = (np.asarray(of, dtype=object) for of in (numerator, denominator))
    exact = (2 * values.astype(object) * over + under) // (2 * under)
    return np.asarray(exact).astype(np.int64)
