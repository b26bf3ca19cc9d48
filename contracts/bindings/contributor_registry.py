"""Typed binding of ContributorRegistry.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.errors import (
    AlreadyRegistered,
    CheckpointUnorderedInsertion,
    FutureSnapshot,
    InexactToken,
    InsufficientStake,
    InvalidLock,
    InvalidNonce,
    InvalidShortString,
    InvalidSignature,
    Locked,
    NoChangePending,
    NotAccepted,
    NothingGiven,
    NothingToWithdraw,
    NotPayee,
    SafeCastOverflowedUintDowncast,
    SafeERC20FailedOperation,
    SignatureExpired,
    StringTooLong,
)
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "AlreadyRegistered",
    "CheckpointUnorderedInsertion",
    "ContributorRegistry",
    "EIP712DomainChanged",
    "FutureSnapshot",
    "InexactToken",
    "InsufficientStake",
    "InvalidLock",
    "InvalidNonce",
    "InvalidShortString",
    "InvalidSignature",
    "Locked",
    "NoChangePending",
    "NotAccepted",
    "NotPayee",
    "NothingGiven",
    "NothingToWithdraw",
    "PayeeChanging",
    "PayeeKept",
    "Registered",
    "SafeCastOverflowedUintDowncast",
    "SafeERC20FailedOperation",
    "SignatureExpired",
    "Staked",
    "StringTooLong",
    "Unstaked",
    "Withdrawn",
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
class PayeeChanging(Event):
    """Event ``PayeeChanging``."""

    SIGNATURE: ClassVar[str] = "PayeeChanging(bytes32,address,address,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True, False)

    did_hash: Hash32
    named: Address
    next_: Address
    from_: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, did_hash=values[0], named=values[1], next_=values[2], from_=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeKept(Event):
    """Event ``PayeeKept``."""

    SIGNATURE: ClassVar[str] = "PayeeKept(bytes32,address,address)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True)

    did_hash: Hash32
    named: Address
    payee: Address

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, did_hash=values[0], named=values[1], payee=values[2])


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Staked(Event):
    """Event ``Staked``."""

    SIGNATURE: ClassVar[str] = "Staked(bytes32,address,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    did_hash: Hash32
    account: Address
    amount: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, did_hash=values[0], account=values[1], amount=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Unstaked(Event):
    """Event ``Unstaked``."""

    SIGNATURE: ClassVar[str] = "Unstaked(bytes32,address,uint256,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False)

    did_hash: Hash32
    account: Address
    amount: int
    from_: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, did_hash=values[0], account=values[1], amount=values[2], from_=values[3])


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


class ContributorRegistry(Contract):
    """Calls of ``ContributorRegistry``."""

    ARTIFACT: ClassVar[str] = "ContributorRegistry"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer, token: Address, lock: int) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ("address", "uint48"), token, lock)

    def change_delay(self) -> int:
        """Seconds in which whoever is paid now can cancel a change made with a stolen key."""
        found: int = self._read("CHANGE_DELAY()", ("uint48",))[0]
        return found

    def accepts(self, did_hash: Hash32, payee: Address) -> bool:
        """Whether an account accepts to be paid for a DID."""
        found: bool = self._read("accepts(bytes32,address)", ("bool",), did_hash, payee)[0]
        return found

    def change_payee(self, sender: Signer, did_hash: Hash32, named: Address, next_: Address) -> Receipt:
        """Hand over what the DID's events that name `named` earn, after `CHANGE_DELAY`.

        Only whoever is paid for them now; a second call replaces a change that is still to come.
        """
        return self._send(sender, "changePayee(bytes32,address,address)", did_hash, named, next_)

    def eip712_domain(self) -> tuple[bytes, str, str, int, Address, Hash32, tuple[int, ...]]:
        """Read ``eip712Domain``."""
        return self._read(
            "eip712Domain()", ("bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]")
        )

    def keep_payee(self, sender: Signer, did_hash: Hash32, named: Address) -> Receipt:
        """Cancel a change that is still to come.

        Only whoever is paid now.
        """
        return self._send(sender, "keepPayee(bytes32,address)", did_hash, named)

    def leaving(self, account: Address) -> tuple[int, int]:
        """What an account asked for, and when it can have it.

        To ask for more starts the lock anew.
        """
        return self._read("leaving(address)", ("uint208", "uint48"), account)

    def lock(self) -> int:
        """Seconds from asking for a deposit until it can be withdrawn."""
        found: int = self._read("lock()", ("uint48",))[0]
        return found

    def nonces(self, payee: Address) -> int:
        """The nonce that a payee's next signature must carry."""
        found: int = self._read("nonces(address)", ("uint256",), payee)[0]
        return found

    def payee_of(self, did_hash: Hash32, named: Address) -> Address:
        """Who is paid for a DID whose events name `named`.

        That account if it accepts, or whom it handed over to; zero if it does not accept.
        """
        found: Address = self._read("payeeOf(bytes32,address)", ("address",), did_hash, named)[0]
        return found

    def register(self, sender: Signer, did_hash: Hash32) -> Receipt:
        """Accept to be paid for `didHash`; the sender is the payee."""
        return self._send(sender, "register(bytes32)", did_hash)

    def register_by_sig(
        self, sender: Signer, *, payee: Address, did_hash: Hash32, nonce: int, deadline: int, signature: bytes
    ) -> Receipt:
        """Record that `payee` accepts to be paid for `didHash`.

        Anyone may send it, so that a member needs no gas to join.
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

    def stake(self, sender: Signer, did_hash: Hash32, amount: int) -> Receipt:
        """Stake tokens of the sender on a DID; they need its allowance."""
        return self._send(sender, "stake(bytes32,uint256)", did_hash, amount)

    def stake_at(self, did_hash: Hash32, account: Address, time: int) -> int:
        """Wei that an account staked on a DID at the end of a past second."""
        found: int = self._read("stakeAt(bytes32,address,uint48)", ("uint256",), did_hash, account, time)[0]
        return found

    def stake_of(self, did_hash: Hash32, account: Address) -> int:
        """Wei that an account stakes on a DID now."""
        found: int = self._read("stakeOf(bytes32,address)", ("uint256",), did_hash, account)[0]
        return found

    def token(self) -> Address:
        """Read ``token``."""
        found: Address = self._read("token()", ("address",))[0]
        return found

    def unstake(self, sender: Signer, did_hash: Hash32, amount: int) -> Receipt:
        """Take a stake off a DID.

        It counts no more, and can be withdrawn after the lock.
        """
        return self._send(sender, "unstake(bytes32,uint256)", did_hash, amount)

    def withdraw(self, sender: Signer) -> Receipt:
        """Receive what is unlocked."""
        return self._send(sender, "withdraw()")
