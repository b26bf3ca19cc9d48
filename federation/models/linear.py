"""The canonical linear model on binary words: integers only, so a score is the same everywhere.

An example is a set of words b in {0,1}^dim. Its features are ``a (b - m)``: m the mean of the
committed validation set, a a scale per example, rounded down so that the exact norm is at most 1
(the sensitivity bound of differential privacy). Features are never stored dense: every product is
``a (b.v - m.v)``. The intercept is fitted, never sent: see ``fit_intercept``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.errors import ConfigError
from federation.fixedpoint import (
    FLOAT_EXACT,
    INT_EXACT,
    LOGIT_BITS,
    PROB_BITS,
    Ints,
    abs_sum,
    norm_squared,
    require_below,
    sigmoid,
    softplus,
)
from federation.hashing import sha256
from federation.types import Hash32

WEIGHT_BITS: Final = 16
MEAN_BITS: Final = 12
SCALE_BITS: Final = 16
MAX_SCALE: Final = 2 << SCALE_BITS
"""Bounds every sum over examples, whatever their words; it binds where norm(b - m) < 1/2."""

INTERCEPT_BOUND: Final = 16 << LOGIT_BITS
"""The intercept lies in [-16, 16]; a one-class set is decided by the bound it runs into."""

LOGIT_SHIFT: Final = SCALE_BITS + MEAN_BITS + WEIGHT_BITS - LOGIT_BITS
_MODEL_MAGIC: Final = b"FMM1"
ONE: Final = 1 << PROB_BITS


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Labelled sets of words in compressed rows.

    Attributes:
        words: Word indices of all examples, ascending within an example; int64, shape (nnz,).
        offsets: Where each example starts in ``words``; int64, shape (n + 1,).
        labels: 0 or 1; int64, shape (n,).
    """

    words: Ints
    offsets: Ints
    labels: Ints

    @classmethod
    def build(cls, rows: Sequence[Collection[int]], labels: Sequence[int]) -> Examples:
        """Build from one sequence of ascending word indices per example."""
        lengths = np.array([len(r) for r in rows], dtype=np.int64)
        words = np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=int(lengths.sum()))
        return cls(words, np.concatenate(([0], np.cumsum(lengths))), np.array(labels, dtype=np.int64))

    @classmethod
    def concat(cls, parts: Sequence[Examples]) -> Examples:
        """Return all parts' examples, in order."""
        lengths = np.concatenate([np.diff(p.offsets) for p in parts])
        return cls(
            np.concatenate([p.words for p in parts]),
            np.concatenate(([0], np.cumsum(lengths))),
            np.concatenate([p.labels for p in parts]),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self, dim: int) -> Ints:
        """Return in how many examples each word occurs; shape (dim,)."""
        return np.bincount(self.words, minlength=dim).astype(np.int64)

    def sums(self, values: Ints) -> Ints:
        """Return each example's sum of its words' values, of shape (dim,); shape (n,)."""
        running = np.concatenate(([0], np.cumsum(values[self.words])))
        return running[self.offsets[1:]] - running[self.offsets[:-1]]


