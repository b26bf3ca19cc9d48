"""A cohort is drawn by hashes alone: everybody computes the same, and nobody's chance is better."""

from __future__ import annotations

from collections import Counter

from federation.cohort import cohort, enough
from federation.hashing import Domain, abi_words, did_hash, keccak256
from federation.types import Address, Did, Hash32

DOMAIN = Domain(chain_id=31337, federation=Address("0x" + "ab" * 20), epoch=2)
BEACON = Hash32(b"\x11" * 32)
MEMBERS = [Did(f"did:key:z{i}") for i in range(9)]


def drawn(size, members=MEMBERS, beacon=BEACON, round_=3):
    return cohort(members, size=size, domain=DOMAIN, round_=round_, beacon=beacon)


def test_cohort_is_the_lowest_ranks_when_they_are_hashed_by_hand():
    def rank(did):
        name = keccak256(b"folkmoot.cohort")
        return keccak256(abi_words(name, 31337, "0x" + "ab" * 20, 2, 3, BEACON, did_hash(did)))

    assert drawn(4) == frozenset(sorted(MEMBERS, key=rank)[:4])


def test_everybody_is_asked_when_there_is_no_size_or_enough_room():
    assert drawn(None) == drawn(9) == drawn(50) == frozenset(MEMBERS)


def test_cohort_is_the_same_when_members_come_in_another_order():
    assert drawn(4, list(reversed(MEMBERS))) == drawn(4)


def test_cohort_is_another_when_round_or_beacon_is():
    seen = {drawn(4), drawn(4, round_=4), drawn(4, beacon=Hash32(b"\x12" * 32))}
    assert len(seen) == 3


def test_members_are_drawn_alike_often_when_many_rounds_pass():
    counts = Counter(did for r in range(900) for did in drawn(3, round_=r))
    # 300 are expected; the standard deviation is 14.
    assert all(230 < counts[did] < 370 for did in MEMBERS)


def test_round_goes_on_only_when_the_minimum_is_reached():
    assert [enough(n, 3) for n in range(5)] == [False, False, False, True, True]
