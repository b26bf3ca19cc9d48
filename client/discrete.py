"""Discrete Gaussian noise on the integers, from a cryptographic generator.

N_Z(0, s^2) takes the integer n with a probability proportional to exp(-n^2 / 2 s^2) (Canonne, Kamath and
Steinke 2020). Members of a secure round add it on the fixed-point grid, where masks are added too: sums
wrap around and are never rounded.

Magnitudes are read off tables of the distribution function, 127 bits of keystream each. A large s is put
together from two small ones, ``X = Y + K Z`` (Micciancio and Walter 2017): given X, Z is Gaussian on the
integers with standard deviation tau = s_Y s_Z / s, and the sum of its weights depends on X by a factor of
1 +- 2.1 exp(-2 pi^2 tau^2) only; tau is at least 2.1 here. So each value is within 2^-109 of N_Z(0, s^2) in
total variation, whatever floats do: those decide only s itself, to 14 digits.

Assumed: ChaCha20 is a pseudo-random generator, and nobody watches the times and caches of the member's
machine, which table look-ups leave traces in.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from decimal import Decimal, localcontext
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from client.noise import keystream
from federation.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from client.noise import Entropy
    from federation.fixedpoint import Ints

_PRECISION: Final = 256
"""Fractional bits in which a table is computed."""

_CUT: Final = 1 << (_PRECISION - 130)
"""Values less likely than 2^-130 of the likeliest are left out."""

_LARGEST_TABLE: Final = 2048.0
_LARGEST_FACTOR: Final = 1024
_SPREAD: Final = 2.2
"""s_Y over K: tau is a little less."""

_LARGEST: Final = float(1 << 48)


def discrete_gaussian(n: int, std: float, entropy: Entropy) -> Ints:
    """Draw independent values of the discrete Gaussian of mean 0.

    Args:
        n: How many values.
        std: The parameter s; from 8 on, the standard deviation to more than 100 digits.
        entropy: Where the key comes from. The same key gives the same values: never reuse one.

    Returns:
        Shape ``(n,)``; none beyond 14 s.

    Raises:
        ConfigError: ``n`` is negative, or ``std`` is negative or above 2^48.
    """
    if n < 0 or not 0 <= std <= _LARGEST:
        raise ConfigError(f"{n} discrete Gaussian values of standard deviation {std} were asked for")
    total = np.zeros(n, dtype=np.int64)
    if not std:
        return total
    parts = _parts(float(std))
    words = np.frombuffer(keystream(entropy, 16 * n * len(parts)), dtype="<u8").reshape(len(parts), 2, n)
    for (factor, small), (high, low) in zip(parts, words, strict=True):
        total += factor * _looked_up(_table(small), high, low)
    return total


def _parts(std: float) -> list[tuple[int, float]]:
    """Return multiples and small standard deviations whose sum has the one that is asked for."""
    if std <= _LARGEST_TABLE:
        return [(1, std)]
    factor = min(_LARGEST_FACTOR, round(math.sqrt(std / _SPREAD)))
    fine = _SPREAD * factor
    coarse = math.sqrt((std - fine) * (std + fine)) / factor
    return [(1, fine), *((factor * multiple, small) for multiple, small in _parts(coarse))]


class _Table(NamedTuple):
    """The distribution function of a magnitude, in units of 2^-127.

    Attributes:
        bounds: ``P(|X| <= j)`` for all j but the last.
        high: Their upper 64 bits.
    """

    bounds: tuple[int, ...]
    high: NDArray[np.uint64]


@lru_cache(maxsize=16)
def _table(std: float) -> _Table:
    with localcontext() as context:
        context.prec = 100
        one = Decimal(1 << _PRECISION)
        exponent = -1 / (2 * Decimal(std) ** 2)
        ratio, shrink = int(exponent.exp() * one), int((2 * exponent).exp() * one)
    # Each probability follows from the one before: exp(-(j+1)^2 a) = exp(-j^2 a) exp(-(2j+1) a).
    weight, sums = 1 << _PRECISION, [1 << _PRECISION]
    while (weight := weight * ratio >> _PRECISION) > _CUT:
        sums.append(sums[-1] + 2 * weight)
        ratio = ratio * shrink >> _PRECISION
    bounds = tuple((each << 127) // sums[-1] for each in sums[:-1])
    return _Table(bounds, np.array([bound >> 63 for bound in bounds], dtype=np.uint64))


def _looked_up(table: _Table, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> Ints:
    """Return the values that 128 bits each stand for: 127 for the magnitude, the last for the sign."""
    found = np.searchsorted(table.high, high, side="right")
    if table.high.size:
        # Where the upper bits are a bound's own, the lower ones decide: about once in 2^50.
        for i in np.flatnonzero(table.high[np.maximum(found - 1, 0)] == high):
            found[i] = bisect_right(table.bounds, (int(high[i]) << 63) + (int(low[i]) >> 1))
    negative = (low & np.uint64(1)).astype(np.bool_)
    values: Ints = np.where(negative, -found, found).astype(np.int64)
    return values
