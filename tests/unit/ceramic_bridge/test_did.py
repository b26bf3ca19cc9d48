"""Keys sign as did:key and show no secret."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge.did import Identity, public_key, verify
from federation.errors import IdentityError
from federation.types import Did


@pytest.mark.parametrize("name", ["ed25519_A", "ed25519_B"])
def test_did_matches_the_reference_when_seed_is_shared(vectors: dict[str, Any], name: str) -> None:
    key = vectors["keys"][name]
    identity = Identity(bytes.fromhex(key["seed_hex"]))
    assert identity.did == key["did"]
    assert public_key(identity.did).hex() == key["pub_hex"]


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40))
def test_signature_verifies_when_nothing_changed(seed: bytes, message: bytes) -> None:
    identity = Identity(seed)
    verify(identity.did, message, identity.sign(message))


def test_signature_is_refused_when_anything_changed(alice: Identity, bob: Identity) -> None:
    signature = alice.sign(b"message")
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    order = 2**252 + 27742317777372353535851937790883648493
    raised = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    for did, message, candidate in [
        (bob.did, b"message", signature),
        (alice.did, b"massage", signature),
        (alice.did, b"message", flipped),
        (alice.did, b"message", raised),
        (alice.did, b"message", signature[:-1]),
        (alice.did, b"message", b""),
        (alice.did, b"message", signature + b"\0"),
    ]:
        with pytest.raises(IdentityError):
            verify(did, message, candidate)


def test_did_is_refused_when_not_a_canonical_ed25519_key(vectors: dict[str, Any], alice: Identity) -> None:
    for text in [
        "",
        "did:key:",
        alice.did[:-1],
        alice.did + "1",
        alice.did.replace("z6", "z1"),
        alice.did[:-1] + "0",
        alice.did[:-1] + "é",
        alice.did.removeprefix("did:key:z"),
        "did:key:z" + "z" * 47,
        "did:key:z" + "1" * 47,
        vectors["keys"]["secp256k1_K"]["did"],
        vectors["keys"]["eth"]["did_pkh"],
    ]:
        with pytest.raises(IdentityError):
            public_key(Did(text))


def test_low_order_key_is_refused_when_it_would_verify_anything() -> None:
    # With the neutral point as key, R = neutral and s = 0 satisfy the equation for any message.
    neutral = b"\x01" + bytes(31)
    from ceramic_bridge.did import _did_of

    with pytest.raises(IdentityError):
        verify(_did_of(neutral), b"anything", neutral + bytes(32))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_identity_is_refused_when_seed_has_another_length(size: int) -> None:
    with pytest.raises(IdentityError):
        Identity(bytes(size))


def test_repr_shows_no_secret_when_printed(alice: Identity) -> None:
    shown = repr(alice) + str(alice)
    assert alice.did in shown
    assert bytes(range(32)).hex() not in shown
    assert repr(bytes(range(32)))[2:20] not in shown
    assert not hasattr(alice, "__dict__")
