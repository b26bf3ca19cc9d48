"""The roster: one canonical text, or none."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import VerificationFailed
from federation.roster import Roster
from federation.types import Did

ROSTER = Roster({Did("did:key:zB"): 7, Did("did:key:zA"): 12}, bytes(64))
TEXT = b'{"did:key:zA":12,"did:key:zB":7}'


def test_roster_is_sorted_json_without_spaces_when_written():
    assert ROSTER.to_bytes() == TEXT
    assert ROSTER.hash == hashlib.sha256(TEXT).digest()


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.integers(1, 1 << 40), min_size=1, max_size=5))
def test_roster_reads_back_when_it_is_canonical(quotas):
    data = Roster({Did(d): q for d, q in quotas.items()}).to_bytes()
    assert Roster.parse(data).quotas == quotas


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (TEXT[:-1], "not JSON"),
        (b"{}", "not a table"),
        (b"[1]", "not a table"),
        (b'{"a":0}', "not a table"),
        (b'{"a":-1}', "not a table"),
        (b'{"a":1.0}', "not a table"),
        (b'{"a":true}', "not a table"),
        (b'{"a":"1"}', "not a table"),
        (TEXT + b"\n", "canonical"),
        (b'{"b":1,"a":1}', "canonical"),
        (b'{"a":2,"a":1}', "canonical"),
        (b'{"a": 1}', "canonical"),
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
