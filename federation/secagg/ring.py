"""The ring Z_2^64: masks, sums and inner products that wrap around, and signed values read back."""

from __future__ import annotations

from math import isqrt
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from numpy.typing import NDArray

from federation.fixedpoint import Ints
from federation.hashing import sha256
from federation.types import Hash32

Ring = NDArray[np.uint64]

_BLOCK: Final = 1 << 12


def mask(seed: bytes, dim: int) -> Ring:
    """Return the ChaCha20 keystream (RFC 8439) of a seed as little-endian 64-bit words; shape (dim,).

    A seed is used for one stream only, so nonce and counter begin at zero.
    """
    cipher = Cipher(algorithms.ChaCha20(seed, bytes(16)), mode=None).encryptor()
    return np.frombuffer(cipher.update(bytes(8 * dim)), dtype="<u8")


def to_ring(values: Ints) -> Ring:
    """Return integers modulo 2^64, two's complement."""
    return values.astype(np.int64).view(np.uint64)


def from_ring(values: Ring) -> Ints:
    """Return the integers in [-2^63, 2^63) that ring elements stand for."""
    return values.astype(np.uint64).view(np.int64)


def signed(value: int) -> int:
    """Return the integer in [-2^63, 2^63) that a ring element stands for."""
    value %= 1 << 64
    return value - (1 << 64) if value >> 63 else value


def dot(gradient: Ints, values: Ring) -> int:
    """Return an inner product modulo 2^64."""
    return int(gradient @ from_ring(values)) % (1 << 64)


def directions(seed: Hash32, count: int, dim: int) -> NDArray[np.int8]:
    """Return public random vectors with entries -1, 0, 1 (probabilities 1/4, 1/2, 1/4).

    An entry is the difference of two bits of the seed's ChaCha20 keystream. A ring element of high
    order (2^63 twice, 2^62 four times) cannot hide behind such entries: they are odd half of the time.

    Returns:
        Shape (count, dim).
    """
    cipher = Cipher(algorithms.ChaCha20(seed, bytes(16)), mode=None).encryptor()
    row = (dim + 3) // 4
    found = np.empty((count, dim), dtype=np.int8)
    for k in range(count):
        bits = np.unpackbits(np.frombuffer(cipher.update(bytes(row)), dtype=np.uint8), bitorder="little")
        pairs = bits.view(np.int8).reshape(-1, 2)[:dim]
        found[k] = pairs[:, 0] - pairs[:, 1]
    return found


def project(along: NDArray[np.int8], *values: Ring) -> list[Ring]:
    """Return the inner products of some vectors with each of some directions, modulo 2^64.

    Args:
        along: Directions; shape (count, dim).
        *values: Vectors; shape (dim,) each. Several at once cost less than one by one.

    Returns:
        For each vector, shape (count,).
    """
    total = np.zeros((len(along), 2 * len(values)), dtype=np.int64)
    halves = [each.astype("<u8", copy=False).view("<u4").reshape(-1, 2) for each in values]
    for start in range(0, along.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        columns = np.concatenate([half[block] for half in halves], axis=1).astype(np.float64)
        # Sums of 2^12 halves stay below 2^44: exact in float64, whatever the BLAS does.
        total += (along[:, block].astype(np.float64) @ columns).astype(np.int64)
    words = total.view(np.uint64)
    return [words[:, 2 * i] + (words[:, 2 * i + 1] << np.uint64(32)) for i in range(len(values))]


def norm_limit(cap: int, count: int) -> int:
    """Return what twice the sum of squared projections of a vector within the cap stays at or below.

    A projection times sqrt(2) is a sum of independent signs whose even moments are at most those of
    a Gaussian of the vector's norm, so Laurent and Massart's bound (2000, lemma 1) on a chi-square
    variable, ``r + 2 sqrt(r t) + 2 t`` with probability 1 - exp(-t), holds whatever the vector is;
    t = 7 refuses an honest member once in 1,000 rounds at most.
    """
    return (count + isqrt(28 * count - 1) + 1 + 14) * cap * cap


def gradient_hash(gradient: Ints) -> Hash32:
    """Return the hash by which answers name a gradient: SHA-256 of its little-endian int64 words."""
    return sha256(gradient.astype("<i8").tobytes())
