"""Signatures of digests: by a member's own key, or by one that its account's wallet authorised."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ceramic_bridge.authority import SKEW, Authority
from ceramic_bridge.cacao import Capability
from ceramic_bridge.dagcbor import encode
from ceramic_bridge.delegated import DigestVerifier, sign_digest
from ceramic_bridge.did import EcdsaIdentity
from federation.errors import IdentityError
from federation.hashing import sha256
from tests.agreed import MODELS, identity
from tests.wallets import NOTES, NOW, session

DIGEST, OTHER = sha256(b"digest"), sha256(b"other")
CHECK = DigestVerifier(model=MODELS["contribution"], authority=Authority(now=1000 * NOW))


def signed(by, digest=DIGEST):
    return sign_digest(by.identity, by.capability, digest)


@pytest.mark.parametrize("key", [identity("a"), EcdsaIdentity(sha256(b"a"))], ids=["ed25519", "secp256k1"])
def test_own_signature_is_the_plain_one_when_a_key_acts_for_itself(key):
    raw = sign_digest(key, None, DIGEST)
    assert raw == key.sign(DIGEST)
    CHECK(key.did, DIGEST, raw)
    for did, digest in ((key.did, OTHER), (identity("b").did, DIGEST)):
        with pytest.raises(IdentityError):
            CHECK(did, digest, raw)


def test_session_signs_for_its_account_when_the_wallet_allowed_it():
    by = session()
    raw = signed(by)
    assert raw == signed(by)
    CHECK(by.did, DIGEST, raw)
    for did in (by.identity.did, session("another").did):
        with pytest.raises(IdentityError):
            CHECK(did, DIGEST, raw)
    with pytest.raises(IdentityError):
        CHECK(by.did, OTHER, raw)


def test_signature_is_refused_when_another_key_shows_the_capability():
    by = session()
    with pytest.raises(IdentityError, match="not by"):
        CHECK(by.did, DIGEST, sign_digest(identity("thief"), by.capability, DIGEST))


def test_signature_is_refused_when_the_capability_does_not_cover_the_model():
    by = session()
    for resources in ((f"ceramic://*?model={MODELS['data']}",), (MODELS["contribution"].url,), (), None):
        narrow = session(resources=resources)
        with pytest.raises(IdentityError, match="cover"):
            CHECK(by.did, DIGEST, signed(narrow))
    wide = session(resources=("ceramic://*",))
    CHECK(by.did, DIGEST, signed(wide))
    replace(CHECK, model=NOTES)(by.did, DIGEST, signed(wide))
    with pytest.raises(IdentityError, match="cover"):
        replace(CHECK, model=NOTES)(by.did, DIGEST, signed(by))


def test_signature_is_refused_when_the_capability_did_not_hold():
    by = session(expires=1000 * NOW)
    at = replace(CHECK, authority=Authority(now=1000 * NOW + SKEW))
    at(by.did, DIGEST, signed(by))
    with pytest.raises(IdentityError, match="expired"):
        replace(CHECK, authority=Authority(now=1000 * NOW + SKEW + 1))(by.did, DIGEST, signed(by))


def test_signature_is_refused_when_its_bytes_are_something_else():
    by = session()
    assert isinstance(by.capability, Capability)
    whole = {"capability": by.capability.block, "signature": by.identity.sign(DIGEST)}
    CHECK(by.did, DIGEST, encode(whole))
    bad = [
        b"",
        by.identity.sign(DIGEST),
        encode([1]),
        encode({"signature": whole["signature"]}),
        encode({**whole, "more": 1}),
        encode({**whole, "capability": b"no block"}),
        encode({**whole, "signature": b"short"}),
        encode(whole) + b"\x00",
    ]
    for raw in bad:
        with pytest.raises(IdentityError):
            CHECK(by.did, DIGEST, raw)
