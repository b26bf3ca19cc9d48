"""Architectures by name: all that a manifest can ask for beside the canonical linear model.

A manifest names an architecture, its sizes and the SHA-256 of its canonical description: shapes,
activation and the rule for the first weights. What is not listed here, or hashes otherwise, is
refused. Nothing is ever loaded by a name from outside: no import path, no pickle.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from federation.errors import ConfigError
from federation.fixedpoint import Ints
from federation.hashing import sha256
from federation.models.linear import WEIGHT_BITS
from federation.types import Hash32

_RULE: Final = "folkmoot.module.1"
_INITIAL: Final = "folkmoot.uniform.1"
MAX_HIDDEN: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One tensor of an architecture, in the order of the flat vector.

    Attributes:
        name: As torch names it.
        shape: Its shape, row-major in the flat vector.
        fan_in: Its first values are uniform within ``+-1/sqrt(fan_in)``; 0 for zeros.
    """

    name: str
    shape: tuple[int, ...]
    fan_in: int

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    def initial(self) -> Ints:
        """Return the first values, ``WEIGHT_BITS`` fractional bits: integers, the same everywhere.

        A 32-bit word x of SHAKE-256 becomes ``floor(x (2 b + 1) / 2^32) - b``, with b the bound.
        """
        if not self.fan_in:
            return np.zeros(self.size, dtype=np.int64)
        bound = math.isqrt((1 << (2 * WEIGHT_BITS)) // self.fan_in)
        stream = hashlib.shake_256(f"{_INITIAL}/{self.name}".encode()).digest(4 * self.size)
        drawn = np.frombuffer(stream, dtype="<u4").astype(np.int64)
        return (drawn * (2 * bound + 1) >> 32) - bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network that this software can build.

    Attributes:
        name: ``mlp`` or ``embedding``.
        words: How many words the features know.
        hidden: Width of the one hidden layer.

    Raises:
        ConfigError: The name is unknown, or a size is out of range.
    """

    name: str
    words: int
    hidden: int

    def __post_init__(self) -> None:
        if self.name not in _INPUTS:
            raise ConfigError(
                f"no architecture named {self.name!r}", hint=f"this software has {', '.join(_INPUTS)}"
            )
        if not (2 <= self.words <= 1 << 20 and 1 <= self.hidden <= MAX_HIDDEN):
            raise ConfigError(
                f"{self.name}: {self.words} words and {self.hidden} hidden units are out of range"
            )

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The tensors, in the order of the flat vector."""
        # No biases: one would follow the balance of clipped classes until it saturates.
        outer = Parameter(name="outer.weight", shape=(1, self.hidden), fan_in=self.hidden)
        if self.name == "embedding":
            return (
                Parameter(name="vectors.weight", shape=(self.words, self.hidden), fan_in=self.words),
                outer,
            )
        return (
            Parameter(name="inner.weight", shape=(self.hidden, self.words), fan_in=self.words),
            outer,
        )

    @property
    def dim(self) -> int:
        """Number of parameters: the length of a delta."""
        return sum(parameter.size for parameter in self.parameters)

    @property
    def digest(self) -> Hash32:
        """SHA-256 of the canonical description: JSON with sorted keys and no spaces."""
        description = {
            "rule": _RULE,
            "name": self.name,
            "words": self.words,
            "hidden": self.hidden,
            "input": _INPUTS[self.name],
            "activation": "tanh",
            "initial": _INITIAL,
            "parameters": [[p.name, list(p.shape), p.fan_in] for p in self.parameters],
        }
        return sha256(json.dumps(description, sort_keys=True, separators=(",", ":")).encode())

    def initial(self) -> Ints:
        """Return w_0; shape (dim,), ``WEIGHT_BITS`` fractional bits."""
        return np.concatenate([parameter.initial() for parameter in self.parameters])


_INPUTS: Final = {
    "mlp": "centred words of norm 1",
    "embedding": "sum of word vectors over the root of their number",
}
"""What each architecture reads; part of its description."""
