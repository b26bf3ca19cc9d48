"""Typed binding of ExampleDisputes.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from contracts.bindings.errors import (
    InvalidRecord,
    NoFault,
    NoSuchEntry,
    NotInIndex,
    NotInPart,
    NotOfProvider,
    NotThisRound,
    RoundNotRecorded,
    WrongBytes,
    WrongFormat,
    WrongPart,
    WrongTerms,
    WrongVector,
    WrongWords,
)
from contracts.bindings.structs import (
    Chunk,
    Context,
    EpochTerms,
    ExampleClaim,
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
    "ExampleClaim",
    "ExampleDisputes",
    "InvalidRecord",
    "NoFault",
    "NoSuchEntry",
    "NotInIndex",
    "NotInPart",
    "NotOfProvider",
    "NotThisRound",
    "Opening",
    "PartEntry",
    "Record",
    "RoundNotRecorded",
    "RoundWords",
    "WrongBytes",
    "WrongFormat",
    "WrongPart",
    "WrongTerms",
    "WrongVector",
    "WrongWords",
]


class ExampleDisputes(Contract):
    """Calls of ``ExampleDisputes``."""

    ARTIFACT: ClassVar[str] = "ExampleDisputes"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def doubled(
        self, sender: Signer, *, context: Context, shard: int, provider: int, one: PartEntry, other: PartEntry
    ) -> Receipt:
        """Dispute an index that holds two parts for one shard and provider: its author could choose between
        them after the draw.

        Any recorded round of the epoch is convicted.
        """
        return self._send(
            sender,
            f"doubled({Context.ABI},uint32,uint32,{PartEntry.ABI},{PartEntry.ABI})",
            context.to_abi(),
            shard,
            provider,
            one.to_abi(),
            other.to_abi(),
        )

    def example(self, sender: Signer, context: Context, claim: ExampleClaim) -> Receipt:
        """Dispute the label or the scale of one example.

        A round that used an example which is not in canonical form is convicted too: whoever opened
        it should have been accused instead.
        """
        return self._send(
            sender, f"example({Context.ABI},{ExampleClaim.ABI})", context.to_abi(), claim.to_abi()
        )

    def mean(self, sender: Signer, context: Context, square: Record, counts: bytes) -> Receipt:
        """Dispute the sum of squares of the mean, or bytes of the mean that are no mean."""
        return self._send(
            sender, f"mean({Context.ABI},{Record.ABI},bytes)", context.to_abi(), square.to_abi(), counts
        )

    def open_part(
        self, sender: Signer, *, context: Context, provider: int, part: bytes, entry: PartEntry
    ) -> Receipt:
        """Open an accused provider's part of the drawn shard in public, which clears the provider."""
        return self._send(
            sender,
            f"openPart({Context.ABI},uint32,bytes,{PartEntry.ABI})",
            context.to_abi(),
            provider,
            part,
            entry.to_abi(),
        )

    def size(
        self,
        sender: Signer,
        *,
        context: Context,
        examples: Record,
        drawn: RoundWords,
        entries: Sequence[PartEntry],
    ) -> Receipt:
        """Dispute which shard stands at a position, or how many examples it has."""
        return self._send(
            sender,
            f"size({Context.ABI},{Record.ABI},{RoundWords.ABI},{PartEntry.ABI}[])",
            context.to_abi(),
            examples.to_abi(),
            drawn.to_abi(),
            tuple(item.to_abi() for item in entries),
        )
