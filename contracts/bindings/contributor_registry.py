"""Typed binding of ContributorRegistry.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.errors import (
    AlreadyRegistered,
    InvalidNonce,
    InvalidShortString,
    InvalidSignature,
    SignatureExpired,
    StringTooLong,
)
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "AlreadyRegistered",
    "ContributorRegistry",
    "EIP712DomainChanged",
    "InvalidNonce",
    "InvalidShortString",
    "InvalidSignature",
    "Registered",
    "SignatureExpired",
    "StringTooLong",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EIP712DomainChanged(Event):
    """Event ``EIP712DomainChanged``."""

    SIGNATURE: ClassVar[str] = "EIP712DomainChanged()"
    INDEXED: ClassVar[tuple[bool, ...]] = ()

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        assert not values
        return cls(log=log)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered(Event):
    """Event ``Registered``."""

    SIGNATURE: ClassVar[str] = "Registered(bytes32,address)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True)

    did_hash: Hash32
    payee: Address

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, did_hash=values[0], payee=values[1])


class ContributorRegistry(Contract):
    """Calls of ``ContributorRegistry``."""

    ARTIFACT: ClassVar[str] = "ContributorRegistry"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def accepts(self, did_hash: Hash32, payee: Address) -> bool:
        """Whether an account accepts to be paid for a DID."""
        found: bool = self._read("accepts(bytes32,address)", ("bool",), did_hash, payee)[0]
        return found

    def eip712_domain(self) -> tuple[bytes, str, str, int, Address, Hash32, tuple[int, ...]]:
        """Read ``eip712Domain``."""
        return self._read(
            "eip712Domain()", ("bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]")
        )

    def nonces(self, payee: Address) -> int:
        """The nonce that a payee's next signature must carry."""
        found: int = self._read("nonces(address)", ("uint256",), payee)[0]
        return found

    def register_by_sig(
        self, sender: Signer, *, payee: Address, did_hash: Hash32, nonce: int, deadline: int, signature: bytes
    ) -> Receipt:
        """Record that `payee` accepts to be paid for `didHash`.

        Anyone may send it.
        """
        return self._send(
            sender,
            "registerBySig(address,bytes32,uint256,uint256,bytes)",
            payee,
            did_hash,
            nonce,
            deadline,
            signature,
        )
