"""One noise path: what the unit is decides what is clipped, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from client.mechanism import clipped_step, noised_step
from client.noise import gaussian
from client.trainer import LinearEngine
from federation.manifest import PrivacySection
from federation.models.linear import Design, Examples
from federation.rounds import Base
from tests.agreed import SILENT_SIGMA

WORDS = 40
BASE = Base(weights=np.zeros(WORDS, dtype=np.int64), intercept=0, beta_tenths=0, losses=())
ENGINE = LinearEngine()


def privacy(unit: str = "example", *, clip_milli: int = 250, sigma_e4: int = 20_000) -> PrivacySection:
    return PrivacySection(unit=unit, epsilon="8.0", delta="1e-5", clip_milli=clip_milli, sigma_e4=sigma_e4)


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
    # Nothing of a member is nothing: adding or removing all of it moves the sum by C at most.
    assert np.linalg.norm(step) == pytest.approx(0.25, rel=1e-12)
    assert step @ free == pytest.approx(np.linalg.norm(step) * np.linalg.norm(free))


def test_sum_below_the_norm_is_left_alone_when_the_member_is_the_unit():
    wide = privacy("member", clip_milli=100_000)
    assert np.array_equal(clipped_step(ENGINE, design(30), BASE, wide), ENGINE.step(design(30), BASE, 1.0))


@pytest.mark.parametrize("unit", ["example", "member"])
def test_noise_is_the_clients_own_gaussian_whatever_the_unit(unit, counted):
    step = clipped_step(ENGINE, design(9), BASE, privacy(unit))
    noised = noised_step(ENGINE, design(9), BASE, privacy(unit), counted(b"n"))
    assert np.array_equal(noised, step + gaussian(WORDS, 2.0 * 0.25, counted(b"n")))


def test_no_entropy_is_drawn_when_no_noise_is_agreed():
    def nothing(n: int) -> bytes:
        raise AssertionError(n)

    step = noised_step(ENGINE, design(9), BASE, SILENT_SIGMA, nothing)
    assert np.array_equal(step, ENGINE.step(design(9), BASE, 1.0))
