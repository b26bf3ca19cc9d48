"""A payout table: right as the rules derive it, or wrong in one transaction, whatever is changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from eth_utils.address import to_checksum_address

from aggregator.challenge.settlement import (
    all_disputes,
    credit,
    dropped,
    leaf,
    payee,
    payment,
    previous,
    row,
    total,
    twice,
    unearned,
)
from aggregator.challenge.witness import Dispute
from contracts.bindings.errors import (
    InvalidRecord,
    NothingProposed,
    NotInTable,
    NotSeated,
    NotTheLastRound,
    WrongTerms,
)
from contracts.bindings.settlement_disputes import SettlementDisputes
from contracts.bindings.structs import Phase
from federation.reward import PayoutTable
from federation.rostertree import NO_PAYEE
from federation.trace import Op, Record, Trace
from federation.types import Wei

from .court import refused
from .settled import Bench, altered

LOST = 7 * 10**17 + 3
LOW, HIGH = to_checksum_address("0x" + "00" * 19 + "07"), to_checksum_address("0x" + "ff" * 20)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench.open(SettlementDisputes)


def before_of(bench: Bench) -> dict[str, int]:
    """A table before: a member's payee, and two that no member names, one below and one above all."""
    return {bench.epoch.entries[0].payee: 10**15 + 1, LOW: 5, HIGH: 9}


@pytest.mark.parametrize(("rounds", "forfeited"), [(0, LOST), (1, 0), (None, LOST)])
def test_every_dispute_is_refused_when_the_proposal_is_honest(bench: Bench, rounds, forfeited) -> None:
    for before in ({}, before_of(bench)):
        case = bench.propose(rounds=rounds, forfeited=forfeited, before=before)
        for dispute in all_disputes(case, bench.last_round(rounds)):
            bench.acquits(dispute)


def test_scaled_payments_are_acquitted_when_credit_exceeds_the_funds(bench: Bench) -> None:
    case = bench.propose()
    assert case.trace.find(Op.PAYMENT, case.terms.members - 1).value("positive") > case.terms.funds


def lies(case, rng: np.random.Generator) -> list[tuple[Op, int, str, int]]:
    """Every value of every record, changed by one, by much, and turned around."""

    def others(value: int) -> set[int]:
        return {value + 1, value - 1, -value - 2, int(rng.integers(1, 2**62)) << 190, -(2**255)} - {value}

    return [
        (record.op, record.i, name, other)
        for record in case.trace.records
        for name, value in zip(record.op.fields, record.values, strict=True)
        for other in sorted(others(value))
    ]


def test_some_dispute_convicts_when_any_value_is_another(bench: Bench) -> None:
    rng = np.random.default_rng(11)
    before = before_of(bench)
    case = bench.propose(forfeited=LOST, before=before)
    chosen = lies(case, rng)
    for k in rng.choice(len(chosen), size=12, replace=False).tolist():
        op, i, name, value = chosen[k]
        trace = altered(case.trace, op, i, name, value)
        lying = bench.propose(forfeited=LOST, before=before, trace=trace)
        assert any(bench.verdict(d) for d in all_disputes(lying, bench.last_round())), (op, i, name, value)


@pytest.mark.parametrize("name", ["credit", "positive", "due", "due so far"])
def test_payment_convicts_when_a_value_is_another(bench: Bench, name: str) -> None:
    honest = bench.propose(forfeited=LOST).trace
    for i in range(5):
        for by in (1, -1, 1 << 200):
            value = honest.find(Op.PAYMENT, i).value(name) + by
            case = bench.propose(forfeited=LOST, trace=altered(honest, Op.PAYMENT, i, name, value))
            if name == "credit":
                bench.convicts_proposal(credit(case, i, bench.last_round()))
            else:
                bench.convicts_proposal(payment(case, i))


def test_payment_convicts_when_the_unpaid_member_has_a_row_or_is_due(bench: Bench) -> None:
    honest = bench.propose().trace
    unpaid = len(bench.epoch.entries) - 1
    case = bench.propose(trace=altered(honest, Op.PAYMENT, unpaid, "row", 0))
    bench.convicts_proposal(payment(case, unpaid))
    case = bench.propose(trace=altered(honest, Op.PAYMENT, 0, "row", -1))
    bench.convicts_proposal(payment(case, 0))


