"""Typed binding of RecordDisputes.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from contracts.bindings.errors import (
    InvalidRecord,
    NoFault,
    NoSuchEntry,
    NoVector,
    RoundNotRecorded,
    WrongBytes,
    WrongFormat,
    WrongTerms,
    WrongVector,
    WrongWords,
)
from contracts.bindings.structs import Chunk, Context, EpochTerms, Record, RoundWords
from contracts.contract import Contract

if TYPE_CHECKING:
    from contracts.chain import Chain, Receipt, Signer

__all__ = [
    "Chunk",
    "Context",
    "EpochTerms",
    "InvalidRecord",
    "NoFault",
    "NoSuchEntry",
    "NoVector",
    "Record",
    "RecordDisputes",
    "RoundNotRecorded",
    "RoundWords",
    "WrongBytes",
    "WrongFormat",
    "WrongTerms",
    "WrongVector",
    "WrongWords",
]


class RecordDisputes(Contract):
    """Calls of ``RecordDisputes``."""

    ARTIFACT: ClassVar[str] = "RecordDisputes"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def malformed(self, sender: Signer, context: Context, record: Record) -> Receipt:
        """Dispute a record of a kind that a round does not have, or with another number of values."""
        return self._send(sender, f"malformed({Context.ABI},{Record.ABI})", context.to_abi(), record.to_abi())

    def shape(
        self,
        sender: Signer,
        *,
        context: Context,
        record: Record,
        field: int,
        examples: Record,
        chunk: Chunk,
        index: int,
    ) -> Receipt:
        """Dispute a recorded vector that has another number of chunks than its entries need, or a chunk of
        another size.
        """
        return self._send(
            sender,
            f"shape({Context.ABI},{Record.ABI},uint256,{Record.ABI},{Chunk.ABI},uint256)",
            context.to_abi(),
            record.to_abi(),
            field,
            examples.to_abi(),
            chunk.to_abi(),
            index,
        )

    def twice(self, sender: Signer, context: Context, one: Record, other: Record) -> Receipt:
        """Dispute two different records with one key."""
        return self._send(
            sender,
            f"twice({Context.ABI},{Record.ABI},{Record.ABI})",
            context.to_abi(),
            one.to_abi(),
            other.to_abi(),
        )
