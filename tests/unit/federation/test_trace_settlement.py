"""The settlement's trace: what each member is due, and how the payout table follows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from federation.rostertree import NO_PAYEE, Admitted
from federation.trace import Op, Settlement, Trace, first_difference, settlement_trace
from federation.types import Address, Did
from tests.rounds import DOMAIN, played

PAYEES = [Address("0x" + f"{n:040x}") for n in (5, 3, 0xF00D << 140, 9)]
POOL = Address("0x" + "77" * 20)


def entry(i: int, payee: Address, quota: int = 1) -> Admitted:
    return Admitted(did=Did(f"did:key:z{i:02}"), quota=quota, cap=1, payee=payee)


def values(settlement: Settlement, op: Op) -> list[tuple[int, ...]]:
    return [r.values for r in settlement.trace.records if r.op is op]


def number(payee: Address) -> int:
    return int(payee, 16)


def test_rows_are_those_written_by_hand_when_payees_repeat_and_carry_over():
    entries = [
        entry(0, PAYEES[0], 10),
        entry(1, PAYEES[1], 20),
        entry(2, PAYEES[0], 30),
        entry(3, NO_PAYEE, 40),
    ]
    credits = {e.did: c for e, c in zip(entries, (50, -7, 30, 1000), strict=True)}
    found = settlement_trace(
        entries, credits=credits, funds=40, forfeited=101, previous={PAYEES[0]: 1000, PAYEES[3]: 6}
    )
    # 80 wanted, 40 there: half each. Of 101 lost, floor(101 q / 100); the last has no account.
    assert values(found, Op.PAYMENT) == [
        (50, 50, 25 + 10, 35, 1),
        (-7, 50, 0 + 20, 55, 0),
        (30, 80, 15 + 30, 100, 2),
        (1000, 80, 0, 100, -1),
    ]
    three, five, nine = (number(PAYEES[k]) for k in (1, 0, 3))
    assert values(found, Op.ROW) == [
        (three, 1, 0, 20, 1, 20),
        (five, 0, 1000, 1035, 0, 20),
        (five, 2, 1000, 1080, 1, 1100),
        (nine, -1, 6, 6, 1, 1106),
    ]
    assert found.amounts == {PAYEES[1]: 20, PAYEES[0]: 1080, PAYEES[3]: 6}
    assert found.due == {entries[0].did: 35, entries[1].did: 20, entries[2].did: 45}
    assert found.total == found.table(1, POOL).total == 1106


amounts = st.integers(-(10**24), 10**24)
line = st.tuples(st.sampled_from([*PAYEES, NO_PAYEE]), st.integers(1, 99), amounts)


@given(
    st.lists(line, min_size=1, max_size=8),
    st.integers(0, 10**24),
    st.integers(0, 10**20),
    st.dictionaries(st.sampled_from(PAYEES), st.integers(0, 10**24)),
)
def test_settlement_pays_by_the_rules_whatever_was_earned(lines, funds, forfeited, previous):
    entries = [entry(i, payee, quota) for i, (payee, quota, _) in enumerate(lines)]
    credits = {e.did: c for e, (_, _, c) in zip(entries, lines, strict=True)}
    found = settlement_trace(entries, credits=credits, funds=funds, forfeited=forfeited, previous=previous)
    without = settlement_trace(entries[::-1], credits=credits, funds=funds, previous=previous)
    paid = {e.did: e for e in entries if e.paid}
    earned = {d: max(0, credits[d]) for d in paid}
    wanted = sum(earned.values())
    assert without.due == {d: wei if wanted <= funds else wei * funds // wanted for d, wei in earned.items()}
    extra = {d: found.due[d] - without.due[d] for d in paid}
    total = sum(e.quota for e in entries)
    assert extra == {d: forfeited * e.quota // total for d, e in paid.items()}
    assert sum(found.due.values()) <= funds + forfeited
    for payee in PAYEES:
        due = sum(wei for d, wei in found.due.items() if paid[d].payee == payee)
        assert found.amounts.get(payee, 0) == previous.get(payee, 0) + due
    assert found.total == found.table(1, POOL).total
    _check_rows(found, len(entries))


def _check_rows(found: Settlement, members: int) -> None:
    rows, payments = values(found, Op.ROW), values(found, Op.PAYMENT)
    assert rows == sorted(rows, key=lambda row: row[:2])
    assert len(payments) == members
    for e, row in enumerate(rows):
        if row[1] >= 0:
            assert payments[row[1]][4] == e
        assert row[4] == int(e + 1 == len(rows) or rows[e + 1][0] != row[0])
    assert sum(p[4] >= 0 for p in payments) == sum(row[1] >= 0 for row in rows)
    if rows:
        assert rows[-1][5] == found.total
    assert payments[-1][3] == sum(found.due.values())


def test_nobody_is_due_anything_when_no_round_is_paid():
    found = settlement_trace([entry(0, PAYEES[0])], credits={}, funds=5)
    assert values(found, Op.PAYMENT) == [(0, 0, 0, 0, 0)]
    assert values(found, Op.ROW) == [(number(PAYEES[0]), 0, 0, 0, 1, 0)]
    assert found.amounts == {}
    assert found.table(1, POOL).rows == ()


def test_settlement_has_a_root_and_bytes_when_its_round_is_zero():
    trace = played().settle(forfeited=9).trace
    assert Trace.parse(trace.to_bytes()) == trace
    assert trace.root(DOMAIN, 0) != trace.root(DOMAIN, 1)


def test_first_wrong_payment_is_named_when_another_credit_was_settled():
    epoch = played()
    right, wrong = epoch.settle(), epoch.settle(rounds=1)
    found = first_difference(right.trace, wrong.trace)
    assert (found.key.op, found.field) == (Op.PAYMENT, "credit")
    other = first_difference(right.trace, epoch.settle(forfeited=10**6).trace)
    assert (*other.key, other.field) == (Op.PAYMENT, 0, 0, "due")
    carried = first_difference(right.trace, epoch.settle(previous={epoch.entries[3].payee: 4}).trace)
    assert (carried.key.op, carried.field) == (Op.ROW, "previous")
