"""Aumann-Shapley: the price along the path from the base to the aggregate (docs/protocol.md, section 10).

Four gradients and one matrix-vector product for any number of members. Here without the projection that a
round's pay applies to it: what is projected away is a rule of pay, not of value.
"""

from __future__ import annotations

import math

from federation.contribution import aggregate, inner_products, score_of
from federation.valuation.game import Game


def aumann_shapley(game: Game) -> tuple[int, ...]:
    """Return ``-(eta / Q) <gbar, part_i>``; sums to the gain up to quadrature and stated roundings.

    Raises:
        ConfigError: An inner product leaves the range of exact arithmetic.
    """
    if not game.dids:
        return ()
    step = aggregate([game.parts.sum(axis=0)], eta=game.eta, quota_total=game.quota_total)
    gradient, extra_bits = game.model.path_gradient(game.shard, game.base, step)
    bound = game.peak * (math.isqrt(len(game.base)) + 1)
    products = inner_products(gradient, game.parts, norm_bound=bound)
    return tuple(score_of(x, eta=game.eta, quota_total=game.quota_total << extra_bits) for x in products)
