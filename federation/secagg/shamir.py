"""Shamir's secret sharing of 32 bytes over the prime field of 2^256 + 297 (Shamir 1979).

PyCryptodome's, which Flower uses, shares 16 bytes over GF(2^128), draws its coefficients itself (a
member that restarts could not send the same shares again), and takes about a hundred times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

PRIME: Final = (1 << 256) + 297
SHARE_BYTES: Final = 33


def split(
    secret: bytes, points: Sequence[int], threshold: int, entropy: Callable[[int], bytes]
) -> tuple[bytes, ...]:
    """Return one share for each point.

    Args:
        secret: 32 bytes.
        points: Distinct, from 1 on.
        threshold: How many shares restore the secret; fewer say nothing about it.
        entropy: Returns 64 uniformly random bytes for the coefficient of a power.
    """
    coefficients = [int.from_bytes(secret, "little")]
    coefficients += [int.from_bytes(entropy(power), "little") % PRIME for power in range(1, threshold)]
    shares = []
    for point in points:
        value = 0
        for coefficient in reversed(coefficients):
            value = (value * point + coefficient) % PRIME
        shares.append(value.to_bytes(SHARE_BYTES, "little"))
    return tuple(shares)


def combine(shares: Mapping[int, bytes]) -> bytes | None:
    """Return the secret that as many shares as the threshold give; None where that is not 32 bytes."""
    secret = 0
    for point, share in shares.items():
        above, below = 1, 1
        for other in shares:
            if other != point:
                above = above * other % PRIME
                below = below * (other - point) % PRIME
        secret += int.from_bytes(share, "little") * above * pow(below, -1, PRIME)
    secret %= PRIME
    return secret.to_bytes(32, "little") if secret < 1 << 256 else None
