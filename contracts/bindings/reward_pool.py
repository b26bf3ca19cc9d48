"""Typed binding of RewardPool.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.errors import (
    FeeOnTransfer,
    InvalidProof,
    NotFederation,
    NothingToClaim,
    Overdrawn,
    SafeERC20FailedOperation,
    TotalDecreased,
    Underfunded,
    ZeroAmount,
)
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "FeeOnTransfer",
    "Funded",
    "InvalidProof",
    "NotFederation",
    "NothingToClaim",
    "Overdrawn",
    "Paid",
    "Posted",
    "RewardPool",
    "SafeERC20FailedOperation",
    "TotalDecreased",
    "Underfunded",
    "ZeroAmount",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Funded(Event):
    """Event ``Funded``."""

    SIGNATURE: ClassVar[str] = "Funded(address,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False)

    from_: Address
    amount: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, from_=values[0], amount=values[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid(Event):
    """Event ``Paid``."""

    SIGNATURE: ClassVar[str] = "Paid(address,uint256,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False, False)

    payee: Address
    amount: int
    cumulative: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, payee=values[0], amount=values[1], cumulative=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted(Event):
    """Event ``Posted``."""

    SIGNATURE: ClassVar[str] = "Posted(bytes32,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (False, False)

    root: Hash32
    total_cumulative: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, root=values[0], total_cumulative=values[1])


class RewardPool(Contract):
    """Calls of ``RewardPool``."""

    ARTIFACT: ClassVar[str] = "RewardPool"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer, token: Address, federation: Address) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ("address", "address"), token, federation)

    def claim(self, sender: Signer, payee: Address, cumulative_wei: int, proof: Sequence[Hash32]) -> Receipt:
        """Pay a payee what its leaf says beyond what it was paid before.

        Anyone may call it.
        """
        return self._send(sender, "claim(address,uint256,bytes32[])", payee, cumulative_wei, proof)

    def federation(self) -> Address:
        """Read ``federation``."""
        found: Address = self._read("federation()", ("address",))[0]
        return found

    def fund(self, sender: Signer, amount: int) -> Receipt:
        """Move tokens of the caller into the pool; they need its allowance."""
        return self._send(sender, "fund(uint256)", amount)

    def funded(self) -> int:
        """Wei ever funded."""
        found: int = self._read("funded()", ("uint256",))[0]
        return found

    def paid(self, payee: Address) -> int:
        """Wei ever paid to one payee."""
        found: int = self._read("paid(address)", ("uint256",), payee)[0]
        return found

    def post(self, sender: Signer, root: Hash32, total: int) -> Receipt:
        """Replace the payout table.

        Federation only.
        """
        return self._send(sender, "post(bytes32,uint256)", root, total)

    def root(self) -> Hash32:
        """Read ``root``."""
        found: Hash32 = self._read("root()", ("bytes32",))[0]
        return found

    def token(self) -> Address:
        """Read ``token``."""
        found: Address = self._read("token()", ("address",))[0]
        return found

    def total_cumulative(self) -> int:
        """Wei ever promised by the current table, paid or not."""
        found: int = self._read("totalCumulative()", ("uint256",))[0]
        return found

    def total_paid(self) -> int:
        """Wei ever paid out."""
        found: int = self._read("totalPaid()", ("uint256",))[0]
        return found

    def unallocated(self) -> int:
        """Wei funded and not promised to anyone."""
        found: int = self._read("unallocated()", ("uint256",))[0]
        return found
