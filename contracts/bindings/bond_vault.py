"""Typed binding of BondVault.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.errors import (
    BondTooSmall,
    EpochUnderWay,
    FeeOnTransfer,
    NotFederation,
    NotLeaving,
    SafeCastOverflowedUintDowncast,
    SafeERC20FailedOperation,
    ZeroAmount,
)
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address

__all__ = [
    "BondTooSmall",
    "BondVault",
    "Deposited",
    "EpochUnderWay",
    "FeeOnTransfer",
    "Leaving",
    "NotFederation",
    "NotLeaving",
    "SafeCastOverflowedUintDowncast",
    "SafeERC20FailedOperation",
    "Slashed",
    "Withdrawn",
    "ZeroAmount",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposited(Event):
    """Event ``Deposited``."""

    SIGNATURE: ClassVar[str] = "Deposited(address,address,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    account: Address
    from_: Address
    amount: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, account=values[0], from_=values[1], amount=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving(Event):
    """Event ``Leaving``."""

    SIGNATURE: ClassVar[str] = "Leaving(address,bool)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False)

    account: Address
    leaving: bool

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, account=values[0], leaving=values[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Slashed(Event):
    """Event ``Slashed``."""

    SIGNATURE: ClassVar[str] = "Slashed(address,address,uint256,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False)

    account: Address
    beneficiary: Address
    to_beneficiary: int
    to_pool: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(
            log=log, account=values[0], beneficiary=values[1], to_beneficiary=values[2], to_pool=values[3]
        )


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


class BondVault(Contract):
    """Calls of ``BondVault``."""

    ARTIFACT: ClassVar[str] = "BondVault"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer, token: Address, pool: Address, federation: Address) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ("address", "address", "address"), token, pool, federation)

    def bond_of(self, account: Address) -> int:
        """What there is to lose.

        Whoever relies on a bond asks for `standing`.
        """
        found: int = self._read("bondOf(address)", ("uint256",), account)[0]
        return found

    def deposit(self, sender: Signer, account: Address, amount: int) -> Receipt:
        """Add to an account's bond, out of the caller's tokens.

        Anyone may call it.
        """
        return self._send(sender, "deposit(address,uint256)", account, amount)

    def federation(self) -> Address:
        """Read ``federation``."""
        found: Address = self._read("federation()", ("address",))[0]
        return found

    def leaving(self, account: Address) -> bool:
        """Whether an account has said that it leaves."""
        found: bool = self._read("leaving(address)", ("bool",), account)[0]
        return found

    def pool(self) -> Address:
        """Read ``pool``."""
        found: Address = self._read("pool()", ("address",))[0]
        return found

    def retire(self, sender: Signer) -> Receipt:
        """Say that the caller's bond stands for no further epoch.

        Once the present one has closed, it may be withdrawn.
        """
        return self._send(sender, "retire()")

    def slash(self, sender: Signer, account: Address, amount: int, beneficiary: Address) -> Receipt:
        """Take a bond away.

        Half goes to the beneficiary, the rest to the pool; all of it without a beneficiary.
        Federation only.
        """
        return self._send(sender, "slash(address,uint256,address)", account, amount, beneficiary)

    def standing(self, account: Address) -> int:
        """What of an account's bond stands for the next epoch: nothing once it leaves."""
        found: int = self._read("standing(address)", ("uint256",), account)[0]
        return found

    def stay(self, sender: Signer) -> Receipt:
        """Take `retire` back."""
        return self._send(sender, "stay()")

    def token(self) -> Address:
        """Read ``token``."""
        found: Address = self._read("token()", ("address",))[0]
        return found

    def withdraw(self, sender: Signer, amount: int) -> Receipt:
        """Take the caller's bond back, after `retire`.

        Not while an epoch is under way that opened before it.
        """
        return self._send(sender, "withdraw(uint256)", amount)
