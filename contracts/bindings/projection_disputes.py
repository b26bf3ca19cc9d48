"""Typed binding of ProjectionDisputes.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from contracts.bindings.errors import (
    InvalidRecord,
    NoFault,
    NoSuchEntry,
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
    DirectionClaim,
    EpochTerms,
    ProjectedClaim,
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
    "DirectionClaim",
    "EpochTerms",
    "InvalidRecord",
    "NoFault",
    "NoSuchEntry",
    "ProjectedClaim",
    "ProjectionDisputes",
    "Record",
    "RoundNotRecorded",
    "RoundWords",
    "WrongBytes",
    "WrongFormat",
    "WrongTerms",
    "WrongVector",
    "WrongWords",
]


class ProjectionDisputes(Contract):
    """Calls of ``ProjectionDisputes``."""

    ARTIFACT: ClassVar[str] = "ProjectionDisputes"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def direction(
        self,
        sender: Signer,
        *,
        context: Context,
        claim: DirectionClaim,
        direction: Chunk,
        source: Chunk,
        initial: Chunk,
        index: int,
    ) -> Receipt:
        """Convict if an entry of a direction is not its source's, shifted."""
        return self._send(
            sender,
            f"direction({Context.ABI},{DirectionClaim.ABI},{Chunk.ABI},{Chunk.ABI},{Chunk.ABI},uint256)",
            context.to_abi(),
            claim.to_abi(),
            direction.to_abi(),
            source.to_abi(),
            initial.to_abi(),
            index,
        )

    def gram(
        self,
        sender: Signer,
        *,
        context: Context,
        system: Record,
        first: Record,
        second: Record,
        a: bytes,
        b: bytes,
    ) -> Receipt:
        """Convict if the inner product of two directions is recorded wrongly."""
        return self._send(
            sender,
            f"gram({Context.ABI},{Record.ABI},{Record.ABI},{Record.ABI},bytes,bytes)",
            context.to_abi(),
            system.to_abi(),
            first.to_abi(),
            second.to_abi(),
            a,
            b,
        )

    def projected(
        self,
        sender: Signer,
        *,
        context: Context,
        claim: ProjectedClaim,
        result: Chunk,
        gbar: Chunk,
        directions: Sequence[Chunk],
        index: int,
    ) -> Receipt:
        """Convict if an entry of the projected gradient is not what the recorded products give."""
        return self._send(
            sender,
            f"projected({Context.ABI},{ProjectedClaim.ABI},{Chunk.ABI},{Chunk.ABI},{Chunk.ABI}[],uint256)",
            context.to_abi(),
            claim.to_abi(),
            result.to_abi(),
            gbar.to_abi(),
            tuple(item.to_abi() for item in directions),
            index,
        )

    def shift(
        self, sender: Signer, *, context: Context, claim: DirectionClaim, source: bytes, initial: bytes
    ) -> Receipt:
        """Convict if a direction's shift is not the least that brings its squared norm to 2^54."""
        return self._send(
            sender,
            f"shift({Context.ABI},{DirectionClaim.ABI},bytes,bytes)",
            context.to_abi(),
            claim.to_abi(),
            source,
            initial,
        )

    def target(
        self,
        sender: Signer,
        *,
        context: Context,
        system: Record,
        direction: Record,
        gradient: Record,
        u: bytes,
        gbar: bytes,
    ) -> Receipt:
        """Convict if the inner product of a direction and the gradient is recorded wrongly."""
        return self._send(
            sender,
            f"target({Context.ABI},{Record.ABI},{Record.ABI},{Record.ABI},bytes,bytes)",
            context.to_abi(),
            system.to_abi(),
            direction.to_abi(),
            gradient.to_abi(),
            u,
            gbar,
        )
