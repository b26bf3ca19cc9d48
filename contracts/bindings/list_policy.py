"""Typed binding of ListPolicy.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.errors import (
    AlreadyProved,
    CheckpointUnorderedInsertion,
    FutureSnapshot,
    NotListed,
    OwnableInvalidOwner,
    OwnableUnauthorizedAccount,
)
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "AlreadyProved",
    "CheckpointUnorderedInsertion",
    "FutureSnapshot",
    "ListChanged",
    "ListPolicy",
    "NotListed",
    "OwnableInvalidOwner",
    "OwnableUnauthorizedAccount",
    "OwnershipTransferStarted",
    "OwnershipTransferred",
    "QuotaProved",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChanged(Event):
    """Event ``ListChanged``."""

    SIGNATURE: ClassVar[str] = "ListChanged(uint208,bytes32)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False)

    version: int
    root: Hash32

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, version=values[0], root=values[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipTransferStarted(Event):
    """Event ``OwnershipTransferStarted``."""

    SIGNATURE: ClassVar[str] = "OwnershipTransferStarted(address,address)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True)

    previous_owner: Address
    new_owner: Address

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, previous_owner=values[0], new_owner=values[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnershipTransferred(Event):
    """Event ``OwnershipTransferred``."""

    SIGNATURE: ClassVar[str] = "OwnershipTransferred(address,address)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True)

    previous_owner: Address
    new_owner: Address

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, previous_owner=values[0], new_owner=values[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaProved(Event):
    """Event ``QuotaProved``."""

    SIGNATURE: ClassVar[str] = "QuotaProved(uint208,bytes32,uint208)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    version: int
    did_hash: Hash32
    quota: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, version=values[0], did_hash=values[1], quota=values[2])


class ListPolicy(Contract):
    """Calls of ``ListPolicy``."""

    ARTIFACT: ClassVar[str] = "ListPolicy"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer, owner: Address) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ("address",), owner)

    def accept_ownership(self, sender: Signer) -> Receipt:
        """Send ``acceptOwnership``."""
        return self._send(sender, "acceptOwnership()")

    def owner(self) -> Address:
        """Read ``owner``."""
        found: Address = self._read("owner()", ("address",))[0]
        return found

    def pending_owner(self) -> Address:
        """Read ``pendingOwner``."""
        found: Address = self._read("pendingOwner()", ("address",))[0]
        return found

    def prove(self, sender: Signer, did_hash: Hash32, quota: int, proof: Sequence[Hash32]) -> Receipt:
        """Show a DID's entry of the list in force.

        Anyone may; it counts from this second on.
        """
        return self._send(sender, "prove(bytes32,uint208,bytes32[])", did_hash, quota, proof)

    def quota_of(self, did_hash: Hash32, arg1: Address, time: int) -> int:
        """A member's quota at the end of a past second; never another for the same second."""
        found: int = self._read("quotaOf(bytes32,address,uint48)", ("uint256",), did_hash, arg1, time)[0]
        return found

    def renounce_ownership(self, sender: Signer) -> Receipt:
        """Send ``renounceOwnership``."""
        return self._send(sender, "renounceOwnership()")

    def root(self) -> Hash32:
        """The root of the list in force, over leaves `(chainId, policy, didHash, quota)`, hashed twice."""
        found: Hash32 = self._read("root()", ("bytes32",))[0]
        return found

    def set_root(self, sender: Signer, root: Hash32) -> Receipt:
        """Put another list in force, from this second on.

        Everybody proves anew.
        """
        return self._send(sender, "setRoot(bytes32)", root)

    def transfer_ownership(self, sender: Signer, new_owner: Address) -> Receipt:
        """Send ``transferOwnership``."""
        return self._send(sender, "transferOwnership(address)", new_owner)
