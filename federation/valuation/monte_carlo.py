"""Monte-Carlo Shapley: the mean marginal over some random orders, each with its reverse.

A pair of an order and its reverse is antithetic: who came early in one comes late in the other, and for a
quadratic game a pair's mean is the Shapley value itself (Castro, Gomez and Tejada 2009; Mitchell, Cooper,
Frank and Holmes 2022).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from operator import or_
from typing import Final

from federation.errors import ConfigError
from federation.valuation.game import Game
from federation.valuation.permutations import Draws

PAIRS: Final = 32
"""64 permutations, at most 64 n evaluations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Scores, and how far they may be off.

    Attributes:
        scores: The mean marginals, rounded down, ``SCORE_BITS`` fractional bits.
        errors: Standard errors of the mean over pairs, the same unit, rounded down.
    """

    scores: tuple[int, ...]
    errors: tuple[int, ...]


def monte_carlo_shapley(game: Game) -> tuple[int, ...]:
    """Return the mean marginals over ``PAIRS`` antithetic pairs; sums to the gain up to roundings."""
    return estimate(game).scores


def estimate(game: Game, *, pairs: int = PAIRS, stream: str = "valuation.monte-carlo") -> Estimate:
    """Return the mean marginals over antithetic pairs, with standard errors.

    Args:
        game: The round.
        pairs: How many permutations to draw; at least 2, for there to be an error.
        stream: Which of the seed's streams they come from.

    Raises:
        ConfigError: One pair alone leaves nothing to estimate an error from.
    """
    if pairs < 2:
        raise ConfigError(f"an estimate needs 2 pairs of orders, not {pairs}")
    n, draws = len(game.dids), Draws(game.seed, stream)
    drawn = [draws.permutation(n) for _ in range(pairs)]
    # All at once: so coalitions are evaluated in blocks.
    ways = (way for order in drawn for way in (order, order[::-1]))
    game.values([mask for way in ways for mask in prefixes(way)])
    sums, squares = [0] * n, [0] * n
    for order in drawn:
        pair = [a + b for a, b in zip(marginals(game, order), marginals(game, order[::-1]), strict=True)]
        for i, twice in enumerate(pair):
            sums[i] += twice
            squares[i] += twice * twice
    # The variance of a pair's mean is a quarter of that of its sum.
    spread = [pairs * b - a * a for a, b in zip(sums, squares, strict=True)]
    return Estimate(
        scores=tuple(total // (2 * pairs) for total in sums),
        errors=tuple(math.isqrt(x // (4 * pairs * pairs * (pairs - 1))) for x in spread),
    )


def marginals(game: Game, order: list[int]) -> list[int]:
    """Return what each member adds, by number, when all arrive in an order; sums to the gain exactly."""
    values = [0, *game.values(prefixes(order))]
    found = [0] * len(order)
    for place, i in enumerate(order):
        found[i] = values[place + 1] - values[place]
    return found


def prefixes(order: list[int]) -> list[int]:
    """Return the masks of who is there after each arrival."""
    return list(accumulate((1 << i for i in order), or_))
