"""Disputes about a proposed payout table (``SettlementDisputes.sol``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aggregator.challenge.witness import NO_RECORD, Case, Dispute
from contracts.bindings.settlement_disputes import SettlementDisputes
from contracts.bindings.structs import Context, EpochTerms, Record, Seat
from contracts.view import NO_WORDS
from federation.hashing import Domain, did_hash
from federation.reward import PayoutTable
from federation.rostertree import Admitted, roster_tree
from federation.trace import Op, Trace
from federation.types import Address


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SettlementCase:
    """A proposal under dispute: what was published of it.

    Attributes:
        domain: Chain, federation and epoch.
        terms: What the epoch promised.
        entries: The admitted members, in order.
        trace: Its PAYMENT and ROW records, as published.
        table: The payout table, as published.
        before: The table that it replaces; no rows before the first.
        forfeited: Lost bonds that it hands out, in wei.
        total: What it says it pays in all, in wei.
    """

    domain: Domain
    terms: EpochTerms
    entries: Sequence[Admitted]
    trace: Trace
    table: PayoutTable
    before: PayoutTable
    forfeited: int
    total: int

    @property
    def context(self) -> Context:
        """The context as a judge takes it: round 0."""
        return Context(federation=self.domain.federation, terms=self.terms, round_=0, words=NO_WORDS)

    @property
    def rows(self) -> int:
        """How many rows there are without a gap."""
        count = 0
        while (Op.ROW, count, 0) in self.trace:
            count += 1
        return count

    def record_at(self, place: int) -> Record:
        """Return the record at a place of the trace, with its proof."""
        found = self.trace.records[place]
        proof = self.trace.tree(self.domain, 0).proof(place)
        return Record(op=found.op, i=found.i, j=found.j, values=found.values, proof=proof)

    def record(self, op: Op, i: int) -> Record:
        """Return a record with its proof; none (op 0) for a number below zero.

        Raises:
            VerificationFailed: There is none.
        """
        if i < 0:
            return NO_RECORD
        proof = self.trace.proof(self.domain, 0, op, i)
        return Record(op=op, i=i, j=0, values=self.trace.find(op, i).values, proof=proof)

    def seat(self, i: int) -> Seat:
        """Return a member's line of the roster with its proof."""
        entry = self.entries[i]
        return Seat(
            index=i,
            did_hash=did_hash(entry.did),
            quota=entry.quota,
            cap=entry.cap,
            payee=entry.payee,
            proof=roster_tree(self.entries).proof(i),
        )


def credit(case: SettlementCase, i: int, last_round: Case) -> Dispute:
    """Dispute a payment's credit with the member's record of the last paid round."""
    member = last_round.record(Op.MEMBER, i)
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.credit(sender, last_round.context, case.record(Op.PAYMENT, i), member),
    )


def unearned(case: SettlementCase, i: int) -> Dispute:
    """Dispute a payment's credit where no round is paid."""
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.unearned(sender, case.context, case.record(Op.PAYMENT, i)),
    )


def payment(case: SettlementCase, i: int) -> Dispute:
    """Dispute how a payment follows from its credit, its quota and the payment before."""
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.payment(
            sender,
            context=case.context,
            payment=case.record(Op.PAYMENT, i),
            before=case.record(Op.PAYMENT, i - 1),
            last=case.record(Op.PAYMENT, case.terms.members - 1),
            seat=case.seat(i),
        ),
    )


def row(case: SettlementCase, e: int) -> Dispute:
    """Dispute how a row follows from the one before and its member's payment."""
    member = case.trace.find(Op.ROW, e).value("member")
    paid = member if member < case.terms.members else -1
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.row(
            sender,
            context=case.context,
            row=case.record(Op.ROW, e),
            before=case.record(Op.ROW, e - 1),
            payment=case.record(Op.PAYMENT, paid),
        ),
    )


def payee(case: SettlementCase, e: int) -> Dispute:
    """Dispute whom a member's row pays."""
    seat = case.seat(case.trace.find(Op.ROW, e).value("member"))
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.payee(sender, case.context, case.record(Op.ROW, e), seat),
    )


def link(case: SettlementCase, i: int) -> Dispute:
    """Dispute that a payment's row is this member's."""
    e = case.trace.find(Op.PAYMENT, i).value("row")
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.link(
            sender, case.context, case.record(Op.PAYMENT, i), case.record(Op.ROW, e)
        ),
    )


def total(case: SettlementCase, e: int) -> Dispute:
    """Dispute that the rows up to this one fit what was proposed."""
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.total(sender, case.context, case.record(Op.ROW, e)),
    )


def leaf(case: SettlementCase, e: int, place: int) -> Dispute:
    """Dispute a leaf of the proposed table, given its place, with the last row of its payee."""
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.leaf(
            sender,
            context=case.context,
            row=case.record(Op.ROW, e),
            cumulative=case.table.rows[place][1],
            proof=case.table.tree().proof(place),
        ),
    )


def previous(case: SettlementCase, e: int, place: int) -> Dispute:
    """Dispute what a row's payee had, given the place of its leaf in the table before."""
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.previous(
            sender,
            context=case.context,
            row=case.record(Op.ROW, e),
            cumulative=case.before.rows[place][1],
            proof=case.before.tree().proof(place),
        ),
    )


def dropped(case: SettlementCase, place: int) -> Dispute:
    """Dispute that a payee of the table before has no row, given its place there."""
    owed, wei = case.before.rows[place]
    numbers = [case.trace.find(Op.ROW, e).value("payee") for e in range(case.rows)]
    low = sum(number < int(owed, 16) for number in numbers) - 1
    high = low + 1 if low + 1 < case.rows else -1
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.dropped(
            sender,
            context=case.context,
            payee=owed,
            cumulative=wei,
            proof=case.before.tree().proof(place),
            low=case.record(Op.ROW, low),
            high=case.record(Op.ROW, high),
        ),
    )


def twice(case: SettlementCase, first: int, second: int) -> Dispute:
    """Dispute two different records about the same, given their places in the trace."""
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.twice(
            sender, case.context, case.record_at(first), case.record_at(second)
        ),
    )


def all_disputes(case: SettlementCase, last_round: Case | None) -> Iterator[Dispute]:
    """Yield every dispute that the published records allow; an honest proposal is acquitted in each.

    Args:
        case: The proposal.
        last_round: The last round that it pays; None if it pays none.
    """
    for i in range(case.terms.members):
        yield credit(case, i, last_round) if last_round else unearned(case, i)
        yield payment(case, i)
        if (Op.ROW, case.trace.find(Op.PAYMENT, i).value("row"), 0) in case.trace:
            yield link(case, i)
    for e in range(case.rows):
        yield row(case, e)
        yield total(case, e)
        found = case.trace.find(Op.ROW, e)
        if 0 <= found.value("member") < case.terms.members:
            yield payee(case, e)
        yield from (leaf(case, e, k) for k in _places(case.table, found.value("payee")))
        yield from (previous(case, e, k) for k in _places(case.before, found.value("payee")))
    yield from (dropped(case, k) for k in range(len(case.before.rows)))


def _places(table: PayoutTable, number: int) -> list[int]:
    """Return where a payee stands in a table; a false one may hold it twice."""
    return [k for k, (account, _) in enumerate(table.rows) if _number(account) == number]


def _number(account: Address) -> int:
    return int(account, 16)
