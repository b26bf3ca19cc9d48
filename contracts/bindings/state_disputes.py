"""Typed binding of StateDisputes.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from contracts.bindings.errors import (
    InvalidRecord,
    NoFault,
    NoSuchEntry,
    NotTheFirstRound,
    NotTheNextRound,
    RoundNotRecorded,
    WrongBytes,
    WrongFormat,
    WrongTerms,
    WrongVector,
    WrongWords,
)
from contracts.bindings.structs import Chunk, Context, EpochTerms, ExitClaim, Record, RoundWords
from contracts.contract import Contract

if TYPE_CHECKING:
    from contracts.chain import Chain, Receipt, Signer

__all__ = [
    "Chunk",
    "Context",
    "EpochTerms",
    "ExitClaim",
    "InvalidRecord",
    "NoFault",
    "NoSuchEntry",
    "NotTheFirstRound",
    "NotTheNextRound",
    "Record",
    "RoundNotRecorded",
    "RoundWords",
    "StateDisputes",
    "WrongBytes",
    "WrongFormat",
    "WrongTerms",
    "WrongVector",
    "WrongWords",
]


class StateDisputes(Contract):
    """Calls of ``StateDisputes``."""

    ARTIFACT: ClassVar[str] = "StateDisputes"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def base(
        self, sender: Signer, *, context: Context, choice: Record, point: Record, weights: bytes
    ) -> Receipt:
        """Convict if the base that the round sent out is not the chosen momentum step with its intercept."""
        return self._send(
            sender,
            f"base({Context.ABI},{Record.ABI},{Record.ABI},bytes)",
            context.to_abi(),
            choice.to_abi(),
            point.to_abi(),
            weights,
        )

    def carried_member(
        self, sender: Signer, *, context: Context, before: Context, member: Record, member_before: Record
    ) -> Receipt:
        """Convict a round that did not begin with a member's credit and suspension of the round before."""
        return self._send(
            sender,
            f"carriedMember({Context.ABI},{Context.ABI},{Record.ABI},{Record.ABI})",
            context.to_abi(),
            before.to_abi(),
            member.to_abi(),
            member_before.to_abi(),
        )

    def carried_state(
        self,
        sender: Signer,
        *,
        context: Context,
        before: Context,
        entry: Record,
        entry_before: Record,
        exit_: Record,
    ) -> Receipt:
        """Convict a round that did not begin with the model state with which the round before it ended."""
        return self._send(
            sender,
            f"carriedState({Context.ABI},{Context.ABI},{Record.ABI},{Record.ABI},{Record.ABI})",
            context.to_abi(),
            before.to_abi(),
            entry.to_abi(),
            entry_before.to_abi(),
            exit_.to_abi(),
        )

    def exit_(self, sender: Signer, context: Context, claim: ExitClaim) -> Receipt:
        """Convict if what a round leaves behind does not follow, but for the vectors that it computes."""
        return self._send(sender, f"exit({Context.ABI},{ExitClaim.ABI})", context.to_abi(), claim.to_abi())

    def exit_move(
        self,
        sender: Signer,
        *,
        context: Context,
        claim: ExitClaim,
        move: Chunk,
        weights: Chunk,
        old: Chunk,
        index: int,
    ) -> Receipt:
        """Convict if an entry of the move is not the new weight less the old one."""
        return self._send(
            sender,
            f"exitMove({Context.ABI},{ExitClaim.ABI},{Chunk.ABI},{Chunk.ABI},{Chunk.ABI},uint256)",
            context.to_abi(),
            claim.to_abi(),
            move.to_abi(),
            weights.to_abi(),
            old.to_abi(),
            index,
        )

    def exit_step(
        self,
        sender: Signer,
        *,
        context: Context,
        claim: ExitClaim,
        start: Record,
        step: Chunk,
        weights: Chunk,
        old: Chunk,
        index: int,
    ) -> Receipt:
        """Convict if an entry of the newest step is not the new weight less the base's."""
        return self._send(
            sender,
            f"exitStep({Context.ABI},{ExitClaim.ABI},{Record.ABI},{Chunk.ABI},{Chunk.ABI},{Chunk.ABI},uint256)",
            context.to_abi(),
            claim.to_abi(),
            start.to_abi(),
            step.to_abi(),
            weights.to_abi(),
            old.to_abi(),
            index,
        )

    def initial_member(self, sender: Signer, context: Context, member: Record) -> Receipt:
        """Convict a first round in which a member began with credit or suspended."""
        return self._send(
            sender, f"initialMember({Context.ABI},{Record.ABI})", context.to_abi(), member.to_abi()
        )

    def initial_state(self, sender: Signer, context: Context, entry: Record) -> Receipt:
        """Convict a first round that did not begin with the initial weights, at rest."""
        return self._send(
            sender, f"initialState({Context.ABI},{Record.ABI})", context.to_abi(), entry.to_abi()
        )

    def model(self, sender: Signer, context: Context, exit_: Record, model: bytes) -> Receipt:
        """Convict if the model that the round recorded does not have the weights with which it ended."""
        return self._send(
            sender, f"model({Context.ABI},{Record.ABI},bytes)", context.to_abi(), exit_.to_abi(), model
        )
