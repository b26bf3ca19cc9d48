"""Exact integers: every shortcut equals Python's unbounded arithmetic, and refuses where it could not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import ConfigError
from federation.fixedpoint import (
    INT_EXACT,
    PROB_BITS,
    abs_sum,
    exact_dot,
    norm_squared,
    require_below,
    round_shift,
    sigmoid,
    softplus,
)
from tests.unit.federation import _reference as reference

int64 = st.integers(-(1 << 63), (1 << 63) - 1)
logit = st.one_of(st.integers(-(17 << 24), 17 << 24), st.integers(-(1 << 40), 1 << 40))


@pytest.mark.parametrize(("value", "expected"), [(2, 1), (-2, 0), (6, 2), (-6, -1), (5, 1), (-7, -2)])
def test_shift_rounds_halves_up_when_a_quarter_is_taken(value, expected):
    assert round_shift(np.array([value]), 2).tolist() == [expected]


@given(st.lists(st.tuples(int64, int64), max_size=12))
def test_dot_is_pythons_when_entries_fill_64_bits(pairs):
    a, b = (np.array([p[k] for p in pairs], dtype=np.int64) for k in (0, 1))
    assert exact_dot(a, b) == sum(x * y for x, y in pairs)


@pytest.mark.parametrize("peak", [1 << 20, (1 << 31) - 1, 1 << 31, (1 << 63) - 1])
def test_dot_is_pythons_when_a_blocked_sum_is_needed(peak):
    a = np.full(300, peak, dtype=np.int64)
    b = np.where(np.arange(300) % 7 == 0, -peak, peak)
    assert exact_dot(a, b) == sum(int(x) * int(y) for x, y in zip(a, b, strict=True))
    assert norm_squared(a) == 300 * peak * peak


def test_norm_wraps_in_numpy_when_the_kernel_does_not():
    a = np.full(4, 1 << 31, dtype=np.int64)
    assert int(a @ a) == 0
    assert norm_squared(a) == 1 << 64


def test_bound_is_refused_when_it_reaches_the_limit():
    require_below(INT_EXACT - 1, INT_EXACT, "a sum")
    with pytest.raises(ConfigError, match="a sum may reach 2\\^64"):
        require_below(INT_EXACT, INT_EXACT, "a sum")


def test_absolute_sum_is_refused_when_it_could_leave_the_range():
    assert abs_sum(np.array([-(1 << 61), 1 << 61])) == 1 << 62
    assert abs_sum(np.zeros(0, dtype=np.int64)) == 0
    with pytest.raises(ConfigError, match="L1 norm"):
        abs_sum(np.array([-(1 << 63), 0]))


@given(st.lists(logit, min_size=1, max_size=20))
def test_tables_equal_the_reference_when_logits_are_any(logits):
    z = np.array(logits, dtype=np.int64)
    assert sigmoid(z).tolist() == [reference.sigmoid(v) for v in logits]
    assert softplus(z).tolist() == [reference.softplus(v) for v in logits]


@given(logit, logit)
def test_sigmoid_is_monotone_and_symmetric_when_compared_to_itself(a, b):
    pa, pb, pminus = sigmoid(np.array([a, b, -a])).tolist()
    assert (a <= b) <= (pa <= pb)
    if a:
        assert pa + pminus == 1 << PROB_BITS


def test_sigmoid_is_one_half_when_the_logit_is_zero():
    assert sigmoid(np.array([0])).tolist() == [1 << (PROB_BITS - 1)]


def test_tables_follow_the_real_functions_when_interpolated():
    z = np.linspace(-15.9, 15.9, 4001)
    fixed = np.rint(z * 2**24).astype(np.int64)
    assert np.abs(sigmoid(fixed) / 2**24 - 1 / (1 + np.exp(-z))).max() < 1e-6
    assert np.abs(softplus(fixed) / 2**24 - np.logaddexp(0, z)).max() < 3e-6
    assert math.isclose(sigmoid(np.array([1 << 50]))[0] / 2**24, 1, abs_tol=2e-7)
