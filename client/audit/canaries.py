"""A throw-away member whose every example is a canary with a direction of its own.

Each canary is one word with an index that no other canary has, so its clipped step moves coordinates
of its own (:mod:`client.audit.stage`), by the whole clipping norm: no real example can show more. What
the attacker knows beside is as much as any attacker can: the base, the noise, all the other examples.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from federation.errors import ConfigError
from federation.features import FeatureSpec, word_indices

if TYPE_CHECKING:
    from client.noise import Entropy
    from federation.fixedpoint import Ints

LEAST: Final = 100
"""Canaries below which an audit says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Canaries:
    """The canaries of an audit.

    Attributes:
        words: One for each.
        indices: The coordinate of each.
        inserted: 1 where the coin put it into the data, else 0.
    """

    words: tuple[str, ...]
    indices: Ints
    inserted: Ints

    @classmethod
    def draw(cls, count: int, spec: FeatureSpec, entropy: Entropy) -> Canaries:
        """Find words with indices of their own and throw a coin for each.

        Args:
            count: How many; at most half of ``spec.dim``, so that as many words stay silent.
            spec: The federation's rule for words.
            entropy: Where words and coins come from.

        Raises:
            ConfigError: There are too few or too many.
        """
        if spec.dim // 2 < LEAST:
            raise ConfigError(f"a model of {spec.dim} words has no room for the canaries of an audit")
        if not LEAST <= count <= spec.dim // 2:
            raise ConfigError(
                f"{count} canaries were asked for",
                hint=f"take {LEAST} to {spec.dim // 2}, half of the model's {spec.dim} words",
            )
        found: dict[int, str] = {}
        while len(found) < count:
            word = "canary" + entropy(8).hex()
            (index,) = word_indices(word, spec)
            found.setdefault(index, word)
        coins = np.frombuffer(entropy(count), dtype=np.uint8) & 1
        return cls(
            words=tuple(found.values()),
            indices=np.fromiter(found, dtype=np.int64),
            inserted=coins.astype(np.int64),
        )

    def rows(self) -> list[str]:
        """Return the inserted words."""
        return [word for word, is_in in zip(self.words, self.inserted, strict=True) if is_in]

    def silent(self, words: int) -> Ints:
        """Return the words, of so many, that no inserted canary has."""
        touched = np.zeros(words, dtype=bool)
        touched[self.indices[self.inserted == 1]] = True
        return np.flatnonzero(~touched)


def passphrase() -> bytes:
    """Return a passphrase that nobody needs to know: the vault is deleted with the audit."""
    return secrets.token_hex(16).encode()
