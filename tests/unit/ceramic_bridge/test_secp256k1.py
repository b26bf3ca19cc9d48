"""ECDSA keys sign with low s, and verify either."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceramic_bridge import multibase, secp256k1
from ceramic_bridge.cid import DAG_CBOR, Cid
from ceramic_bridge.did import EcdsaIdentity, Identity, agreement_key, algorithm, key_id, verify
from ceramic_bridge.errors import MalformedData
from ceramic_bridge.events import SignedEvent, create_init, decode, encode, from_blocks
from ceramic_bridge.jws import sign_payload, verify_envelope
from federation.errors import IdentityError
from federation.types import Did

CAROL = EcdsaIdentity(b"\x07" * 32)


def _mirrored(signature: bytes) -> bytes:
    s = int.from_bytes(signature[32:], "big")
    return signature[:32] + (secp256k1.ORDER - s).to_bytes(32, "big")


def test_did_matches_the_reference_when_key_is_shared(vectors: dict[str, Any]) -> None:
    key = vectors["keys"]["secp256k1_K"]
    assert EcdsaIdentity(bytes.fromhex(key["priv_hex"])).did == key["did"]
    assert algorithm(key["did"]) == "ES256K"
    assert key_id(key["did"]) == key["did_document"]["verificationMethod"][0]["id"]
    with pytest.raises(IdentityError):
        agreement_key(key["did"])


@given(st.integers(1, secp256k1.ORDER - 1), st.binary(max_size=40))
def test_signature_is_low_and_verifies_either_way_when_nothing_changed(secret: int, message: bytes) -> None:
    identity = EcdsaIdentity(secret.to_bytes(32, "big"))
    signature = identity.sign(message)
    assert len(signature) == 64
    assert int.from_bytes(signature[32:], "big") <= secp256k1.ORDER // 2
    verify(identity.did, message, signature)
    verify(identity.did, message, _mirrored(signature))


def test_signature_is_refused_when_anything_changed(alice: Identity) -> None:
    signature = CAROL.sign(b"message")
    other = EcdsaIdentity(b"\x08" * 32).did
    zero, order = bytes(32), secp256k1.ORDER.to_bytes(32, "big")
    for did, message, candidate in [
        (other, b"message", signature),
        (alice.did, b"message", signature),
        (CAROL.did, b"massage", signature),
        (CAROL.did, b"message", signature[:-1]),
        (CAROL.did, b"message", signature + b"\0"),
        (CAROL.did, b"message", b""),
        (CAROL.did, b"message", zero + signature[32:]),
        (CAROL.did, b"message", signature[:32] + zero),
        (CAROL.did, b"message", order + signature[32:]),
        (CAROL.did, b"message", signature[:32] + order),
        (CAROL.did, b"message", b"\xff" * 64),
        (CAROL.did, b"message", signature[32:] + signature[:32]),
    ]:
        with pytest.raises(IdentityError):
            verify(did, message, candidate)


def test_did_is_refused_when_it_names_no_point() -> None:
    def did(codec: bytes, key: bytes) -> Did:
        return Did("did:key:" + multibase.encode("z", codec + key))

    good = CAROL._key.public_key.format()
    assert algorithm(did(b"\xe7\x01", good)) == "ES256K"
    for bad in [
        did(b"\xe7\x01", good[:-1]),
        did(b"\xe7\x01", good + b"\0"),
        did(b"\xe7\x01", b"\x04" + good[1:]),
        did(b"\xe7\x01", b"\x02" + b"\xff" * 32),
        did(b"\xe7\x01", CAROL._key.public_key.format(compressed=False)),
        did(b"\x80\x24", good),
        did(b"\xec\x01", good[1:]),
        did(b"\xed\x01", good),
    ]:
        with pytest.raises(IdentityError):
            verify(bad, b"", bytes(64))


@pytest.mark.parametrize(
    "secret", [b"", bytes(32), b"\x01" * 31, b"\x01" * 33, secp256k1.ORDER.to_bytes(32, "big"), b"\xff" * 32]
)
def test_identity_is_refused_when_secret_is_none_of_the_curve(secret: bytes) -> None:
    with pytest.raises(IdentityError):
        EcdsaIdentity(secret)


def test_repr_shows_no_secret_when_printed() -> None:
    assert repr(CAROL) == f"EcdsaIdentity({CAROL.did})"
    assert not hasattr(CAROL, "__dict__")


@given(st.binary(min_size=64, max_size=64), st.integers(-1, 4))
def test_recovery_gives_a_point_or_a_typed_error_when_signature_is_arbitrary(data: bytes, bit: int) -> None:
    with suppress(IdentityError):
        assert len(secp256k1.recover(b"\x01" * 32, data, bit)) == 65


def _with_high_s(event: SignedEvent) -> SignedEvent:
    low = event.envelope[-64:]
    return from_blocks(event.payload_block, event.envelope[:-64] + _mirrored(low))


def test_payload_is_the_same_when_a_stranger_mirrors_the_signature(models: dict[str, SignedEvent]) -> None:
    event = create_init(CAROL, model=models["data"].stream_id, content={"a": 1}, unique=bytes(12))
    twin = _with_high_s(event)
    assert decode(encode(event)) == event
    assert twin.cid != event.cid
    assert (twin.payload_cid, twin.signer) == (event.payload_cid, event.signer)


def test_envelope_is_refused_when_algorithm_and_key_differ(alice: Identity) -> None:
    payload = Cid.of(DAG_CBOR, b"")
    envelope = sign_payload(CAROL, payload)
    assert verify_envelope(envelope).signer == CAROL.did
    with pytest.raises(MalformedData):
        verify_envelope(envelope.replace(b"ES256K", b"EdDSAx"))
    swapped = sign_payload(alice, payload).replace(b'"EdDSA"', b'"ES256"')
    with pytest.raises(MalformedData):
        verify_envelope(swapped)
