"""Typed binding of Federation.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.errors import (
    AllRoundsRecorded,
    AlreadyAccused,
    AlreadyForced,
    BeaconNotExpired,
    ChallengeWindowOpen,
    DeadlineAhead,
    DeadlinePassed,
    InsufficientBond,
    InsufficientFunds,
    InvalidBond,
    InvalidBounty,
    InvalidConsent,
    InvalidDelta,
    InvalidDrawDelay,
    InvalidDuration,
    InvalidGrid,
    InvalidProviderCount,
    InvalidQuorum,
    InvalidRounds,
    InvalidShortString,
    LengthMismatch,
    NobodyAdmitted,
    NotAccused,
    NotAggregator,
    NotAnnounced,
    NotConsented,
    NothingHeld,
    NotJudge,
    ProposerTooEarly,
    QuestionsOpen,
    RetargetsSpent,
    RevealTooLate,
    RoundNotRecorded,
    RoundsRemain,
    StringTooLong,
    TotalOutOfRange,
    UnknownCommitment,
    UnknownProvider,
    WrongPhase,
    WrongPreimage,
    WrongPreimages,
    WrongTerms,
    WrongWords,
    ZeroHash,
)
from contracts.bindings.structs import Config, EpochTerms, Phase, Proposal, RoundWords
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "AccusationCleared",
    "Accused",
    "AllRoundsRecorded",
    "AlreadyAccused",
    "AlreadyForced",
    "Announced",
    "BeaconNotExpired",
    "BondLost",
    "Cancelled",
    "ChallengeWindowOpen",
    "CommitsClosed",
    "Config",
    "Consented",
    "DeadlineAhead",
    "DeadlinePassed",
    "DrawRetargeted",
    "EIP712DomainChanged",
    "EpochOpened",
    "EpochRevealed",
    "EpochTerms",
    "Federation",
    "Finalized",
    "Held",
    "InsufficientBond",
    "InsufficientFunds",
    "InvalidBond",
    "InvalidBounty",
    "InvalidConsent",
    "InvalidDelta",
    "InvalidDrawDelay",
    "InvalidDuration",
    "InvalidGrid",
    "InvalidProviderCount",
    "InvalidQuorum",
    "InvalidRounds",
    "InvalidShortString",
    "Lapsed",
    "LengthMismatch",
    "NobodyAdmitted",
    "NotAccused",
    "NotAggregator",
    "NotAnnounced",
    "NotConsented",
    "NotJudge",
    "NothingHeld",
    "Phase",
    "PreimageShown",
    "Proposal",
    "ProposalConvicted",
    "ProposalVoided",
    "Proposed",
    "ProposerTooEarly",
    "QuestionsOpen",
    "RetargetsSpent",
    "RevealForced",
    "RevealTooLate",
    "RevealsClosed",
    "RoundConvicted",
    "RoundNotRecorded",
    "RoundOpened",
    "RoundRecorded",
    "RoundWords",
    "RoundsRemain",
    "ShardDrawn",
    "StringTooLong",
    "TotalOutOfRange",
    "Unheld",
    "UnknownCommitment",
    "UnknownProvider",
    "ValidatorConvicted",
    "WrongPhase",
    "WrongPreimage",
    "WrongPreimages",
    "WrongTerms",
    "WrongWords",
    "ZeroHash",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccusationCleared(Event):
    """Event ``AccusationCleared``."""

    SIGNATURE: ClassVar[str] = "AccusationCleared(uint64,uint32,uint32,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True, False)

    epoch: int
    round_: int
    provider: int
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], round_=values[1], provider=values[2], deadline=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Accused(Event):
    """Event ``Accused``."""

    SIGNATURE: ClassVar[str] = "Accused(uint64,uint32,uint32,address,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True, False, False)

    epoch: int
    round_: int
    provider: int
    account: Address
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(
            log=log,
            epoch=values[0],
            round_=values[1],
            provider=values[2],
            account=values[3],
            deadline=values[4],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced(Event):
    """Event ``Announced``."""

    SIGNATURE: ClassVar[str] = "Announced(bytes32,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False)

    commitment: Hash32
    block_number: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, commitment=values[0], block_number=values[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class BondLost(Event):
    """Event ``BondLost``."""

    SIGNATURE: ClassVar[str] = "BondLost(uint64,address,address,uint256,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True, False, False)

    epoch: int
    account: Address
    challenger: Address
    amount: int
    forfeited: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(
            log=log,
            epoch=values[0],
            account=values[1],
            challenger=values[2],
            amount=values[3],
            forfeited=values[4],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Event):
    """Event ``Cancelled``."""

    SIGNATURE: ClassVar[str] = "Cancelled(uint64,uint32,uint32,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False)

    epoch: int
    round_: int
    recorded: int
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], round_=values[1], recorded=values[2], deadline=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitsClosed(Event):
    """Event ``CommitsClosed``."""

    SIGNATURE: ClassVar[str] = "CommitsClosed(uint64,uint32,bytes32,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False)

    epoch: int
    round_: int
    commit_root: Hash32
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], round_=values[1], commit_root=values[2], deadline=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Consented(Event):
    """Event ``Consented``."""

    SIGNATURE: ClassVar[str] = "Consented(uint64,uint32,address)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True)

    epoch: int
    provider: int
    account: Address

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], provider=values[1], account=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawRetargeted(Event):
    """Event ``DrawRetargeted``."""

    SIGNATURE: ClassVar[str] = "DrawRetargeted(uint64,uint32,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    epoch: int
    round_: int
    draw_target: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], round_=values[1], draw_target=values[2])


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
class EpochOpened(Event):
    """Event ``EpochOpened``."""

    SIGNATURE: ClassVar[str] = f"EpochOpened(uint64,{EpochTerms.ABI},uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False, False)

    epoch: int
    terms: EpochTerms
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], terms=EpochTerms.from_abi(values[1]), deadline=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRevealed(Event):
    """Event ``EpochRevealed``."""

    SIGNATURE: ClassVar[str] = "EpochRevealed(uint64,bytes32,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False, False)

    epoch: int
    shards_hash: Hash32
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], shards_hash=values[1], deadline=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalized(Event):
    """Event ``Finalized``."""

    SIGNATURE: ClassVar[str] = "Finalized(uint64,bytes32,uint256)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False, False)

    epoch: int
    payout_root: Hash32
    total: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], payout_root=values[1], total=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Event):
    """Event ``Held``."""

    SIGNATURE: ClassVar[str] = "Held(uint64,address,uint16)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    epoch: int
    judge: Address
    holds: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], judge=values[1], holds=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapsed(Event):
    """Event ``Lapsed``."""

    SIGNATURE: ClassVar[str] = "Lapsed(uint64,uint32,uint8,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False)

    epoch: int
    round_: int
    phase: Phase
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], round_=values[1], phase=Phase(values[2]), deadline=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class PreimageShown(Event):
    """Event ``PreimageShown``."""

    SIGNATURE: ClassVar[str] = "PreimageShown(uint64,uint32,uint32,bytes32)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True, False)

    epoch: int
    round_: int
    provider: int
    preimage: Hash32

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], round_=values[1], provider=values[2], preimage=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalConvicted(Event):
    """Event ``ProposalConvicted``."""

    SIGNATURE: ClassVar[str] = "ProposalConvicted(uint64,address,address,address,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True, False, False)

    epoch: int
    proposer: Address
    challenger: Address
    judge: Address
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(
            log=log,
            epoch=values[0],
            proposer=values[1],
            challenger=values[2],
            judge=values[3],
            deadline=values[4],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalVoided(Event):
    """Event ``ProposalVoided``."""

    SIGNATURE: ClassVar[str] = "ProposalVoided(uint64,address,address,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False)

    epoch: int
    proposer: Address
    judge: Address
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], proposer=values[1], judge=values[2], deadline=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed(Event):
    """Event ``Proposed``."""

    SIGNATURE: ClassVar[str] = "Proposed(uint64,address,bytes32,uint256,bytes32,uint32,uint256,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False, False, False, False, False)

    epoch: int
    proposer: Address
    payout_root: Hash32
    total: int
    settlement_root: Hash32
    rounds: int
    forfeited: int
    challenge_end: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(
            log=log,
            epoch=values[0],
            proposer=values[1],
            payout_root=values[2],
            total=values[3],
            settlement_root=values[4],
            rounds=values[5],
            forfeited=values[6],
            challenge_end=values[7],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealForced(Event):
    """Event ``RevealForced``."""

    SIGNATURE: ClassVar[str] = "RevealForced(uint64,uint32,bytes32,bytes32,bytes32,bytes)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True, False, False, False)

    epoch: int
    round_: int
    did_hash: Hash32
    delta_sha256: Hash32
    salt: Hash32
    delta: bytes

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(
            log=log,
            epoch=values[0],
            round_=values[1],
            did_hash=values[2],
            delta_sha256=values[3],
            salt=values[4],
            delta=values[5],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealsClosed(Event):
    """Event ``RevealsClosed``."""

    SIGNATURE: ClassVar[str] = "RevealsClosed(uint64,uint32,bytes32,uint64,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False, False)

    epoch: int
    round_: int
    reveal_root: Hash32
    draw_target: int
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(
            log=log,
            epoch=values[0],
            round_=values[1],
            reveal_root=values[2],
            draw_target=values[3],
            deadline=values[4],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundConvicted(Event):
    """Event ``RoundConvicted``."""

    SIGNATURE: ClassVar[str] = "RoundConvicted(uint64,uint32,address,address,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True, False, False)

    epoch: int
    round_: int
    challenger: Address
    judge: Address
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(
            log=log,
            epoch=values[0],
            round_=values[1],
            challenger=values[2],
            judge=values[3],
            deadline=values[4],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOpened(Event):
    """Event ``RoundOpened``."""

    SIGNATURE: ClassVar[str] = "RoundOpened(uint64,uint32,bytes32,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False)

    epoch: int
    round_: int
    base_hash: Hash32
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], round_=values[1], base_hash=values[2], deadline=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRecorded(Event):
    """Event ``RoundRecorded``."""

    SIGNATURE: ClassVar[str] = "RoundRecorded(uint64,uint32,bytes32,bytes32,bytes32,bytes32,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False, False, False, False)

    epoch: int
    round_: int
    model_hash: Hash32
    events_root: Hash32
    trace_root: Hash32
    receipt_hash: Hash32
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(
            log=log,
            epoch=values[0],
            round_=values[1],
            model_hash=values[2],
            events_root=values[3],
            trace_root=values[4],
            receipt_hash=values[5],
            deadline=values[6],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardDrawn(Event):
    """Event ``ShardDrawn``."""

    SIGNATURE: ClassVar[str] = "ShardDrawn(uint64,uint32,uint32,bytes32,bytes32,bytes32[],uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False, False, False, False)

    epoch: int
    round_: int
    shard: int
    seed: Hash32
    beacon: Hash32
    preimages: tuple[Hash32, ...]
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(
            log=log,
            epoch=values[0],
            round_=values[1],
            shard=values[2],
            seed=values[3],
            beacon=values[4],
            preimages=values[5],
            deadline=values[6],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unheld(Event):
    """Event ``Unheld``."""

    SIGNATURE: ClassVar[str] = "Unheld(uint64,address,uint16,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False)

    epoch: int
    judge: Address
    holds: int
    deadline: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], judge=values[1], holds=values[2], deadline=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorConvicted(Event):
    """Event ``ValidatorConvicted``."""

    SIGNATURE: ClassVar[str] = "ValidatorConvicted(uint64,address,address,address)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, True, False)

    epoch: int
    validator: Address
    challenger: Address
    judge: Address

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], validator=values[1], challenger=values[2], judge=values[3])


class Federation(Contract):
    """Calls of ``Federation``."""

    ARTIFACT: ClassVar[str] = "Federation"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer, config: Config) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, (Config.ABI,), config.to_abi())

    def accuse(self, sender: Signer, provider: int, terms: EpochTerms) -> Receipt:
        """Say that a provider has not opened its part of the drawn shard.

        It must within the answer window, or lose its bond. Once per provider and round; only one that
        consented. Aggregator only.
        """
        return self._send(sender, f"accuse(uint32,{EpochTerms.ABI})", provider, terms.to_abi())

    def accused(self) -> int:
        """Which provider must open its part in this round; `type(uint32).max` if none."""
        found: int = self._read("accused()", ("uint32",))[0]
        return found

    def aggregator(self) -> Address:
        """Read ``aggregator``."""
        found: Address = self._read("aggregator()", ("address",))[0]
        return found

    def aggregator_lost(self) -> bool:
        """Read ``aggregatorLost``."""
        found: bool = self._read("aggregatorLost()", ("bool",))[0]
        return found

    def announce(self, sender: Signer, commitment: Hash32) -> Receipt:
        """Say that a proof is coming, so that nobody who sees it first can take it.

        Anyone may call it.
        """
        return self._send(sender, "announce(bytes32)", commitment)

    def announced(self, commitment: Hash32) -> int:
        """Read ``announced``."""
        found: int = self._read("announced(bytes32)", ("uint256",), commitment)[0]
        return found

    def cancel(self, sender: Signer) -> Receipt:
        """End the epoch before a draw: the rounds recorded so far are paid.

        Aggregator only.
        """
        return self._send(sender, "cancel()")

    def clear_accusation(self, sender: Signer, provider: int) -> Receipt:
        """An accused provider has opened its part on chain; the time to record starts anew.

        Judges only.
        """
        return self._send(sender, "clearAccusation(uint32)", provider)

    def close_commits(self, sender: Signer, commit_root: Hash32) -> Receipt:
        """Fix the members' commitments.

        Aggregator only.
        """
        return self._send(sender, "closeCommits(bytes32)", commit_root)

    def close_reveals(self, sender: Signer, reveal_root: Hash32) -> Receipt:
        """Fix the revealed deltas, and the target of the draw.

        Aggregator only.
        """
        return self._send(sender, "closeReveals(bytes32)", reveal_root)

    def config(self) -> Config:
        """Read ``config``."""
        found = self._read("config()", (Config.ABI,))
        return Config.from_abi(found[0])

    def consent(self, sender: Signer, provider: int, terms: EpochTerms, signature: bytes) -> Receipt:
        """Record that a provider agreed to the terms of the epoch under way.

        Anyone may call it.
        """
        return self._send(
            sender, f"consent(uint32,{EpochTerms.ABI},bytes)", provider, terms.to_abi(), signature
        )

    def convict_proposal(self, sender: Signer, challenger: Address, proof_hash: Hash32) -> Receipt:
        """A judge found a fault in the proposal.

        Half of the proposer's bond goes to the challenger, who announced the proof in an earlier
        block. Judges only.
        """
        return self._send(sender, "convictProposal(address,bytes32)", challenger, proof_hash)

    def convict_round(self, sender: Signer, round_: int, challenger: Address, proof_hash: Hash32) -> Receipt:
        """A judge found a fault in a recorded round.

        It and later rounds are not paid; half of the aggregator's bond goes to the challenger, who
        announced the proof in an earlier block. Judges only.
        """
        return self._send(sender, "convictRound(uint32,address,bytes32)", round_, challenger, proof_hash)

    def convict_validator(self, sender: Signer, validator: Address, challenger: Address) -> Receipt:
        """A validator vouched for a proposal that is false.

        Half of its bond goes to the challenger, the rest to the members with the next table. Judges
        only.
        """
        return self._send(sender, "convictValidator(address,address)", validator, challenger)

    def convicted_by(self, ballot: Hash32, judge: Address) -> bool:
        """Whether a judge convicted a proposal, or a round that it paid."""
        found: bool = self._read("convictedBy(bytes32,address)", ("bool",), ballot, judge)[0]
        return found

    def deadline(self) -> int:
        """Until when the duty of the phase may be done; in Proposed, the end of the challenge window."""
        found: int = self._read("deadline()", ("uint64",))[0]
        return found

    def draw_shard(self, sender: Signer, preimages: Sequence[Hash32]) -> Receipt:
        """Draw a shard that the epoch has not drawn yet.

        Anyone with the preimages may call it.
        """
        return self._send(sender, "drawShard(bytes32[])", preimages)

    def draw_target(self) -> int:
        """The target of the draw; see `IRandomness`."""
        found: int = self._read("drawTarget()", ("uint64",))[0]
        return found

    def eip712_domain(self) -> tuple[bytes, str, str, int, Address, Hash32, tuple[int, ...]]:
        """Read ``eip712Domain``."""
        return self._read(
            "eip712Domain()", ("bytes1", "string", "string", "uint256", "address", "bytes32", "uint256[]")
        )

    def epoch(self) -> int:
        """The epoch under way, or the last one; 0 before the first."""
        found: int = self._read("epoch()", ("uint64",))[0]
        return found

    def event_in_round(
        self,
        *,
        epoch: int,
        round_: int,
        words: RoundWords,
        stream_digest: Hash32,
        payload_digest: Hash32,
        proof: Sequence[Hash32],
    ) -> bool:
        """Whether a signed event belongs to a recorded round."""
        found: bool = self._read(
            f"eventInRound(uint64,uint32,{RoundWords.ABI},bytes32,bytes32,bytes32[])",
            ("bool",),
            epoch,
            round_,
            words.to_abi(),
            stream_digest,
            payload_digest,
            proof,
        )[0]
        return found

    def finalize(self, sender: Signer) -> Receipt:
        """Make the proposed table claimable after the challenge window.

        Anyone may call it.
        """
        return self._send(sender, "finalize()")

    def force_reveal(
        self,
        sender: Signer,
        *,
        did_hash: Hash32,
        delta: bytes,
        salt: Hash32,
        proof: Sequence[Hash32],
        words: RoundWords,
    ) -> Receipt:
        """Reveal a committed delta past the aggregator, who must then count it.

        Anyone with the salt.
        """
        return self._send(
            sender,
            f"forceReveal(bytes32,bytes,bytes32,bytes32[],{RoundWords.ABI})",
            did_hash,
            delta,
            salt,
            proof,
            words.to_abi(),
        )

    def forced(self, epoch: int, round_: int, did_hash: Hash32) -> Hash32:
        """SHA-256 of the delta that a member revealed on chain; 0 if it did not."""
        found: Hash32 = self._read("forced(uint64,uint32,bytes32)", ("bytes32",), epoch, round_, did_hash)[0]
        return found

    def forfeited(self) -> int:
        """Read ``forfeited``."""
        found: int = self._read("forfeited()", ("uint128",))[0]
        return found

    def hold(self, sender: Signer) -> Receipt:
        """A judge has one more open question: finalization waits.

        Each takes one `unhold`. Judges only.
        """
        return self._send(sender, "hold()")

    def holds(self) -> int:
        """Read ``holds``."""
        found: int = self._read("holds()", ("uint16",))[0]
        return found

    def judges(self) -> tuple[Address, ...]:
        """Read ``judges``."""
        found: tuple[Address, ...] = self._read("judges()", ("address[]",))[0]
        return found

    def lapse(self, sender: Signer, terms: EpochTerms) -> Receipt:
        """Leave a phase whose deadline has passed.

        Anyone may call it.
        """
        return self._send(sender, f"lapse({EpochTerms.ABI})", terms.to_abi())

    def manifest_hash(self) -> Hash32:
        """Read ``manifestHash``."""
        found: Hash32 = self._read("manifestHash()", ("bytes32",))[0]
        return found

    def open_epoch(self, sender: Signer, terms: EpochTerms) -> Receipt:
        """Open an epoch whose funds the pool already holds, not promised to anyone.

        Aggregator only.
        """
        return self._send(sender, f"openEpoch({EpochTerms.ABI})", terms.to_abi())

    def open_round(self, sender: Signer, base_hash: Hash32) -> Receipt:
        """Open the next round on a base model.

        Aggregator only.
        """
        return self._send(sender, "openRound(bytes32)", base_hash)

    def phase(self) -> Phase:
        """Read ``phase``."""
        found = self._read("phase()", ("uint8",))
        return Phase(found[0])

    def pool(self) -> Address:
        """The `RewardPool`."""
        found: Address = self._read("pool()", ("address",))[0]
        return found

    def proposal(self) -> Proposal:
        """Read ``proposal``."""
        found = self._read("proposal()", (Proposal.ABI,))
        return Proposal.from_abi(found[0])

    def propose(self, sender: Signer, payout_root: Hash32, total: int, settlement_root: Hash32) -> Receipt:
        """Propose the payout table and start the challenge window.

        The aggregator; or anybody bonded, once the aggregator has lost its bond or half of the time
        to propose has passed.
        """
        return self._send(sender, "propose(bytes32,uint256,bytes32)", payout_root, total, settlement_root)

    def record_round(
        self,
        sender: Signer,
        *,
        model_hash: Hash32,
        events_root: Hash32,
        trace_root: Hash32,
        receipt_hash: Hash32,
    ) -> Receipt:
        """Record the outcome of a round.

        Aggregator only.
        """
        return self._send(
            sender,
            "recordRound(bytes32,bytes32,bytes32,bytes32)",
            model_hash,
            events_root,
            trace_root,
            receipt_hash,
        )

    def recorded(self) -> int:
        """Rounds that are recorded and not proven wrong: those that may be paid."""
        found: int = self._read("recorded()", ("uint32",))[0]
        return found

    def reserved(self) -> int:
        """Wei of the pool that no funder may take back.

        They are an epoch's funds, and lost bonds.
        """
        found: int = self._read("reserved()", ("uint256",))[0]
        return found

    def retarget(self, sender: Signer) -> Receipt:
        """Choose a new target once the randomness of the old one is out of reach.

        Anyone may call it.
        """
        return self._send(sender, "retarget()")

    def reveal_epoch(self, sender: Signer, shards_hash: Hash32) -> Receipt:
        """Commit to the drawn shards, now public, after the last round.

        Aggregator only.
        """
        return self._send(sender, "revealEpoch(bytes32)", shards_hash)

    def round_(self) -> int:
        """The round under way, or the last one opened; 0 before the first of an epoch."""
        found: int = self._read("round()", ("uint32",))[0]
        return found

    def round_digest(self, epoch: int, round_: int) -> Hash32:
        """What a round has committed; see `libraries/RoundDigest.sol`."""
        found: Hash32 = self._read("roundDigest(uint64,uint32)", ("bytes32",), epoch, round_)[0]
        return found

    def rounds(self) -> int:
        """Read ``rounds``."""
        found: int = self._read("rounds()", ("uint32",))[0]
        return found

    def show_preimage(
        self, sender: Signer, provider: int, preimage: Hash32, tips: Sequence[Hash32]
    ) -> Receipt:
        """Show a provider's preimage, which keeps its bond safe if the draw lapses.

        Anyone may call it.
        """
        return self._send(sender, "showPreimage(uint32,bytes32,bytes32[])", provider, preimage, tips)

    def terms_hash(self, epoch: int) -> Hash32:
        """`keccak256(abi.encode(terms))` of an epoch."""
        found: Hash32 = self._read("termsHash(uint64)", ("bytes32",), epoch)[0]
        return found

    def tips_hash(self) -> Hash32:
        """Read ``tipsHash``."""
        found: Hash32 = self._read("tipsHash()", ("bytes32",))[0]
        return found

    def unhold(self, sender: Signer) -> Receipt:
        """A question of a judge is settled, whatever has become of the proposal.

        Judges only.
        """
        return self._send(sender, "unhold()")

    def vault(self) -> Address:
        """The `BondVault`."""
        found: Address = self._read("vault()", ("address",))[0]
        return found

    def void_proposal(self, sender: Signer) -> Receipt:
        """A judge found nobody to vouch for the proposal; no bond is lost.

        Judges only.
        """
        return self._send(sender, "voidProposal()")

    def voids(self) -> int:
        """How many proposals of the present epoch were voided without a fault."""
        found: int = self._read("voids()", ("uint8",))[0]
        return found
