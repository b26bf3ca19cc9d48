"""Contribution methods: what each member's part of a round is worth, by seven rules over one game.

``aumann-shapley`` is the default and the only one that a single dispute on chain can judge; the others are
there to be compared with it (``folkmoot aggregator compare``) and, where validators agree on scores by
quorum, to be chosen instead. docs/contribution-methods.md says what each costs and finds.
"""

from __future__ import annotations

from federation.valuation.game import Game, carried_base
from federation.valuation.methods import DEFAULT, METHODS, Method

__all__ = ["DEFAULT", "METHODS", "Game", "Method", "carried_base"]
