"""What a game asks of a model: losses at points, and the gradient along a path."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from federation.contribution import path_gradient
from federation.fixedpoint import INT_EXACT, PROB_BITS, Ints, require_below, sigmoid
from federation.models.linear import (
    INTERCEPT_BOUND,
    LOGIT_SHIFT,
    MEAN_BITS,
    ONE,
    SCALE_BITS,
    Design,
    require_exact,
)

if TYPE_CHECKING:
    from federation.models.module import Network

_BLOCK: Final = 1 << 18
"""So many weights are evaluated at once: they stay in a core's cache."""


class LossModel(Protocol):
    """A kind of model, as far as contributions go."""

    def losses(self, shard: Design, points: Ints) -> list[int]:
        """Return the summed Brier loss at each point, intercept fitted, ``2 * PROB_BITS`` fractional bits.

        Args:
            shard: The examples.
            points: Weights, shape (k, dim), ``WEIGHT_BITS`` fractional bits.
        """
        ...

    def path_gradient(self, shard: Design, base: Ints, step: Ints) -> tuple[Ints, int]:
        """Return gbar from ``base`` to ``base + step``, and its fractional bits beyond ``GRADIENT_BITS``."""
        ...


class LinearLosses:
    """The canonical linear model, many models at once: bit for bit ``brier_loss`` of each."""

    def losses(self, shard: Design, points: Ints) -> list[int]:
        """Return the summed Brier loss at each point.

        Raises:
            ConfigError: A point is too large for exact arithmetic.
        """
        require_below(len(shard) << (2 * PROB_BITS), INT_EXACT, "a Brier loss")
        size = max(1, _BLOCK // points.shape[1])
        blocks = (points[i : i + size] for i in range(0, len(points), size))
        return [loss for block in blocks for loss in _losses(shard, block)]

    def path_gradient(self, shard: Design, base: Ints, step: Ints) -> tuple[Ints, int]:
        """Return ``federation.contribution.path_gradient``'s gbar."""
        return path_gradient(shard, base, step).gradient, 0


class ModuleLosses:
    """A listed architecture in floating point, one model after the other."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def losses(self, shard: Design, points: Ints) -> list[int]:
        """Return the summed Brier loss at each point, of logits rounded to ``LOGIT_BITS``."""
        encoded = self._network.encode(shard)
        return [self._network.fit(point, encoded).brier() for point in points]

    def path_gradient(self, shard: Design, base: Ints, step: Ints) -> tuple[Ints, int]:
        """Return ``federation.models.pathgradient.module_path_gradient``."""
        from federation.models.pathgradient import EXTRA_BITS, module_path_gradient

        encoded = self._network.encode(shard)
        return module_path_gradient(self._network, encoded, base, step), EXTRA_BITS


LINEAR: Final = LinearLosses()


def _losses(shard: Design, points: Ints) -> list[int]:
    logits = _logits(shard, points)
    labels = shard.labels * ONE
    residual = sigmoid(logits + _intercepts(logits, shard.labels)[:, None]) - labels
    return [int(loss) for loss in (residual * residual).sum(axis=1)]


def _logits(shard: Design, points: Ints) -> Ints:
    """Return ``Design.logits`` of every point; shape (k, n)."""
    _require_exact(points)
    words, offsets = shard.examples.words, shard.examples.offsets
    running = np.zeros((len(points), len(words) + 1), dtype=np.int64)
    np.cumsum(points[:, words], axis=1, out=running[:, 1:])
    inner = (running[:, offsets[1:]] - running[:, offsets[:-1]]) << MEAN_BITS
    logits: Ints = (shard.scale * (inner - (points @ shard.mean)[:, None])) >> LOGIT_SHIFT
    return logits


def _require_exact(points: Ints) -> None:
    """Refuse what ``require_exact`` does; one look at the largest weight settles it for ordinary points."""
    peak, dim = max(int(points.max(initial=0)), -int(points.min(initial=0))), points.shape[1]
    small = (peak * dim) << (MEAN_BITS + 1) < INT_EXACT
    if small and (peak * (math.isqrt(dim) + 1) + 1) << (SCALE_BITS + MEAN_BITS) < INT_EXACT:
        return
    for point in points:
        require_exact(point)


def _intercepts(logits: Ints, labels: Ints) -> Ints:
    """Return ``fit_intercept`` of every row by one bisection for all; shape (k,)."""
    target = int(labels.sum()) << PROB_BITS
    low = np.full(len(logits), -INTERCEPT_BOUND, dtype=np.int64)
    high = -low

    def excess(c: Ints) -> Ints:
        found: Ints = sigmoid(logits + c[:, None]).sum(axis=1) - target
        return found

    at_low, at_high = excess(low) > 0, excess(high) <= 0
    for _ in range((2 * INTERCEPT_BOUND).bit_length() - 1):
        middle = (low + high) >> 1
        below = excess(middle) <= 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.where(at_low, -INTERCEPT_BOUND, np.where(at_high, INTERCEPT_BOUND, low))
