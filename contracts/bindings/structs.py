"""Structs and enums of every contract, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from federation.types import Address, Hash32


class Blob(IntEnum):
    """Enum ``Blob``."""

    MEAN = 0
    BASE = 1
    MODEL = 2
    DELTA = 3


class Kind(IntEnum):
    """Enum ``Kind``."""

    RECORD = 0
    VECTOR = 1
    BLOB = 2
    EXAMPLE = 3
    SEAT = 4
    MEMBERSHIP = 5
    LEAF = 6
    SOURCE = 7
    PREVIOUS = 8
    NODE = 9


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
class Context:
    """Struct ``Context``; see the interface for its fields."""

    ABI: ClassVar[str] = f"(address,{EpochTerms.ABI},uint32,{RoundWords.ABI})"

    federation: Address
    terms: EpochTerms
    round_: int
    words: RoundWords

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.federation, self.terms.to_abi(), self.round_, self.words.to_abi())

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            federation=values[0],
            terms=EpochTerms.from_abi(values[1]),
            round_=values[2],
            words=RoundWords.from_abi(values[3]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Struct ``Record``; see the interface for its fields."""

    ABI: ClassVar[str] = "(uint8,uint32,uint32,int256[],bytes32[])"

    op: int
    i: int
    j: int
    values: tuple[int, ...]
    proof: tuple[Hash32, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.op, self.i, self.j, self.values, self.proof)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(op=values[0], i=values[1], j=values[2], values=values[3], proof=values[4])


