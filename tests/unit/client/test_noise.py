"""Noise is normal, comes from the given entropy alone, and is never infinite."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from client import noise
from client.noise import gaussian
from federation.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def fixed(byte: int) -> noise.Entropy:
    return lambda n: bytes([byte]) * n


def kolmogorov(values: NDArray[np.float64]) -> float:
    """Distance between the empirical and the normal distribution function, times sqrt(n)."""
    x = np.sort(values)
    cdf = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x])
    steps = np.arange(1, len(x) + 1) / len(x)
    return float(np.abs(cdf - steps).max() * math.sqrt(len(x)))


def test_noise_is_normal_when_many_values_are_drawn() -> None:
    values = gaussian(100_000, 1.0, fixed(7))
    assert abs(values.mean()) < 4 / math.sqrt(len(values))
    assert values.var() == pytest.approx(1.0, abs=4 * math.sqrt(2 / len(values)))
    assert kolmogorov(values[::5]) < 1.95  # p = 0.001
    halves = values.reshape(2, -1)
    assert abs(np.mean(halves[0] * halves[1])) < 4 / math.sqrt(halves.shape[1])
    assert abs(np.mean(halves[0] ** 2 * halves[1] ** 2) - 1) < 0.1  # not only uncorrelated


def test_normality_check_fails_when_noise_is_too_small() -> None:
    assert kolmogorov(gaussian(20_000, 0.9, fixed(7))) > 1.95


def test_noise_repeats_when_entropy_repeats_and_differs_when_not() -> None:
    assert np.array_equal(gaussian(33, 2.0, fixed(1)), gaussian(33, 2.0, fixed(1)))
    assert not np.any(gaussian(33, 2.0, fixed(1)) == gaussian(33, 2.0, fixed(2)))


def test_noise_follows_its_formula_when_key_is_known() -> None:
    stream = Cipher(ChaCha20(bytes([9]) * 32, bytes(16)), mode=None).encryptor().update(bytes(32))
    words = [int.from_bytes(stream[i : i + 8], "little") >> 11 for i in range(0, 32, 8)]
    expected = []
    for trig in (math.cos, math.sin):
        for first, second in zip(words[:2], words[2:], strict=True):
            radius = math.sqrt(-2 * math.log((first + 1) / 2**53))
            expected.append(3.0 * radius * trig(2 * math.pi * second / 2**53))
    assert gaussian(4, 3.0, fixed(9)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("n", [0, 1, 2, 5, 4097])
def test_noise_has_asked_length_when_odd_or_empty(n: int) -> None:
    assert gaussian(n, 1.0, fixed(3)).shape == (n,)


@pytest.mark.parametrize("fill", [0, 255])
def test_noise_is_finite_when_keystream_is_extreme(fill: int, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        def __init__(self, *_args: object, mode: None) -> None: ...

        def encryptor(self) -> Stream:
            return self

        def update(self, data: bytes) -> bytes:
            return bytes([fill]) * len(data)

    monkeypatch.setattr(noise, "Cipher", Stream)
    values = gaussian(10, 1.0, fixed(0))
    assert np.all(np.isfinite(values))
    assert np.abs(values).max() < 8.6


@pytest.mark.parametrize(("n", "std"), [(-1, 1.0), (3, -1.0), (3, math.nan), (3, math.inf)])
def test_noise_is_refused_when_arguments_make_no_sense(n: int, std: float) -> None:
    with pytest.raises(ConfigError):
        gaussian(n, std, fixed(0))


def test_noise_is_refused_when_entropy_falls_short() -> None:
    with pytest.raises(ConfigError, match="entropy"):
        gaussian(4, 1.0, lambda n: bytes(n - 1))


def test_noise_costs_less_than_half_a_millisecond_when_model_has_4096_weights() -> None:
    spent = []
    for _ in range(20):
        start = time.process_time()
        gaussian(4096, 1.0, fixed(1))
        spent.append(time.process_time() - start)
    assert min(spent) < 0.5e-3