def test_credit_convicts_when_no_round_is_paid(bench: Bench) -> None:
    honest = bench.propose(rounds=0).trace
    case = bench.propose(rounds=0, trace=altered(honest, Op.PAYMENT, 1, "credit", 1))
    bench.convicts_proposal(unearned(case, 1))
    bench.acquits(unearned(case, 0))
    case = bench.propose()
    with refused(NotTheLastRound):
        bench.send(unearned(case, 0))
    with refused(NotTheLastRound):
        bench.send(credit(case, 0, bench.honest(4)))


@pytest.mark.parametrize("name", ["payee", "member", "previous", "cumulative", "last", "total"])
def test_row_convicts_when_a_value_is_another(bench: Bench, name: str) -> None:
    before = before_of(bench)
    honest = bench.propose(before=before).trace
    count = sum(r.op is Op.ROW for r in honest.records)
    for e in range(count):
        for by in (1, -1, 1 << 254):
            value = honest.find(Op.ROW, e).value(name) + by
            case = bench.propose(before=before, trace=altered(honest, Op.ROW, e, name, value))
            disputes = [row(case, e)]
            if e + 1 < count:
                disputes.append(row(case, e + 1))
            if 0 <= case.trace.find(Op.ROW, e).value("member") < case.terms.members:
                disputes.append(payee(case, e))
            disputes += [dropped(case, k) for k in range(len(case.before.rows))]
            assert any(bench.verdict(d) for d in disputes), (e, by)


def reordered(trace: Trace, order: list[int]) -> Trace:
    """Rows in another order, their numbers, sums and links as if it were right."""
    payments = [r for r in trace.records if r.op is Op.PAYMENT]
    rows = [r for r in trace.records if r.op is Op.ROW]
    made, sum_ = [], 0
    for e, k in enumerate(order):
        values = list(rows[k].values)
        sum_ += values[3] if values[4] else 0
        made.append(Record(Op.ROW, e, 0, (*values[:5], sum_)))
    place = {r.value("member"): r.i for r in made}
    payments = [replace(p, values=(*p.values[:4], place.get(p.i, -1))) for p in payments]
    return Trace((*payments, *made))


def test_payment_convicts_when_a_quota_is_more_than_the_sum_of_all(bench: Bench) -> None:
    """The terms are wrong then: a share of what was lost would be beyond all numbers."""
    case = bench.propose()
    bench.acquits(payment(case, 0))
    terms = replace(case.terms, quota_total=1)
    bench.promise(terms)
    case = replace(case, terms=terms, forfeited=2**256 - 1)
    bench.stand(case, len(bench.epoch.rounds))
    bench.convicts_proposal(payment(case, 0))
    bench.promise(bench.terms)


def test_row_convicts_when_payees_or_members_are_out_of_order(bench: Bench) -> None:
    before = before_of(bench)
    honest = bench.propose(before=before).trace
    count = sum(r.op is Op.ROW for r in honest.records)
    for e in range(count - 1):
        order = list(range(count))
        order[e : e + 2] = [e + 1, e]
        case = bench.propose(before=before, trace=reordered(honest, order))
        assert any(bench.verdict(row(case, k)) for k in range(count)), e


def test_total_convicts_when_rows_add_up_to_more(bench: Bench) -> None:
    honest = bench.propose()
    case = bench.propose(total=honest.total - 1)
    bench.convicts_proposal(total(case, case.rows - 1))


def test_leaf_convicts_when_the_table_has_another_amount(bench: Bench) -> None:
    honest = bench.epoch.settle()
    for paid in honest.amounts:
        for by in (1, -1):
            case = bench.propose(amounts={**honest.amounts, paid: honest.amounts[paid] + by})
            e = max(e for e in range(case.rows) if case.trace.find(Op.ROW, e).value("payee") == int(paid, 16))
            place = [p for p, _ in case.table.rows].index(paid)
            bench.convicts_proposal(leaf(case, e, place))
    other = next(k for k, (p, _) in enumerate(case.table.rows) if p != paid)
    with refused(NotInTable):
        bench.send(leaf(case, e, other))


def test_previous_convicts_only_when_the_table_before_has_more(bench: Bench) -> None:
    before = before_of(bench)
    member = bench.epoch.entries[0].payee
    for wei, convicts in ((10**15, True), (10**15 + 2, False)):
        trace = bench.epoch.settle(previous={**before, member: wei}).trace
        case = bench.propose(before=before, trace=trace)
        e = next(e for e in range(case.rows) if case.trace.find(Op.ROW, e).value("payee") == int(member, 16))
        place = [p for p, _ in case.before.rows].index(member)
        assert bench.verdict(previous(case, e, place)) is convicts


