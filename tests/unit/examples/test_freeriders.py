"""Members without data who live on what is published: paid well before the rule, not by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from examples.spam_detection.freeriders import FREE_RIDERS, filled
from examples.spam_detection.settings import privacy_section
from examples.spam_detection.simulate import simulate
from examples.spam_detection.world import SeededEntropy, build_cast, found_world
from federation.models.linear import WEIGHT_BITS
from tests.world import SMALL, made_up_mails

SETTINGS = replace(SMALL, epsilon=8.0, cheats=(), members=6, rounds=6, alpha=10.0)


@pytest.fixture(scope="module")
def founded():
    world, _, manifest = found_world(build_cast(made_up_mails(900), SETTINGS), SETTINGS)
    return replace(world, members=[*world.members, world.members[0]]), manifest.rules


def pays(founded, role, *, secure):
    """Pay of the honest members on average, and of the one that plays a role."""
    world, rules = founded
    privacy = privacy_section(SETTINGS.epsilon, SETTINGS.rounds)
    shared = privacy.model_copy(update={"sigma_e4": privacy.sigma_e4 // 3})
    outcomes = simulate(
        world,
        replace(rules, secure=secure),
        shared,
        entropy=SeededEntropy(5, "free"),
        senders={6: FREE_RIDERS[role]},
    )
    *honest, cheat = (max(0, wei) for _, wei in sorted(outcomes[-1].state.credits.items()))
    return np.mean([float(wei) for wei in honest]), float(cheat)


@pytest.mark.parametrize("role", ["last gbar", "all gbars", "recent gbars", "trained", "priced", "fitted"])
def test_free_rider_earns_under_a_quarter_when_rounds_are_secure(founded, role):
    honest, cheat = pays(founded, role, secure=True)
    assert 0 <= cheat < honest / 4


@pytest.mark.parametrize("role", ["last gbar", "trained", "priced", "fitted"])
def test_free_rider_earns_well_when_nothing_keeps_it_from_pay(founded, role):
    honest, cheat = pays(founded, role, secure=False)
    assert cheat > honest / 2


def test_filled_stays_under_the_cap_when_rounding_adds():
    direction = np.random.default_rng(0).normal(0, 1, 5000)
    sent = np.rint(np.ldexp(filled(direction, 3.0), WEIGHT_BITS))
    assert 0.99 * 3.0 < np.ldexp(np.linalg.norm(sent), -WEIGHT_BITS) <= 3.0
    assert not filled(np.zeros(5), 3.0).any()
