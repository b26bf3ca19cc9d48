"""Randomness of methods: a generator that any language has, so that all draw the same permutations.

block k  = SHA-256(purpose || seed || k)       purpose = keccak256("folkmoot.<name>"), k from 0 as u64be
words    = each block's four u64be, in order
below(m) = the next word w < 2^64 - (2^64 mod m), modulo m; words that are not are dropped
permutation of n: from 0, 1, ..., n - 1, for i from n - 1 down to 1 swap places i and below(i + 1)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from federation.hashing import purpose, sha256
from federation.types import Hash32

_WORDS: Final = 1 << 64


class Draws:
    """A stream of numbers from a seed; the same purpose and seed give the same numbers."""

    def __init__(self, seed: Hash32, name: str) -> None:
        """Start a stream.

        Args:
            seed: Of the round's draw.
            name: What the numbers are for, e.g. ``valuation.monte-carlo``.
        """
        self._words = _words(purpose(name) + seed)

    def below(self, bound: int) -> int:
        """Return a uniform integer in [0, bound), 0 < bound <= 2^64."""
        accepted = _WORDS - _WORDS % bound
        return next(word for word in self._words if word < accepted) % bound

    def permutation(self, n: int) -> list[int]:
        """Return a uniform permutation of 0, 1, ..., n - 1 (Fisher and Yates)."""
        order = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.below(i + 1)
            order[i], order[j] = order[j], order[i]
        return order


def _words(prefix: bytes) -> Iterator[int]:
    k = 0
    while True:
        block = sha256(prefix + k.to_bytes(8, "big"))
        yield from (int.from_bytes(block[i : i + 8], "big") for i in range(0, 32, 8))
        k += 1
