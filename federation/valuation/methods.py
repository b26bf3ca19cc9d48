"""The contribution methods by name, as a manifest's ``[reward] method`` and the command line know them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from federation.valuation.aumann_shapley import aumann_shapley
from federation.valuation.cosine import cosine
from federation.valuation.exact_shapley import exact_shapley
from federation.valuation.game import Game
from federation.valuation.gtg_shapley import gtg_shapley
from federation.valuation.leave_one_out import leave_one_out
from federation.valuation.market_order import market_order
from federation.valuation.monte_carlo import monte_carlo_shapley


class Method(Protocol):
    """A rule of what each member's part is worth."""

    def __call__(self, game: Game) -> tuple[int, ...]:
        """Return one score a member, in the order of ``game.dids``, ``SCORE_BITS`` fractional bits."""
        ...


DEFAULT: Final = "aumann-shapley"

METHODS: Final[Mapping[str, Method]] = {
    DEFAULT: aumann_shapley,
    "exact-shapley": exact_shapley,
    "monte-carlo-shapley": monte_carlo_shapley,
    "gtg-shapley": gtg_shapley,
    "leave-one-out": leave_one_out,
    "market-order": market_order,
    "cosine": cosine,
}
