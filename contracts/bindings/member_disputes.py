"""Typed binding of MemberDisputes.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from contracts.bindings.errors import (
    InvalidRecord,
    NoAcceptedDelta,
    NoFault,
    NoSuchEntry,
    NotRevealed,
    NotSeated,
    RoundNotRecorded,
    SafeCastOverflowedUintToInt,
    WrongBytes,
    WrongFormat,
    WrongTerms,
    WrongVector,
    WrongWords,
)
from contracts.bindings.structs import Chunk, Context, EpochTerms, LineClaim, Record, RoundWords, Seat
from contracts.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Receipt, Signer
    from federation.types import Hash32

__all__ = [
    "Chunk",
    "Context",
    "EpochTerms",
    "InvalidRecord",
    "LineClaim",
    "MemberDisputes",
    "NoAcceptedDelta",
    "NoFault",
    "NoSuchEntry",
    "NotRevealed",
    "NotSeated",
    "Record",
    "RoundNotRecorded",
    "RoundWords",
    "SafeCastOverflowedUintToInt",
    "Seat",
    "WrongBytes",
    "WrongFormat",
    "WrongTerms",
    "WrongVector",
    "WrongWords",
]


class MemberDisputes(Contract):
    """Calls of ``MemberDisputes``."""

    ARTIFACT: ClassVar[str] = "MemberDisputes"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def forced(
        self, sender: Signer, *, context: Context, member: Record, seat: Seat, delta: bytes
    ) -> Receipt:
        """Convict if a delta that was revealed on chain is admissible and was left out."""
        return self._send(
            sender,
            f"forced({Context.ABI},{Record.ABI},{Seat.ABI},bytes)",
            context.to_abi(),
            member.to_abi(),
            seat.to_abi(),
            delta,
        )

    def line(self, sender: Signer, context: Context, claim: LineClaim) -> Receipt:
        """Convict if a member's status, score, counted score, credit or suspension does not follow."""
        return self._send(sender, f"line({Context.ABI},{LineClaim.ABI})", context.to_abi(), claim.to_abi())

    def omitted(
        self,
        sender: Signer,
        *,
        context: Context,
        member: Record,
        seat: Seat,
        delta_hash: Hash32,
        proof: Sequence[Hash32],
    ) -> Receipt:
        """Convict if a delta stands under the reveal root and the member was not accepted with it."""
        return self._send(
            sender,
            f"omitted({Context.ABI},{Record.ABI},{Seat.ABI},bytes32,bytes32[])",
            context.to_abi(),
            member.to_abi(),
            seat.to_abi(),
            delta_hash,
            proof,
        )

    def over_cap(
        self, sender: Signer, *, context: Context, member: Record, seat: Seat, delta: bytes
    ) -> Receipt:
        """Convict if an accepted delta is not a delta of this model, or exceeds its member's cap."""
        return self._send(
            sender,
            f"overCap({Context.ABI},{Record.ABI},{Seat.ABI},bytes)",
            context.to_abi(),
            member.to_abi(),
            seat.to_abi(),
            delta,
        )

    def partial_sum(
        self,
        sender: Signer,
        *,
        context: Context,
        member: Record,
        before: Record,
        delta: bytes,
        sum_: Chunk,
        sum_before: Chunk,
        index: int,
    ) -> Receipt:
        """Convict if an entry of the sum of accepted deltas is wrong after a member."""
        return self._send(
            sender,
            f"partialSum({Context.ABI},{Record.ABI},{Record.ABI},bytes,{Chunk.ABI},{Chunk.ABI},uint256)",
            context.to_abi(),
            member.to_abi(),
            before.to_abi(),
            delta,
            sum_.to_abi(),
            sum_before.to_abi(),
            index,
        )

    def product(
        self,
        sender: Signer,
        *,
        context: Context,
        member: Record,
        projected: Record,
        gradient: bytes,
        delta: bytes,
    ) -> Receipt:
        """Convict if a member's inner product is not that of the projected gradient and its delta."""
        return self._send(
            sender,
            f"product({Context.ABI},{Record.ABI},{Record.ABI},bytes,bytes)",
            context.to_abi(),
            member.to_abi(),
            projected.to_abi(),
            gradient,
            delta,
        )
