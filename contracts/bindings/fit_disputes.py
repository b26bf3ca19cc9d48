"""Typed binding of FitDisputes.sol, written by ``contracts.bindgen``: do not edit."""

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
from contracts.bindings.structs import Context, EpochTerms, Record, RoundWords, SumsClaim
from contracts.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Receipt, Signer

__all__ = [
    "Context",
    "EpochTerms",
    "FitDisputes",
    "InvalidRecord",
    "NoFault",
    "NoSuchEntry",
    "Record",
    "RoundNotRecorded",
    "RoundWords",
    "SumsClaim",
    "WrongBytes",
    "WrongFormat",
    "WrongTerms",
    "WrongVector",
    "WrongWords",
]


class FitDisputes(Contract):
    """Calls of ``FitDisputes``."""

    ARTIFACT: ClassVar[str] = "FitDisputes"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def accepted(
        self, sender: Signer, context: Context, choice: Record, members: Sequence[Record]
    ) -> Receipt:
        """Dispute whether there was a step at all: there is one if and only if a member was accepted."""
        return self._send(
            sender,
            f"accepted({Context.ABI},{Record.ABI},{Record.ABI}[])",
            context.to_abi(),
            choice.to_abi(),
            tuple(item.to_abi() for item in members),
        )

    def intercept(self, sender: Signer, context: Context, point: Record, last: Record) -> Receipt:
        """Dispute the intercept of a point: it must balance the sums at the point's last position."""
        return self._send(
            sender,
            f"intercept({Context.ABI},{Record.ABI},{Record.ABI})",
            context.to_abi(),
            point.to_abi(),
            last.to_abi(),
        )

    def minimum(
        self, sender: Signer, *, context: Context, choice: Record, chosen: Record, better: Record
    ) -> Receipt:
        """Dispute a choice of the line search: another candidate has a smaller loss, or the same and a
        smaller number.
        """
        return self._send(
            sender,
            f"minimum({Context.ABI},{Record.ABI},{Record.ABI},{Record.ABI})",
            context.to_abi(),
            choice.to_abi(),
            chosen.to_abi(),
            better.to_abi(),
        )

    def range_(self, sender: Signer, context: Context, choice: Record, state: Record) -> Receipt:
        """Dispute numbers of candidates that cannot be: beyond a grid, momentum before the first step, or
        scored at another step than the rules say.
        """
        return self._send(
            sender,
            f"range({Context.ABI},{Record.ABI},{Record.ABI})",
            context.to_abi(),
            choice.to_abi(),
            state.to_abi(),
        )

    def sums(self, sender: Signer, context: Context, claim: SumsClaim) -> Receipt:
        """Dispute the sums of a point at a position."""
        return self._send(sender, f"sums({Context.ABI},{SumsClaim.ABI})", context.to_abi(), claim.to_abi())
