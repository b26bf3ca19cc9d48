"""Discrete Gaussian noise is what its formula says, comes from the given entropy alone, and is quick."""

from __future__ import annotations

import math
import time
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from client.discrete import _looked_up, _parts, _table, discrete_gaussian
from client.noise import gaussian, keystream
from federation.errors import ConfigError

if TYPE_CHECKING:
    from client.noise import Entropy
    from federation.fixedpoint import Ints


def fixed(byte: int) -> Entropy:
    return lambda n: bytes([byte]) * n


def chi_square(values: Ints, std: float) -> tuple[float, int]:
    """Return the statistic against the exact probabilities, and its degrees of freedom."""
    edge = math.ceil(3.5 * std)
    weights = {j: math.exp(-(j * j) / (2 * std * std)) for j in range(-20 * edge, 20 * edge + 1)}
    total = sum(weights.values())
    expected = [weights[j] / total * len(values) for j in range(-edge, edge + 1)]
    expected.append(len(values) - sum(expected))
    found = [int((values == j).sum()) for j in range(-edge, edge + 1)]
    found.append(len(values) - sum(found))
    used = [(f, e) for f, e in zip(found, expected, strict=True) if e >= 5]
    return sum((f - e) ** 2 / e for f, e in used), len(used)


def fits(values: Ints, std: float) -> bool:
    statistic, cells = chi_square(values, std)
    return statistic < cells + 4.5 * math.sqrt(2 * cells)


@pytest.mark.parametrize("std", [0.3, 0.8, 1.5, 4.0, 31.7])
def test_values_follow_the_exact_probabilities_when_std_is_small(std: float) -> None:
    assert fits(discrete_gaussian(200_000, std, fixed(5)), std)


def test_probabilities_are_missed_when_noise_is_rounded_or_of_another_size() -> None:
    rounded = np.rint(gaussian(200_000, 0.8, fixed(5))).astype(np.int64)
    assert not fits(rounded, 0.8)
    assert not fits(discrete_gaussian(200_000, 4.1, fixed(5)), 4.0)
    assert not fits(np.abs(discrete_gaussian(200_000, 4.0, fixed(5))), 4.0)


@pytest.mark.parametrize("std", [100.0, 2048.0, 2049.0, 68614.0, 1e6, 3e9])
def test_moments_are_a_gaussians_when_std_is_large(std: float) -> None:
    n = 100_000
    values = discrete_gaussian(n, std, fixed(3)) / std
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(values**power) - moment) < 4 * math.sqrt(variance / n)
    assert 3.5 < np.abs(values).max() < 14


@pytest.mark.parametrize("std", [2049.0, 68614.0, 1e6])
def test_residues_are_uniform_when_a_value_is_put_together(std: float) -> None:
    values = discrete_gaussian(100_000, std, fixed(8))
    factor = _parts(std)[-1][0]
    for modulus in (2, 7, factor):
        counts = np.bincount(values % modulus, minlength=modulus)
        expected = len(values) / modulus
        assert ((counts - expected) ** 2 / expected).sum() < modulus - 1 + 4.5 * math.sqrt(2 * modulus)


@pytest.mark.parametrize("std", [2049.0, 12345.6, 68614.0, 2e6, 1e12])
def test_parts_have_the_variance_that_was_asked_for_and_overlap_enough(std: float) -> None:
    parts = _parts(std)
    assert math.fsum((factor * small) ** 2 for factor, small in parts) == pytest.approx(std**2, rel=1e-14)
    for i, (factor, small) in enumerate(parts[:-1]):
        rest = math.sqrt(math.fsum((m * s) ** 2 for m, s in parts[i + 1 :]))
        tau = small * (rest / parts[i + 1][0]) / math.hypot(small, rest / factor)
        assert tau > 2.1


