"""What each delta is worth: the Aumann-Shapley price along the aggregation path.

With base ``w``, aggregate ``Delta = (eta / Q) sum_i delta_i`` and L the Brier loss with fitted
intercept on the drawn shard::

    gbar = integral over u in [0, 1] of grad L(w + u Delta)
    s_i  = -(eta / Q) <gbar, delta_i>          sum_i s_i = L(w) - L(w + Delta)

Billera and Heath 1982, Mirman and Tauman 1982; exact Shapley for a quadratic loss; linear in
``delta_i``, so it costs four gradients and one matrix-vector product for any number of members.
Everything is an integer; roundings are the committed ones of docs/protocol.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from federation.fixedpoint import (
    FLOAT_EXACT,
    INT_EXACT,
    PROB_BITS,
    Floats,
    Ints,
    norm_squared,
    require_below,
    round_shift,
)
from federation.models.linear import (
    MEAN_BITS,
    ONE,
    SCALE_BITS,
    WEIGHT_BITS,
    Design,
    Fit,
)

SCORE_BITS: Final = 40
"""Fractional bits of a score and of an improvement, in units of Brier loss."""

GRADIENT_BITS: Final = SCORE_BITS - WEIGHT_BITS
NODE_BITS: Final = 24

# 4-point Gauss-Legendre on [0, 1]; symmetric to the bit, so that a linear integrand is exact.
NODES: Final = (1164873, 5536640, 11240576, 15612343)
NODE_WEIGHTS: Final = (2918018, 5470590, 5470590, 2918018)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """One quadrature node of the path, as the trace commits it.

    Attributes:
        fit: The model there on the shard: logits z and intercept c.
        residual_sum: R = sum_e r_e.
        curvature_sum: H = sum_e h_e.
        coefficients: t_e = r_e - h_e R / H per example; shape (n,), ``PROB_BITS`` fractional bits.
    """

    fit: Fit
    residual_sum: int
    curvature_sum: int
    coefficients: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathGradient:
    """The averaged gradient along the path and what it was computed from.

    Attributes:
        before: The base on the shard.
        nodes: The four quadrature nodes.
        after: base + Delta on the shard.
        averaged: a_e, the nodes' weighted coefficients; shape (n,), ``PROB_BITS`` fractional bits.
        gradient: gbar; shape (dim,), ``GRADIENT_BITS`` fractional bits.
        loss_before: Summed Brier loss of the base on the shard, ``2 * PROB_BITS`` fractional bits.
        loss_after: The same of base + Delta.
        improvement: G = L(w) - L(w + Delta), mean over the shard, ``SCORE_BITS`` fractional bits.
    """

    before: Fit
    nodes: tuple[Node, ...]
    after: Fit
    averaged: Ints
    gradient: Ints
    loss_before: int
    loss_after: int
    improvement: int


def node_of(fit: Fit) -> Node:
    """Return what a quadrature node contributes: the coefficient of every example's logit."""
    p = fit.probabilities
    h = (p * (ONE - p)) >> PROB_BITS
    r = (2 * (p - fit.labels * ONE) * h) >> PROB_BITS
    residual_sum, curvature_sum = int(r.sum()), int(h.sum())
    # The intercept moves with the weights: without its term the scores do not sum to the improvement.
    t = r - (h * residual_sum) // curvature_sum if curvature_sum else np.zeros_like(r)
    return Node(fit=fit, residual_sum=residual_sum, curvature_sum=curvature_sum, coefficients=t)


def path_gradient(design: Design, base: Ints, step: Ints) -> PathGradient:
    """Integrate the total gradient of the shard's Brier loss from ``base`` to ``base + step``.

    Args:
        design: The drawn shard.
        base: w, shape (dim,), ``WEIGHT_BITS`` fractional bits.
        step: Delta, same shape and scale.
    """
    n = len(design)
    nodes = tuple(node_of(Fit.of(design, point)) for point in path_points(base, step))
    summed = sum(
        (node.coefficients * w for node, w in zip(nodes, NODE_WEIGHTS, strict=True)), start=0 * design.scale
    )
    averaged = round_shift(summed, NODE_BITS)
    total = design.weighted_sum(averaged)
    denominator = n << (PROB_BITS + SCALE_BITS + MEAN_BITS - GRADIENT_BITS)
    before, after = Fit.of(design, base), Fit.of(design, base + step)
    loss_before, loss_after = before.brier(), after.brier()
    return PathGradient(
        before=before,
        nodes=nodes,
        after=after,
        averaged=averaged,
        gradient=(2 * total + denominator) // (2 * denominator),
        loss_before=loss_before,
        loss_after=loss_after,
        improvement=improvement_of(loss_before, loss_after, n),
    )


def path_points(base: Ints, step: Ints) -> list[Ints]:
    """Return the weights at the four quadrature nodes, each rounded to the nearest integer.

    Raises:
        ConfigError: The step is too large for exact arithmetic.
    """
    require_below(int(np.abs(step).max(initial=0)) << NODE_BITS, INT_EXACT, "a path point")
    return [base + round_shift(step * u, NODE_BITS) for u in NODES]


def improvement_of(loss_before: int, loss_after: int, examples: int) -> int:
    """Return G, ``SCORE_BITS`` fractional bits, from summed Brier losses (``2 * PROB_BITS`` bits)."""
    return (loss_before - loss_after) // (examples << (2 * PROB_BITS - SCORE_BITS))


def score_of(product: int, *, eta: int, quota_total: int) -> int:
    """Return ``s_i = -(eta / Q) <gbar, delta_i>`` from the inner product, rounded down.

    Args:
        product: <(projected) gbar, delta_i>, ``SCORE_BITS`` fractional bits.
        eta: The step, a positive integer.
        quota_total: Q, the sum of admitted quotas.

    Returns:
        A signed integer with ``SCORE_BITS`` fractional bits.
    """
    return -(eta * product) // quota_total


def inner_products(gradient: Ints, deltas: Floats | Ints, *, norm_bound: int) -> list[int]:
    """Return ``<gbar, delta_i>`` for all rows, exact.

    By Cauchy and Schwarz no partial sum exceeds the product of the norms: below 2^53 floats stay
    float64, below 2^63 all rides in int64. Whole numbers are never converted: that costs more than it saves.

    Raises:
        ConfigError: It may be larger still.
    """
    if deltas.shape[0] == 0:
        return []
    bound = math.isqrt(norm_squared(gradient) * norm_bound * norm_bound) + 1
    if bound < FLOAT_EXACT and deltas.dtype == np.float64:
        return [int(x) for x in deltas @ gradient.astype(np.float64)]
    require_below(bound, INT_EXACT, "a score's inner product")
    # Row by row: numpy's product of an integer matrix and a vector takes half as long again.
    return [int(np.dot(row, gradient)) for row in deltas.astype(np.int64, copy=False)]


def aggregate(deltas: Sequence[Ints], *, eta: int, quota_total: int) -> Ints:
    """Return ``Delta = eta * sum_i delta_i / Q``, each weight rounded to the nearest integer."""
    total = np.sum(np.stack(deltas), axis=0)
    require_below(2 * eta * int(np.abs(total).max(initial=0)) + quota_total, INT_EXACT, "an aggregate")
    step: Ints = (2 * eta * total + quota_total) // (2 * quota_total)
    return step
