"""Signatures of plain digests by members, some of whom act by a capability.

A member that is a ``did:key`` signs by that key: 64 bytes. For an account its session's key signs, and
the signature carries the capability that lets it: a DAG-CBOR map of both. So whoever knows the time that
counts can check it, without an event of the member.
"""

from __future__ import annotations

from dataclasses import dataclass

from ceramic_bridge.authority import Authority
from ceramic_bridge.cacao import Capability
from ceramic_bridge.cid import StreamId
from ceramic_bridge.dagcbor import decode, encode
from ceramic_bridge.did import Signer, verify
from ceramic_bridge.errors import MalformedData
from ceramic_bridge.pkh import PREFIX
from federation.errors import IdentityError
from federation.types import Did


def sign_digest(signer: Signer, capability: Capability | None, digest: bytes) -> bytes:
    """Sign a digest for a member.

    Args:
        signer: The key.
        capability: Lets the key act for an account; None if it acts for itself.
        digest: What is signed; 32 bytes that name their own purpose and place.
    """
    signature = signer.sign(digest)
    if capability is None:
        return signature
    return encode({"capability": capability.block, "signature": signature})


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestVerifier:
    """Checks signatures of ``sign_digest``.

    Attributes:
        model: The model whose documents a capability must let its key write.
        authority: Judges capabilities at one time; all who judge must agree on it.
    """

    model: StreamId
    authority: Authority

    def __call__(self, did: Did, digest: bytes, signature: bytes) -> None:
        """Check that a member signed a digest.

        Raises:
            IdentityError: It did not, or its capability does not cover the model or did not hold.
        """
        if not did.startswith(PREFIX):
            verify(did, digest, signature)
            return
        capability, raw = _read(signature)
        if capability.controller != did:
            raise IdentityError("the signature shows another account's capability")
        if not capability.covers_all(self.model):
            raise IdentityError("the signature's capability does not cover the model")
        self.authority.check(capability.cid, capability)
        verify(capability.grant.audience, digest, raw)


def _read(signature: bytes) -> tuple[Capability, bytes]:
    try:
        match decode(signature):
            case {"capability": bytes() as block, "signature": bytes() as raw, **rest} if not rest:
                return Capability.read(block), raw
    except MalformedData as error:
        raise IdentityError("the signature of an account's key is malformed") from error
    raise IdentityError("the signature of an account's key is malformed")
