"""Every strategy in plain Python integers, one weight after the other, written from docs/aggregation.md."""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import median_low

from tests.unit.federation._reference import half_up

Vector = list[int]
Parts = list[Vector]


def near(a: int, b: int) -> int:
    return half_up(Fraction(a, b))


def total(deltas: Parts) -> Vector:
    return [sum(column) for column in zip(*deltas, strict=True)]


def length(vector: Vector) -> int:
    return math.isqrt(sum(x * x for x in vector))


def plain(deltas, memory, quota_total):
    return deltas, None, []


def momentum(deltas, memory, quota_total, *, beta_milli):
    carried = [near(beta_milli * m, 1000) for m in (memory[0] if memory else [0] * len(deltas[0]))]
    return deltas, carried, [[a + b for a, b in zip(total(deltas), carried, strict=True)]]


def adam(deltas, memory, quota_total, *, beta1_milli, beta2_milli, floor_milli):
    g = total(deltas)
    m, v = memory or ([0] * len(g), [0] * len(g))
    fresh = 1000 - beta1_milli
    y = [max(-(2**31 - 1), min(2**31 - 1, near(256 * x, quota_total))) for x in g]
    v = [
        near(beta2_milli * a, 1000) + near((1000 - beta2_milli) * b * b, 1000)
        for a, b in zip(v, y, strict=True)
    ]
    least = max(1, floor_milli * math.isqrt(sum(v) // len(v)) // 1000)
    d = [math.isqrt(x) + least for x in v]
    freed = [near(x << 20, k) for x, k in zip(g, d, strict=True)]
    P = [near((length(g) << 44) // max(1, length(freed)), k) for k in d]
    parts = [
        [near(near(fresh * p, 1000) * x, 1 << 24) for p, x in zip(P, delta, strict=True)] for delta in deltas
    ]
    carried = [near(near(beta1_milli * p, 1000) * x, 1 << 24) for p, x in zip(P, m, strict=True)]
    kept = [near(beta1_milli * a, 1000) + near(fresh * b, 1000) for a, b in zip(m, g, strict=True)]
    return parts, carried, [kept, v]


def norm_cap(deltas, memory, quota_total, *, norm_milli):
    def above(delta):
        found = length(delta)
        return found + (found * found < sum(x * x for x in delta))

    norms = [above(delta) for delta in deltas]
    limit = norm_milli * median_low(norms) // 1000
    parts = [
        delta if norm <= limit else [near(x * limit, norm) for x in delta]
        for delta, norm in zip(deltas, norms, strict=True)
    ]
    return parts, None, []


def _inner(deltas, cut):
    n = len(deltas)
    parts = [[0] * len(deltas[0]) for _ in deltas]
    for j in range(len(deltas[0])):
        order = sorted(range(n), key=lambda i: (deltas[i][j], i))
        for i in order[cut : n - cut]:
            parts[i][j] = near(n * deltas[i][j], n - 2 * cut)
    return parts, None, []


def trimmed_mean(deltas, memory, quota_total, *, trim_milli):
    return _inner(deltas, trim_milli * len(deltas) // 1000)


def median(deltas, memory, quota_total):
    return _inner(deltas, (len(deltas) - 1) // 2)


def _chosen(deltas, faulty, keep):
    n = len(deltas)

    def far(i):
        others = [
            sum((a - b) ** 2 for a, b in zip(deltas[i], deltas[j], strict=True)) for j in range(n) if j != i
        ]
        return sum(sorted(others)[: max(1, n - faulty - 2)])

    taken = sorted(range(n), key=lambda i: (far(i), i))[:keep]
    return [[near(n * x, keep) if i in taken else 0 for x in d] for i, d in enumerate(deltas)], None, []


def krum(deltas, memory, quota_total, *, faulty_milli):
    return _chosen(deltas, faulty_milli * len(deltas) // 1000, 1)


def multi_krum(deltas, memory, quota_total, *, faulty_milli):
    faulty = faulty_milli * len(deltas) // 1000
    return _chosen(deltas, faulty, len(deltas) - faulty)


STRATEGIES = {
    "sum": (plain, [{}]),
    "momentum": (momentum, [{"beta_milli": 900}, {"beta_milli": 1}]),
    "adam": (
        adam,
        [
            {"beta1_milli": 900, "beta2_milli": 990, "floor_milli": 100},
            {"beta1_milli": 0, "beta2_milli": 0, "floor_milli": 1},
            {"beta1_milli": 500, "beta2_milli": 900, "floor_milli": 1_000_000},
        ],
    ),
    "norm-cap": (norm_cap, [{"norm_milli": 1000}, {"norm_milli": 500}]),
    "trimmed-mean": (trimmed_mean, [{"trim_milli": 200}, {"trim_milli": 499}]),
    "median": (median, [{}]),
    "krum": (krum, [{"faulty_milli": 0}, {"faulty_milli": 250}]),
    "multi-krum": (multi_krum, [{"faulty_milli": 250}, {"faulty_milli": 499}]),
}
"""By name: the function, and parameters to try. The gated sum asks the model, and is tested with it."""
