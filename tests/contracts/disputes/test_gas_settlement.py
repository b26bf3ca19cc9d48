"""What disputes of a settlement and demands cost: with 1,000 members, and with 4,096 weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from eth_utils.address import to_checksum_address

from aggregator.challenge.settlement import dropped, leaf, link, payee, payment, previous, row, total
from contracts.bindings.data_demands import DataDemands
from contracts.bindings.settlement_disputes import SettlementDisputes
from contracts.bindings.structs import Blob
from federation.hashing import keccak256
from federation.reward import PayoutTable
from federation.rostertree import Admitted, roster_tree
from federation.trace import Op, settlement_trace
from federation.types import Did
from tests.rounds import LARGE

from .court import CHALLENGER
from .settled import Bench, altered
from .test_demands import answered, archive

if TYPE_CHECKING:
    from collections.abc import Callable

    from aggregator.challenge.settlement import SettlementCase
    from aggregator.challenge.witness import Dispute

pytestmark = pytest.mark.slow

MEMBERS = 1000
MOST = 200_000


@pytest.fixture(scope="module")
def crowd() -> tuple[Bench, list[Admitted]]:
    """A thousand members, each with its own payee."""
    bench = Bench.open(SettlementDisputes, DataDemands)
    entries = [
        Admitted(
            did=Did(f"did:key:z{i:04}"),
            quota=1 + i % 7,
            cap=1 << 20,
            payee=to_checksum_address(keccak256(i.to_bytes(4, "big"))[:20]),
        )
        for i in range(MEMBERS)
    ]
    return bench, entries


def proposed(crowd: tuple[Bench, list[Admitted]], **lies: tuple[int, str, int]) -> SettlementCase:
    """A thousand members' settlement, with a lie in a payment or in a row."""
    bench, entries = crowd
    before = {e.payee: 1 + i for i, e in enumerate(entries)}
    honest = settlement_trace(
        entries,
        credits={e.did: 10**15 * i for i, e in enumerate(entries)},
        funds=10**18,
        forfeited=999,
        previous=before,
    )
    trace = honest.trace
    for name, (i, value, by) in lies.items():
        op = Op[name.upper()]
        trace = altered(trace, op, i, value, trace.find(op, i).value(value) + by)
    terms = replace(
        bench.terms,
        members=MEMBERS,
        quota_total=sum(e.quota for e in entries),
        funds=10**18,
        roster_root=roster_tree(entries).root,
    )
    bench.promise(terms)
    chain_id = bench.chain.chain_id
    case = replace(
        bench.propose(trace=trace, forfeited=999, before=before, amounts=honest.amounts, total=honest.total),
        terms=terms,
        entries=entries,
        table=PayoutTable.build(chain_id, bench.mock, honest.amounts),
    )
    bench.stand(case, 0)
    return case


CALLS: dict[str, tuple[dict[str, tuple[int, str, int]], Callable[[SettlementCase], Dispute]]] = {
    "payment": ({"payment": (500, "due", 1)}, lambda case: payment(case, 500)),
    "row": ({"row": (500, "cumulative", 1)}, lambda case: row(case, 500)),
    "payee": ({"row": (500, "payee", 1)}, lambda case: payee(case, 500)),
    "link": ({"payment": (500, "row", 1)}, lambda case: link(case, 500)),
    "total": ({"row": (500, "total", 10**40)}, lambda case: total(case, 500)),
    "leaf": ({"row": (500, "cumulative", 1)}, lambda case: leaf(case, 500, 500)),
    "previous": ({"row": (500, "previous", -1)}, lambda case: previous(case, 500, 500)),
    "dropped": ({"row": (500, "payee", 1)}, lambda case: dropped(case, 500)),
}


@pytest.mark.parametrize("name", CALLS)
def test_settlement_is_disputed_within_a_small_part_of_a_transaction(crowd, name: str) -> None:
    lies, dispute = CALLS[name]
    assert crowd[0].convicts_proposal(dispute(proposed(crowd, **lies))) < MOST


def test_table_of_a_thousand_is_answered_in_one_transaction(crowd) -> None:
    bench, judge = crowd[0], DataDemands(crowd[0].chain, crowd[0].judges["DataDemands"])
    case = proposed(crowd)
    found = archive(bench, case)
    receipt = judge.demand_node(CHALLENGER, case.context, case.table.tree().root, ())
    assert answered(bench, judge, found, receipt) < 4_500_000


def test_bytes_of_4096_weights_are_answered_within_a_transaction() -> None:
    bench = Bench.open(DataDemands, size=LARGE)
    judge = DataDemands(bench.chain, bench.judges["DataDemands"])
    found = archive(bench, bench.propose())
    case = found.rounds[3]
    ask = {"context": case.context, "which": 0, "page": 0}
    receipt = judge.demand_vector(CHALLENGER, record=case.record(Op.PROJECTED), **ask)
    assert answered(bench, judge, found, receipt) < 2_000_000
    member = next(r for r in case.trace.records if r.op is Op.MEMBER and r.value("status") == 1)
    receipt = judge.demand_blob(CHALLENGER, case.context, Blob.DELTA, case.record(Op.MEMBER, member.i))
    assert answered(bench, judge, found, receipt) < 2_000_000
    assert receipt.gas_used < 400_000
    receipt = judge.demand_example(CHALLENGER, case.context, 1, 3)
    assert answered(bench, judge, found, receipt) < MOST
