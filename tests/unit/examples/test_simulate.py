"""The pure simulation decides what the real run decides, once no noise tells them apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from examples.spam_detection.settings import ETAS_NO_DP, privacy_section
from examples.spam_detection.simulate import simulate
from examples.spam_detection.world import SeededEntropy, build_cast, found_world
from federation.rounds import Status
from tests.world import SMALL, execute, made_up_mails

BARE = replace(SMALL, epsilon=None, cheats=(), members=3, rounds=2)
MAILS = made_up_mails(600)


def refuse(n: int) -> bytes:
    raise AssertionError(f"{n} bytes of noise were drawn")


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A real run without noise: vaults, messages, chain and all."""
    return execute(BARE, tmp_path_factory.mktemp("bare"), mails=MAILS).run


def test_simulation_equals_the_real_run_when_neither_has_noise(bare):
    world, _, _ = found_world(build_cast(MAILS, BARE), BARE)
    drawn = [world.shards[report.shard - 1] for report in bare.reports]
    outcomes = simulate(
        replace(world, shards=drawn), bare.manifest.rules, bare.manifest.privacy, entropy=refuse
    )
    assert len(outcomes) == len(bare.reports) == 2
    for outcome, report in zip(outcomes, bare.reports, strict=True):
        real = report.outcome
        assert (outcome.eta, outcome.improvement) == (real.eta, real.improvement)
        assert outcome.step_losses == real.step_losses
        assert np.array_equal(outcome.state.weights, real.state.weights)
        assert sorted(m.credit for m in outcome.members) == sorted(m.credit for m in real.members)
    assert any(m.credit for m in outcomes[0].members)


def test_run_says_so_when_it_has_no_noise(bare):
    assert bare.manifest.privacy.sigma_e4 == 0
    assert {bare.epsilons(actor)[-1] for actor in bare.actors} == {0.0}


def test_simulation_repeats_when_its_noise_does():
    settings = replace(BARE, epsilon=8.0)
    world, _, manifest = found_world(build_cast(MAILS, settings), settings)
    privacy = privacy_section(8.0, 2)

    def weights(seed: int):
        rules = replace(manifest.rules, etas=ETAS_NO_DP)
        return simulate(world, rules, privacy, entropy=SeededEntropy(seed, "n"))[-1].state.weights

    assert np.array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


def test_suspended_member_is_left_out_when_it_only_harms():
    """A member with flipped labels in a federation of many rounds, without noise."""
    settings = replace(BARE, members=4, rounds=3, alpha=10.0)
    world, _, manifest = found_world(build_cast(made_up_mails(900), settings), settings)
    flipped = replace(world.members[0], examples=_flipped(world.members[0].examples))
    spoilt = replace(world, members=[flipped, flipped, *world.members[1:]])
    outcomes = simulate(spoilt, manifest.rules, manifest.privacy, entropy=refuse)
    statuses = [[m.status for m in o.members][:2] for o in outcomes]
    assert statuses[:2] == [[Status.ACCEPTED] * 2] * 2
    assert statuses[2] == [Status.SUSPENDED] * 2
    assert {m.status for m in outcomes[2].members[2:]} == {Status.ACCEPTED}


def _flipped(examples):
    return type(examples)(examples.words, examples.offsets, 1 - examples.labels)