@pytest.mark.parametrize("lost", ["low", "high", "middle", "all"])
def test_payee_of_the_table_before_convicts_when_it_has_no_row(bench: Bench, lost: str) -> None:
    middle = to_checksum_address("0x80" + "00" * 19)
    before = {LOW: 5, middle: 6, HIGH: 9}
    gone = {"low": {LOW}, "high": {HIGH}, "middle": {middle}, "all": set(before)}[lost]
    kept = {p: w for p, w in before.items() if p not in gone}
    settlement = bench.epoch.settle(previous=kept)
    case = bench.propose(
        before=before, trace=settlement.trace, amounts=settlement.amounts, total=settlement.total
    )
    for place, (account, _) in enumerate(case.before.rows):
        if account in gone:
            bench.convicts_proposal(dropped(case, place))
        else:
            bench.acquits(dropped(case, place))


def test_payee_is_not_missed_when_its_own_row_is_shown_as_the_one_below(bench: Bench) -> None:
    case = bench.propose(before=before_of(bench))
    place = [p for p, _ in case.before.rows].index(LOW)
    assert case.trace.find(Op.ROW, 0).value("payee") == int(LOW, 16)
    for low in (0, 1):
        bench.acquits(_between(case, place, low))


def _between(case, place: int, low: int) -> Dispute:
    """A dispute that a payee of the table before has no row between ``low`` and the next."""
    owed, wei = case.before.rows[place]
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.dropped(
            sender,
            context=case.context,
            payee=owed,
            cumulative=wei,
            proof=case.before.tree().proof(place),
            low=case.record(Op.ROW, low),
            high=case.record(Op.ROW, low + 1),
        ),
    )


def test_payee_without_an_account_is_not_missed(bench: Bench) -> None:
    """A table that nobody challenged may hold a leaf for nobody; no row could carry it over."""
    case = bench.propose()
    before = PayoutTable(bench.chain.chain_id, bench.mock, ((NO_PAYEE, Wei(5)),))
    case = replace(case, before=before)
    bench.stand(case, len(bench.epoch.rounds))
    bench.acquits(dropped(case, 0))


def test_settlement_without_rows_convicts_when_somebody_was_owed(bench: Bench) -> None:
    payments = Trace(tuple(r for r in bench.epoch.settle(rounds=0).trace.records if r.op is Op.PAYMENT))
    case = bench.propose(rounds=0, before={LOW: 5}, trace=payments, amounts={}, total=0)
    bench.convicts_proposal(dropped(case, 0))
    case = bench.propose(rounds=0, before={LOW: 5}, trace=payments, amounts={}, total=5)
    bench.acquits(dropped(case, 0))


def test_records_convict_when_one_key_has_two_values(bench: Bench) -> None:
    honest = bench.propose().trace
    other = replace(honest.records[0], values=(1, 2, 3, 4, 5))
    case = bench.propose(trace=Trace((*honest.records, other, honest.records[1])))
    last = len(case.trace.records)
    bench.convicts_proposal(twice(case, 0, last - 2))
    bench.acquits(twice(case, 1, last - 1))
    with refused(InvalidRecord):
        bench.send(twice(case, 0, 1))


def test_proof_is_refused_when_it_is_of_another_proposal_phase_or_epoch(bench: Bench) -> None:
    honest = bench.propose()
    bench.propose(rounds=0)
    with refused(InvalidRecord):
        bench.send(row(honest, 1))
    case = bench.propose()
    with refused(WrongTerms):
        bench.send(row(replace(case, terms=replace(case.terms, funds=1)), 1))
    entries = (replace(case.entries[0], quota=99), *case.entries[1:])
    with refused(NotSeated):
        bench.send(payment(replace(case, entries=entries), 0))
    bench.phase(Phase.SETTLE)
    with refused(NothingProposed):
        bench.send(row(case, 1))


def test_first_row_is_refused_when_a_row_before_it_is_given(bench: Bench) -> None:
    case = bench.propose()
    with refused(InvalidRecord):
        bench.send(_with_before(case))


def _with_before(case):
    return Dispute.draft(
        SettlementDisputes,
        lambda judge, sender: judge.row(
            sender,
            context=case.context,
            row=case.record(Op.ROW, 0),
            before=case.record(Op.ROW, 1),
            payment=case.record(Op.PAYMENT, case.trace.find(Op.ROW, 0).value("member")),
        ),
    )
