"""The roster: one canonical text, signed for one epoch, or none."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge.did import Identity, verify
from federation.errors import IdentityError, VerificationFailed
from federation.hashing import sha256
from federation.roster import Roster
from federation.types import Did
from tests.unit.federation._world import DOMAIN

QUOTAS = {Did("did:key:zB"): 7, Did("did:key:zA"): 12}
ROSTER = Roster(QUOTAS, bytes(range(64)))
SIGNED = bytes(range(64)).hex().encode()
TEXT = b'{"quotas":{"did:key:zA":12,"did:key:zB":7},"signature":"' + SIGNED + b'"}'


def test_roster_is_sorted_json_without_spaces_when_written():
    assert ROSTER.to_bytes() == TEXT
    assert ROSTER.hash == hashlib.sha256(TEXT).digest()


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.integers(1, 1 << 40), min_size=1, max_size=5),
    st.binary(min_size=64, max_size=64),
)
def test_roster_reads_back_when_it_is_canonical(quotas, signature):
    data = Roster({Did(d): q for d, q in quotas.items()}, signature).to_bytes()
    assert Roster.parse(data) == Roster(quotas, signature)


def _table(quotas: bytes, signature: bytes = b'"00"') -> bytes:
    return b'{"quotas":' + quotas + b',"signature":' + signature + b"}"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a table"),
        (b"\xff", "not a table"),
        (TEXT[:-1], "not a table"),
        (b"{}", "not a table"),
        (b"[1]", "not a table"),
        (b'{"did:key:zA":12}', "not a table"),
        (b'{"quotas":{"a":1}}', "not a table"),
        (b'{"signature":"00"}', "not a table"),
        (_table(b"[]"), "not a table"),
        (_table(b'{"a":1}', b"0"), "not a table"),
        (_table(b'{"a":1}', b'"0"'), "not a table"),
        (_table(b'{"a":1}', b'"zz"'), "not a table"),
        (_table(b'{"a":NaN}'), "not a table"),
        (_table(b"[" * 40 + b"]" * 40), "not a table"),
        (_table(b'{"a":' + b"9" * 5000 + b"}"), "not a table"),
        (_table(b"{}"), "not a positive number"),
        (_table(b'{"a":0}'), "not a positive number"),
        (_table(b'{"a":-1}'), "not a positive number"),
        (_table(b'{"a":1.0}'), "not a positive number"),
        (_table(b'{"a":1e3}'), "not a positive number"),
        (_table(b'{"a":true}'), "not a positive number"),
        (_table(b'{"a":"1"}'), "not a positive number"),
        (_table(b'{"a":null}'), "not a positive number"),
        (TEXT + b"\n", "canonical"),
        (_table(b'{"b":1,"a":1}'), "canonical"),
        (_table(b'{"a":2,"a":1}'), "canonical"),
        (_table(b'{"a": 1}'), "canonical"),
        (_table(b'{"a":1}', b'"0 0"'), "not a table"),
        (_table(b'{"a":1}', b'"00 00"'), "canonical"),
        (_table(b'{"a":1}', b'"AB"'), "canonical"),
        (b'{"signature":"00","quotas":{"a":1}}', "canonical"),
        (b'{"quotas":{"a":1},"signature":"00","x":1}', "canonical"),
        (_table(b'{"a":1}').decode().encode("utf-16-le"), "canonical|not a table"),
    ],
)
def test_roster_is_refused_when_it_is_not_canonical(data, why):
    with pytest.raises(VerificationFailed, match=why):
        Roster.parse(data)


@given(st.integers(0, 8 * len(TEXT) - 1))
def test_roster_differs_or_is_refused_when_a_bit_flips(bit):
    data = bytearray(TEXT)
    data[bit // 8] ^= 1 << bit % 8
    try:
        roster = Roster.parse(bytes(data))
    except VerificationFailed:
        return
    assert roster.to_bytes() == bytes(data)
    assert roster.hash != ROSTER.hash


def test_community_signs_the_quotas_for_one_place_when_the_order_of_members_is_any():
    signed = Roster.signed_bytes(QUOTAS, DOMAIN)
    text = json.dumps({"did:key:zA": 12, "did:key:zB": 7}, separators=(",", ":")).encode()
    assert signed == DOMAIN.digest("roster", 0, sha256(text))
    assert Roster.signed_bytes(dict(reversed(QUOTAS.items())), DOMAIN) == signed
    others = {
        Roster.signed_bytes({**QUOTAS, Did("did:key:zA"): 13}, DOMAIN),
        Roster.signed_bytes({Did("did:key:zA"): 12}, DOMAIN),
        Roster.signed_bytes({Did("did:key:zA"): 7, Did("did:key:zB"): 12}, DOMAIN),
        Roster.signed_bytes(QUOTAS, replace(DOMAIN, epoch=2)),
        Roster.signed_bytes(QUOTAS, replace(DOMAIN, chain_id=1)),
        Roster.signed_bytes(QUOTAS, replace(DOMAIN, federation="0x" + "cd" * 20)),
    }
    assert len(others | {signed}) == 7


def test_signature_is_the_communitys_when_the_roster_was_read_back_and_nobody_elses():
    community, stranger = Identity(bytes(32)), Identity(b"\1" * 32)
    roster = Roster(QUOTAS, community.sign(Roster.signed_bytes(QUOTAS, DOMAIN)))
    again = Roster.parse(roster.to_bytes())
    verify(community.did, Roster.signed_bytes(again.quotas, DOMAIN), again.signature)
    for did, quotas, domain in (
        (stranger.did, QUOTAS, DOMAIN),
        (community.did, {**QUOTAS, Did("did:key:zA"): 13}, DOMAIN),
        (community.did, QUOTAS, replace(DOMAIN, epoch=2)),
    ):
        with pytest.raises(IdentityError):
            verify(did, Roster.signed_bytes(quotas, domain), again.signature)
