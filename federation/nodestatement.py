"""What a member signs so that its node is let in: this key connects for me, from this time on.

Two signatures make it: the member's, which says so, and the node's own, without which anybody could
claim another member's node. A newer statement of a member replaces an older one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from federation.errors import DataError, IdentityError
from federation.hashing import Domain, did_hash, sha256
from federation.types import Address, Did

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from federation.types import Hash32

MOST_BYTES: Final = 16_384
"""Bytes in a statement, the capability included."""

_Hex = Annotated[str, Field(pattern="^([0-9a-f]{2})*$", max_length=2 * 8192)]
_AddressText = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]
_DidText = Annotated[str, Field(pattern="^did:[a-z0-9]+:[!-~]+$", max_length=256)]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["folkmoot-node-statement-1"]
    chain_id: Annotated[int, Field(ge=1, lt=1 << 64)]
    federation: _AddressText
    did: _DidText
    payee: _AddressText
    node_key: Annotated[str, Field(pattern="^04[0-9a-f]{192}$")]
    at: Annotated[int, Field(ge=0, lt=1 << 63)]
    signer: _DidText
    signature: Annotated[str, Field(pattern="^[0-9a-f]{128}$")]
    possession: Annotated[str, Field(pattern="^([0-9a-f]{2})+$", max_length=2 * 120)]
    capability: _Hex


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatement:
    """A signed statement.

    Attributes:
        chain_id: The federation's chain.
        federation: The federation's contract.
        did: The member.
        payee: Under which account the contributor registry knows the member.
        node_key: The node's key: an uncompressed point of P-384, 97 bytes (SEC 1).
        at: When it was signed, in Unix seconds.
        signer: The key that signed: the member's own, or its session's.
        signature: The signer's over ``member_digest``; 64 bytes.
        possession: The node's over ``possession_digest``: ECDSA with SHA-384, DER.
        capability: The block that lets a session sign for an account; empty where the member signs itself.
    """

    chain_id: int
    federation: Address
    did: Did
    payee: Address
    node_key: bytes
    at: int
    signer: Did
    signature: bytes
    possession: bytes
    capability: bytes = b""

    def member_digest(self) -> Hash32:
        """Return what the signer signed."""
        return member_digest(self.chain_id, self.federation, self.did, self.node_key, self.at)

    def require_possession(self) -> None:
        """Check that the node's own key agrees.

        Raises:
            IdentityError: It does not, or is no point of the curve.
        """
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.hashes import SHA384

        digest = possession_digest(self.chain_id, self.federation, self.did, self.node_key)
        try:
            _point(self.node_key).verify(self.possession, digest, ec.ECDSA(SHA384()))
        except (InvalidSignature, ValueError) as error:
            raise IdentityError("the node's own key has not signed this statement") from error

    def key_pem(self) -> bytes:
        """Return the node's key as Flower spells it: PEM of its SubjectPublicKeyInfo.

        Raises:
            IdentityError: It is no point of the curve.
        """
        return key_pem(self.node_key)

    def to_bytes(self) -> bytes:
        """Return JSON, as it is sent."""
        document = _Document(
            format="folkmoot-node-statement-1",
            chain_id=self.chain_id,
            federation=self.federation,
            did=self.did,
            payee=self.payee,
            node_key=self.node_key.hex(),
            at=self.at,
            signer=self.signer,
            signature=self.signature.hex(),
            possession=self.possession.hex(),
            capability=self.capability.hex(),
        )
        return json.dumps(document.model_dump(), sort_keys=True).encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read what a member sent; nothing of it is checked but its form.

        Raises:
            DataError: It is no statement.
        """
        if len(data) > MOST_BYTES:
            raise DataError(f"a node's statement has at most {MOST_BYTES} bytes")
        try:
            found = _Document.model_validate_json(data)
        except ValidationError as error:
            place = ".".join(map(str, error.errors()[0]["loc"])) or "the whole"
            raise DataError(f"not a node's statement: {place}") from error
        return cls(
            chain_id=found.chain_id,
            federation=Address(found.federation),
            did=Did(found.did),
            payee=Address(found.payee),
            node_key=bytes.fromhex(found.node_key),
            at=found.at,
            signer=Did(found.signer),
            signature=bytes.fromhex(found.signature),
            possession=bytes.fromhex(found.possession),
            capability=bytes.fromhex(found.capability),
        )


def member_digest(chain_id: int, federation: Address, did: Did, node_key: bytes, at: int) -> Hash32:
    """Return what a member signs (docs/protocol.md, Nodes)."""
    domain = Domain(chain_id=chain_id, federation=federation, epoch=0)
    return domain.digest("node", 0, did_hash(did), sha256(node_key), at)


def possession_digest(chain_id: int, federation: Address, did: Did, node_key: bytes) -> Hash32:
    """Return what the node's own key signs, once for a member."""
    domain = Domain(chain_id=chain_id, federation=federation, epoch=0)
    return domain.digest("node-possession", 0, did_hash(did), sha256(node_key))


def prove_possession(key: object, chain_id: int, federation: Address, did: Did) -> tuple[bytes, bytes]:
    """Return a node's key as statements name it, and its signature that it connects for a member.

    Args:
        key: The node's private key.
        chain_id: The federation's chain.
        federation: The federation's contract.
        did: The member.

    Raises:
        IdentityError: It is no key of P-384.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.hashes import SHA384
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if not (isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP384R1)):
        raise IdentityError("the node's key is not of P-384", hint="remove key and key.pub of the node")
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    digest = possession_digest(chain_id, federation, did, point)
    return point, key.sign(digest, ec.ECDSA(SHA384()))


def key_pem(node_key: bytes) -> bytes:
    """Return a node's key as Flower spells it: PEM of its SubjectPublicKeyInfo.

    Raises:
        IdentityError: It is no point of the curve.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return _point(node_key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _point(node_key: bytes) -> EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), node_key)
    except ValueError as error:
        raise IdentityError("the node's key is no point of P-384") from error
