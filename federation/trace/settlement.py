"""From the last credits to the payout table, step by step as a contract can check them.

A member is due its positive credit, scaled down if all of it exceeds the funds, and its quota's
share of lost bonds. A row adds what one member is due to its payee's cumulative amount; the rows
of a payee follow each other and the last one is its leaf.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from federation.reward import PayoutTable
from federation.rostertree import Admitted, in_order
from federation.trace.records import Op, Record
from federation.trace.tree import Trace
from federation.types import Address, Did, Wei


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What an epoch pays and why.

    Attributes:
        trace: PAYMENT and ROW records; its root is that of round 0.
        due: Wei of each member with a payee.
        amounts: Cumulative wei of each payee, zero amounts left out.
    """

    trace: Trace
    due: Mapping[Did, Wei]
    amounts: Mapping[Address, Wei]

    @property
    def total(self) -> Wei:
        """The sum over all payees."""
        return Wei(sum(self.amounts.values()))

    def table(self, chain_id: int, pool: Address) -> PayoutTable:
        """Return the payout table of a pool."""
        return PayoutTable.build(chain_id, pool, self.amounts)


def settlement_trace(
    entries: Sequence[Admitted],
    *,
    credits: Mapping[Did, int],
    funds: int,
    forfeited: int = 0,
    previous: Mapping[Address, int] | None = None,
) -> Settlement:
    """Compute what an epoch pays.

    Args:
        entries: The admitted members, in any order.
        credits: Signed wei of every member after the last round that is paid; empty if none is.
        funds: F, wei that the members' credits may take at most.
        forfeited: Lost bonds in wei, handed out by quota.
        previous: The table before, cumulative wei by payee.
    """
    members = in_order(entries)
    quota_total = sum(m.quota for m in members)
    earned = [credits.get(m.did, 0) for m in members]
    positive = [max(0, credit) if m.paid else 0 for m, credit in zip(members, earned, strict=True)]
    wanted = sum(positive)
    due = [
        (wei if wanted <= funds else wei * funds // wanted) + forfeited * m.quota // quota_total
        if m.paid
        else 0
        for m, wei in zip(members, positive, strict=True)
    ]
    rows = _rows(members, due, previous or {})
    row_of = {row.value("member"): row.i for row in rows}
    payments = [
        Record(Op.PAYMENT, i, 0, (earned[i], so_far, due[i], due_so_far, row_of.get(i, -1)))
        for i, (so_far, due_so_far) in enumerate(zip(accumulate(positive), accumulate(due), strict=True))
    ]
    spelled = {_number(a): a for a in (*(previous or {}), *(m.payee for m in members))}
    leaves = {spelled[r.value("payee")]: Wei(r.value("cumulative")) for r in rows if r.value("last")}
    return Settlement(
        trace=Trace((*payments, *rows)),
        due={m.did: Wei(wei) for m, wei in zip(members, due, strict=True) if m.paid},
        amounts={payee: wei for payee, wei in leaves.items() if wei},
    )


def _number(address: Address) -> int:
    return int(address, 16)


def _rows(members: Sequence[Admitted], due: Sequence[int], previous: Mapping[Address, int]) -> list[Record]:
    """Return the ROW records, by payee's number, then member."""
    before = {_number(payee): wei for payee, wei in previous.items()}
    named = [(_number(m.payee), i) for i, m in enumerate(members) if m.paid]
    carried = [(payee, -1) for payee in before.keys() - {payee for payee, _ in named}]
    rows: list[Record] = []
    total = 0
    for payee, group in groupby(sorted([*named, *carried]), key=lambda pair: pair[0]):
        indices = [i for _, i in group]
        cumulative = before.get(payee, 0)
        for i in indices:
            cumulative += due[i] if i >= 0 else 0
            last = i == indices[-1]
            total += cumulative if last else 0
            values = (payee, i, before.get(payee, 0), cumulative, int(last), total)
            rows.append(Record(Op.ROW, len(rows), 0, values))
    return rows
