"""Exact Shapley: the mean marginal over all orders of arrival, from all 2^n coalitions (Shapley 1953)."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from federation.errors import ConfigError
from federation.valuation.game import Game

MOST_MEMBERS: Final = 16
"""65,536 coalitions: some seconds of CPU for the example's model."""


def exact_shapley(game: Game) -> tuple[int, ...]:
    """Return ``sum_S |S|! (n - |S| - 1)! / n! * (v(S + i) - v(S))``, rounded down.

    Raises:
        ConfigError: There are more than ``MOST_MEMBERS`` members.
    """
    n = len(game.dids)
    if n > MOST_MEMBERS:
        raise ConfigError(
            f"exact Shapley of {n} members would take 2^{n} evaluations; at most {MOST_MEMBERS} members",
            hint="use monte-carlo-shapley",
        )
    values = np.array(game.values(range(1 << n)), dtype=np.int64)
    masks = np.arange(1 << n)
    sizes = np.array([mask.bit_count() for mask in range(1 << n)])
    scores = []
    for i in range(n):
        absent = masks[(masks >> i) & 1 == 0]
        # At most 2^15 marginals of magnitude 2^41 of each size: far below 2^63.
        marginals = values[absent | (1 << i)] - values[absent]
        total = 0
        for size in range(n):
            of_size = int(marginals[sizes[absent] == size].sum())
            total += math.factorial(size) * math.factorial(n - size - 1) * of_size
        scores.append(total // math.factorial(n))
    return tuple(scores)
