"""DAG-JOSE envelopes with one signature (IPLD DAG-JOSE specification; RFC 7515, 8037 and 8812).

The only protected header accepted is the one this module writes: ``alg``, the capability if
there is one, and ``kid``, compact, keys sorted. A payload can be signed again, so nothing may
be counted by its envelope's CID.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ceramic_bridge import did as dids
from ceramic_bridge.cid import DAG_CBOR, SHA2_256, Cid
from ceramic_bridge.errors import MalformedData
from ceramic_bridge.multibase import base64url
from federation.errors import IdentityError
from federation.types import Did

_HEADER: Final = re.compile(
    rb'\{"alg":"(?:EdDSA|ES256K)",(?:"cap":"ipfs://(b[a-z2-7]{1,100})",)?'
    rb'"kid":"(did:key:z[1-9A-HJ-NP-Za-km-z]{1,100})#[1-9A-HJ-NP-Za-km-z]{1,100}"\}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A verified envelope.

    Attributes:
        signer: The key that signed.
        payload: CID of the payload block.
        capability: CID of the capability under which it signed, if any.
    """

    signer: Did
    payload: Cid
    capability: Cid | None


def _protected(did: Did, capability: Cid | None) -> bytes:
    # DIDs and CIDs hold nothing that JSON would escape.
    cap = "" if capability is None else f'"cap":"ipfs://{capability}",'
    return f'{{"alg":"{dids.algorithm(did)}",{cap}"kid":"{dids.key_id(did)}"}}'.encode()


def _signing_input(protected: bytes, link: bytes) -> bytes:
    return f"{base64url(protected)}.{base64url(link)}".encode()


# The DAG-CBOR of ``{payload: link, signatures: [{protected, signature}]}``, byte strings all three:
# a link has 36 bytes, a protected header 24 to 255, a signature 64.
_BEFORE_LINK: Final = b"\xa2\x67payload\x58\x24"
_BEFORE_PROTECTED: Final = b"\x6asignatures\x81\xa2\x69protected\x58"
_BEFORE_SIGNATURE: Final = b"\x69signature\x58\x40"


def _block(link: bytes, protected: bytes, signature: bytes) -> bytes:
    size = bytes((len(protected),))
    return b"".join((_BEFORE_LINK, link, _BEFORE_PROTECTED, size, protected, _BEFORE_SIGNATURE, signature))


def _parts(block: bytes) -> tuple[bytes, bytes, bytes]:
    start = len(_BEFORE_LINK)
    protected_at = start + 36 + len(_BEFORE_PROTECTED) + 1
    signature_at = len(block) - 64
    link = block[start : start + 36]
    protected = block[protected_at : signature_at - len(_BEFORE_SIGNATURE)]
    signature = block[signature_at:] if signature_at > 0 else b""
    if not 24 <= len(protected) <= 255 or _block(link, protected, signature) != block:
        raise MalformedData("an envelope must hold a payload's CID and exactly one signature")
    return link, protected, signature


def sign_payload(identity: dids.Signer, payload_cid: Cid, capability: Cid | None = None) -> bytes:
    """Sign the CID of a payload block.

    Args:
        identity: The key.
        payload_cid: What to sign.
        capability: The capability under which to sign, if for an account.

    Returns:
        The envelope block; its CID has the codec ``DAG_JOSE``.
    """
    protected = _protected(identity.did, capability)
    link = payload_cid.to_bytes()
    signature = identity.sign(_signing_input(protected, link))
    return _block(link, protected, signature)


def _hashed_dag_cbor(cid: Cid, role: str) -> Cid:
    if (cid.codec, cid.hash_code) != (DAG_CBOR, SHA2_256):
        raise MalformedData(f"an envelope's {role} must be the SHA-256 CID of a DAG-CBOR block")
    return cid


# Sessions sign many events with one header; only well-formed ones are kept.
@lru_cache(maxsize=1024)
def _parse_protected(protected: bytes) -> tuple[Did, Cid | None]:
    found = _HEADER.fullmatch(protected)
    if found is None:
        raise MalformedData("an envelope's protected header must be alg, cap if any, and kid")
    signer = Did(found[2].decode())
    capability = Cid.parse(found[1].decode()) if found[1] else None
    try:
        expected = _protected(signer, capability)
    except IdentityError as error:
        raise MalformedData(f"an envelope's kid names no key: {error.message}") from error
    if protected != expected:
        raise MalformedData("an envelope's protected header is not the one of its signer's own key")
    return signer, None if capability is None else _hashed_dag_cbor(capability, "capability")


def verify_envelope(block: bytes) -> Envelope:
    """Check an envelope's form and signature.

    Raises:
        MalformedData: The block is not the one encoding of an envelope with one signature, or
            its ``kid`` is not the key of its own DID.
        IdentityError: The signature does not verify.
    """
    link, protected, signature = _parts(block)
    signer, capability = _parse_protected(protected)
    payload = _hashed_dag_cbor(Cid.from_bytes(link), "payload")
    dids.verify(signer, _signing_input(protected, link), signature)
    return Envelope(signer=signer, payload=payload, capability=capability)
