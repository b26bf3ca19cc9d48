"""The rule ``folkmoot.minilm.1``: a short text's sentence embedding as a set of indices.

Each of the embedding's 384 coordinates is held against the same ascending thresholds, and index
``coordinate * len(THRESHOLDS) + threshold`` is in the set where the coordinate is above. Two sets then differ
in as many indices as thresholds lie between their coordinates, so a linear model on the set is a linear model
on coarse coordinates, and everything that reads sets of words reads these.

The network behind it is ``federation.minilm``: floating point, so that two machines may disagree on a
coordinate next to a threshold. Nothing that pays depends on it: a provider commits to indices, not to texts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from federation.hashing import sha256
from federation.minilm import MODEL_SHA256, TOKENIZER_SHA256, WIDTH, load_encoder

if TYPE_CHECKING:
    from federation.fixedpoint import Floats
    from federation.types import Hash32

THRESHOLDS: Final = (-32, 0, 32)
"""In units of 2^-10, exact in float32. A coordinate's standard deviation is some 52 such units."""

LONGEST: Final = 64
"""The most tokens of a text that count. The rule is for short posts; the cost grows with the length."""

_RULE: Final = "folkmoot.minilm.1"


@dataclass(frozen=True, slots=True)
class EmbeddingSpec:
    """The rule as a pipeline; it has no parameters, so every instance is the same."""

    @property
    def dim(self) -> int:
        """How many indices there are."""
        return WIDTH * len(THRESHOLDS)

    @property
    def digest(self) -> Hash32:
        """The SHA-256 of name, numbers and files as canonical JSON (sorted keys, no spaces)."""
        described = {
            "longest": LONGEST,
            "model": MODEL_SHA256,
            "rule": _RULE,
            "thresholds": THRESHOLDS,
            "tokenizer": TOKENIZER_SHA256,
        }
        return sha256(json.dumps(described, sort_keys=True, separators=(",", ":")).encode())

    def indices(self, text: str) -> tuple[int, ...]:
        """Return a text's indices, ascending, each once; none where it has no words.

        Raises:
            ConfigError: The model is not installed.
            VerificationFailed: Its files are not the ones that the rule names.
        """
        embedding = load_encoder(LONGEST).embed(text)
        return () if embedding is None else above(embedding)


def above(embedding: Floats) -> tuple[int, ...]:
    """Return which thresholds the coordinates are above.

    Args:
        embedding: Shape (384,).

    Returns:
        Indices in [0, 384 * thresholds), ascending.
    """
    thresholds = np.ldexp(np.array(THRESHOLDS, dtype=np.float64), -10)
    return tuple(np.flatnonzero(embedding[:, None] > thresholds).tolist())
