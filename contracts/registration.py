"""A payee's signature that it is paid for a DID, on its way to somebody who pays the gas."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.abi import to_address, to_bytes
from federation.errors import ConfigError
from federation.hashing import did_hash
from federation.types import Address, Did

if TYPE_CHECKING:
    from contracts.accounts import Account
    from contracts.bindings.contributor_registry import ContributorRegistry
    from contracts.chain import Receipt, Signer

VALID: Final = 90 * 86_400
"""Seconds for which a signature is good, unless it is used before."""

MOST_BYTES: Final = 1 << 14

_AddressText = Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["folkmoot-registration-1"]
    chain_id: Annotated[int, Field(ge=1)]
    registry: _AddressText
    payee: _AddressText
    did: Annotated[str, Field(pattern="^did:[a-z0-9]+:[!-~]+$", max_length=256)]
    nonce: Annotated[int, Field(ge=0)]
    deadline: Annotated[int, Field(ge=0)]
    signature: Annotated[str, Field(pattern="^[0-9a-f]{130}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What ``ContributorRegistry.registerBySig`` needs.

    Attributes:
        chain_id: The registry's chain.
        registry: The registry.
        payee: Who signed, and is paid.
        did: Who it is paid for.
        nonce: The registry's ``nonces(payee)`` when it was signed.
        deadline: Last Unix second at which it may be used.
        signature: 65 bytes, in hex.
    """

    chain_id: int
    registry: Address
    payee: Address
    did: Did
    nonce: int
    deadline: int
    signature: str

    @classmethod
    def sign(cls, registry: ContributorRegistry, account: Account, did: Did, *, now: int) -> Registration:
        """Have an account sign that it is paid for a DID.

        Args:
            registry: The registry, on its chain.
            account: The payee.
            did: Who it is paid for.
            now: The latest block's Unix seconds.
        """
        chain_id, nonce = registry.reader.chain_id, registry.nonces(account.address)
        signature = account.sign_register(
            chain_id=chain_id,
            registry=registry.address,
            did_hash=did_hash(did),
            nonce=nonce,
            deadline=now + VALID,
        )
        return cls(
            chain_id=chain_id,
            registry=registry.address,
            payee=account.address,
            did=did,
            nonce=nonce,
            deadline=now + VALID,
            signature=signature.hex(),
        )

    def send(self, registry: ContributorRegistry, sender: Signer) -> Receipt:
        """Register; anybody may pay the gas.

        Raises:
            Reverted: The signature is not the payee's, was used or is too old.
        """
        return registry.register_by_sig(
            sender,
            payee=self.payee,
            did_hash=did_hash(self.did),
            nonce=self.nonce,
            deadline=self.deadline,
            signature=bytes.fromhex(self.signature),
        )

    def to_bytes(self) -> bytes:
        """Return it as a JSON document."""
        return json.dumps({"format": "folkmoot-registration-1", **asdict(self)}, indent=1).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> Registration:
        """Read ``to_bytes``.

        Raises:
            ConfigError: It is something else.
        """
        try:
            found = _Document.model_validate_json(data if len(data) <= MOST_BYTES else b"")
        except ValidationError as error:
            raise ConfigError("this is no registration", hint="folkmoot client join writes one") from error
        return cls(
            chain_id=found.chain_id,
            registry=to_address(to_bytes(Address(found.registry))),
            payee=to_address(to_bytes(Address(found.payee))),
            did=Did(found.did),
            nonce=found.nonce,
            deadline=found.deadline,
            signature=found.signature,
        )
