"""Who takes part: shares that share nothing, cheats with the median share, keys that repeat with the seed."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from client.member import Member
from examples.spam_detection.cheats import CHEATS
from examples.spam_detection.settings import FEATURES, ROLES, Settings
from examples.spam_detection.world import (
    PROVIDERS,
    SeededEntropy,
    build_cast,
    entropy_for,
    examples_of,
    found_world,
)
from federation.features import word_indices
from tests.world import SMALL, made_up_mails

MAILS = made_up_mails()


def test_entropy_repeats_when_seed_and_use_do():
    one, two = SeededEntropy(0, "a"), SeededEntropy(0, "a")
    assert [one(16), one(16), one(5)] == [two(16), two(16), two(5)]


def test_entropy_never_repeats_when_seed_use_or_call_differ():
    source = SeededEntropy(0, "a")
    drawn = [source(32), source(32), SeededEntropy(1, "a")(32), SeededEntropy(0, "b")(32)]
    assert len(set(drawn)) == 4
    # Neither "1/2" + "3" and "1" + "2/3", nor use and counter, may meet in one stream.
    tenth = SeededEntropy(0, "a")
    drawn = [tenth(32) for _ in range(12)]
    assert len({*drawn, SeededEntropy(0, "a1")(32), SeededEntropy(0, "a/1")(32)}) == 14
    assert all(a != b for a, b in pairwise(drawn))


def test_entropy_is_the_systems_when_there_is_no_seed():
    assert entropy_for(None, "noise") is os.urandom
    assert entropy_for(0, "noise")(4) == SeededEntropy(0, "noise")(4)


@pytest.fixture(scope="module")
def cast():
    return build_cast(MAILS, SMALL)


def test_cast_has_its_parties_when_it_is_built(cast):
    assert [p.name for p in cast.parties] == [f"member-{i:02d}" for i in range(1, 15)]
    assert [p.role for p in cast.parties] == ["honest"] * 5 + list(ROLES)
    assert [p.behaviour for p in cast.parties] == [Member] * 5 + [CHEATS[role] for role in ROLES]
    assert cast.honest == list(cast.parties[:5])
    assert len(cast.providers) == PROVIDERS == 3


def test_cheats_hold_the_median_share_when_dealt(cast):
    sizes = sorted(len(p.mails) for p in cast.honest)
    for cheat in cast.parties[5:]:
        assert len(cheat.mails) == sizes[2]
        assert any(cheat.mails == honest.mails for honest in cast.honest)


def test_parts_share_no_mail_and_no_thread_when_dealt(cast):
    parts = [
        *[set(p.mails) for p in cast.honest],
        *[set(part) for part in cast.providers],
        set(cast.test),
    ]
    assert sum(map(len, parts)) == len(set().union(*parts)) == len(set(MAILS))
    train = {m.thread for p in cast.honest for m in p.mails}
    validation = {m.thread for part in cast.providers for m in part}
    test = {m.thread for m in cast.test}
    assert [train & validation, train & test, validation & test] == [set()] * 3


def test_cast_is_the_same_when_the_seed_is(cast):
    assert build_cast(MAILS, SMALL) == cast
    assert build_cast(MAILS, replace(SMALL, seed=1)) != cast


def test_examples_are_the_mails_words_when_converted(cast):
    mails = cast.parties[0].mails[:5]
    found = examples_of(mails)
    assert found.labels.tolist() == [int(m.label) for m in mails]
    at = found.offsets
    for i, mail in enumerate(mails):
        assert found.words[at[i] : at[i + 1]].tolist() == sorted(set(word_indices(mail.text, FEATURES)))


def test_pure_world_holds_what_the_cast_does_when_no_chain_is_run(cast):
    world, test, manifest = found_world(cast, SMALL)
    assert [len(m) for m in world.members] == [len(p.mails) for p in cast.parties]
    assert len(test) == len(cast.test)
    assert manifest.rounds == len(world.shards) == 3
    held = len(world.public) + sum(len(s) for s in world.shards)
    assert held == sum(len(part) for part in cast.providers)
    assert min(len(s) for s in world.shards) >= 20
    assert all(np.array_equal(d.mean, test.mean) for d in [*world.members, world.public, *world.shards])


def test_defaults_are_the_demos_when_nothing_is_chosen():
    settings = Settings()
    assert (settings.members, settings.rounds, settings.epsilon, settings.seed) == (20, 20, 8.0, 0)
    assert (settings.alpha, settings.cheats) == (0.5, ROLES)
