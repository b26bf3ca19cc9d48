"""Typed binding of ValidatorQuorum.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.errors import (
    AlreadyCalled,
    AlreadyUpheld,
    BallotGone,
    BallotStands,
    BondFee,
    InvalidShortString,
    InvalidVote,
    NotAValidator,
    NotCalled,
    NotConvicted,
    NothingOwed,
    NothingProposed,
    NotVoted,
    NoValidators,
    QuestionsOpen,
    SafeERC20FailedOperation,
    StringTooLong,
    TooFewVotes,
    ValidatorNotBonded,
    VotesOutOfOrder,
    VotingOpen,
    VotingOver,
    WindowOver,
)
from contracts.bindings.structs import Ballot, Call, Phase, Vote
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "AlreadyCalled",
    "AlreadyUpheld",
    "Ballot",
    "BallotGone",
    "BallotStands",
    "BondFee",
    "Call",
    "CallReleased",
    "EIP712DomainChanged",
    "InvalidShortString",
    "InvalidVote",
    "NoQuorum",
    "NoValidators",
    "NotAValidator",
    "NotCalled",
    "NotConvicted",
    "NotVoted",
    "NothingOwed",
    "NothingProposed",
    "Owed",
    "Phase",
    "QuestionsOpen",
    "QuorumCalled",
    "SafeERC20FailedOperation",
    "StringTooLong",
    "TooFewVotes",
    "Upheld",
    "ValidatorConvicted",
    "ValidatorNotBonded",
    "ValidatorQuorum",
    "Vote",
    "VotesOutOfOrder",
    "VotingOpen",
    "VotingOver",
    "WindowOver",
    "Withdrawn",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReleased(Event):
    """Event ``CallReleased``."""

    SIGNATURE: ClassVar[str] = "CallReleased(address,bytes32)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True)

    federation: Address
    ballot: Hash32

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, federation=values[0], ballot=values[1])


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
class NoQuorum(Event):
    """Event ``NoQuorum``."""

    SIGNATURE: ClassVar[str] = "NoQuorum(address,bytes32)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True)

    federation: Address
    ballot: Hash32

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, federation=values[0], ballot=values[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed(Event):
    """Event ``Owed``."""

    SIGNATURE: ClassVar[str] = "Owed(address,address,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    token: Address
    account: Address
    amount: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, token=values[0], account=values[1], amount=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class QuorumCalled(Event):
    """Event ``QuorumCalled``."""

    SIGNATURE: ClassVar[str] = "QuorumCalled(address,bytes32,address,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True, False)

    federation: Address
    ballot: Hash32
    caller: Address
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, federation=values[0], ballot=values[1], caller=values[2], deadline=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Upheld(Event):
    """Event ``Upheld``."""

    SIGNATURE: ClassVar[str] = "Upheld(address,bytes32,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    federation: Address
    ballot: Hash32
    voters: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, federation=values[0], ballot=values[1], voters=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorConvicted(Event):
    """Event ``ValidatorConvicted``."""

    SIGNATURE: ClassVar[str] = "ValidatorConvicted(address,bytes32,address)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True)

    federation: Address
    ballot: Hash32
    validator: Address

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, federation=values[0], ballot=values[1], validator=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(Event):
    """Event ``Withdrawn``."""

    SIGNATURE: ClassVar[str] = "Withdrawn(address,address,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    token: Address
    account: Address
    amount: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, token=values[0], account=values[1], amount=values[2])


class ValidatorQuorum(Contract):
    """Calls of ``ValidatorQuorum``."""

    ARTIFACT: ClassVar[str] = "ValidatorQuorum"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer, demands: Address) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ("address",), demands)

    def call_of(self, federation: Address) -> Call:
        """The open call about a federation; all zero if there is none."""
        found = self._read("callOf(address)", (Call.ABI,), federation)
        return Call.from_abi(found[0])

    def call_quorum(self, sender: Signer, federation: Address) -> Receipt:
        """Call for a quorum on what stands proposed."""
        return self._send(sender, "callQuorum(address)", federation)

    def convict_validator(self, sender: Signer, ballot: Ballot, validator: int, judge: Address) -> Receipt:
        """Take the bond of a validator that vouched for a proposal that a proof later convicted.

        The caller gets half. (Not of one whose proposer merely left a demand unanswered.)
        """
        return self._send(
            sender, f"convictValidator({Ballot.ABI},uint8,address)", ballot.to_abi(), validator, judge
        )

    def demands(self) -> Address:
        """Read ``demands``."""
        found: Address = self._read("demands()", ("address",))[0]
        return found

    def digest(self, ballot: Ballot) -> Hash32:
        """The digest that validators sign for a proposal."""
        found: Hash32 = self._read(f"digest({Ballot.ABI})", ("bytes32",), ballot.to_abi())[0]
        return found

    def donate(self, sender: Signer, pool: Address) -> Receipt:
        """Give a reward pool what it is owed in its token.

        Anyone may call it.
        """
        return self._send(sender, "donate(address)", pool)

    def eip712_domain(self) -> tuple[bytes, str, str, int, Address, Hash32, tuple[int, ...]]:
        """Read ``eip712Domain``."""
        return self._read(
            "eip712Domain()", ("bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]")
        )

    def lapse_call(self, sender: Signer, federation: Address) -> Receipt:
        """Void a proposal for which there was no quorum by the deadline.

        Anyone may, once no other question is open: a proposer could otherwise void its own proposal
        before a demand convicts it.
        """
        return self._send(sender, "lapseCall(address)", federation)

    def owed(self, token: Address, account: Address) -> int:
        """What an account may withdraw."""
        found: int = self._read("owed(address,address)", ("uint256",), token, account)[0]
        return found

    def release(self, sender: Signer, federation: Address) -> Receipt:
        """Give the bond of a call back whose proposal is gone.

        Anyone may.
        """
        return self._send(sender, "release(address)", federation)

    def uphold(self, sender: Signer, federation: Address, votes: Sequence[Vote]) -> Receipt:
        """Show that a quorum vouches for what stands proposed.

        Anyone may.
        """
        return self._send(
            sender, f"uphold(address,{Vote.ABI}[])", federation, tuple(item.to_abi() for item in votes)
        )

    def voters(self, ballot: Hash32) -> int:
        """Who vouched for a ballot; bit i stands for validator i."""
        found: int = self._read("voters(bytes32)", ("uint256",), ballot)[0]
        return found

    def withdraw(self, sender: Signer, token: Address) -> Receipt:
        """Pay the caller all bonds that it is owed in a token."""
        return self._send(sender, "withdraw(address)", token)
