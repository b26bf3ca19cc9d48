"""Typed binding of Federation.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.errors import (
    AllRoundsRecorded,
    BeaconExpired,
    BeaconNotExpired,
    BeaconNotReady,
    ChallengeWindowOpen,
    DeckEmpty,
    InsufficientFunds,
    InvalidChallengeWindow,
    InvalidDrawDelay,
    InvalidRounds,
    NoProviders,
    NotAggregator,
    RoundsRemain,
    TotalOutOfRange,
    WrongPhase,
    WrongPreimage,
    WrongPreimageCount,
    ZeroHash,
)
from contracts.bindings.structs import EpochTerms, Phase, RoundInfo
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "AllRoundsRecorded",
    "BeaconExpired",
    "BeaconNotExpired",
    "BeaconNotReady",
    "ChallengeWindowOpen",
    "CommitsClosed",
    "DeckEmpty",
    "DrawRetargeted",
    "EpochOpened",
    "EpochRevealed",
    "EpochTerms",
    "Federation",
    "Finalized",
    "InsufficientFunds",
    "InvalidChallengeWindow",
    "InvalidDrawDelay",
    "InvalidRounds",
    "NoProviders",
    "NotAggregator",
    "Phase",
    "Proposed",
    "RevealsClosed",
    "RoundInfo",
    "RoundOpened",
    "RoundRecorded",
    "RoundsRemain",
    "ShardDrawn",
    "TotalOutOfRange",
    "WrongPhase",
    "WrongPreimage",
    "WrongPreimageCount",
    "ZeroHash",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitsClosed(Event):
    """Event ``CommitsClosed``."""

    SIGNATURE: ClassVar[str] = "CommitsClosed(uint64,uint32,bytes32)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    epoch: int
    round_: int
    commit_root: Hash32

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], round_=values[1], commit_root=values[2])


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
class EpochOpened(Event):
    """Event ``EpochOpened``."""

    SIGNATURE: ClassVar[str] = f"EpochOpened(uint64,{EpochTerms.ABI})"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False)

    epoch: int
    terms: EpochTerms

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], terms=EpochTerms.from_abi(values[1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochRevealed(Event):
    """Event ``EpochRevealed``."""

    SIGNATURE: ClassVar[str] = "EpochRevealed(uint64,bytes32)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False)

    epoch: int
    shards_hash: Hash32

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], shards_hash=values[1])


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
class Proposed(Event):
    """Event ``Proposed``."""

    SIGNATURE: ClassVar[str] = "Proposed(uint64,bytes32,uint256,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False, False, False)

    epoch: int
    payout_root: Hash32
    total: int
    challenge_end: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], payout_root=values[1], total=values[2], challenge_end=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class RevealsClosed(Event):
    """Event ``RevealsClosed``."""

    SIGNATURE: ClassVar[str] = "RevealsClosed(uint64,uint32,bytes32,uint64)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False)

    epoch: int
    round_: int
    reveal_root: Hash32
    draw_target: int

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], round_=values[1], reveal_root=values[2], draw_target=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundOpened(Event):
    """Event ``RoundOpened``."""

    SIGNATURE: ClassVar[str] = "RoundOpened(uint64,uint32,bytes32)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False)

    epoch: int
    round_: int
    base_hash: Hash32

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, epoch=values[0], round_=values[1], base_hash=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRecorded(Event):
    """Event ``RoundRecorded``."""

    SIGNATURE: ClassVar[str] = "RoundRecorded(uint64,uint32,bytes32,bytes32,bytes32,bytes32)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False, False, False)

    epoch: int
    round_: int
    model_hash: Hash32
    events_root: Hash32
    trace_root: Hash32
    receipt_hash: Hash32

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
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardDrawn(Event):
    """Event ``ShardDrawn``."""

    SIGNATURE: ClassVar[str] = "ShardDrawn(uint64,uint32,uint32,bytes32,bytes32,bytes32[])"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, True, False, False, False, False)

    epoch: int
    round_: int
    shard: int
    seed: Hash32
    beacon: Hash32
    preimages: tuple[Hash32, ...]

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
        )


class Federation(Contract):
    """Calls of ``Federation``."""

    ARTIFACT: ClassVar[str] = "Federation"

    @classmethod
    def deploy(
        cls,
        chain: Chain,
        sender: Signer,
        *,
        manifest_hash: Hash32,
        aggregator: Address,
        token: Address,
        challenge_window: int,
        draw_delay: int,
    ) -> Self:
        """Deploy a new one."""
        return cls._deploy(
            chain,
            sender,
            ("bytes32", "address", "address", "uint64", "uint64"),
            manifest_hash,
            aggregator,
            token,
            challenge_window,
            draw_delay,
        )

    def aggregator(self) -> Address:
        """Read ``aggregator``."""
        found: Address = self._read("aggregator()", ("address",))[0]
        return found

    def challenge_end(self) -> int:
        """Read ``challengeEnd``."""
        found: int = self._read("challengeEnd()", ("uint64",))[0]
        return found

    def challenge_window(self) -> int:
        """Read ``challengeWindow``."""
        found: int = self._read("challengeWindow()", ("uint64",))[0]
        return found

    def close_commits(self, sender: Signer, commit_root: Hash32) -> Receipt:
        """Fix the members' commitments.

        Aggregator only.
        """
        return self._send(sender, "closeCommits(bytes32)", commit_root)

    def close_reveals(self, sender: Signer, reveal_root: Hash32) -> Receipt:
        """Fix the revealed deltas, and the future block whose hash goes into the draw.

        Aggregator only.
        """
        return self._send(sender, "closeReveals(bytes32)", reveal_root)

    def draw_delay(self) -> int:
        """Read ``drawDelay``."""
        found: int = self._read("drawDelay()", ("uint64",))[0]
        return found

    def draw_shard(self, sender: Signer, preimages: Sequence[Hash32]) -> Receipt:
        """Draw a shard that the epoch has not drawn yet.

        Anyone with the preimages may call it.
        """
        return self._send(sender, "drawShard(bytes32[])", preimages)

    def draw_target(self) -> int:
        """Read ``drawTarget``."""
        found: int = self._read("drawTarget()", ("uint64",))[0]
        return found

    def epoch(self) -> int:
        """Read ``epoch``."""
        found: int = self._read("epoch()", ("uint64",))[0]
        return found

    def event_in_round(
        self,
        *,
        epoch: int,
        round_: int,
        stream_digest: Hash32,
        payload_digest: Hash32,
        proof: Sequence[Hash32],
    ) -> bool:
        """Whether a signed event belongs to a recorded round."""
        found: bool = self._read(
            "eventInRound(uint64,uint32,bytes32,bytes32,bytes32[])",
            ("bool",),
            epoch,
            round_,
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

    def funds(self) -> int:
        """Read ``funds``."""
        found: int = self._read("funds()", ("uint256",))[0]
        return found

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

    def payout_root(self) -> Hash32:
        """Read ``payoutRoot``."""
        found: Hash32 = self._read("payoutRoot()", ("bytes32",))[0]
        return found

    def phase(self) -> Phase:
        """Read ``phase``."""
        found = self._read("phase()", ("uint8",))
        return Phase(found[0])

    def pool(self) -> Address:
        """Read ``pool``."""
        found: Address = self._read("pool()", ("address",))[0]
        return found

    def propose(self, sender: Signer, payout_root: Hash32, total: int) -> Receipt:
        """Propose the payout table and start the challenge window.

        Aggregator only.
        """
        return self._send(sender, "propose(bytes32,uint256)", payout_root, total)

    def provider_tips(self) -> tuple[Hash32, ...]:
        """Read ``providerTips``."""
        found: tuple[Hash32, ...] = self._read("providerTips()", ("bytes32[]",))[0]
        return found

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

    def retarget(self, sender: Signer) -> Receipt:
        """Choose a new target block once the hash of the old one is out of reach.

        Anyone may call it.
        """
        return self._send(sender, "retarget()")

    def reveal_epoch(self, sender: Signer, shards_hash: Hash32) -> Receipt:
        """Commit to the drawn shards, now public, after the last round.

        Aggregator only.
        """
        return self._send(sender, "revealEpoch(bytes32)", shards_hash)

    def round_(self) -> int:
        """Read ``round``."""
        found: int = self._read("round()", ("uint32",))[0]
        return found

    def round_info(self, epoch: int, round_: int) -> RoundInfo:
        """Read ``roundInfo``."""
        found = self._read("roundInfo(uint64,uint32)", (RoundInfo.ABI,), epoch, round_)
        return RoundInfo.from_abi(found[0])

    def rounds(self) -> int:
        """Read ``rounds``."""
        found: int = self._read("rounds()", ("uint32",))[0]
        return found

    def total(self) -> int:
        """Read ``total``."""
        found: int = self._read("total()", ("uint256",))[0]
        return found
