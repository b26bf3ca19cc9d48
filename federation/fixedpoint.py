"""Exact integer arithmetic: the same bits in any order, thread count, BLAS or language.

Real numbers are integers over a power of two. Sums that ride in float64 are asserted to stay
below 2^53 first; sums in int64 below 2^63; what may be larger is a Python integer.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal, localcontext
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federation.errors import ConfigError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PROB_BITS: Final = 24
"""Fractional bits of a probability, and of a logarithmic loss."""

LOGIT_BITS: Final = 24
"""Fractional bits of a logit."""

FLOAT_EXACT: Final = 1 << 53
INT_EXACT: Final = 1 << 63

STEP_BITS: Final = 17
"""A table has an entry every ``2**STEP_BITS``, up to 16."""

ENTRIES: Final = 2049
TABLE_SHA256: Final = "4ea3a1774f0edca8abb745c9f4d0ad457d71d9fbf73f8b62bc962ad430287dfd"


def round_shift(values: Ints, bits: int) -> Ints:
    """Return ``values / 2**bits`` rounded to the nearest integer, halves upwards."""
    return (values + (1 << (bits - 1))) >> bits


def require_below(bound: int, limit: int, what: str) -> None:
    """Refuse a computation whose partial sums could leave the exact range.

    Raises:
        ConfigError: ``bound`` reaches ``limit``.
    """
    if bound >= limit:
        raise ConfigError(
            f"{what} may reach 2^{bound.bit_length()}, beyond the exact range of 2^{limit.bit_length() - 1}",
            hint="use a smaller step, clipping norm or model",
        )


def abs_sum(values: Ints) -> int:
    """Return the exact sum of absolute values (L1 norm) as a Python integer."""
    if values.size == 0:
        return 0
    peak = max(int(values.max()), -int(values.min()))
    require_below(peak * values.size, INT_EXACT, "an L1 norm")
    return int(np.abs(values).sum())


def exact_dot(a: Ints, b: Ints) -> int:
    """Return the exact inner product of two int64 vectors as a Python integer of any size."""
    if a.size == 0:
        return 0
    peak_a = max(int(a.max()), -int(a.min()), 1)
    peak_b = max(int(b.max()), -int(b.min()), 1)
    if peak_a * peak_b * a.size < INT_EXACT:
        return int(a @ b)
    if peak_a >= 1 << 31:
        return (exact_dot(a >> 31, b) << 31) + exact_dot(a & ((1 << 31) - 1), b)
    if peak_b >= 1 << 31:
        return exact_dot(b, a)
    block = max(1, (INT_EXACT - 1) // (peak_a * peak_b))
    return sum(int(a[i : i + block] @ b[i : i + block]) for i in range(0, a.size, block))


def norm_squared(values: Ints) -> int:
    """Return the exact squared L2 norm."""
    return exact_dot(values, values)


@cache
def tables() -> tuple[Ints, Ints]:
    """Return the committed tables of ``1 / (1 + exp(-x))`` and ``log(1 + exp(-x))``; shape (2049,) each.

    Raises:
        ConfigError: This machine computes another table.
    """
    sigmoid, softplus = [], []
    one = Decimal(1 << PROB_BITS)
    with localcontext() as context:
        context.prec = 40
        for i in range(ENTRIES):
            e = (Decimal(-i) / 128).exp()
            sigmoid.append(int((one / (1 + e)).to_integral_value()))
            softplus.append(int((one * (1 + e).ln()).to_integral_value()))
    both = (np.array(sigmoid, dtype="<i8"), np.array(softplus, dtype="<i8"))
    digest = hashlib.sha256(both[0].tobytes() + both[1].tobytes()).hexdigest()
    if digest != TABLE_SHA256:
        raise ConfigError(f"the sigmoid table of this machine has SHA-256 {digest}, not the committed one")
    return both


def _interpolate(table: Ints, magnitude: Ints) -> Ints:
    clamped = np.minimum(magnitude, (ENTRIES - 1) << STEP_BITS)
    index = np.minimum(clamped >> STEP_BITS, ENTRIES - 2)
    low = table[index]
    rise: Ints = ((table[index + 1] - low) * (clamped - (index << STEP_BITS))) >> STEP_BITS
    result: Ints = low + rise
    return result


def sigmoid(logits: Ints) -> Ints:
    """Return the logistic function through the committed table, linear between entries.

    Args:
        logits: Any shape, ``LOGIT_BITS`` fractional bits.

    Returns:
        Same shape, ``PROB_BITS`` fractional bits; non-decreasing; ``p(-z) = 1 - p(z)`` exactly.
    """
    positive = _interpolate(tables()[0], np.abs(logits))
    return np.where(logits >= 0, positive, (1 << PROB_BITS) - positive)


def softplus(logits: Ints) -> Ints:
    """Return ``log(1 + exp(z))`` through the committed table (``PROB_BITS`` fractional bits)."""
    return np.maximum(logits, 0) + _interpolate(tables()[1], np.abs(logits))
