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
from fractions import Fraction
from typing import Final

import numpy as np

from federation.fixedpoint import (
    FLOAT_EXACT,
    INT_EXACT,
    PROB_BITS,
    Floats,
    Ints,
    exact_dot,
    norm_squared,
    require_below,
    round_shift,
    sigmoid,
)
from federation.models.linear import (
    MEAN_BITS,
    ONE,
    SCALE_BITS,
    WEIGHT_BITS,
    Design,
    brier_loss,
    fit_intercept,
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
        logits: z per example, without intercept; shape (n,).
        intercept: The fitted c.
        residual_sum: R = sum_e r_e.
        curvature_sum: H = sum_e h_e.
        coefficients: t_e = r_e - h_e R / H per example; shape (n,), ``PROB_BITS`` fractional bits.
    """

    logits: Ints
    intercept: int
    residual_sum: int
    curvature_sum: int
    coefficients: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathGradient:
    """The averaged gradient along the path and what it was computed from.

    Attributes:
        nodes: The four quadrature nodes.
        gradient: gbar; shape (dim,), ``GRADIENT_BITS`` fractional bits.
        loss_before: Summed Brier loss of the base on the shard, ``2 * PROB_BITS`` fractional bits.
        loss_after: The same of base + Delta.
        improvement: G = L(w) - L(w + Delta), mean over the shard, ``SCORE_BITS`` fractional bits.
    """

    nodes: tuple[Node, ...]
    gradient: Ints
    loss_before: int
    loss_after: int
    improvement: int


def _node(design: Design, weights: Ints) -> Node:
    logits = design.logits(weights)
    intercept = fit_intercept(logits, design.labels)
    p = sigmoid(logits + intercept)
    h = (p * (ONE - p)) >> PROB_BITS
    r = (2 * (p - design.labels * ONE) * h) >> PROB_BITS
    residual_sum, curvature_sum = int(r.sum()), int(h.sum())
    # The intercept moves with the weights: without its term the scores do not sum to the improvement.
    t = r - (h * residual_sum) // curvature_sum if curvature_sum else np.zeros_like(r)
    return Node(
        logits=logits,
        intercept=intercept,
        residual_sum=residual_sum,
        curvature_sum=curvature_sum,
        coefficients=t,
    )


def path_gradient(design: Design, base: Ints, step: Ints) -> PathGradient:
    """Integrate the total gradient of the shard's Brier loss from ``base`` to ``base + step``.

    Args:
        design: The drawn shard.
        base: w, shape (dim,), ``WEIGHT_BITS`` fractional bits.
        step: Delta, same shape and scale.
    """
    n = len(design)
    require_below(int(np.abs(step).max(initial=0)) << NODE_BITS, INT_EXACT, "a path point")
    nodes = tuple(_node(design, base + round_shift(step * u, NODE_BITS)) for u in NODES)
    averaged = sum(
        (node.coefficients * w for node, w in zip(nodes, NODE_WEIGHTS, strict=True)), start=0 * design.scale
    )
    total = design.weighted_sum(round_shift(averaged, NODE_BITS))
    shift = PROB_BITS + SCALE_BITS + MEAN_BITS - GRADIENT_BITS
    denominator = n << shift
    gradient = (2 * total + denominator) // (2 * denominator)
    before, after = brier_loss(design, base), brier_loss(design, base + step)
    return PathGradient(
        nodes=nodes,
        gradient=gradient,
        loss_before=before,
        loss_after=after,
        improvement=(before - after) // (n << (2 * PROB_BITS - SCORE_BITS)),
    )


def project_out(gradient: Ints, known: Sequence[Ints]) -> Ints:
    """Remove from a gradient its part in the span of already public directions, rounded once.

    Exact rational Gram-Schmidt; a direction that depends on earlier ones is skipped. What points
    along a public model or a past sum is no innovation and earns nothing.

    Args:
        gradient: gbar, shape (dim,).
        known: Public directions, each of shape (dim,), in committed order.
    """
    basis = _independent(known)
    if not basis:
        return gradient
    # Solve the normal equations (U U^T) x = U g exactly; then gbar - sum x_k u_k is rounded once.
    gram = [[Fraction(exact_dot(u, v)) for v in basis] for u in basis]
    target = [Fraction(exact_dot(u, gradient)) for u in basis]
    solution = _solve(gram, target)
    return gradient + _rounded_combination([-x for x in solution], basis)


def _rounded_combination(factors: Sequence[Fraction], vectors: Sequence[Ints]) -> Ints:
    """Return ``sum_k x_k u_k`` with every entry rounded to the nearest integer, halves upwards, exactly.

    Float64 decides wherever its error bound leaves no doubt; the few entries next to a half are
    computed as fractions.
    """
    total, magnitude = np.zeros(len(vectors[0])), np.zeros(len(vectors[0]))
    for x, u in zip(factors, vectors, strict=True):
        term = float(x) * u.astype(np.float64)
        total += term
        magnitude += np.abs(term)
    # Each term carries three roundings and the sum a few more: 2^-48 of the magnitudes covers them all.
    doubt = np.ldexp(magnitude, -48)
    rounded: Ints = np.floor(total + 0.5).astype(np.int64)
    unsure = np.floor(total + 0.5 - doubt) != np.floor(total + 0.5 + doubt)
    for i in np.flatnonzero(unsure).tolist():
        exact = sum((x * int(u[i]) for x, u in zip(factors, vectors, strict=True)), start=Fraction(0))
        rounded[i] = math.floor(exact + Fraction(1, 2))
    return rounded


def _independent(vectors: Sequence[Ints]) -> list[Ints]:
    kept: list[Ints] = []
    for v in vectors:
        gram = [[Fraction(exact_dot(a, b)) for b in [*kept, v]] for a in [*kept, v]]
        if _determinant(gram):
            kept.append(v)
    return kept


def _determinant(matrix: list[list[Fraction]]) -> Fraction:
    if len(matrix) == 1:
        return matrix[0][0]
    total = Fraction(0)
    for column, value in enumerate(matrix[0]):
        minor = [row[:column] + row[column + 1 :] for row in matrix[1:]]
        total += (-1) ** column * value * _determinant(minor)
    return total


def _solve(matrix: list[list[Fraction]], target: list[Fraction]) -> list[Fraction]:
    whole = _determinant(matrix)
    return [
        _determinant([[*row[:k], t, *row[k + 1 :]] for row, t in zip(matrix, target, strict=True)]) / whole
        for k in range(len(target))
    ]


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


def inner_products(gradient: Ints, deltas: Floats, *, norm_bound: int) -> list[int]:
    """Return ``<gbar, delta_i>`` for all rows, exact.

    By Cauchy and Schwarz no partial sum exceeds the product of the norms: below 2^53 it rides in
    float64, below 2^63 in int64.

    Raises:
        ConfigError: It may be larger still.
    """
    if deltas.shape[0] == 0:
        return []
    bound = math.isqrt(norm_squared(gradient) * norm_bound * norm_bound) + 1
    if bound < FLOAT_EXACT:
        return [int(x) for x in deltas @ gradient.astype(np.float64)]
    require_below(bound, INT_EXACT, "a score's inner product")
    return [int(x) for x in deltas.astype(np.int64) @ gradient]


def aggregate(deltas: Sequence[Ints], *, eta: int, quota_total: int) -> Ints:
    """Return ``Delta = eta * sum_i delta_i / Q``, each weight rounded to the nearest integer."""
    total = np.sum(np.stack(deltas), axis=0)
    require_below(2 * eta * int(np.abs(total).max(initial=0)) + quota_total, INT_EXACT, "an aggregate")
    step: Ints = (2 * eta * total + quota_total) // (2 * quota_total)
    return step
