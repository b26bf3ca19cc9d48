"""The manifest's numbers arrive in the contract's constructor, each in its own place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.abi import to_address
from contracts.agreement import account, federation_config, stake_lock
from contracts.bindings.structs import Config
from federation.manifest import BondSection, DeadlineSection, Manifest, ValidatorSection
from tests.agreed import agreed

from .conftest import key

TOKEN, RANDOMNESS, JUDGE, VALIDATOR = (
    key(name).address for name in ("token", "randomness", "judge", "validator")
)
YEAR = 365 * 86_400


def changed(**sections) -> Manifest:
    return agreed().model_copy(update=sections)


DISTINCT = changed(
    deadlines=DeadlineSection(phase=11, settle=12, challenge=13, answer=10),
    bonds=BondSection(aggregator_wei="21", provider_wei="22", challenger_wei="23"),
    validators=ValidatorSection(accounts=[VALIDATOR.lower(), JUDGE.lower()], quorum=2, bond_wei="24"),
)


def config(manifest: Manifest = DISTINCT) -> Config:
    return federation_config(manifest, token=TOKEN, randomness=RANDOMNESS, judges=[JUDGE])


def test_every_number_stands_in_its_place_when_a_manifest_is_deployed() -> None:
    assert config() == Config(
        manifest_hash=DISTINCT.hash,
        aggregator=to_address(bytes.fromhex("cd" * 20)),
        token=TOKEN,
        randomness=RANDOMNESS,
        draw_delay=2,
        phase_duration=11,
        settle_duration=12,
        challenge_window=13,
        answer_window=10,
        aggregator_bond=21,
        provider_bond=22,
        challenger_bond=23,
        validator_bond=24,
        quorum=2,
        validators=(VALIDATOR, JUDGE),
        judges=(JUDGE,),
    )


@pytest.mark.parametrize("text", [str.lower, lambda a: "0x" + a[2:].upper(), str])
def test_account_is_one_address_when_it_is_spelt_in_another_case(text) -> None:
    assert account(text(TOKEN)) == TOKEN


def test_config_names_the_manifest_when_only_its_text_differs() -> None:
    other = DISTINCT.model_copy(update={"name": "another"})
    assert config(other) == replace(config(), manifest_hash=other.hash)
    assert other.hash != DISTINCT.hash


def test_stake_outlasts_an_epoch_when_every_phase_takes_its_time() -> None:
    # Five phases a round; a conviction starts the time to settle anew.
    assert stake_lock(DISTINCT) == 3 * 5 * 11 + 2 * 12 + 13 + 10
    assert stake_lock(DISTINCT.model_copy(update={"rounds": 4})) == stake_lock(DISTINCT) + 5 * 11


def test_stake_is_locked_for_a_year_at_most_when_an_epoch_is_longer() -> None:
    long = DeadlineSection(phase=86_400, settle=86_400, challenge=1, answer=1)
    assert stake_lock(changed(deadlines=long).model_copy(update={"rounds": 100})) == YEAR
