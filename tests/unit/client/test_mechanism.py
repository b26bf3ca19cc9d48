"""One noise path: what the unit is decides what is clipped, and nothing else."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from client.mechanism import _drawn, clipped_step, noised_delta, shortened
from client.noise import gaussian
from client.trainer import LinearEngine
from federation.delta import quantise, within_cap
from federation.manifest import Manifest, PrivacySection, SamplingSection
from federation.models.linear import Design, Examples
from federation.rounds import Base
from tests.agreed import DIM as WORDS
from tests.agreed import SILENT_SIGMA, agreed

BASE = Base(weights=np.zeros(WORDS, dtype=np.int64), intercept=0, beta_tenths=0, losses=())
ENGINE = LinearEngine()


def privacy(
    unit: str = "example", *, clip_milli: int = 250, sigma_e4: int = 20_000, epsilon: str = "8.0"
) -> PrivacySection:
    return PrivacySection(unit=unit, epsilon=epsilon, delta="1e-5", clip_milli=clip_milli, sigma_e4=sigma_e4)


def design(n: int) -> Design:
    rng = np.random.default_rng(n)
    sets = [np.sort(rng.choice(WORDS, 4, replace=False)).tolist() for _ in range(n)]
    return Design.build(Examples.build(sets, [1] * n), np.zeros(WORDS, dtype=np.int64))


def test_each_example_is_clipped_when_it_is_the_unit():
    step = clipped_step(ENGINE, design(30), BASE, privacy())
    assert np.array_equal(step, ENGINE.step(design(30), BASE, 0.25))
    assert np.linalg.norm(step) > 1


@pytest.mark.parametrize("n", [1, 3, 30])
def test_whole_sum_is_clipped_when_the_member_is_the_unit(n):
    free = ENGINE.step(design(n), BASE, math.inf)
    assert np.array_equal(free, ENGINE.step(design(n), BASE, 1.0))
    step = clipped_step(ENGINE, design(n), BASE, privacy("member"))
    assert np.linalg.norm(step) == pytest.approx(0.25, rel=1e-12)
    assert step @ free == pytest.approx(np.linalg.norm(step) * np.linalg.norm(free))


def test_sum_below_the_norm_is_left_alone_when_the_member_is_the_unit():
    wide = privacy("member", clip_milli=100_000)
    assert np.array_equal(clipped_step(ENGINE, design(30), BASE, wide), ENGINE.step(design(30), BASE, 1.0))


@pytest.mark.parametrize("unit", ["example", "member"])
def test_noise_is_the_clients_own_gaussian_whatever_the_unit(unit, counted):
    agreement = privacy(unit, sigma_e4=40_000)
    step = clipped_step(ENGINE, design(9), BASE, agreement)
    noised = noised_delta(ENGINE, design(9), BASE, agreed(privacy=agreement), counted(b"n"))
    assert np.array_equal(noised, step + gaussian(WORDS, 4.0 * 0.25, counted(b"n")))


def test_no_entropy_is_drawn_when_no_noise_is_agreed():
    def nothing(n: int) -> bytes:
        raise AssertionError(n)

    step = noised_delta(ENGINE, design(9), BASE, agreed(privacy=SILENT_SIGMA), nothing)
    assert np.array_equal(step, ENGINE.step(design(9), BASE, 1.0))


def sampled(
    rate_milli: int = 250,
    steps: int = 9,
    *,
    eta_milli: int = 1000,
    sigma_e4: int = 60_000,
    epsilon: str = "8.0",
) -> Manifest:
    plain = agreed(privacy=privacy(sigma_e4=sigma_e4, epsilon=epsilon))
    section = SamplingSection(rate_milli=rate_milli, steps=steps, eta_milli=eta_milli)
    return Manifest.model_validate({**dict(plain), "sampling": section})


def test_samples_hold_each_example_independently_at_the_agreed_rate(counted):
    entropy = counted(b"coins")
    drawn = np.array([_drawn(40, 250, entropy) for _ in range(2000)])
    assert np.abs(drawn.mean(axis=0) - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 2000)
    sizes = drawn.sum(axis=1)
    assert abs(sizes.var() - 40 * 0.25 * 0.75) < 1
    assert len(_drawn(0, 250, entropy)) == 0


def test_noise_of_many_steps_has_the_variance_of_their_sum(counted):
    manifest = sampled(rate_milli=1, steps=16)
    nobody = Design.build(Examples.build([], []), np.zeros(WORDS, dtype=np.int64))
    entropy = counted(b"noise")
    values = [noised_delta(ENGINE, nobody, BASE, manifest, entropy) for _ in range(60)]
    # sigma C sqrt(T) / (q T): an empty sample is noised like any other.
    assert np.std(values) == pytest.approx(6.0 * 0.25 / (0.001 * 4), rel=0.05)


def test_signal_of_many_steps_is_that_of_one_full_step_when_nothing_moves(counted):
    manifest = sampled(rate_milli=500, steps=400, eta_milli=1, sigma_e4=40_000, epsilon="100.0")
    full = ENGINE.step(design(200), BASE, 0.25)
    found = noised_delta(ENGINE, design(200), BASE, manifest, counted(b"s"))
    # Noise of 0.1 per coordinate, and by sampling C sqrt(n (1 - q) / (q T)).
    assert np.linalg.norm(found - full) < 0.1 * np.linalg.norm(full)


def test_each_step_starts_where_the_last_one_led(counted):
    seen = []

    class Watching(LinearEngine):
        def step(self, design, base, clip):
            seen.append(base.weights.copy())
            return super().step(design, base, clip)

    manifest = sampled(steps=3, eta_milli=2000)
    delta = noised_delta(Watching(), design(40), BASE, manifest, counted(b"w"))
    assert len(seen) == 3
    assert not seen[0].any()
    # The first two moves and the last step add up to the delta: mean steps, at the agreed pace.
    moves = [(b - a) / 2**16 * (0.25 * 40) / 2.0 for a, b in pairwise(seen)]
    last = delta * 0.25 * 3 - sum(moves)
    assert 0.5 < np.std(last) / (6.0 * 0.25) < 1.5


@pytest.mark.parametrize("n", [1, 5, 60])
def test_delta_is_within_the_members_cap_whatever_the_samples(counted, n):
    manifest = sampled(rate_milli=10, steps=4)
    for seed in range(20):
        delta = noised_delta(ENGINE, design(n), BASE, manifest, counted(bytes([seed])))
        assert within_cap(quantise(delta), manifest.cap(n))


def test_shortened_keeps_what_is_short_and_scales_what_is_long():
    vector = np.array([3.0, 4.0])
    assert shortened(vector, 5.0) is vector
    assert shortened(vector, 1.0).tolist() == pytest.approx([0.6, 0.8])
    assert not shortened(np.zeros(2), 0.0).any()
