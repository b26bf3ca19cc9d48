"""Structs and enums of every contract, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from federation.types import Address, Hash32


class Phase(IntEnum):
    """Enum ``Phase``."""

    CLOSED = 0
    OPEN = 1
    COMMIT = 2
    REVEAL = 3
    DRAW = 4
    RECORD = 5
    SETTLE = 6
    PROPOSED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportEvent:
    """Struct ``ImportEvent``; see the interface for its fields."""

    ABI: ClassVar[str] = "(bytes32,bytes32,bytes32,bytes32[])"

    root: Hash32
    stream_digest: Hash32
    payload_digest: Hash32
    proof: tuple[Hash32, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.root, self.stream_digest, self.payload_digest, self.proof)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(root=values[0], stream_digest=values[1], payload_digest=values[2], proof=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRecord:
    """Struct ``RoundRecord``; see the interface for its fields."""

    ABI: ClassVar[str] = "(bytes32,bytes32,bytes32,bytes32,bytes32)"

    drawn: Hash32
    model_hash: Hash32
    events_root: Hash32
    trace_root: Hash32
    receipt_hash: Hash32

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.drawn, self.model_hash, self.events_root, self.trace_root, self.receipt_hash)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            drawn=values[0],
            model_hash=values[1],
            events_root=values[2],
            trace_root=values[3],
            receipt_hash=values[4],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Struct ``Config``; see the interface for its fields."""

    ABI: ClassVar[str] = (
        "(bytes32,address,address,address,uint64,uint64,uint64,uint64,uint64,uint256,uint256,uint256,"
        "uint256,uint32,address[],address[])"
    )

    manifest_hash: Hash32
    aggregator: Address
    token: Address
    randomness: Address
    draw_delay: int
    phase_duration: int
    settle_duration: int
    challenge_window: int
    answer_window: int
    aggregator_bond: int
    provider_bond: int
    challenger_bond: int
    validator_bond: int
    quorum: int
    validators: tuple[Address, ...]
    judges: tuple[Address, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.manifest_hash,
            self.aggregator,
            self.token,
            self.randomness,
            self.draw_delay,
            self.phase_duration,
            self.settle_duration,
            self.challenge_window,
            self.answer_window,
            self.aggregator_bond,
            self.provider_bond,
            self.challenger_bond,
            self.validator_bond,
            self.quorum,
            self.validators,
            self.judges,
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            manifest_hash=values[0],
            aggregator=values[1],
            token=values[2],
            randomness=values[3],
            draw_delay=values[4],
            phase_duration=values[5],
            settle_duration=values[6],
            challenge_window=values[7],
            answer_window=values[8],
            aggregator_bond=values[9],
            provider_bond=values[10],
            challenger_bond=values[11],
            validator_bond=values[12],
            quorum=values[13],
            validators=values[14],
            judges=values[15],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochTerms:
    """Struct ``EpochTerms``; see the interface for its fields."""

    ABI: ClassVar[str] = (
        "(bytes32,bytes32,bytes32,bytes32,bytes32,uint32,uint32,uint64,uint32,uint32,uint256,uint256,"
        "uint32,uint32,uint32,uint32[],uint32[],bytes32[],address[])"
    )

    validation_root: Hash32
    mean_hash: Hash32
    public_hash: Hash32
    roster_hash: Hash32
    roster_root: Hash32
    dim: int
    members: int
    quota_total: int
    shards: int
    rounds: int
    bounty: int
    funds: int
    clip_milli: int
    suspension_milli: int
    suspension_from: int
    etas: tuple[int, ...]
    betas_tenths: tuple[int, ...]
    provider_tips: tuple[Hash32, ...]
    providers: tuple[Address, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.validation_root,
            self.mean_hash,
            self.public_hash,
            self.roster_hash,
            self.roster_root,
            self.dim,
            self.members,
            self.quota_total,
            self.shards,
            self.rounds,
            self.bounty,
            self.funds,
            self.clip_milli,
            self.suspension_milli,
            self.suspension_from,
            self.etas,
            self.betas_tenths,
            self.provider_tips,
            self.providers,
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            validation_root=values[0],
            mean_hash=values[1],
            public_hash=values[2],
            roster_hash=values[3],
            roster_root=values[4],
            dim=values[5],
            members=values[6],
            quota_total=values[7],
            shards=values[8],
            rounds=values[9],
            bounty=values[10],
            funds=values[11],
            clip_milli=values[12],
            suspension_milli=values[13],
            suspension_from=values[14],
            etas=values[15],
            betas_tenths=values[16],
            provider_tips=values[17],
            providers=values[18],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundWords:
    """Struct ``RoundWords``; see the interface for its fields."""

    ABI: ClassVar[str] = "(bytes32,bytes32,bytes32,uint32,bytes32,bytes32,bytes32,bytes32)"

    base_hash: Hash32
    commit_root: Hash32
    reveal_root: Hash32
    shard: int
    model_hash: Hash32
    events_root: Hash32
    trace_root: Hash32
    receipt_hash: Hash32

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.base_hash,
            self.commit_root,
            self.reveal_root,
            self.shard,
            self.model_hash,
            self.events_root,
            self.trace_root,
            self.receipt_hash,
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            base_hash=values[0],
            commit_root=values[1],
            reveal_root=values[2],
            shard=values[3],
            model_hash=values[4],
            events_root=values[5],
            trace_root=values[6],
            receipt_hash=values[7],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Struct ``Proposal``; see the interface for its fields."""

    ABI: ClassVar[str] = "(address,bytes32,uint256,bytes32,uint32,uint256,uint64)"

    proposer: Address
    payout_root: Hash32
    total: int
    settlement_root: Hash32
    rounds: int
    forfeited: int
    challenge_end: int

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.proposer,
            self.payout_root,
            self.total,
            self.settlement_root,
            self.rounds,
            self.forfeited,
            self.challenge_end,
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            proposer=values[0],
            payout_root=values[1],
            total=values[2],
            settlement_root=values[3],
            rounds=values[4],
            forfeited=values[5],
            challenge_end=values[6],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Struct ``Claim``; see the interface for its fields."""

    ABI: ClassVar[str] = "(address,uint256,bytes32[])"

    payee: Address
    cumulative: int
    proof: tuple[Hash32, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.payee, self.cumulative, self.proof)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(payee=values[0], cumulative=values[1], proof=values[2])
