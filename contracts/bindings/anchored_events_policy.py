"""Typed binding of AnchoredEventsPolicy.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.errors import (
    AlreadyCounted,
    CeilingExceeded,
    CheckpointUnorderedInsertion,
    FutureSnapshot,
    InexactToken,
    InvalidLock,
    Locked,
    NotAnchored,
    NotCounted,
    NothingGiven,
    NothingToWithdraw,
    SafeCastOverflowedUintDowncast,
    SafeERC20FailedOperation,
    ZeroDeposit,
)
from contracts.bindings.structs import ImportEvent
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "AlreadyCounted",
    "AnchoredEventsPolicy",
    "CeilingExceeded",
    "CheckpointUnorderedInsertion",
    "EventsCounted",
    "EventsReleased",
    "FutureSnapshot",
    "ImportEvent",
    "InexactToken",
    "InvalidLock",
    "Locked",
    "NotAnchored",
    "NotCounted",
    "NothingGiven",
    "NothingToWithdraw",
    "SafeCastOverflowedUintDowncast",
    "SafeERC20FailedOperation",
    "Withdrawn",
    "ZeroDeposit",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsCounted(Event):
    """Event ``EventsCounted``."""

    SIGNATURE: ClassVar[str] = "EventsCounted(bytes32,address,uint256,bytes32[])"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False)

    did_hash: Hash32
    account: Address
    number: int
    leaves: tuple[Hash32, ...]

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, did_hash=values[0], account=values[1], number=values[2], leaves=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsReleased(Event):
    """Event ``EventsReleased``."""

    SIGNATURE: ClassVar[str] = "EventsReleased(bytes32,address,uint256,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False)

    did_hash: Hash32
    account: Address
    number: int
    from_: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, did_hash=values[0], account=values[1], number=values[2], from_=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(Event):
    """Event ``Withdrawn``."""

    SIGNATURE: ClassVar[str] = "Withdrawn(address,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False)

    account: Address
    amount: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, account=values[0], amount=values[1])


class AnchoredEventsPolicy(Contract):
    """Calls of ``AnchoredEventsPolicy``."""

    ARTIFACT: ClassVar[str] = "AnchoredEventsPolicy"

    @classmethod
    def deploy(
        cls,
        chain: Chain,
        sender: Signer,
        *,
        anchor: Address,
        token: Address,
        lock: int,
        deposit_per_event: int,
        ceiling: int,
    ) -> Self:
        """Deploy a new one."""
        return cls._deploy(
            chain,
            sender,
            ("address", "address", "uint48", "uint256", "uint256"),
            anchor,
            token,
            lock,
            deposit_per_event,
            ceiling,
        )

    def anchor(self) -> Address:
        """Read ``anchor``."""
        found: Address = self._read("anchor()", ("address",))[0]
        return found

    def ceiling(self) -> int:
        """Read ``ceiling``."""
        found: int = self._read("ceiling()", ("uint256",))[0]
        return found

    def count(self, sender: Signer, did_hash: Hash32, events: Sequence[ImportEvent]) -> Receipt:
        """Count events for a DID; the sender pays the deposits and is the payee that they count for."""
        return self._send(
            sender, f"count(bytes32,{ImportEvent.ABI}[])", did_hash, tuple(item.to_abi() for item in events)
        )

    def count_of(self, did_hash: Hash32, account: Address) -> int:
        """Events that an account counts for a DID now."""
        found: int = self._read("countOf(bytes32,address)", ("uint256",), did_hash, account)[0]
        return found

    def counted(self, did_hash: Hash32, account: Address, leaf: Hash32) -> bool:
        """Whether an account counted an event for a DID, be it released since."""
        found: bool = self._read("counted(bytes32,address,bytes32)", ("bool",), did_hash, account, leaf)[0]
        return found

    def deposit_per_event(self) -> int:
        """Read ``depositPerEvent``."""
        found: int = self._read("depositPerEvent()", ("uint256",))[0]
        return found

    def leaving(self, account: Address) -> tuple[int, int]:
        """What an account asked for, and when it can have it.

        To ask for more starts the lock anew.
        """
        return self._read("leaving(address)", ("uint208", "uint48"), account)

    def lock(self) -> int:
        """Seconds from asking for a deposit until it can be withdrawn."""
        found: int = self._read("lock()", ("uint48",))[0]
        return found

    def quota_of(self, did_hash: Hash32, payee: Address, time: int) -> int:
        """A member's quota at the end of a past second; never another for the same second."""
        found: int = self._read("quotaOf(bytes32,address,uint48)", ("uint256",), did_hash, payee, time)[0]
        return found

    def release(self, sender: Signer, did_hash: Hash32, number: int) -> Receipt:
        """Count fewer events for a DID; their deposits can be withdrawn after the lock."""
        return self._send(sender, "release(bytes32,uint256)", did_hash, number)

    def token(self) -> Address:
        """Read ``token``."""
        found: Address = self._read("token()", ("address",))[0]
        return found

    def withdraw(self, sender: Signer) -> Receipt:
        """Receive what is unlocked."""
        return self._send(sender, "withdraw()")