@dataclass(frozen=True, slots=True, kw_only=True)
class PartEntry:
    """Struct ``PartEntry``; see the interface for its fields."""

    ABI: ClassVar[str] = "(uint32,bytes32,bytes32[])"

    count: int
    root: Hash32
    proof: tuple[Hash32, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.count, self.root, self.proof)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(count=values[0], root=values[1], proof=values[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """Struct ``Seat``; see the interface for its fields."""

    ABI: ClassVar[str] = "(uint32,bytes32,uint256,uint256,address,bytes32[])"

    index: int
    did_hash: Hash32
    quota: int
    cap: int
    payee: Address
    proof: tuple[Hash32, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.index, self.did_hash, self.quota, self.cap, self.payee, self.proof)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            index=values[0],
            did_hash=values[1],
            quota=values[2],
            cap=values[3],
            payee=values[4],
            proof=values[5],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Struct ``Evidence``; see the interface for its fields."""

    ABI: ClassVar[str] = "(bytes32,bytes32,bytes32[],bytes32[])"

    salt: Hash32
    commitment: Hash32
    committed: tuple[Hash32, ...]
    revealed: tuple[Hash32, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.salt, self.commitment, self.committed, self.revealed)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(salt=values[0], commitment=values[1], committed=values[2], revealed=values[3])


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Struct ``Demand``; see the interface for its fields."""

    ABI: ClassVar[str] = "(address,uint64,uint32,address,address,uint256,bytes32,bytes32)"

    federation: Address
    deadline: int
    round_: int
    challenger: Address
    token: Address
    bond: int
    proposal: Hash32
    question: Hash32

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.federation,
            self.deadline,
            self.round_,
            self.challenger,
            self.token,
            self.bond,
            self.proposal,
            self.question,
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            federation=values[0],
            deadline=values[1],
            round_=values[2],
            challenger=values[3],
            token=values[4],
            bond=values[5],
            proposal=values[6],
            question=values[7],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorStep:
    """Struct ``AnchorStep``; see the interface for its fields."""

    ABI: ClassVar[str] = "(bytes,bytes)"

    before: bytes
    behind: bytes

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.before, self.behind)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(before=values[0], behind=values[1])


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
class Opening:
    """Struct ``Opening``; see the interface for its fields."""

    ABI: ClassVar[str] = f"({PartEntry.ABI}[],bytes32,bytes,bytes32[])"

    entries: tuple[PartEntry, ...]
    salt: Hash32
    data: bytes
    proof: tuple[Hash32, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (tuple(item.to_abi() for item in self.entries), self.salt, self.data, self.proof)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            entries=tuple(PartEntry.from_abi(item) for item in values[0]),
            salt=values[1],
            data=values[2],
            proof=values[3],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Struct ``Chunk``; see the interface for its fields."""

    ABI: ClassVar[str] = "(bytes32[],bytes)"

    hashes: tuple[Hash32, ...]
    data: bytes

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.hashes, self.data)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(hashes=values[0], data=values[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleClaim:
    """Struct ``ExampleClaim``; see the interface for its fields."""

    ABI: ClassVar[str] = f"({Record.ABI},{Record.ABI},{Opening.ABI},{Chunk.ABI},{Chunk.ABI},bytes,uint32)"

    examples: Record
    mean: Record
    example: Opening
    labels: Chunk
    scales: Chunk
    counts: bytes
    index: int

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.examples.to_abi(),
            self.mean.to_abi(),
            self.example.to_abi(),
            self.labels.to_abi(),
            self.scales.to_abi(),
            self.counts,
            self.index,
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            examples=Record.from_abi(values[0]),
            mean=Record.from_abi(values[1]),
            example=Opening.from_abi(values[2]),
            labels=Chunk.from_abi(values[3]),
            scales=Chunk.from_abi(values[4]),
            counts=values[5],
            index=values[6],
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
class SumsClaim:
    """Struct ``SumsClaim``; see the interface for its fields."""

    ABI: ClassVar[str] = f"({Record.ABI},{Record.ABI},{Record.ABI},{Record.ABI},bytes,bytes)"

    point: Record
    sums: Record
    before: Record
    examples: Record
    logits: bytes
    labels: bytes

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.point.to_abi(),
            self.sums.to_abi(),
            self.before.to_abi(),
            self.examples.to_abi(),
            self.logits,
            self.labels,
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            point=Record.from_abi(values[0]),
            sums=Record.from_abi(values[1]),
            before=Record.from_abi(values[2]),
            examples=Record.from_abi(values[3]),
            logits=values[4],
            labels=values[5],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeClaim:
    """Struct ``NodeClaim``; see the interface for its fields."""

    ABI: ClassVar[str] = f"({Record.ABI},{Record.ABI},{Record.ABI},{Record.ABI})"

    node: Record
    point: Record
    sums: Record
    examples: Record

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.node.to_abi(), self.point.to_abi(), self.sums.to_abi(), self.examples.to_abi())

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            node=Record.from_abi(values[0]),
            point=Record.from_abi(values[1]),
            sums=Record.from_abi(values[2]),
            examples=Record.from_abi(values[3]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WordClaim:
    """Struct ``WordClaim``; see the interface for its fields."""

    ABI: ClassVar[str] = f"({Record.ABI},{Record.ABI},bytes,bytes,bytes,{PartEntry.ABI}[],bytes[])"

    gradient: Record
    examples: Record
    averaged: bytes
    scales: bytes
    mean: bytes
    entries: tuple[PartEntry, ...]
    parts: tuple[bytes, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.gradient.to_abi(),
            self.examples.to_abi(),
            self.averaged,
            self.scales,
            self.mean,
            tuple(item.to_abi() for item in self.entries),
            self.parts,
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            gradient=Record.from_abi(values[0]),
            examples=Record.from_abi(values[1]),
            averaged=values[2],
            scales=values[3],
            mean=values[4],
            entries=tuple(PartEntry.from_abi(item) for item in values[5]),
            parts=values[6],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LineClaim:
    """Struct ``LineClaim``; see the interface for its fields."""

    ABI: ClassVar[str] = f"({Record.ABI},{Record.ABI},{Record.ABI},{Record.ABI},{Seat.ABI})"

    member: Record
    choice: Record
    improvement: Record
    exit_: Record
    seat: Seat

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.member.to_abi(),
            self.choice.to_abi(),
            self.improvement.to_abi(),
            self.exit_.to_abi(),
            self.seat.to_abi(),
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            member=Record.from_abi(values[0]),
            choice=Record.from_abi(values[1]),
            improvement=Record.from_abi(values[2]),
            exit_=Record.from_abi(values[3]),
            seat=Seat.from_abi(values[4]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogitClaim:
    """Struct ``LogitClaim``; see the interface for its fields."""

    ABI: ClassVar[str] = (
        f"({Record.ABI},{Record.ABI},{Record.ABI},{Opening.ABI},bytes,{Chunk.ABI},{Chunk.ABI},uint32)"
    )

    point: Record
    sums: Record
    examples: Record
    example: Opening
    weights: bytes
    logits: Chunk
    scales: Chunk
    index: int

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.point.to_abi(),
            self.sums.to_abi(),
            self.examples.to_abi(),
            self.example.to_abi(),
            self.weights,
            self.logits.to_abi(),
            self.scales.to_abi(),
            self.index,
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            point=Record.from_abi(values[0]),
            sums=Record.from_abi(values[1]),
            examples=Record.from_abi(values[2]),
            example=Opening.from_abi(values[3]),
            weights=values[4],
            logits=Chunk.from_abi(values[5]),
            scales=Chunk.from_abi(values[6]),
            index=values[7],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionClaim:
    """Struct ``DirectionClaim``; see the interface for its fields."""

    ABI: ClassVar[str] = f"({Record.ABI},{Record.ABI},{Record.ABI})"

    direction: Record
    entry: Record
    base: Record

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.direction.to_abi(), self.entry.to_abi(), self.base.to_abi())

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            direction=Record.from_abi(values[0]),
            entry=Record.from_abi(values[1]),
            base=Record.from_abi(values[2]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectedClaim:
    """Struct ``ProjectedClaim``; see the interface for its fields."""

    ABI: ClassVar[str] = f"({Record.ABI},{Record.ABI},{Record.ABI},{Record.ABI}[])"

    projected: Record
    system: Record
    gradient: Record
    directions: tuple[Record, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.projected.to_abi(),
            self.system.to_abi(),
            self.gradient.to_abi(),
            tuple(item.to_abi() for item in self.directions),
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            projected=Record.from_abi(values[0]),
            system=Record.from_abi(values[1]),
            gradient=Record.from_abi(values[2]),
            directions=tuple(Record.from_abi(item) for item in values[3]),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitClaim:
    """Struct ``ExitClaim``; see the interface for its fields."""

    ABI: ClassVar[str] = f"({Record.ABI},{Record.ABI},{Record.ABI},{Record.ABI},{Record.ABI})"

    exit_: Record
    entry: Record
    choice: Record
    improvement: Record
    point: Record

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.exit_.to_abi(),
            self.entry.to_abi(),
            self.choice.to_abi(),
            self.improvement.to_abi(),
            self.point.to_abi(),
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            exit_=Record.from_abi(values[0]),
            entry=Record.from_abi(values[1]),
            choice=Record.from_abi(values[2]),
            improvement=Record.from_abi(values[3]),
            point=Record.from_abi(values[4]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Struct ``Call``; see the interface for its fields."""

    ABI: ClassVar[str] = "(address,address,uint64,address,uint256,bytes32)"

    caller: Address
    proposer: Address
    deadline: int
    token: Address
    bond: int
    ballot: Hash32

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.caller, self.proposer, self.deadline, self.token, self.bond, self.ballot)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            caller=values[0],
            proposer=values[1],
            deadline=values[2],
            token=values[3],
            bond=values[4],
            ballot=values[5],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """Struct ``Ballot``; see the interface for its fields."""

    ABI: ClassVar[str] = "(address,uint64,uint32,bytes32,uint256,bytes32)"

    federation: Address
    epoch: int
    rounds: int
    payout_root: Hash32
    total: int
    settlement_root: Hash32

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.federation, self.epoch, self.rounds, self.payout_root, self.total, self.settlement_root)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            federation=values[0],
            epoch=values[1],
            rounds=values[2],
            payout_root=values[3],
            total=values[4],
            settlement_root=values[5],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """Struct ``Vote``; see the interface for its fields."""

    ABI: ClassVar[str] = "(uint8,bytes)"

    validator: int
    signature: bytes

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (self.validator, self.signature)

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(validator=values[0], signature=values[1])
