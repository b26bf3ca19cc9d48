"""Structs and enums of every contract, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from federation.types import Hash32


class Phase(IntEnum):
    """Enum ``Phase``."""

    CLOSED = 0
    OPEN = 1
    COMMIT = 2
    REVEAL = 3
    DRAW = 4
    RECORD = 5
    REVEALED = 6
    PROPOSED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochTerms:
    """Struct ``EpochTerms``; see the interface for its fields."""

    ABI: ClassVar[str] = "(bytes32,bytes32,bytes32,bytes32,uint32,uint32,uint256,uint256,bytes32[])"

    validation_root: Hash32
    mean_hash: Hash32
    public_hash: Hash32
    roster_hash: Hash32
    shards: int
    rounds: int
    bounty: int
    funds: int
    provider_tips: tuple[Hash32, ...]

    def to_abi(self) -> tuple[object, ...]:
        """Return the fields in the order of the ABI."""
        return (
            self.validation_root,
            self.mean_hash,
            self.public_hash,
            self.roster_hash,
            self.shards,
            self.rounds,
            self.bounty,
            self.funds,
            self.provider_tips,
        )

    @classmethod
    def from_abi(cls, values: tuple[Any, ...]) -> Self:
        """Build from decoded fields in the order of the ABI."""
        return cls(
            validation_root=values[0],
            mean_hash=values[1],
            public_hash=values[2],
            roster_hash=values[3],
            shards=values[4],
            rounds=values[5],
            bounty=values[6],
            funds=values[7],
            provider_tips=values[8],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundInfo:
    """Struct ``RoundInfo``; see the interface for its fields."""

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
