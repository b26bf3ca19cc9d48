"""Deltas: canonical bytes, and a cap that no honest noise passes and no cheat slips under."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.delta import delta_bytes, delta_hash, norm_cap, parse_delta, quantise, within_cap
from federation.errors import PeerError

UNIT = 1 << 16


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=6))
def test_delta_reads_back_when_its_bytes_are_canonical(values):
    data = delta_bytes(np.array(values, dtype=np.int64))
    assert parse_delta(data).tolist() == values
    assert delta_bytes(parse_delta(data)) == data


def test_hash_changes_when_any_bit_of_a_delta_does():
    data = delta_bytes(np.array([1, -2]))
    seen = {delta_hash(np.array([1, -2]))}
    for bit in range(64, 8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        seen.add(delta_hash(parse_delta(bytes(flipped))))
    assert len(seen) == 1 + 128


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"FMD1",
        b"FMD2" + bytes(4),
        b"FMD1" + bytes(5),
        b"FMD1\x02\0\0\0" + bytes(8),
        b"FMD1\xff\xff\xff\xff",
    ],
)
def test_delta_is_refused_when_its_bytes_are_not_canonical(data):
    with pytest.raises(PeerError, match="not a delta"):
        parse_delta(data)


def test_quantising_rounds_to_the_nearest_unit_when_values_are_between():
    assert quantise(np.array([1.0, -1.0, 0.6 / UNIT, -0.6 / UNIT, 0.4 / UNIT])).tolist() == [
        UNIT,
        -UNIT,
        1,
        -1,
        0,
    ]


def test_cap_is_exact_when_a_delta_stands_on_it():
    assert within_cap(np.array([3, 4]), 5)
    assert not within_cap(np.array([3, 4, 1]), 5)
    # 2^32 squared wraps to 0 in int64: a norm computed there would admit it.
    assert not within_cap(np.array([1 << 32, 0]), 5)


def test_cap_is_the_clipped_sum_when_there_is_no_noise():
    cap = norm_cap(clip_milli=500, sigma_e4=0, quota=30, dim=400)
    assert 15 * UNIT <= cap <= 15 * UNIT + 1 + math.isqrt(400) + 1
    assert within_cap(quantise(np.full(400, 15 / 20)), cap)
    assert not within_cap(quantise(np.full(400, 15.02 / 20)), cap)


def test_honest_delta_is_admitted_when_rounding_alone_lifts_it_above_the_clip():
    delta = quantise(np.full(900, 1 / 30))
    assert not within_cap(delta, UNIT + 1)
    assert within_cap(delta, norm_cap(clip_milli=1000, sigma_e4=0, quota=1, dim=900))


@pytest.mark.parametrize(("sigma", "dim"), [(2.0, 50), (9.5, 1000)])
def test_honest_delta_is_never_refused_when_its_noise_is_drawn_1000_times(sigma, dim):
    rng = np.random.default_rng(dim)
    quota, clip = 25, 0.75
    cap = norm_cap(clip_milli=750, sigma_e4=round(sigma * 10_000), quota=quota, dim=dim)
    signal = np.zeros(dim)
    signal[0] = clip * quota
    noise = sigma * clip * rng.standard_normal((1000, dim))
    assert all(within_cap(quantise(signal + row), cap) for row in noise)


def test_cheat_is_refused_when_it_scales_an_honest_delta():
    rng = np.random.default_rng(1)
    cap = norm_cap(clip_milli=1000, sigma_e4=50_000, quota=25, dim=200)
    delta = quantise(25 * np.eye(200)[0] + 5 * rng.standard_normal(200))
    assert within_cap(delta, cap)
    assert not within_cap(100 * delta, cap)
    assert not within_cap(2 * delta, cap)


@pytest.mark.parametrize("grown", ["clip_milli", "sigma_e4", "quota", "dim"])
def test_cap_grows_when_any_of_its_terms_does(grown):
    terms = {"clip_milli": 1000, "sigma_e4": 30_000, "quota": 20, "dim": 100}
    assert norm_cap(**{**terms, grown: 2 * terms[grown]}) > norm_cap(**terms)
