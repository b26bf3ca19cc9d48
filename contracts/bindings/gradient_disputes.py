"""Typed binding of GradientDisputes.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from contracts.bindings.errors import (
    InvalidRecord,
    NoFault,
    NoSuchEntry,
    NotInIndex,
    RoundNotRecorded,
    WrongBytes,
    WrongFormat,
    WrongNumberOfExamples,
    WrongPart,
    WrongTerms,
    WrongVector,
    WrongWords,
)
from contracts.bindings.structs import (
    Chunk,
    Context,
    EpochTerms,
    NodeClaim,
    PartEntry,
    Record,
    RoundWords,
    WordClaim,
)
from contracts.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Receipt, Signer

__all__ = [
    "Chunk",
    "Context",
    "EpochTerms",
    "GradientDisputes",
    "InvalidRecord",
    "NoFault",
    "NoSuchEntry",
    "NodeClaim",
    "NotInIndex",
    "PartEntry",
    "Record",
    "RoundNotRecorded",
    "RoundWords",
    "WordClaim",
    "WrongBytes",
    "WrongFormat",
    "WrongNumberOfExamples",
    "WrongPart",
    "WrongTerms",
    "WrongVector",
    "WrongWords",
]


class GradientDisputes(Contract):
    """Calls of ``GradientDisputes``."""

    ARTIFACT: ClassVar[str] = "GradientDisputes"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def average(
        self,
        sender: Signer,
        *,
        context: Context,
        gradient: Record,
        examples: Record,
        nodes: Sequence[Record],
        averaged: Chunk,
        coefficients: Sequence[Chunk],
        e: int,
    ) -> Receipt:
        """Convict if the averaged coefficient of example `e` is wrong."""
        return self._send(
            sender,
            f"average({Context.ABI},{Record.ABI},{Record.ABI},{Record.ABI}[],{Chunk.ABI},{Chunk.ABI}[],uint256)",
            context.to_abi(),
            gradient.to_abi(),
            examples.to_abi(),
            tuple(item.to_abi() for item in nodes),
            averaged.to_abi(),
            tuple(item.to_abi() for item in coefficients),
            e,
        )

    def coefficient(
        self,
        sender: Signer,
        *,
        context: Context,
        claim: NodeClaim,
        coefficients: Chunk,
        logits: Chunk,
        labels: Chunk,
        e: int,
    ) -> Receipt:
        """Convict if the coefficient of example `e` at a node is wrong."""
        return self._send(
            sender,
            f"coefficient({Context.ABI},{NodeClaim.ABI},{Chunk.ABI},{Chunk.ABI},{Chunk.ABI},uint256)",
            context.to_abi(),
            claim.to_abi(),
            coefficients.to_abi(),
            logits.to_abi(),
            labels.to_abi(),
            e,
        )

    def gradient(
        self, sender: Signer, *, context: Context, claim: WordClaim, gbar: Chunk, word: int
    ) -> Receipt:
        """Convict if the entry of gbar at a word is wrong."""
        return self._send(
            sender,
            f"gradient({Context.ABI},{WordClaim.ABI},{Chunk.ABI},uint256)",
            context.to_abi(),
            claim.to_abi(),
            gbar.to_abi(),
            word,
        )

    def improvement(
        self,
        sender: Signer,
        *,
        context: Context,
        improvement: Record,
        choice: Record,
        before: Record,
        after: Record,
        examples: Record,
    ) -> Receipt:
        """Convict if the improvement, or what it counts as, is wrong."""
        return self._send(
            sender,
            f"improvement({Context.ABI},{Record.ABI},{Record.ABI},{Record.ABI},{Record.ABI},{Record.ABI})",
            context.to_abi(),
            improvement.to_abi(),
            choice.to_abi(),
            before.to_abi(),
            after.to_abi(),
            examples.to_abi(),
        )

    def node_sums(
        self, sender: Signer, *, context: Context, claim: NodeClaim, logits: bytes, labels: bytes
    ) -> Receipt:
        """Convict if a node's sums of residuals or of curvatures are wrong."""
        return self._send(
            sender,
            f"nodeSums({Context.ABI},{NodeClaim.ABI},bytes,bytes)",
            context.to_abi(),
            claim.to_abi(),
            logits,
            labels,
        )

    def scaled_sum(
        self,
        sender: Signer,
        *,
        context: Context,
        gradient: Record,
        examples: Record,
        averaged: bytes,
        scales: bytes,
    ) -> Receipt:
        """Convict if the sum of all scaled coefficients is wrong."""
        return self._send(
            sender,
            f"scaledSum({Context.ABI},{Record.ABI},{Record.ABI},bytes,bytes)",
            context.to_abi(),
            gradient.to_abi(),
            examples.to_abi(),
            averaged,
            scales,
        )
