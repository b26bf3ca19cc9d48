"""Typed binding of PointDisputes.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from contracts.bindings.errors import (
    InvalidRecord,
    NoFault,
    NoSuchEntry,
    NotInIndex,
    NotInPart,
    NotOfProvider,
    RoundNotRecorded,
    WrongBytes,
    WrongFormat,
    WrongTerms,
    WrongVector,
    WrongWords,
)
from contracts.bindings.structs import (
    Chunk,
    Context,
    EpochTerms,
    LogitClaim,
    Opening,
    PartEntry,
    Record,
    RoundWords,
)
from contracts.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Receipt, Signer

__all__ = [
    "Chunk",
    "Context",
    "EpochTerms",
    "InvalidRecord",
    "LogitClaim",
    "NoFault",
    "NoSuchEntry",
    "NotInIndex",
    "NotInPart",
    "NotOfProvider",
    "Opening",
    "PartEntry",
    "PointDisputes",
    "Record",
    "RoundNotRecorded",
    "RoundWords",
    "WrongBytes",
    "WrongFormat",
    "WrongTerms",
    "WrongVector",
    "WrongWords",
]


class PointDisputes(Contract):
    """Calls of ``PointDisputes``."""

    ARTIFACT: ClassVar[str] = "PointDisputes"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def logit(self, sender: Signer, context: Context, claim: LogitClaim) -> Receipt:
        """Dispute one logit of a point."""
        return self._send(sender, f"logit({Context.ABI},{LogitClaim.ABI})", context.to_abi(), claim.to_abi())

    def mean_dot(
        self, sender: Signer, *, context: Context, point: Record, weights: bytes, mean: bytes
    ) -> Receipt:
        """Dispute the inner product of the mean and a point's weights."""
        return self._send(
            sender,
            f"meanDot({Context.ABI},{Record.ABI},bytes,bytes)",
            context.to_abi(),
            point.to_abi(),
            weights,
            mean,
        )

    def momentum_weight(
        self,
        sender: Signer,
        *,
        context: Context,
        point: Record,
        state: Record,
        chunks: Sequence[Chunk],
        index: int,
    ) -> Receipt:
        """Dispute one weight of a momentum candidate."""
        return self._send(
            sender,
            f"momentumWeight({Context.ABI},{Record.ABI},{Record.ABI},{Chunk.ABI}[],uint256)",
            context.to_abi(),
            point.to_abi(),
            state.to_abi(),
            tuple(item.to_abi() for item in chunks),
            index,
        )

    def path_weight(
        self,
        sender: Signer,
        *,
        context: Context,
        point: Record,
        choice: Record,
        base: Record,
        scored: Record,
        chunks: Sequence[Chunk],
        index: int,
    ) -> Receipt:
        """Dispute one weight of a point on the path."""
        return self._send(
            sender,
            f"pathWeight({Context.ABI},{Record.ABI},{Record.ABI},{Record.ABI},{Record.ABI},{Chunk.ABI}[],uint256)",
            context.to_abi(),
            point.to_abi(),
            choice.to_abi(),
            base.to_abi(),
            scored.to_abi(),
            tuple(item.to_abi() for item in chunks),
            index,
        )

    def step_weight(
        self,
        sender: Signer,
        *,
        context: Context,
        point: Record,
        choice: Record,
        base: Record,
        member: Record,
        chunks: Sequence[Chunk],
        index: int,
    ) -> Receipt:
        """Dispute one weight of a step candidate."""
        return self._send(
            sender,
            f"stepWeight({Context.ABI},{Record.ABI},{Record.ABI},{Record.ABI},{Record.ABI},{Chunk.ABI}[],uint256)",
            context.to_abi(),
            point.to_abi(),
            choice.to_abi(),
            base.to_abi(),
            member.to_abi(),
            tuple(item.to_abi() for item in chunks),
            index,
        )
