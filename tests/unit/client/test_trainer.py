"""Training: the closed form is the textbook one, and one example never moves it by more than C."""

from __future__ import annotations

import numpy as np
import pytest

from client.trainer import LinearEngine
from federation.delta import quantise
from federation.errors import ConfigError
from federation.models.linear import MAX_SCALE, MEAN_BITS, ONE, SCALE_BITS, Design, Examples, integer_mean
from federation.rounds import Base
from tests.unit.federation._world import examples, rows

DIM = 60
ENGINE = LinearEngine()
EXACT = 52
"""Fractional bits of a sum: below 2 in magnitude a float64 holds it exactly."""


def _design(seed: int, n: int) -> Design:
    sets = examples(rows(np.random.default_rng(seed), max(n, 40), DIM))
    mean = integer_mean(sets.counts(DIM), len(sets))
    return Design.build(_only(sets, range(n)), mean)


def _only(sets: Examples, chosen) -> Examples:
    at = sets.offsets
    return Examples.build(
        [sets.words[at[i] : at[i + 1]].tolist() for i in chosen], [int(sets.labels[i]) for i in chosen]
    )


def _base(seed: int, size: float = 3.0) -> Base:
    weights = quantise(size * np.random.default_rng(seed).standard_normal(DIM))
    return Base(weights=weights, intercept=int(-0.3 * 2**24), beta_tenths=0, losses=())


def _integers(step) -> list[int]:
    assert np.abs(step).max() < 2
    return [int(x) for x in np.ldexp(step, EXACT)]


@pytest.mark.parametrize("clip", [0.1, 0.5, 1.0, 3.0])
def test_step_is_the_dense_formula_when_computed_in_floats(clip):
    design, base = _design(1, 40), _base(1)
    x = np.zeros((40, DIM))
    for i in range(40):
        x[i, design.examples.words[design.examples.offsets[i] : design.examples.offsets[i + 1]]] = 1
    x -= design.mean / 2**MEAN_BITS
    x *= design.scale[:, None] / 2**SCALE_BITS
    assert 0.999 < np.linalg.norm(x, axis=1).min() <= np.linalg.norm(x, axis=1).max() <= 1
    p = 1 / (1 + np.exp(-(x @ (base.weights / 2**16) + base.intercept / 2**24)))
    gradients = (p - design.labels)[:, None] * x
    # The canonical clip is of the residual: a row of norm just below 1 is never stretched to C.
    residual = np.abs(p - design.labels)[:, None]
    expected = -(gradients * np.minimum(1, clip / residual)).sum(axis=0)
    # A sigmoid by table is off by at most (1/128)^2 max|p''| / 8 = 7.4e-7 per example.
    error = np.abs(ENGINE.step(design, base, clip) - expected)
    assert error.max() < 2e-6
    assert np.abs(expected).max() > 0.05


def _change(with_one: Design, without: Design, clip: float, base: Base) -> int:
    """Squared norm of what one example changes, in units of 2^-2*EXACT: exact integers."""
    a, b = (_integers(ENGINE.step(d, base, clip)) for d in (with_one, without))
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("clip", [0.125, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_sum_changes_by_at_most_the_clip_when_one_example_is_added_or_removed(seed, clip):
    whole, base = _design(seed, 4), _base(seed)
    limit = int(clip * 2**EXACT) ** 2
    for left_out in range(4):
        rest = Design.build(_only(whole.examples, [i for i in range(4) if i != left_out]), whole.mean)
        assert 0 < _change(whole, rest, clip, base) <= limit


def test_sum_changes_by_more_when_nothing_is_clipped():
    whole, base = _design(0, 4), _base(0)
    rest = Design.build(_only(whole.examples, [1, 2, 3]), whole.mean)
    assert _change(whole, rest, 1.0, base) > int(0.125 * 2**EXACT) ** 2


def test_one_example_fills_the_clip_when_the_model_is_surely_wrong():
    design = _design(3, 1)
    wrong = Base(
        weights=np.zeros(DIM, dtype=np.int64),
        intercept=(-1 if design.labels[0] else 1) * (16 << 24),
        beta_tenths=0,
        losses=(),
    )
    norm = np.linalg.norm(ENGINE.step(design, wrong, 0.5))
    assert 0.5 * (1 - 2.0**-12) < norm <= 0.5


@pytest.mark.parametrize("clip", [0.1, 0.5])
def test_one_example_never_passes_the_clip_when_its_norm_is_exactly_one(clip):
    design = Design.build(Examples.build([[7]], [1]), np.zeros(DIM, dtype=np.int64))
    wrong = Base(weights=np.zeros(DIM, dtype=np.int64), intercept=-16 << 24, beta_tenths=0, losses=())
    step = ENGINE.step(design, wrong, clip)
    assert clip - 2.0**-24 < step[7] <= clip
    assert np.count_nonzero(step) == 1


def test_step_descends_when_the_model_starts_at_zero():
    design = _design(4, 40)
    zero = Base(weights=np.zeros(DIM, dtype=np.int64), intercept=0, beta_tenths=0, losses=())
    step = ENGINE.step(design, zero, 1.0)
    margins = design.logits(quantise(step)) * (2 * design.labels - 1)
    assert margins.mean() > 0


BLOCK = 256


@pytest.mark.parametrize("n", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 9])
def test_step_is_the_sum_of_blocks_when_examples_are_many(n):
    design, base = _design(5, n), _base(5)
    starts = range(0, n, BLOCK)
    blocks = [ENGINE.step(design.rows(k, min(k + BLOCK, n)), base, 0.5) for k in starts]
    assert np.array_equal(ENGINE.step(design, base, 0.5), sum(blocks))
    assert sum(len(design.rows(k, min(k + BLOCK, n))) for k in starts) == n


def _steepest(n: int) -> tuple[Design, Base]:
    """As large a sum as examples can make: all at the largest scale, all surely wrong."""
    mean = np.full(DIM, 1, dtype=np.int64)
    design = Design.build(Examples.build([[]] * n, [1] * n), mean)
    assert set(design.scale.tolist()) == {MAX_SCALE}
    weights = np.zeros(DIM, dtype=np.int64)
    return design, Base(weights=weights, intercept=-16 << 24, beta_tenths=0, losses=())


def test_training_is_never_refused_when_examples_are_the_steepest():
    design, wrong = _steepest(4 * BLOCK)
    step = ENGINE.step(design, wrong, 1.0)
    assert np.allclose(step, 4 * BLOCK * 2 * -1 / 2**MEAN_BITS, rtol=1e-6, atol=0)


def test_training_would_be_refused_when_the_steepest_examples_were_summed_at_once():
    design, _ = _steepest(2 * BLOCK)
    design.rows(0, BLOCK).weighted_sum(np.full(BLOCK, ONE))
    with pytest.raises(ConfigError, match="a gradient"):
        design.weighted_sum(np.full(2 * BLOCK, ONE))


def test_step_is_zero_when_there_are_no_examples():
    empty = Design.build(Examples.build([], []), _design(0, 4).mean)
    assert not ENGINE.step(empty, _base(0), 1.0).any()
