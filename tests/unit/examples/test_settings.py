"""What the example agrees on: noise that spends the budget and no more, and one canonical manifest."""

from __future__ import annotations

import pytest

from examples.spam_detection.settings import (
    CLIP_MILLI,
    CLIP_MILLI_NO_DP,
    FEATURES,
    ROLES,
    Settings,
    build_manifest,
    chain_section,
    privacy_section,
)
from federation.manifest import Manifest, Parties
from federation.privacy import spend
from federation.types import Address
from tests.agreed import AGGREGATOR, COMMUNITY, PROVIDERS


@pytest.mark.parametrize("epsilon", [0.5, 3.0, 8.0])
@pytest.mark.parametrize("rounds", [1, 3, 20])
def test_noise_spends_the_budget_and_no_more_when_every_round_is_taken(epsilon, rounds):
    section = privacy_section(epsilon, rounds)
    spent = spend([section.sigma] * rounds, section.budget.delta).epsilon
    assert section.budget.epsilon == epsilon
    assert 0.999 * epsilon < spent <= epsilon
    assert spend([section.sigma] * (rounds + 1), section.budget.delta).epsilon > epsilon
    assert section.clip_milli == CLIP_MILLI


def test_noise_is_none_when_there_is_no_budget():
    section = privacy_section(None, 20)
    assert (section.epsilon, section.sigma_e4, section.clip_milli) == ("inf", 0, CLIP_MILLI_NO_DP)


def test_manifest_is_one_text_when_it_is_read_back():
    settings = Settings(rounds=7)
    parties = Parties(
        community=COMMUNITY.did, aggregator=AGGREGATOR.did, providers=[p.did for p in PROVIDERS]
    )
    providers = [Address(f"0x{i:040x}") for i in range(1, 4)]
    chain = chain_section(Address("0x" + "cd" * 20), providers)
    manifest = build_manifest(settings, parties=parties, chain=chain, shards=9)
    assert Manifest.from_toml(manifest.to_toml()) == manifest
    assert (manifest.rounds, manifest.validation.shards) == (7, 9)
    assert manifest.model.features_sha256 == FEATURES.digest.hex()
    assert manifest.rules.etas[0] == 0
    assert manifest.privacy == privacy_section(8.0, 7)
    assert manifest.chain.providers == providers


def test_roles_are_the_nine_cheats_when_counted():
    assert set(ROLES) == {"flip", "noise", "zero", "stale", "model", "copy", "scale", "cap", "nan"}
    assert len(ROLES) == 9
