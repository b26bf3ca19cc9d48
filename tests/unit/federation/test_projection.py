"""Projecting a gradient off what is public: exact, rounded once, shifted where it would not fit."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.projection import LARGEST_NORM_SQ, project
from tests.unit.federation import _reference as reference
from tests.unit.federation import _reference_trace as trace

small = st.lists(st.integers(-50, 50), min_size=4, max_size=4)
vectors = st.lists(small, max_size=4)


@given(small, vectors)
def test_projection_is_gram_schmidts_when_directions_depend_on_each_other(gradient, known):
    g = [v * 1000 for v in gradient]
    projected = project(np.array(g), [np.array(v, dtype=np.int64) for v in known]).projected
    assert projected.tolist() == reference.project(g, known)


@pytest.mark.parametrize("seed", range(5))
def test_projection_is_gram_schmidts_when_directions_are_many_and_some_depend_on_others(seed):
    rng = np.random.default_rng(seed)
    known = list(rng.integers(-50, 50, (7, 12)))
    known[3], known[5] = np.zeros(12, dtype=np.int64), known[0] - 2 * known[1]
    known += [known[2] + rng.integers(-1, 2, 12), known[6]]
    g = rng.integers(-(1 << 30), 1 << 30, 12)
    found = project(g, known).projected
    assert found.tolist() == reference.project(g.tolist(), [v.tolist() for v in known])


def test_projection_changes_nothing_when_there_is_no_direction():
    g = np.array([5, -7, 1 << 40])
    assert project(g, []).projected.tolist() == g.tolist()
    assert project(g, [np.zeros(3, dtype=np.int64)]).projected.tolist() == g.tolist()


def test_projection_is_exact_when_squared_norms_pass_64_bits():
    rng = np.random.default_rng(7)
    g = rng.integers(-(1 << 34), 1 << 34, 20)
    known = [rng.integers(-(1 << 40), 1 << 40, 20) for _ in range(3)]
    found = project(g, known)
    assert found.projected.tolist() == reference.project(g.tolist(), [v.tolist() for v in known])
    assert found.projected.tolist() == trace.cramer(g.tolist(), [v.tolist() for v in known])
    assert min(found.shifts) > 10


big = st.lists(st.integers(-(1 << 40), 1 << 40), min_size=3, max_size=3)


@given(big, st.lists(st.one_of(big, st.lists(st.integers(-9, 9), min_size=3, max_size=3)), max_size=4))
def test_directions_are_shifted_by_the_least_number_when_their_norm_is_too_large(gradient, known):
    g, sources = np.array(gradient), [np.array(v, dtype=np.int64) for v in known]
    found = project(g, sources)
    for source, s, u in zip(known, found.shifts, found.directions, strict=True):
        assert u.tolist() == [x >> s for x in source]
        assert sum(int(x) ** 2 for x in u) <= LARGEST_NORM_SQ
        assert s == 0 or sum((x >> (s - 1)) ** 2 for x in source) > LARGEST_NORM_SQ
    us = [u.tolist() for u in found.directions]
    dots = [[sum(x * y for x, y in zip(a, b, strict=True)) for b in [*us, gradient]] for a in us]
    assert [[*row, t] for row, t in zip(found.gram, found.target, strict=True)] == dots
    assert found.projected.tolist() == trace.cramer(gradient, known) == reference.project(gradient, known)


@pytest.mark.parametrize(("largest", "shift"), [(1 << 27, 0), ((1 << 27) + 1, 1), (-(1 << 27) - 1, 1)])
def test_shift_begins_when_the_squared_norm_passes_2_to_the_54(largest, shift):
    found = project(np.array([5, 7]), [np.array([largest, 0])])
    assert found.shifts == (shift,)
    assert found.projected.tolist() == [0, 7]


@pytest.mark.parametrize("seed", range(40))
def test_projection_is_exact_when_floats_would_be_in_doubt(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(2, 200))
    gradient = rng.integers(-(2**25), 2**25, size)
    first = rng.integers(-(2**20), 2**20, size)
    # Nearly parallel directions make huge coefficients that cancel; odd multiples of a half sit on the edge.
    nearly = first + rng.integers(-1, 2, size)
    for known, g in (([first, nearly], gradient), ([np.full(size, 2)], rng.integers(-3, 4, size))):
        found = project(g, known).projected
        left = [Fraction(int(x)) for x in g]
        orthogonal: list[list[Fraction]] = []
        for direction in known:
            rest = _without([Fraction(int(x)) for x in direction], orthogonal)
            orthogonal += [rest] if any(rest) else []
        assert found.tolist() == [math.floor(x + Fraction(1, 2)) for x in _without(left, orthogonal)]


def _without(vector: list[Fraction], orthogonal: list[list[Fraction]]) -> list[Fraction]:
    for v in orthogonal:
        c = sum(a * b for a, b in zip(vector, v, strict=True)) / sum(b * b for b in v)
        vector = [a - c * b for a, b in zip(vector, v, strict=True)]
    return vector
