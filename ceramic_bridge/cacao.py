"""Capabilities: a wallet authorises a session key once (CAIP-74 CACAO over EIP-4361).

The wallet signs a text, never an event; the session key signs the events and names the
capability's block in each. A verifier that stops at the key's signature proves nothing about
the account: ``Capability.read`` checks the wallet's, ``covers`` and ``Authority`` the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ceramic_bridge import pkh
from ceramic_bridge.cid import DAG_CBOR, URL_SCHEME, Cid, StreamId
from ceramic_bridge.dagcbor import MalformedData, decode, encode
from ceramic_bridge.siwe import Grant
from federation.errors import IdentityError

if TYPE_CHECKING:
    from collections.abc import Callable

    from federation.types import Did

MAX_CAPABILITY: Final = 16_384
"""Bytes in a capability's block; Ceramic's own bound is the block's 256,000."""

_SIGNATURE: Final = re.compile(r"0x[0-9a-fA-F]{130}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """A grant that its account signed; the functions of this module make no others.

    Attributes:
        cid: CID of the block.
        block: The DAG-CBOR block.
        grant: What was signed.
    """

    cid: Cid
    block: bytes
    grant: Grant

    @classmethod
    def sign(cls, grant: Grant, personal_sign: Callable[[str], bytes]) -> Capability:
        """Have the wallet sign a grant.

        Args:
            grant: What to allow.
            personal_sign: The wallet: from the text to its 65-byte EIP-191 signature.

        Raises:
            IdentityError: The wallet signed with another account than the issuer.
        """
        signature = "0x" + personal_sign(grant.text()).hex()
        return cls.read(
            encode({"h": {"t": "eip4361"}, "p": grant.to_value(), "s": {"t": "eip191", "s": signature}})
        )

    @classmethod
    def read(cls, block: bytes) -> Capability:
        """Read a capability and check its account's signature, but not its time.

        Raises:
            MalformedData: The block is too large, or not the one encoding of a capability that an
                Ethereum account signed with ``personal_sign``.
            IdentityError: The signature is not the issuer's.
        """
        if len(block) > MAX_CAPABILITY:
            raise MalformedData(f"a capability's block exceeds {MAX_CAPABILITY} bytes")
        return _read(block)

    def covers(self, *, model: StreamId, stream: StreamId) -> bool:
        """Tell whether the resources include a stream of a model."""
        return self.covers_all(model) or stream.url in (self.grant.resources or ())

    def covers_all(self, model: StreamId) -> bool:
        """Tell whether the resources include every stream of a model."""
        allowed = (f"{URL_SCHEME}*", f"{URL_SCHEME}*?model={model}")
        return any(resource in allowed for resource in self.grant.resources or ())

    @property
    def controller(self) -> Did:
        """The account, as the controller of its streams."""
        return self.grant.account.did


# One session signs many events: its wallet's signature is recovered once.
@lru_cache(maxsize=1024)
def _read(block: bytes) -> Capability:
    match decode(block):
        case {
            "h": {"t": "eip4361" | "caip122", **head},
            "p": fields,
            "s": {"t": "eip191", "s": str() as hexed, **tail},
            **rest,
        } if not head and not tail and not rest and _SIGNATURE.fullmatch(hexed):
            pass
        case _:
            raise MalformedData("a capability must be an EIP-4361 grant with an EIP-191 signature")
    grant = Grant.from_value(fields)
    signature = bytes.fromhex(hexed[2:])
    address = grant.account.address
    if address not in (
        pkh.signer_of(grant.text(), signature),
        pkh.signer_of(grant.text(as_issued=True), signature),
    ):
        raise IdentityError(f"the capability of {grant.issuer} is not signed by it")
    return Capability(cid=Cid.of(DAG_CBOR, block), block=block, grant=grant)
