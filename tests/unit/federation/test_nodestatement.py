"""A node's statement: what is signed, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge.did import verify
from federation.errors import DataError, IdentityError
from federation.nodestatement import MOST_BYTES, NodeStatement, possession_digest, prove_possession
from federation.types import Address, Did

VECTOR = json.loads((Path(__file__).parents[2] / "vectors" / "node.json").read_text())
STATEMENT = NodeStatement.parse(json.dumps(VECTOR["statement"]).encode())


def test_digests_are_the_vectors_when_another_program_made_them():
    assert STATEMENT.member_digest().hex() == VECTOR["member_digest"]
    digest = possession_digest(STATEMENT.chain_id, STATEMENT.federation, STATEMENT.did, STATEMENT.node_key)
    assert digest.hex() == VECTOR["possession_digest"]
    assert STATEMENT.key_pem().decode() == VECTOR["node_key_pem"]
    STATEMENT.require_possession()
    verify(STATEMENT.signer, STATEMENT.member_digest(), STATEMENT.signature)


def test_statement_reads_back_when_it_was_written():
    assert NodeStatement.parse(STATEMENT.to_bytes()) == STATEMENT
    assert json.loads(STATEMENT.to_bytes()) == VECTOR["statement"]


OTHER = ec.derive_private_key(77, ec.SECP384R1())
OTHER_POINT, OTHER_PROOF = prove_possession(OTHER, 1, STATEMENT.federation, STATEMENT.did)


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 1},
        {"federation": Address("0x" + "22" * 20)},
        {"did": Did("did:key:z6MkOther")},
        {"node_key": OTHER_POINT},
        {"possession": OTHER_PROOF},
        {"possession": b"\x30"},
    ],
    ids=str,
)
def test_possession_is_refused_when_it_is_for_something_else(change):
    with pytest.raises(IdentityError, match="own key has not signed"):
        replace(STATEMENT, **change).require_possession()


@pytest.mark.parametrize(
    "change", [{"at": STATEMENT.at + 1}, {"node_key": OTHER_POINT}, {"chain_id": 1}], ids=str
)
def test_members_signature_is_refused_when_it_is_for_something_else(change):
    changed = replace(STATEMENT, **change)
    with pytest.raises(IdentityError):
        verify(changed.signer, changed.member_digest(), changed.signature)


def test_key_is_refused_when_it_is_no_point_of_the_curve():
    off = replace(STATEMENT, node_key=STATEMENT.node_key[:-1] + bytes([STATEMENT.node_key[-1] ^ 1]))
    with pytest.raises(IdentityError, match="no point"):
        off.key_pem()
    with pytest.raises(IdentityError, match="no point"):
        off.require_possession()


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()]
)
def test_nothing_is_proved_when_the_key_is_of_another_kind(key):
    with pytest.raises(IdentityError, match="P-384"):
        prove_possession(key, 1, STATEMENT.federation, STATEMENT.did)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "folkmoot-node-statement-2"},
        {"chain_id": "31337"},
        {"chain_id": 0},
        {"federation": "0x12"},
        {"did": "key"},
        {"node_key": "04" + "0" * 190},
        {"node_key": VECTOR["statement"]["node_key"].upper()},
        {"at": -1},
        {"at": 1.5},
        {"signature": ""},
        {"capability": "abc"},
        {"more": 1},
    ],
    ids=str,
)
def test_statement_is_refused_when_a_field_is_malformed(change):
    with pytest.raises(DataError):
        NodeStatement.parse(json.dumps({**VECTOR["statement"], **change}).encode())


def test_statement_is_refused_when_it_is_too_long():
    with pytest.raises(DataError, match=str(MOST_BYTES)):
        NodeStatement.parse(STATEMENT.to_bytes() + b" " * MOST_BYTES)


@given(st.binary(max_size=200))
def test_bytes_are_refused_when_they_are_no_statement(data):
    with pytest.raises(DataError):
        NodeStatement.parse(data)
