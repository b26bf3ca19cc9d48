"""Cosine: the gain shared by how far each part points where the sum points (after Xu et al. 2021, CGSV).

One evaluation and no data but for the gain. What it cannot see: a copy earns what its original does, so does
one unit of length as a whole cap, and whoever makes up most of the sum is right by definition, also when
the sum is wrong.
"""

from __future__ import annotations

import math
from typing import Final

from federation.fixedpoint import exact_dot, norm_squared
from federation.valuation.game import Game

COSINE_BITS: Final = 40


def cosine(game: Game) -> tuple[int, ...]:
    """Return ``floor(G * c_i / sum_j |c_j|)``, c being the cosines with the sum of all parts."""
    summed = game.parts.sum(axis=0)
    length = norm_squared(summed)
    cosines = [_cosine(exact_dot(part, summed), norm_squared(part) * length) for part in game.parts]
    total = sum(map(abs, cosines))
    if not total:
        return (0,) * len(cosines)
    return tuple(game.gain * c // total for c in cosines)


def _cosine(product: int, squares: int) -> int:
    """Return ``product / sqrt(squares)`` towards zero, ``COSINE_BITS`` fractional bits; 0 for 0 / 0."""
    if not squares:
        return 0
    magnitude = math.isqrt((product * product << (2 * COSINE_BITS)) // squares)
    return magnitude if product > 0 else -magnitude
