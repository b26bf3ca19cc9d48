"""Typed binding of SettlementDisputes.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from contracts.bindings.errors import (
    InvalidRecord,
    NoFault,
    NoSuchEntry,
    NothingProposed,
    NotInTable,
    NotSeated,
    NotTheLastRound,
    RoundNotRecorded,
    WrongBytes,
    WrongFormat,
    WrongTerms,
    WrongVector,
    WrongWords,
)
from contracts.bindings.structs import Context, EpochTerms, Phase, Record, RoundWords, Seat
from contracts.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "Context",
    "EpochTerms",
    "InvalidRecord",
    "NoFault",
    "NoSuchEntry",
    "NotInTable",
    "NotSeated",
    "NotTheLastRound",
    "NothingProposed",
    "Phase",
    "Record",
    "RoundNotRecorded",
    "RoundWords",
    "Seat",
    "SettlementDisputes",
    "WrongBytes",
    "WrongFormat",
    "WrongTerms",
    "WrongVector",
    "WrongWords",
]


class SettlementDisputes(Contract):
    """Calls of ``SettlementDisputes``."""

    ARTIFACT: ClassVar[str] = "SettlementDisputes"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def credit(self, sender: Signer, context: Context, payment: Record, member: Record) -> Receipt:
        """A payment's credit is not the member's credit after the last paid round."""
        return self._send(
            sender,
            f"credit({Context.ABI},{Record.ABI},{Record.ABI})",
            context.to_abi(),
            payment.to_abi(),
            member.to_abi(),
        )

    def dropped(
        self,
        sender: Signer,
        *,
        context: Context,
        payee: Address,
        cumulative: int,
        proof: Sequence[Hash32],
        low: Record,
        high: Record,
    ) -> Receipt:
        """A payee of the table before has no row at all: it would lie between these two neighbours."""
        return self._send(
            sender,
            f"dropped({Context.ABI},address,uint256,bytes32[],{Record.ABI},{Record.ABI})",
            context.to_abi(),
            payee,
            cumulative,
            proof,
            low.to_abi(),
            high.to_abi(),
        )

    def leaf(
        self, sender: Signer, *, context: Context, row: Record, cumulative: int, proof: Sequence[Hash32]
    ) -> Receipt:
        """The proposed table has another leaf for a payee than its last row says."""
        return self._send(
            sender,
            f"leaf({Context.ABI},{Record.ABI},uint256,bytes32[])",
            context.to_abi(),
            row.to_abi(),
            cumulative,
            proof,
        )

    def link(self, sender: Signer, context: Context, payment: Record, row: Record) -> Receipt:
        """A payment names a row that is another member's."""
        return self._send(
            sender,
            f"link({Context.ABI},{Record.ABI},{Record.ABI})",
            context.to_abi(),
            payment.to_abi(),
            row.to_abi(),
        )

    def payee(self, sender: Signer, context: Context, row: Record, seat: Seat) -> Receipt:
        """A row pays somebody else than its member's payee."""
        return self._send(
            sender,
            f"payee({Context.ABI},{Record.ABI},{Seat.ABI})",
            context.to_abi(),
            row.to_abi(),
            seat.to_abi(),
        )

    def payment(
        self, sender: Signer, *, context: Context, payment: Record, before: Record, last: Record, seat: Seat
    ) -> Receipt:
        """Running sums, what is due, or whether there is a row does not follow from the credit."""
        return self._send(
            sender,
            f"payment({Context.ABI},{Record.ABI},{Record.ABI},{Record.ABI},{Seat.ABI})",
            context.to_abi(),
            payment.to_abi(),
            before.to_abi(),
            last.to_abi(),
            seat.to_abi(),
        )

    def previous(
        self, sender: Signer, *, context: Context, row: Record, cumulative: int, proof: Sequence[Hash32]
    ) -> Receipt:
        """The table before has a larger leaf for a row's payee than the row says."""
        return self._send(
            sender,
            f"previous({Context.ABI},{Record.ABI},uint256,bytes32[])",
            context.to_abi(),
            row.to_abi(),
            cumulative,
            proof,
        )

    def row(
        self, sender: Signer, *, context: Context, row: Record, before: Record, payment: Record
    ) -> Receipt:
        """A row does not follow from the one before and its member's payment."""
        return self._send(
            sender,
            f"row({Context.ABI},{Record.ABI},{Record.ABI},{Record.ABI})",
            context.to_abi(),
            row.to_abi(),
            before.to_abi(),
            payment.to_abi(),
        )

    def total(self, sender: Signer, context: Context, row: Record) -> Receipt:
        """The rows add up to more than was proposed.

        (If to less, the next row is missing: demand it.)
        """
        return self._send(sender, f"total({Context.ABI},{Record.ABI})", context.to_abi(), row.to_abi())

    def twice(self, sender: Signer, context: Context, one: Record, other: Record) -> Receipt:
        """Two records of the settlement are about the same and differ."""
        return self._send(
            sender,
            f"twice({Context.ABI},{Record.ABI},{Record.ABI})",
            context.to_abi(),
            one.to_abi(),
            other.to_abi(),
        )

    def unearned(self, sender: Signer, context: Context, payment: Record) -> Receipt:
        """A payment has credit although no round is paid."""
        return self._send(sender, f"unearned({Context.ABI},{Record.ABI})", context.to_abi(), payment.to_abi())
