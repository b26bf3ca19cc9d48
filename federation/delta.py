"""A parameter delta: one member's contribution to one round, in canonical bytes.

A delta is a sum over the member's examples, not a mean, so nobody declares a count to be weighted
by; its exact norm is bounded by the member's quota instead.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from federation.errors import PeerError
from federation.fixedpoint import Floats, Ints, norm_squared
from federation.hashing import sha256
from federation.models.linear import WEIGHT_BITS
from federation.types import Hash32

_MAGIC: Final = b"FMD1"

_TAIL: Final = 25.0
"""An honest member's noise exceeds its allowance with probability below exp(-25)."""


def quantise(values: Floats) -> Ints:
    """Round a real vector to fixed point with ``WEIGHT_BITS`` fractional bits.

    Rounding after the noise is post-processing: it costs no privacy.
    """
    return np.rint(np.ldexp(values, WEIGHT_BITS)).astype(np.int64)


def delta_bytes(delta: Ints) -> bytes:
    """Return canonical bytes: magic, dimension, little-endian int64."""
    return _MAGIC + len(delta).to_bytes(4, "little") + delta.astype("<i8").tobytes()


def parse_delta(data: bytes) -> Ints:
    """Return the delta that canonical bytes hold.

    Raises:
        PeerError: The bytes are not a delta of this format.
    """
    dim = int.from_bytes(data[4:8], "little")
    if data[:4] != _MAGIC or len(data) != 8 + 8 * dim:
        raise PeerError("these bytes are not a delta")
    return np.frombuffer(data, dtype="<i8", offset=8).astype(np.int64)


def delta_hash(delta: Ints) -> Hash32:
    """Return the SHA-256 of a delta's canonical bytes."""
    return sha256(delta_bytes(delta))


def norm_cap(*, clip_milli: int, sigma_e4: int, quota: int, dim: int) -> int:
    """Return the largest allowed L2 norm of a delta, in units of 2^-``WEIGHT_BITS``.

    ``C * quota`` for the clipped sum, plus what noise of standard deviation ``sigma C`` per
    coordinate reaches with probability above 1 - exp(-25) (Laurent and Massart 2000, lemma 1:
    a chi-square variable exceeds d + 2 sqrt(d t) + 2 t with probability at most exp(-t)).

    Args:
        clip_milli: Clipping norm C in thousandths.
        sigma_e4: Noise multiplier in ten-thousandths; 0 without differential privacy.
        quota: How many examples the member may contribute.
        dim: Number of weights.
    """
    chi_squared = math.ceil(dim + 2 * math.sqrt(dim * _TAIL) + 2 * _TAIL) if sigma_e4 else 0
    signal = -(-(clip_milli * quota << WEIGHT_BITS) // 1000)
    unit = -(-(clip_milli * sigma_e4 << WEIGHT_BITS) // 10_000_000)
    noise = math.isqrt(chi_squared * unit * unit) + 1
    rounding = math.isqrt(dim) + 1
    return signal + noise + rounding


def within_cap(delta: Ints, cap: int) -> bool:
    """Tell whether a delta's exact norm is at most ``cap`` (units of 2^-``WEIGHT_BITS``)."""
    return norm_squared(delta) <= cap * cap