def integer_mean(counts: Ints, examples: int) -> Ints:
    """Return the committed mean m of the words, ``MEAN_BITS`` fractional bits, rounded down."""
    return (counts << MEAN_BITS) // examples


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """Centred, scaled features of some examples, as products only.

    Attributes:
        examples: The words and labels.
        mean: The committed mean m; shape (dim,), ``MEAN_BITS`` fractional bits.
        scale: a per example; shape (n,), ``SCALE_BITS`` fractional bits.
    """

    examples: Examples
    mean: Ints
    scale: Ints

    @classmethod
    def build(cls, examples: Examples, mean: Ints) -> Design:
        """Derive each example's scale: the largest a up to 2 with ``a * norm(b - m) <= 1``."""
        mean_sq = int(mean @ mean)
        lengths = np.diff(examples.offsets)
        cross = examples.sums(mean)
        scale = []
        for k, mb in zip(lengths.tolist(), cross.tolist(), strict=True):
            norm_sq = (k << (2 * MEAN_BITS)) - (mb << (MEAN_BITS + 1)) + mean_sq
            # floor(2^(S+M) / sqrt(x)) = isqrt(2^(2S+2M) // x); an example equal to the mean says nothing
            largest = math.isqrt((1 << (2 * SCALE_BITS + 2 * MEAN_BITS)) // norm_sq) if norm_sq else 0
            scale.append(min(largest, MAX_SCALE))
        return cls(examples, mean, np.array(scale, dtype=np.int64))

    @classmethod
    def concat(cls, parts: Sequence[Design]) -> Design:
        """Return all parts' examples, in order; they share one mean."""
        return cls(
            Examples.concat([p.examples for p in parts]),
            parts[0].mean,
            np.concatenate([p.scale for p in parts]),
        )

    def __len__(self) -> int:
        return len(self.scale)

    def picked(self, chosen: NDArray[np.bool_]) -> Design:
        """Return the examples where ``chosen`` is true; shape (n,)."""
        lengths = np.diff(self.examples.offsets)
        part = Examples(
            self.examples.words[np.repeat(chosen, lengths)],
            np.concatenate(([0], np.cumsum(lengths[chosen]))),
            self.labels[chosen],
        )
        return Design(part, self.mean, self.scale[chosen])

    def rows(self, start: int, stop: int) -> Design:
        """Return the examples from ``start`` up to ``stop``."""
        words, offsets = self.examples.words, self.examples.offsets[start : stop + 1]
        part = Examples(words[offsets[0] : offsets[-1]], offsets - offsets[0], self.labels[start:stop])
        return Design(part, self.mean, self.scale[start:stop])

    @property
    def labels(self) -> Ints:
        """Labels, 0 or 1; shape (n,)."""
        return self.examples.labels

    def logits(self, weights: Ints) -> Ints:
        """Return ``x.w`` per example, without the intercept.

        Args:
            weights: Shape (dim,), ``WEIGHT_BITS`` fractional bits.

        Returns:
            Shape (n,), ``LOGIT_BITS`` fractional bits, rounded down.

        Raises:
            ConfigError: The weights are too large for exact arithmetic, whatever the examples are.
        """
        require_exact(weights)
        inner = (self.examples.sums(weights) << MEAN_BITS) - int(self.mean @ weights)
        return (self.scale * inner) >> LOGIT_SHIFT

    def weighted_sum(self, coefficients: Ints) -> Ints:
        """Return ``sum_e c_e a_e (b_e - m)``, with ``SCALE_BITS + MEAN_BITS`` more fractional bits than c."""
        scaled = coefficients * self.scale
        total = abs_sum(scaled)
        require_below(total, FLOAT_EXACT, "a gradient's sum")
        per_word = np.repeat(scaled, np.diff(self.examples.offsets)).astype(np.float64)
        summed = np.bincount(self.examples.words, weights=per_word, minlength=len(self.mean))
        require_below(total << (MEAN_BITS + 1), INT_EXACT, "a gradient")
        return (summed.astype(np.int64) << MEAN_BITS) - self.mean * int(scaled.sum())


def require_exact(weights: Ints) -> None:
    """Refuse weights that exact arithmetic cannot carry, by bounds that no example enters.

    A refusal that depended on the examples would tell a stranger about them. Features have norm at
    most 1, so by Cauchy and Schwarz no product exceeds the weights' norm.

    Raises:
        ConfigError: The weights are too large.
    """
    require_below(abs_sum(weights) << (MEAN_BITS + 1), INT_EXACT, "a logit's inner sum")
    norm = math.isqrt(norm_squared(weights)) + 1
    require_below(norm << (SCALE_BITS + MEAN_BITS), INT_EXACT, "a logit")


def fit_intercept(logits: Ints, labels: Ints) -> int:
    """Return the unique integer c with F(c) <= 0 < F(c + 1), F(c) = sum_j (p(z_j + c) - y_j).

    Outside of [-16, 16] the bound itself is returned, which also decides a set of one class.
    """
    target = int(labels.sum()) << PROB_BITS

    def excess(c: int) -> int:
        return int(sigmoid(logits + c).sum()) - target

    low, high = -INTERCEPT_BOUND, INTERCEPT_BOUND
    if excess(low) > 0:
        return low
    if excess(high) <= 0:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if excess(middle) <= 0:
            low = middle
        else:
            high = middle
    return low


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A model on some examples, its intercept fitted on the same.

    Attributes:
        weights: Shape (dim,), ``WEIGHT_BITS`` fractional bits.
        logits: ``x.w`` per example, without the intercept; shape (n,), ``LOGIT_BITS`` fractional bits.
        intercept: The fitted c.
        labels: 0 or 1; shape (n,).
    """

    weights: Ints
    logits: Ints
    intercept: int
    labels: Ints

    @classmethod
    def of(cls, design: Design, weights: Ints) -> Fit:
        """Compute a model's logits on some examples and fit its intercept to them."""
        logits = design.logits(weights)
        return cls(
            weights=weights,
            logits=logits,
            intercept=fit_intercept(logits, design.labels),
            labels=design.labels,
        )

    @property
    def probabilities(self) -> Ints:
        """P per example; shape (n,), ``PROB_BITS`` fractional bits."""
        return sigmoid(self.logits + self.intercept)

    def brier(self) -> int:
        """Return the summed Brier loss, ``2 * PROB_BITS`` fractional bits."""
        return brier_sum(self.probabilities, self.labels)

    def log_loss(self) -> int:
        """Return the summed logarithmic loss, ``PROB_BITS`` fractional bits."""
        return int(log_losses(self.logits + self.intercept, self.labels).sum())


def brier_sum(probabilities: Ints, labels: Ints) -> int:
    """Return ``sum_j (p_j - y_j)^2``, an exact integer with ``2 * PROB_BITS`` fractional bits."""
    require_below(len(labels) << (2 * PROB_BITS), INT_EXACT, "a Brier loss")
    residual = probabilities - labels * ONE
    return int((residual * residual).sum())


def brier_loss(design: Design, weights: Ints) -> int:
    """Return the summed Brier loss of a model with its intercept fitted on the same examples."""
    return Fit.of(design, weights).brier()


def log_losses(shifted: Ints, labels: Ints) -> Ints:
    """Return the logarithmic loss of each example (``PROB_BITS`` bits) from logits with intercept."""
    return softplus(np.where(labels == 1, -shifted, shifted))


def log_loss(design: Design, weights: Ints) -> int:
    """Return the summed logarithmic loss, intercept fitted on the same examples (``PROB_BITS`` bits)."""
    return Fit.of(design, weights).log_loss()


def model_bytes(weights: Ints, intercept: int) -> bytes:
    """Return a model's canonical bytes: magic, dimension, intercept, weights as little-endian int64."""
    return (
        _MODEL_MAGIC
        + len(weights).to_bytes(4, "little")
        + intercept.to_bytes(8, "little", signed=True)
        + weights.astype("<i8").tobytes()
    )


def parse_model(data: bytes) -> tuple[Ints, int]:
    """Return weights and intercept from canonical bytes.

    Raises:
        ConfigError: The bytes are not a model of this format.
    """
    dim = int.from_bytes(data[4:8], "little")
    if data[:4] != _MODEL_MAGIC or len(data) != 16 + 8 * dim:
        raise ConfigError("these bytes are not a linear model")
    weights = np.frombuffer(data, dtype="<i8", offset=16).astype(np.int64)
    return weights, int.from_bytes(data[8:16], "little", signed=True)


def model_hash(weights: Ints, intercept: int) -> Hash32:
    """Return the SHA-256 of a model's canonical bytes."""
    return sha256(model_bytes(weights, intercept))
