"""Where a canary stands in each kind of model: the base that makes its step largest, and its coordinates.

In the linear model a word has one weight. In a network it has one for each hidden unit: a row of the
embedding, or a column of the first layer. The base leaves all of these at zero, where the output's own
gradient vanishes, and the outputs alike, so that each canary's step has its whole clipping norm in one
known direction, in coordinates that no other canary moves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from federation.errors import ConfigError
from federation.models.linear import INTERCEPT_BOUND, WEIGHT_BITS
from federation.rounds import Base

if TYPE_CHECKING:
    from federation.fixedpoint import Floats, Ints
    from federation.manifest import Manifest

_OUTPUT = 4 << WEIGHT_BITS
"""Weight of each hidden unit: large enough that every canary is clipped."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """A model as an audit needs it.

    Attributes:
        base: On it every spam's residual is as large as it can be, whatever its words are.
        blocks: Coordinates of each word; shape (words, width).
        direction: In which a canary moves its own; shape (width,), norm 1.
    """

    base: Base
    blocks: Ints
    direction: Floats

    @classmethod
    def of(cls, manifest: Manifest) -> Stage:
        """Return a federation's.

        Raises:
            ConfigError: No canary is known for its model.
        """
        weights = np.zeros(manifest.model.dim, dtype=np.int64)
        if manifest.module is None:
            blocks = np.arange(len(weights))[:, None]
        else:
            architecture = manifest.module.architecture
            own = np.arange(architecture.words * architecture.hidden)
            match architecture.name:
                case "embedding":
                    blocks = own.reshape(architecture.words, architecture.hidden)
                case "mlp":
                    blocks = own.reshape(architecture.hidden, architecture.words).T
                case _:
                    raise ConfigError(f"the audit has no canaries for the model {architecture.name!r}")
            weights[-architecture.hidden :] = _OUTPUT
        width = blocks.shape[1]
        return cls(
            base=Base(weights=weights, intercept=-INTERCEPT_BOUND, beta_tenths=0, losses=()),
            blocks=blocks,
            direction=np.full(width, 1 / math.sqrt(width)),
        )

    def along(self, released: Floats, words: Ints) -> Floats:
        """Return how far deltas went in some words' directions; shapes (rounds, dim) to (rounds, words)."""
        return np.asarray(released[:, self.blocks[words]] @ self.direction)

    def own(self, words: Ints) -> Ints:
        """Return all coordinates of some words."""
        return self.blocks[words].ravel()
