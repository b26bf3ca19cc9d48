"""Typed binding of RewardPool.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.errors import (
    BalanceShrank,
    FeeOnTransfer,
    InvalidProof,
    NotExpired,
    NotFederation,
    NothingToClaim,
    NothingToSweep,
    Overdrawn,
    SafeCastOverflowedUintDowncast,
    SafeERC20FailedOperation,
    TotalDecreased,
    Underfunded,
    ZeroAmount,
)
from contracts.bindings.structs import Claim
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "BalanceShrank",
    "Claim",
    "Donated",
    "FeeOnTransfer",
    "Funded",
    "InvalidProof",
    "NotExpired",
    "NotFederation",
    "NothingToClaim",
    "NothingToSweep",
    "Overdrawn",
    "Paid",
    "Posted",
    "RewardPool",
    "SafeCastOverflowedUintDowncast",
    "SafeERC20FailedOperation",
    "Swept",
    "TotalDecreased",
    "Underfunded",
    "ZeroAmount",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Donated(Event):
    """Event ``Donated``."""

    SIGNATURE: ClassVar[str] = "Donated(address,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False)

    from_: Address
    amount: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, from_=values[0], amount=values[1])


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept(Event):
    """Event ``Swept``."""

    SIGNATURE: ClassVar[str] = "Swept(address,uint256,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False, False)

    funder: Address
    amount: int
    share: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, funder=values[0], amount=values[1], share=values[2])


class RewardPool(Contract):
    """Calls of ``RewardPool``."""

    ARTIFACT: ClassVar[str] = "RewardPool"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer, token: Address, federation: Address) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ("address", "address"), token, federation)

    def sweep_delay(self) -> int:
        """Seconds without a new table after which funders may take back what is free."""
        found: int = self._read("SWEEP_DELAY()", ("uint48",))[0]
        return found

    def claim(self, sender: Signer, payee: Address, cumulative_wei: int, proof: Sequence[Hash32]) -> Receipt:
        """Pay a payee what its leaf says beyond what it was paid before.

        Anyone may call it.
        """
        return self._send(sender, "claim(address,uint256,bytes32[])", payee, cumulative_wei, proof)

    def claim_many(self, sender: Signer, claims: Sequence[Claim]) -> Receipt:
        """Pay many.

        Anyone may call it.
        """
        return self._send(sender, f"claimMany({Claim.ABI}[])", tuple(item.to_abi() for item in claims))

    def donate(self, sender: Signer, amount: int) -> Receipt:
        """As `fund`, but for good: it gives no share of what is swept.

        Lost bonds come this way.
        """
        return self._send(sender, "donate(uint256)", amount)

    def expiry(self) -> int:
        """The second from which funders may sweep, unless a table is posted before."""
        found: int = self._read("expiry()", ("uint256",))[0]
        return found

    def federation(self) -> Address:
        """Read ``federation``."""
        found: Address = self._read("federation()", ("address",))[0]
        return found

    def fund(self, sender: Signer, amount: int) -> Receipt:
        """Move tokens of the caller into the pool; they need its allowance."""
        return self._send(sender, "fund(uint256)", amount)

    def fund_with_permit(
        self, sender: Signer, *, amount: int, deadline: int, v: int, r: Hash32, s: Hash32
    ) -> Receipt:
        """As `fund`, with the allowance signed (EIP-2612).

        A permit that somebody else already sent stops nothing, since only the allowance counts.
        """
        return self._send(
            sender, "fundWithPermit(uint256,uint256,uint8,bytes32,bytes32)", amount, deadline, v, r, s
        )

    def funded(self) -> int:
        """Wei funded or donated, less what was swept."""
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

    def share_of(self, funder: Address) -> int:
        """Wei that give one funder its share of a sweep."""
        found: int = self._read("shareOf(address)", ("uint256",), funder)[0]
        return found

    def sweep(self, sender: Signer) -> Receipt:
        """Take back the caller's share of what is neither promised nor reserved.

        The share is in proportion to what it funded, among those who have not taken theirs, and never
        more than it funded. Open once no table was posted for `SWEEP_DELAY`; it ends the caller's
        share. What is promised stays claimable.
        """
        return self._send(sender, "sweep()")

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
        """Wei that the pool counts and holds, and has not promised to anyone."""
        found: int = self._read("unallocated()", ("uint256",))[0]
        return found
