"""Contribution methods from docs/contribution-methods.md alone, in plain integers and fractions.

Slow and simple. Of the kernel it takes nothing; the keccak and the linear model come from the reference.
"""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction
from itertools import combinations

from eth_hash.auto import keccak

from tests.unit.federation import _reference as reference


def words(seed: bytes, name: str):
    prefix, k = keccak(b"folkmoot." + name.encode()) + seed, 0
    while True:
        block = hashlib.sha256(prefix + k.to_bytes(8, "big")).digest()
        for i in range(4):
            yield int.from_bytes(block[8 * i : 8 * i + 8], "big")
        k += 1


def below(stream, bound: int) -> int:
    while True:
        word = next(stream)
        if word < 2**64 - 2**64 % bound:
            return word % bound


def permutation(stream, n: int) -> list[int]:
    order = list(range(n))
    for i in reversed(range(1, n)):
        j = below(stream, i + 1)
        order[i], order[j] = order[j], order[i]
    return order


class Game:
    def __init__(self, case):
        self.case, self.n, self.seed = case, len(case["parts"]), bytes.fromhex(case["seed"])
        self.shard = reference.Set(case["shard"], case["mean"])
        self.known = {frozenset(): 0}

    def value(self, coalition) -> int:
        chosen = frozenset(coalition)
        if chosen not in self.known:
            case = self.case
            parts = [case["parts"][i] for i in chosen]
            step = reference.aggregate(parts, case["eta"], case["quota_total"])
            after = [w + d for w, d in zip(case["base"], step, strict=True)]
            lost = self.shard.brier(case["base"]) - self.shard.brier(after)
            self.known[chosen] = lost // (len(case["shard"]) << 8)
        return self.known[chosen]

    @property
    def gain(self) -> int:
        return self.value(range(self.n))

    def marginals(self, order) -> list[int]:
        found = [0] * self.n
        for k, i in enumerate(order):
            found[i] = self.value(order[: k + 1]) - self.value(order[:k])
        return found


def aumann_shapley(game: Game) -> list[int]:
    case = game.case
    step = reference.aggregate(case["parts"], case["eta"], case["quota_total"])
    gradient = reference.path(game.shard, case["base"], step)["gradient"]
    products = [sum(g * d for g, d in zip(gradient, part, strict=True)) for part in case["parts"]]
    return [math.floor(Fraction(-case["eta"] * x, case["quota_total"])) for x in products]


def exact_shapley(game: Game) -> list[int]:
    scores = []
    for i in range(game.n):
        others, total = [j for j in range(game.n) if j != i], Fraction(0)
        for size in range(game.n):
            share = Fraction(1, game.n * math.comb(game.n - 1, size))
            for chosen in combinations(others, size):
                total += share * (game.value([*chosen, i]) - game.value(chosen))
        scores.append(math.floor(total))
    return scores


def monte_carlo_shapley(game: Game, pairs: int = 32) -> list[int]:
    stream = words(game.seed, "valuation.monte-carlo")
    orders = [permutation(stream, game.n) for _ in range(pairs)]
    found = [game.marginals(way) for order in orders for way in (order, list(reversed(order)))]
    return [math.floor(Fraction(sum(column), 2 * pairs)) for column in zip(*found, strict=True)]


def gtg_shapley(game: Game) -> list[int]:
    n, gain = game.n, game.gain
    if abs(gain) < 2**40 // 10_000:
        return [0] * n
    stream, means, sums = words(game.seed, "valuation.gtg"), [], [0] * n
    for _ in range(16):
        for leader in range(n):
            order = [leader, *(i for i in permutation(stream, n) if i != leader)]
            worth = 0
            for k, i in enumerate(order):
                if Fraction(abs(gain - worth)) < Fraction(abs(gain), 50):
                    break
                value = game.value(order[: k + 1])
                sums[i] += value - worth
                worth = value
            means.append([Fraction(s, len(means) + 1) for s in sums])
        if len(means) >= 30 and all(_moved(mean, means[-1]) <= 50_000 * n for mean in means[-10:]):
            break
    return [math.floor(mean) for mean in means[-1]]


def _moved(earlier, latest) -> int:
    """How far means are from the latest ones, each in millionths rounded down and at most a million."""
    return sum(
        0 if a == b else min(10**6, math.floor(abs(a - b) * 10**6 / abs(b))) if b else 10**6
        for a, b in zip(earlier, latest, strict=True)
    )


def leave_one_out(game: Game) -> list[int]:
    return [game.gain - game.value(j for j in range(game.n) if j != i) for i in range(game.n)]


def market_order(game: Game) -> list[int]:
    return game.marginals(permutation(words(game.seed, "valuation.market-order"), game.n))


def cosine(game: Game) -> list[int]:
    total = [sum(column) for column in zip(*game.case["parts"], strict=True)]
    cosines = []
    for part in game.case["parts"]:
        product = sum(a * b for a, b in zip(part, total, strict=True))
        squares = sum(a * a for a in part) * sum(b * b for b in total)
        size = math.isqrt(product * product * 4**40 // squares) if squares else 0
        cosines.append(size if product > 0 else -size)
    scale = sum(map(abs, cosines))
    return [math.floor(Fraction(game.gain * c, scale)) if scale else 0 for c in cosines]


METHODS = {
    "aumann-shapley": aumann_shapley,
    "exact-shapley": exact_shapley,
    "monte-carlo-shapley": monte_carlo_shapley,
    "gtg-shapley": gtg_shapley,
    "leave-one-out": leave_one_out,
    "market-order": market_order,
    "cosine": cosine,
}
