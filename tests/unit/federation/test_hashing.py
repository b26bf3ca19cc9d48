"""Hashes bind everything they are said to bind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from federation.errors import ConfigError
from federation.hashing import Domain, abi_words, commitment, did_hash, keccak256, purpose, sha256, word
from federation.types import Address, Did, Hash32

DOMAIN = Domain(chain_id=31337, federation=Address("0x" + "12" * 20), epoch=4)
GIVEN = {
    "did": Did("did:key:zAA"),
    "base_hash": Hash32(b"b" * 32),
    "delta_sha256": Hash32(b"d" * 32),
    "salt": Hash32(b"s" * 32),
}


def test_digests_are_the_published_ones_when_the_input_is_empty_or_abc():
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert sha256(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_commitment_is_its_formula_when_written_out():
    words = [
        keccak256(b"folkmoot.commitment"),
        (31337).to_bytes(32, "big"),
        bytes(12) + b"\x12" * 20,
        (4).to_bytes(32, "big"),
        (7).to_bytes(32, "big"),
        keccak256(b"did:key:zAA"),
        b"b" * 32,
        b"d" * 32,
        b"s" * 32,
    ]
    assert commitment(DOMAIN, 7, **GIVEN) == keccak256(b"".join(words))


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("did", Did("did:key:zAB")),
        ("base_hash", Hash32(b"B" * 32)),
        ("delta_sha256", Hash32(b"D" * 32)),
        ("salt", Hash32(b"S" * 32)),
    ],
)
def test_commitment_changes_when_any_of_its_values_does(field, other):
    assert commitment(DOMAIN, 1, **{**GIVEN, field: other}) != commitment(DOMAIN, 1, **GIVEN)


@pytest.mark.parametrize(
    "other",
    [
        replace(DOMAIN, chain_id=1),
        replace(DOMAIN, federation=Address("0x" + "13" * 20)),
        replace(DOMAIN, epoch=5),
    ],
)
def test_commitment_changes_when_it_is_for_another_place(other):
    assert commitment(other, 1, **GIVEN) != commitment(DOMAIN, 1, **GIVEN)


def test_commitment_changes_when_it_is_for_another_round_or_purpose():
    values = (did_hash(GIVEN["did"]), GIVEN["base_hash"], GIVEN["delta_sha256"], GIVEN["salt"])
    assert commitment(DOMAIN, 1, **GIVEN) == DOMAIN.digest("commitment", 1, *values)
    assert (
        len({commitment(DOMAIN, r, **GIVEN) for r in range(5)} | {DOMAIN.digest("reveal", 1, *values)}) == 6
    )


def test_words_are_solidity_abi_when_encoded():
    assert word(-1) == b"\xff" * 32
    assert word(258) == bytes(30) + b"\x01\x02"
    assert word("0x" + "ab" * 20) == bytes(12) + b"\xab" * 20
    assert abi_words(1, b"x" * 32) == word(1) + b"x" * 32
    assert purpose("trace") == keccak256(b"folkmoot.trace")


@pytest.mark.parametrize("value", [1 << 256, -(1 << 255) - 1, b"short", bytes(33), "0x12", "0x" + "ab" * 21])
def test_word_is_refused_when_it_does_not_fit(value):
    with pytest.raises(ConfigError):
        word(value)
