"""DAG-JOSE envelopes with one EdDSA signature (IPLD DAG-JOSE specification, RFC 7515, RFC 8037).

The only protected header accepted is the one this module writes: ``alg`` and ``kid``, compact,
keys sorted. A payload can be signed again, so nothing may be counted by its envelope's CID.
"""

from __future__ import annotations

import base64
import json
import re

from ceramic_bridge import did as dids
from ceramic_bridge.cid import DAG_CBOR, SHA2_256, Cid
from ceramic_bridge.dagcbor import MalformedData, decode, encode
from federation.types import Did

_KID = re.compile(rb'"kid":"(did:key:z[1-9A-HJ-NP-Za-km-z]+)#')


def _protected(did: Did) -> bytes:
    kid = f"{did}#{did.removeprefix('did:key:')}"
    return json.dumps({"alg": "EdDSA", "kid": kid}, separators=(",", ":")).encode()


def _base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _signing_input(protected: bytes, link: bytes) -> bytes:
    return _base64url(protected) + b"." + _base64url(link)


def sign_payload(identity: dids.Identity, payload_cid: Cid) -> bytes:
    """Sign the CID of a payload block.

    Returns:
        The envelope block; its CID has the codec ``DAG_JOSE``.
    """
    protected = _protected(identity.did)
    link = payload_cid.to_bytes()
    signature = identity.sign(_signing_input(protected, link))
    return encode({"payload": link, "signatures": [{"protected": protected, "signature": signature}]})


def verify_envelope(block: bytes) -> tuple[Did, Cid]:
    """Check an envelope's form and signature.

    Returns:
        The signer and the CID of the payload it signed.

    Raises:
        MalformedData: The block is not the one encoding of an envelope with one EdDSA signature,
            or its ``kid`` is not the key of its own DID.
        IdentityError: The signature does not verify.
    """
    match decode(block):
        case {
            "payload": bytes() as link,
            "signatures": [{"protected": bytes() as protected, "signature": bytes() as signature, **more}],
            **rest,
        } if not more and not rest:
            pass
        case _:
            raise MalformedData("an envelope must hold a payload and exactly one signature")
    found = _KID.search(protected)
    signer = Did(found[1].decode()) if found else Did("")
    if protected != _protected(signer):
        raise MalformedData("an envelope's protected header is not alg EdDSA and its signer's own kid")
    payload_cid = Cid.from_bytes(link)
    if (payload_cid.codec, payload_cid.hash_code) != (DAG_CBOR, SHA2_256):
        raise MalformedData("an envelope must sign the SHA-256 CID of a DAG-CBOR block")
    dids.verify(signer, _signing_input(protected, link), signature)
    return signer, payload_cid
