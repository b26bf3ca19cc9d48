"""A released model's answers: the integers that a stranger computes from its bytes.

One example at a time is too little for numpy: looking up fifty words costs less than making one
array. So the linear model scores one in Python's own integers, and many at once in numpy's; both are
those of ``federation.models.linear``. A network's layers are the network's.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from federation.errors import ConfigError
from federation.fixedpoint import (
    ENTRIES,
    LOGIT_BITS,
    STEP_BITS,
    Ints,
    norm_squared,
    sigmoid,
    tables,
)
from federation.models.linear import (
    MAX_SCALE,
    MEAN_BITS,
    ONE,
    SCALE_BITS,
    WEIGHT_BITS,
    Design,
    Examples,
    parse_model,
    require_exact,
)

if TYPE_CHECKING:
    from federation.manifest import Manifest
    from federation.models.registry import Architecture

_LOGIT_SHIFT: Final = SCALE_BITS + MEAN_BITS + WEIGHT_BITS - LOGIT_BITS
_LARGEST: Final = 1 << (2 * SCALE_BITS + 2 * MEAN_BITS)
_TOP: Final = (ENTRIES - 1) << STEP_BITS


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says about one example.

    Attributes:
        logit: With the intercept, ``LOGIT_BITS`` fractional bits.
        chance: Probability of label 1, ``PROB_BITS`` fractional bits.
    """

    logit: int
    chance: int


Scores = tuple[list[int], list[int]]
"""Logit and chance of each example."""


class Scorer(Protocol):
    """A model that is ready to answer."""

    @property
    def words(self) -> int:
        """How many words its features know."""
        ...

    def score(self, words: Collection[int]) -> Answer:
        """Answer for one example.

        Args:
            words: Distinct word indices below ``words``, in any order.
        """
        ...

    def score_all(self, rows: Sequence[Collection[int]]) -> list[Answer]:
        """Answer for many examples; each as if it were the only one."""
        ...

    def score_flat(self, examples: Examples) -> Scores:
        """Answer for many examples in compressed rows; their labels count for nothing."""
        ...


class LinearScorer:
    """The canonical linear model."""

    def __init__(self, model: bytes, mean: Ints) -> None:
        """Read a model.

        Args:
            model: Its canonical bytes.
            mean: The committed mean of its features; shape (dim,).

        Raises:
            ConfigError: These are not a linear model's bytes, or of another size, or its weights are too
                large.
        """
        weights, self._intercept = parse_model(model)
        if len(weights) != len(mean):
            raise ConfigError(f"the model has {len(weights)} weights, the mean {len(mean)}")
        require_exact(weights)
        self._weights: list[int] = weights.tolist()
        self._mean: list[int] = mean.tolist()
        self._arrays = weights, mean
        self._offset = int(mean @ weights)
        self._mean_squared = norm_squared(mean)
        self._table: list[int] = tables()[0].tolist()

    @property
    def words(self) -> int:
        """How many words its features know."""
        return len(self._weights)

    def score(self, words: Collection[int]) -> Answer:
        """Answer for one example: ``a (b.w - m.w)`` and the intercept, then the table."""
        summed = sum(map(self._weights.__getitem__, words))
        cross = sum(map(self._mean.__getitem__, words))
        scale = self._scale(len(words), cross)
        logit = (scale * ((summed << MEAN_BITS) - self._offset) >> _LOGIT_SHIFT) + self._intercept
        return Answer(logit, self._sigmoid(logit))

    def _scale(self, count: int, cross: int) -> int:
        norm = (count << 2 * MEAN_BITS) - (cross << MEAN_BITS + 1) + self._mean_squared
        return min(math.isqrt(_LARGEST // norm), MAX_SCALE) if norm else 0

    def _sigmoid(self, logit: int) -> int:
        magnitude = min(abs(logit), _TOP)
        index = min(magnitude >> STEP_BITS, ENTRIES - 2)
        low = self._table[index]
        rise = (self._table[index + 1] - low) * (magnitude - (index << STEP_BITS)) >> STEP_BITS
        return low + rise if logit >= 0 else ONE - low - rise

    def score_all(self, rows: Sequence[Collection[int]]) -> list[Answer]:
        """Answer for many examples."""
        return _answers(self.score_flat(Examples.build(rows, [0] * len(rows))))

    def score_flat(self, examples: Examples) -> Scores:
        """Answer for many examples in compressed rows."""
        weights, mean = self._arrays
        summed, cross = examples.sums(weights), examples.sums(mean)
        counts = np.diff(examples.offsets).tolist()
        scale = np.array(list(map(self._scale, counts, cross.tolist())), dtype=np.int64)
        logits = (scale * ((summed << MEAN_BITS) - self._offset) >> _LOGIT_SHIFT) + self._intercept
        return _scores(logits)


class ModuleScorer:
    """A listed network: floating point up to the logit, integers from there on."""

    def __init__(self, model: bytes, mean: Ints, architecture: Architecture) -> None:
        """Build the network and set its parameters.

        Args:
            model: The model's canonical bytes.
            mean: The committed mean of its features; shape (words,).
            architecture: Which network.

        Raises:
            ConfigError: These are not a model's bytes, or have another length than the network.
        """
        from federation.models.module import Network

        self._weights, self._intercept = parse_model(model)
        self._network, self._mean = Network.of(architecture), mean
        if len(self._weights) != self._network.dim:
            raise ConfigError(
                f"the model has {len(self._weights)} parameters, the network {self._network.dim}"
            )

    @property
    def words(self) -> int:
        """How many words its features know."""
        return len(self._mean)

    def score(self, words: Collection[int]) -> Answer:
        """Answer for one example."""
        return self.score_all([words])[0]

    def score_all(self, rows: Sequence[Collection[int]]) -> list[Answer]:
        """Answer for many examples."""
        examples = Examples.build([sorted(words) for words in rows], [0] * len(rows))
        return _answers(self.score_flat(examples))

    def score_flat(self, examples: Examples) -> Scores:
        """Answer for many examples in compressed rows."""
        found = self._network.fit(self._weights, Design.build(examples, self._mean))
        # The released intercept: the one that was just fitted belongs to labels that are not there.
        return _scores(found.logits + self._intercept)


def _scores(logits: Ints) -> Scores:
    return logits.tolist(), sigmoid(logits).tolist()


def _answers(scores: Scores) -> list[Answer]:
    return list(map(Answer, *scores))


def scorer_of(manifest: Manifest, model: bytes, mean: Ints) -> Scorer:
    """Return a federation's model, ready to answer.

    Raises:
        ConfigError: The bytes are not such a model, or of another size than its mean.
    """
    if manifest.module is not None:
        return ModuleScorer(model, mean, manifest.module.architecture)
    return LinearScorer(model, mean)
