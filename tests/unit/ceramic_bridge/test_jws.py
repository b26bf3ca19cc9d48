"""Envelopes have one form, one signature, and the signer's own key."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE, RAW, Cid
from ceramic_bridge.dagcbor import MalformedData, decode, encode
from ceramic_bridge.jws import Envelope, sign_payload, verify_envelope
from federation.errors import IdentityError

if TYPE_CHECKING:
    from ceramic_bridge.did import Identity

PAYLOAD = Cid.of(DAG_CBOR, b"\xa0")


def _forge(identity: Identity, protected: bytes, link: bytes = PAYLOAD.to_bytes(), **extra: Any) -> bytes:
    def b64(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signature = identity.sign(b64(protected) + b"." + b64(link))
    return encode(
        {"payload": link, "signatures": [{"protected": protected, "signature": signature}], **extra}
    )


def _protected(did: str, alg: str = "EdDSA") -> bytes:
    return f'{{"alg":"{alg}","kid":"{did}#{did.removeprefix("did:key:")}"}}'.encode()


@pytest.mark.parametrize("name", ["mid_signed_init_ed25519", "mid_data_ed25519", "model_init"])
def test_envelope_matches_the_reference_when_key_and_payload_are_shared(
    vectors: dict[str, Any], alice: Identity, name: str
) -> None:
    case = vectors[name]
    envelope = bytes.fromhex(case["envelope_hex"])
    payload = Cid.parse(case["payload_cid"])
    assert sign_payload(alice, payload) == envelope
    assert verify_envelope(envelope) == Envelope(signer=alice.did, payload=payload, capability=None)
    assert str(Cid.of(DAG_JOSE, envelope)) == case["event_cid"]
    protected = decode(envelope)["signatures"][0]["protected"]  # type: ignore[index,call-overload]  # known shape
    assert protected.decode() == case["protected_json"]  # type: ignore[union-attr]  # known shape


def test_forgery_helper_is_accepted_when_it_forges_nothing(alice: Identity) -> None:
    assert _forge(alice, _protected(alice.did)) == sign_payload(alice, PAYLOAD)


def test_envelope_is_refused_when_header_has_another_form(alice: Identity, bob: Identity) -> None:
    good = _protected(alice.did)
    mixed = f'{{"alg":"EdDSA","kid":"{alice.did}#{bob.did.removeprefix("did:key:")}"}}'.encode()
    for protected in [
        _protected(alice.did, "none"),
        _protected(alice.did, "ES256K"),
        mixed,
        good.replace(b",", b", "),
        good + b" ",
        b'{"kid"' + good.partition(b'"kid"')[2][:-1] + b',"alg":"EdDSA"}',
        good.replace(b'"kid"', b'"cap":"ipfs://x","kid"'),
        b"",
        b"\xff",
        b'{"alg":"EdDSA"}',
    ]:
        with pytest.raises(MalformedData):
            verify_envelope(_forge(alice, protected))


def test_envelope_is_refused_when_another_key_signed(alice: Identity, bob: Identity) -> None:
    with pytest.raises(IdentityError):
        verify_envelope(_forge(bob, _protected(alice.did)))


def test_envelope_is_refused_when_shape_or_payload_is_wrong(alice: Identity) -> None:
    good: Any = decode(sign_payload(alice, PAYLOAD))
    (signature,) = good["signatures"]
    shapes: list[Any] = [
        None,
        [],
        {},
        {**good, "more": 1},
        {**good, "signatures": []},
        {**good, "signatures": [signature, signature]},
        {**good, "signatures": [{**signature, "header": {}}]},
        {**good, "signatures": [{"protected": signature["protected"]}]},
        {**good, "payload": PAYLOAD},
        {**good, "payload": str(PAYLOAD)},
    ]
    for shape in shapes:
        with pytest.raises(MalformedData):
            verify_envelope(encode(shape))
    for cid in (Cid.of(RAW, b""), Cid(codec=DAG_CBOR, hash_code=0x1B, digest=bytes(32))):
        with pytest.raises(MalformedData):
            verify_envelope(_forge(alice, _protected(alice.did), cid.to_bytes()))
    with pytest.raises(MalformedData):
        verify_envelope(_forge(alice, _protected(alice.did), b"\x01"))
