"""Innovation only: what a gradient says along directions that are already public earns nothing.

The committed rule, in integers: each direction is its source shifted right until its squared norm
is at most 2^54; the basis is, greedily, every direction whose Gram determinant with those kept is
not zero; the gradient's part in their span is found by Cramer's rule and rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Final

import numpy as np

from federation.fixedpoint import Ints, exact_dot, norm_squared

LARGEST_NORM_SQ: Final = 1 << 54
"""Of a direction. No partial sum of a Gram entry passes it (Cauchy and Schwarz), so a contract sums them."""

_Matrix = list[list[int]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection:
    """A gradient without its part along public directions, and what it was computed from.

    Attributes:
        shifts: s of every source, the least with ``norm(source >> s)^2 <= 2^54``; 0 in practice.
        directions: u = source >> s of every source; each of shape (dim,).
        gram: <u_j, u_k>, exact.
        target: <u_k, gbar>, exact.
        projected: Shape (dim,), ``GRADIENT_BITS`` fractional bits.
    """

    shifts: tuple[int, ...]
    directions: tuple[Ints, ...]
    gram: tuple[tuple[int, ...], ...]
    target: tuple[int, ...]
    projected: Ints


def project(gradient: Ints, sources: Sequence[Ints]) -> Projection:
    """Remove from a gradient its part in the span of already public directions, rounded once.

    Args:
        gradient: gbar, shape (dim,).
        sources: Public vectors, each of shape (dim,), in committed order; a zero vector is none.
    """
    shifts = tuple(_shift(source) for source in sources)
    directions = tuple(source >> s for source, s in zip(sources, shifts, strict=True))
    gram = _gram(directions)
    target = tuple(exact_dot(u, gradient) for u in directions)
    kept = _independent(gram)
    projected = gradient
    if kept:
        solution = _solve(_minor(gram, kept), [target[k] for k in kept])
        projected = gradient + _rounded_combination([-x for x in solution], [directions[k] for k in kept])
    return Projection(shifts=shifts, directions=directions, gram=gram, target=target, projected=projected)


def _shift(source: Ints) -> int:
    return next(s for s in count() if norm_squared(source >> s) <= LARGEST_NORM_SQ)


def _gram(directions: Sequence[Ints]) -> tuple[tuple[int, ...], ...]:
    if not directions:
        return ()
    stacked = np.stack(directions)
    return tuple(tuple(row) for row in (stacked @ stacked.T).tolist())


def _minor(gram: Sequence[Sequence[int]], kept: Sequence[int]) -> _Matrix:
    return [[gram[j][k] for k in kept] for j in kept]


def _independent(gram: Sequence[Sequence[int]]) -> list[int]:
    kept: list[int] = []
    for k in range(len(gram)):
        if _determinant(_minor(gram, [*kept, k])):
            kept.append(k)
    return kept


def _determinant(matrix: _Matrix) -> int:
    """Return it without a fraction on the way (Bareiss 1968): every division below leaves no remainder."""
    rows, sign, before = [list(row) for row in matrix], 1, 1
    for k in range(len(rows) - 1):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if pivot is None:
            return 0
        if pivot != k:
            rows[k], rows[pivot], sign = rows[pivot], rows[k], -sign
        for row in rows[k + 1 :]:
            for j in range(k + 1, len(rows)):
                row[j] = (row[j] * rows[k][k] - row[k] * rows[k][j]) // before
        before = rows[k][k]
    return sign * rows[-1][-1]


def _solve(matrix: _Matrix, target: Sequence[int]) -> list[Fraction]:
    whole = _determinant(matrix)
    numerators = (
        _determinant([[*row[:k], t, *row[k + 1 :]] for row, t in zip(matrix, target, strict=True)])
        for k in range(len(target))
    )
    return [Fraction(n, whole) for n in numerators]


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
