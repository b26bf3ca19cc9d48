"""Gaussian noise from a cryptographic generator.

One 32-byte key per draw comes from the caller's entropy; ChaCha20 (RFC 8439) stretches it. The
noise of a release must never come from a statistical generator: whoever guesses its state
subtracts the noise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from federation.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Entropy(Protocol):
    """Returns n bytes that nobody else can predict, as ``os.urandom`` does."""

    def __call__(self, n: int, /) -> bytes:
        """Return exactly ``n`` bytes."""
        ...


def draw(entropy: Entropy, n: int) -> bytes:
    """Return ``n`` bytes of entropy.

    Raises:
        ConfigError: The source gave another number of bytes.
    """
    data = entropy(n)
    if len(data) != n:
        raise ConfigError(f"the entropy source gave {len(data)} bytes where {n} were asked for")
    return data


def keystream(entropy: Entropy, n: int) -> bytes:
    """Return ``n`` bytes of ChaCha20 keystream under a fresh key."""
    return Cipher(ChaCha20(draw(entropy, 32), bytes(16)), mode=None).encryptor().update(bytes(n))


def gaussian(n: int, std: float, entropy: Entropy) -> NDArray[np.float64]:
    """Draw independent normal values of mean 0.

    Box-Muller over 53-bit uniforms, the first of each pair in (0, 1]; no value exceeds 8.6
    standard deviations. The values are floats: round the sum of signal and noise to the
    fixed-point grid before it leaves, so that their low bits tell nothing (Mironov 2012).

    Args:
        n: How many values.
        std: Standard deviation in the unit of the signal: noise multiplier times clipping norm.
        entropy: Where the key comes from. The same key gives the same values: never reuse one.

    Returns:
        Shape ``(n,)``.

    Raises:
        ConfigError: ``n`` is negative, or ``std`` is negative or not finite.
    """
    if n < 0 or not math.isfinite(std) or std < 0:
        raise ConfigError(f"{n} normal values of standard deviation {std} were asked for")
    pairs = (n + 1) // 2
    bits = np.frombuffer(keystream(entropy, 16 * pairs), dtype="<u8") >> np.uint64(11)
    radius = np.sqrt(-2.0 * np.log((bits[:pairs] + np.uint64(1)) * 2.0**-53)) * std
    angle = bits[pairs:] * (2.0**-52 * math.pi)
    values = np.empty(2 * pairs)
    np.multiply(radius, np.cos(angle), out=values[:pairs])
    np.multiply(radius, np.sin(angle), out=values[pairs:])
    return values[:n]
