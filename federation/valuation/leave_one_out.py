"""Leave-one-out: what is lost without a member; n + 1 evaluations.

Not efficient: where parts overlap the scores sum to less than the gain, where they complement each other
to more. Of two copies each is worth only what the other does not bring.
"""

from __future__ import annotations

from federation.valuation.game import Game


def leave_one_out(game: Game) -> tuple[int, ...]:
    """Return ``v(all) - v(all without i)``."""
    everybody = game.everybody
    whole, *without = game.values([everybody, *(everybody ^ (1 << i) for i in range(len(game.dids)))])
    return tuple(whole - rest for rest in without)
