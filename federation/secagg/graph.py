"""Who masks with whom: a Harary graph on a public random order of the members.

Everybody beside everybody up to ``degree + 1`` members; beyond, members stand on a circle in a
random order and each has the ``degree / 2`` next on either side. That graph stays connected unless
two runs of ``degree / 2`` successive members are taken out of it (Harary 1962; Bell et al. 2020 use it
for secure aggregation).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from federation.hashing import sha256
from federation.types import Hash32


def permutation(n: int, seed: Hash32) -> list[int]:
    """Return a uniformly random order of ``range(n)``: Fisher-Yates on SHA-256(seed || counter)."""
    order, counter = list(range(n)), 0
    for last in range(n - 1, 0, -1):
        limit = (1 << 64) - (1 << 64) % (last + 1)
        while True:
            drawn = int.from_bytes(sha256(seed + counter.to_bytes(8, "little"))[:8], "little")
            counter += 1
            if drawn < limit:  # the rest would favour small numbers
                break
        other = drawn % (last + 1)
        order[last], order[other] = order[other], order[last]
    return order


def neighbours(n: int, degree: int, seed: Hash32) -> tuple[tuple[int, ...], ...]:
    """Return each member's neighbours, sorted.

    Args:
        n: Number of members.
        degree: Even; the number of neighbours where n is larger than it.
        seed: Public randomness, not known when the members' keys were fixed.
    """
    if n - 1 <= degree:
        return tuple(tuple(j for j in range(n) if j != i) for i in range(n))
    order = permutation(n, seed)
    found: list[tuple[int, ...]] = [()] * n
    for place, member in enumerate(order):
        steps = range(1, degree // 2 + 1)
        around = [order[(place + sign * step) % n] for step in steps for sign in (1, -1)]
        found[member] = tuple(sorted(around))
    return tuple(found)


def falls_apart(present: Sequence[bool], reach: int, few: int) -> bool:
    """Tell whether those present on a circle fall apart when some of them, as many as ``few``, are taken out.

    Two neighbour if they are at most ``reach`` places apart. So a part comes off exactly where two runs of
    ``reach`` successive places, with somebody between them on either side, are empty.

    Args:
        present: Who is left, in the order of the circle; more than ``2 * reach + 1`` places.
        reach: Half the degree.
        few: How many may be taken out, anywhere.
    """
    n = len(present)
    before = [0, *accumulate([*present, *present])]
    run = [before[start + reach] - before[start] for start in range(n)]
    return any(
        run[p] + run[q % n] <= few and before[q] > before[p + reach] and before[p + n] > before[q + reach]
        for p in range(n)
        if run[p] <= few
        for q in range(p + reach + 1, p + n - reach)
    )