def test_two_parts_sum_to_the_distribution_when_convolved() -> None:
    # The rule of the sampler in miniature: K = 3, s_Y = 2.2 K, s_Z = 4; tau is 1.9 here.
    factor, fine, coarse = 3, 6.6, 4.0
    std = math.hypot(fine, factor * coarse)
    span = np.arange(-400, 401)

    def masses(spread: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        weights = np.exp(-(span**2) / (2 * spread**2))
        return weights / weights.sum()

    spread = np.zeros(2 * 1200 + 1)
    spread[1200 + factor * span] = masses(coarse)
    total = np.convolve(spread, masses(fine), mode="same")[1200 - 400 : 1200 + 401]
    exact = masses(std)
    told = exact > 1e-9
    assert np.abs(total[told] / exact[told] - 1).max() < 1e-6
    tau = fine * coarse / std
    assert 2.1 * math.exp(-2 * math.pi**2 * tau**2) < 1e-6


def test_table_is_the_distribution_function_when_probabilities_are_summed_exactly() -> None:
    table = _table(1.5)
    weights = [math.exp(-(j * j) / 4.5) * (1 if j == 0 else 2) for j in range(60)]
    for j, bound in enumerate(table.bounds[:6]):
        assert bound / 2**127 == pytest.approx(math.fsum(weights[: j + 1]) / math.fsum(weights), rel=1e-14)
    assert list(table.bounds) == sorted(table.bounds)
    assert table.bounds[-1] < 1 << 127


def test_lower_bits_decide_when_the_upper_ones_are_a_bound() -> None:
    table = _table(4.0)
    bound = table.bounds[3]
    high = np.array([bound >> 63, bound >> 63], dtype=np.uint64)
    rest = bound & ((1 << 63) - 1)
    low = np.array([2 * (rest - 1), 2 * rest + 1], dtype=np.uint64)
    assert list(_looked_up(table, high, low)) == [3, -4]


def test_values_repeat_when_entropy_repeats_and_differ_when_not() -> None:
    one = discrete_gaussian(33, 1e5, fixed(1))
    assert np.array_equal(one, discrete_gaussian(33, 1e5, fixed(1)))
    assert not np.any(one == discrete_gaussian(33, 1e5, fixed(2)))


def test_values_follow_the_formula_when_key_is_known() -> None:
    n, std = 40, Decimal("6.5")
    words = np.frombuffer(
        Cipher(ChaCha20(bytes([9]) * 32, bytes(16)), mode=None).encryptor().update(bytes(16 * n)), dtype="<u8"
    )
    with localcontext() as context:
        context.prec = 60
        weights = [(1 if j == 0 else 2) * (-(j * j) / (2 * std * std)).exp() for j in range(100)]
        total = sum(weights)
        expected = []
        for high, low in zip(words[:n].tolist(), words[n:].tolist(), strict=True):
            uniform = Decimal((high << 63) + (low >> 1)) / (1 << 127)
            magnitude = next(j for j in range(100) if uniform < sum(weights[: j + 1]) / total)
            expected.append(-magnitude if low & 1 else magnitude)
    assert discrete_gaussian(n, float(std), fixed(9)).tolist() == expected


def test_values_are_spread_both_ways_and_zero_when_std_is_tiny() -> None:
    assert not discrete_gaussian(1000, 0.01, fixed(4)).any()
    assert not discrete_gaussian(1000, 0.0, fixed(4)).any()
    assert discrete_gaussian(0, 5.0, fixed(4)).shape == (0,)
    values = discrete_gaussian(1000, 0.5, fixed(4))
    assert set(values.tolist()) >= {-1, 0, 1}
    assert values.dtype == np.int64


@pytest.mark.parametrize(("n", "std"), [(-1, 1.0), (3, -1.0), (3, math.nan), (3, math.inf), (3, 1e15)])
def test_request_is_refused_when_it_makes_no_sense(n: int, std: float) -> None:
    with pytest.raises(ConfigError, match="discrete Gaussian values"):
        discrete_gaussian(n, std, fixed(1))


def test_no_statistical_generator_is_used_when_noise_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def entropy(n: int) -> bytes:
        asked.append(n)
        return bytes(n)

    def forbidden(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(np.random, "default_rng", forbidden)
    monkeypatch.setattr("random.random", forbidden)
    discrete_gaussian(10, 1e5, entropy)
    assert asked == [32]
    assert keystream(fixed(1), 5) == keystream(fixed(1), 9)[:5]


@pytest.mark.parametrize("std", [1e4, 1e5, 1e6])
def test_65536_values_take_less_than_100_ms_of_cpu_when_std_is_of_the_grid(std: float) -> None:
    discrete_gaussian(1, std, fixed(6))  # the tables are made once per manifest
    times = []
    for _ in range(3):
        start = time.thread_time()
        discrete_gaussian(65_536, std, fixed(6))
        times.append(time.thread_time() - start)
    assert min(times) < 0.1
