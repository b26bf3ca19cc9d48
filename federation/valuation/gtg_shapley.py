"""GTG-Shapley: guided, truncated gradient Shapley (Liu, Chen, Yu, Liu and Cui 2022, ACM TIST 13(4)).

Monte-Carlo Shapley with three savings. *Between* rounds: where all together gain next to nothing, everybody
scores 0. *Within* a round: once those who have arrived are worth nearly as much as all, later ones add 0
without being evaluated. *Guided*: every member leads as often as any other, since early places say most;
sweeps of n orders follow until the means settle. Played on the sum game, not on the paper's mean game.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from federation.contribution import SCORE_BITS
from federation.valuation.game import Game
from federation.valuation.permutations import Draws

_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """GTG-Shapley's parameters.

    Attributes:
        between: A round whose gain is smaller, of either sign, is worth 0 to all; ``SCORE_BITS``.
        within: An order is cut where what is missing to the gain is below this share of it, in millionths.
        settled: Means have settled when the last ones differ from the latest by this share, in millionths.
        last: How many of the latest means are looked at.
        least: So many orders are played at least.
        sweeps: So many sweeps of n orders are played at most.
    """

    between: int = (1 << SCORE_BITS) // 10_000
    within: int = 20_000
    settled: int = 50_000
    last: int = 10
    least: int = 30
    sweeps: int = 16


DEFAULT_GUIDE: Final = Guide()


@dataclass(slots=True)
class _Played:
    """Sums of marginals after each order, the first after none."""

    sums: list[list[int]] = field(default_factory=list)

    def add(self, marginals: list[int]) -> None:
        self.sums.append([a + b for a, b in zip(self.sums[-1], marginals, strict=True)])

    def settled(self, guide: Guide) -> bool:
        """Say whether the latest means have stopped moving: the paper's criterion, in millionths."""
        count = len(self.sums) - 1
        if count < guide.least:
            return False
        latest = self.sums[-1]
        for k in range(max(1, count - guide.last + 1), count):
            moved = sum(_relative(s * count, t * k) for s, t in zip(self.sums[k], latest, strict=True))
            if moved > guide.settled * len(latest):
                return False
        return True


def gtg_shapley(game: Game) -> tuple[int, ...]:
    """Return the scores with the default parameters; they miss the gain by at most ``within`` of it."""
    return guided(game, DEFAULT_GUIDE)


def guided(game: Game, guide: Guide) -> tuple[int, ...]:
    """Return the mean marginals over guided, truncated orders, rounded down.

    Args:
        game: The round.
        guide: The parameters.
    """
    n = len(game.dids)
    if abs(game.gain) < guide.between or not n:
        return (0,) * n
    draws, played = Draws(game.seed, "valuation.gtg"), _Played([[0] * n])
    for _ in range(guide.sweeps):
        for marginals in _sweep(game, [_led_by(i, draws.permutation(n)) for i in range(n)], guide):
            played.add(marginals)
        if played.settled(guide):
            break
    return tuple(total // (len(played.sums) - 1) for total in played.sums[-1])


def _led_by(leader: int, order: list[int]) -> list[int]:
    return [leader, *(i for i in order if i != leader)]


def _sweep(game: Game, orders: list[list[int]], guide: Guide) -> list[list[int]]:
    """Return every order's marginals; orders are played side by side, which evaluates in blocks."""
    n, gain = len(game.dids), game.gain
    marginals, masks, values = [[0] * n for _ in orders], [0] * len(orders), [0] * len(orders)
    for place in range(n):
        going = [
            k for k in range(len(orders)) if abs(gain - values[k]) * _MILLION >= guide.within * abs(gain)
        ]
        for k in going:
            masks[k] |= 1 << orders[k][place]
        for k, value in zip(going, game.values([masks[k] for k in going]), strict=True):
            marginals[k][orders[k][place]] = value - values[k]
            values[k] = value
    return marginals


def _relative(a: int, b: int) -> int:
    """Return ``|a - b| / |b|`` in millionths, rounded down and at most 1; 0 where both are 0."""
    if a == b:
        return 0
    return min(_MILLION, abs(a - b) * _MILLION // abs(b)) if b else _MILLION
