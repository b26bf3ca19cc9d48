"""Market order: each is paid what the model gains when it arrives, as by the first seed's incentive.

There contributions come one after the other to a contract, and a gain belongs to who came first. In a round
of commitments nobody is first, and an order that the aggregator wrote down would be its to sell: so the order
is one permutation from the round's draw. n evaluations; the scores telescope to the gain exactly. Of two
copies the earlier one takes all: fair only over many rounds, in which it approaches Shapley.
"""

from __future__ import annotations

from federation.valuation.game import Game
from federation.valuation.monte_carlo import marginals
from federation.valuation.permutations import Draws


def market_order(game: Game) -> tuple[int, ...]:
    """Return each member's gain upon its arrival in one drawn order."""
    return tuple(marginals(game, Draws(game.seed, "valuation.market-order").permutation(len(game.dids))))
