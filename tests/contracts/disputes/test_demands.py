"""Whatever can be demanded an honest proposer answers; what a liar hides convicts it by the deadline."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from eth_utils.address import to_checksum_address

from aggregator.challenge import demands
from aggregator.challenge.demands import Archive, Membership, answer, subtree
from aggregator.challenge.witness import NO_RECORD
from contracts import abi
from contracts.bindings.data_demands import DataDemands, Demanded
from contracts.bindings.errors import (
    AnotherFederation,
    AnotherQuestion,
    InvalidRecord,
    NoAnswer,
    NoDemand,
    NotDemandable,
    NotInIndex,
    NotSeated,
    ProposalGone,
    ProposalStands,
    TooEarly,
    TooLate,
    WindowOver,
)
from contracts.bindings.structs import Blob, Phase
from federation.errors import VerificationFailed
from federation.hashing import commitment, sha256
from federation.merkle import root_from_proof
from federation.trace import Op, Trace

from .court import CHALLENGER, CLERK, CONVICTED, refused
from .settled import ANSWER, BOND, CONVICTED_PROPOSAL, WINDOW, Bench, altered

QUIET = 4
LOW, HIGH = to_checksum_address("0x" + "00" * 19 + "07"), to_checksum_address("0x" + "ff" * 20)


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench.open(DataDemands)


@pytest.fixture
def judge(bench: Bench) -> DataDemands:
    return DataDemands(bench.chain, bench.judges["DataDemands"])


def membership(bench: Bench, number: int) -> Membership:
    """What the members of a round committed to."""
    line = bench.epoch.rounds[number - 1]
    deltas = {did: sha256(line.delta_blob(did)) for did in line.deltas}
    made = {
        did: commitment(
            bench.epoch.domain,
            number,
            did=did,
            base_hash=line.base.hash,
            delta_sha256=deltas.get(did, sha256(did.encode())),
            salt=salt,
        )
        for did, salt in line.salts.items()
    }
    return Membership(commits=line.commits, commitments=made, reveals=line.reveals, salts=line.salts)


def archive(bench: Bench, settlement) -> Archive:
    """All that an honest proposer has."""
    lines = bench.epoch.rounds
    blobs = [bench.epoch.mean_blob, *(r.base_blob for r in lines), *(r.model for r in lines)]
    blobs += [r.delta_blob(did) for r in lines for did in r.deltas]
    return Archive(
        settlement=settlement,
        rounds={r.number: bench.honest(r.number) for r in lines},
        validation=bench.validation,
        members={r.number: membership(bench, r.number) for r in lines},
        blobs={sha256(blob): blob for blob in blobs},
    )


@pytest.fixture
def honest(bench: Bench) -> Archive:
    before = {bench.epoch.entries[0].payee: 10**15, LOW: 5, HIGH: 9}
    return archive(bench, bench.propose(before=before, forfeited=12345))


def asked(receipt) -> Demanded:
    (event,) = Demanded.decode_logs(receipt.logs)
    return event


def answered(bench: Bench, judge: DataDemands, found: Archive, receipt) -> int:
    """The demand is answered by somebody, who earns half the bond; return the gas."""
    event, owed = asked(receipt), judge.owed(bench.token.address, CLERK.address)
    gas = answer(found, event).send(bench.chain, CLERK, judge.address).gas_used
    assert judge.owed(bench.token.address, CLERK.address) == owed + BOND - BOND // 2
    with refused(NoDemand):
        judge.expire(CHALLENGER, event.id_)
    return gas


def record(judge: DataDemands, case, op: int, i: int, j: int = 0):
    return judge.demand_record(CHALLENGER, context=case.context, op=op, i=i, j=j)


# Records


NUMBERS = (0, 1, 2, 3, 4, 5, 6, 255, 256, 257, 258, 259, 511, 512, 517, 518)


@pytest.mark.parametrize("number", [1, 2, QUIET, 5])
def test_record_is_answered_exactly_when_it_can_be_demanded(bench, judge, honest, number: int) -> None:
    rng, case = np.random.default_rng(number), honest.rounds[number]
    keys = [tuple(r.key) for r in case.trace.records]
    others = [k for k in product(range(1, 17), NUMBERS, range(7)) if k not in case.trace]
    absent = [k for k in others if k[0] in {4, 5, 7, 8, 9, 10, 11} and k[2] == 0]
    for pool, count in ((keys, 14), (others, 14), (absent, 14)):
        for k in rng.choice(len(pool), size=count, replace=False).tolist():
            op, i, j = pool[k]
            try:
                receipt = record(judge, case, op, i, j)
            except NotDemandable:
                assert pool[k] not in case.trace
            else:
                answered(bench, judge, honest, receipt)


def test_record_that_nobody_accepted_gives_is_excused_only_when_nobody_was(bench, judge, honest) -> None:
    for key in ((Op.NODE, 3, 0), (Op.PROJECTED, 0, 0), (Op.POINT, 257, 0), (Op.SUMS, 517, QUIET)):
        answered(bench, judge, honest, record(judge, honest.rounds[QUIET], *key))
        event = asked(record(judge, honest.rounds[2], key[0], key[1], 2 if key[2] else 0))
        for reason in (Op.CHOICE, Op.ENTRY, Op.EXIT):
            with refused(NoAnswer):
                judge.answer_record(
                    CLERK,
                    id_=event.id_,
                    context=honest.rounds[2].context,
                    op=key[0],
                    i=key[1],
                    j=2 if key[2] else 0,
                    record=honest.rounds[2].record(reason),
                )


def test_second_momentum_is_excused_only_when_there_was_no_step(bench, judge, honest) -> None:
    assert honest.rounds[1].value(Op.ENTRY, 0, 0, "steps") == 0
    answered(bench, judge, honest, record(judge, honest.rounds[1], Op.POINT, 2))
    event = asked(record(judge, honest.rounds[2], Op.POINT, 2))
    with refused(NoAnswer):
        judge.answer_record(
            CLERK,
            id_=event.id_,
            context=honest.rounds[2].context,
            op=Op.POINT,
            i=2,
            j=0,
            record=honest.rounds[2].record(Op.ENTRY),
        )
    # Nor is the first ever excused.
    event = asked(record(judge, honest.rounds[1], Op.POINT, 0))
    with refused(NoAnswer):
        judge.answer_record(
            CLERK,
            id_=event.id_,
            context=honest.rounds[1].context,
            op=Op.POINT,
            i=0,
            j=0,
            record=honest.rounds[1].record(Op.ENTRY),
        )


def test_record_is_refused_as_answer_when_it_is_of_another_round_or_key(bench, judge, honest) -> None:
    event = asked(record(judge, honest.rounds[2], Op.MEMBER, 1))
    right = {"id_": event.id_, "op": Op.MEMBER, "i": 1, "j": 0}
    other = honest.rounds[3].record(Op.MEMBER, 1)
    with refused(InvalidRecord):
        judge.answer_record(CLERK, context=honest.rounds[2].context, record=other, **right)
    with refused(AnotherQuestion):
        judge.answer_record(CLERK, context=honest.rounds[3].context, record=other, **right)
    with refused(InvalidRecord):
        wrong = honest.rounds[2].record(Op.MEMBER, 2)
        judge.answer_record(CLERK, context=honest.rounds[2].context, record=wrong, **right)
    elsewhere = replace(honest.rounds[2].context, federation=judge.address)
    with refused(AnotherFederation):
        judge.answer_record(CLERK, context=elsewhere, record=honest.rounds[2].record(Op.MEMBER, 1), **right)


def test_record_is_refused_when_its_round_is_not_paid(bench, judge) -> None:
    bench.propose(rounds=2)
    with refused(NotDemandable):
        record(judge, bench.honest(3), Op.ENTRY, 0)


def test_settlement_records_are_answered_one_from_the_other(bench, judge, honest) -> None:
    case = honest.settlement
    for i in range(case.terms.members):
        answered(bench, judge, honest, record(judge, case, Op.PAYMENT, i))
    with refused(NotDemandable):
        record(judge, case, Op.PAYMENT, case.terms.members)
    with refused(NotDemandable):
        record(judge, case, Op.ROW, 0)
    nothing = NO_RECORD

    def row(e, evidence):
        return judge.demand_row(CHALLENGER, case.context, e, evidence)

    answered(bench, judge, honest, row(0, nothing))
    for e in range(1, case.rows):
        answered(bench, judge, honest, row(e, case.record(Op.ROW, e - 1)))
    for e in range(case.rows - 1):
        answered(bench, judge, honest, row(e, case.record(Op.ROW, e + 1)))
    named = case.trace.find(Op.PAYMENT, 0).value("row")
    answered(bench, judge, honest, row(named, case.record(Op.PAYMENT, 0)))
    for e, evidence in (
        (case.rows, case.record(Op.ROW, case.rows - 1)),
        (1, nothing),
        (2, case.record(Op.ROW, 0)),
        (named + 1, case.record(Op.PAYMENT, 0)),
    ):
        with refused(NotDemandable):
            row(e, evidence)


def test_first_row_is_refused_when_nothing_is_paid(bench, judge) -> None:
    case = bench.propose(rounds=0)
    assert case.total == 0
    with refused(NotDemandable):
        judge.demand_row(CHALLENGER, case.context, 0, NO_RECORD)


def test_row_is_refused_when_what_implies_it_is_no_payment_or_row(bench, judge) -> None:
    planted = bench.epoch.rounds[0].trace.find(Op.CHOICE)
    case = bench.propose(trace=Trace((*bench.epoch.settle().trace.records, planted)))
    with refused(NotDemandable):
        judge.demand_row(CHALLENGER, case.context, 0, case.record_at(len(case.trace.records) - 1))


# Bytes


def test_vectors_are_answered_and_scalars_refused(bench, judge, honest) -> None:
    case = honest.rounds[2]
    seen = set()
    for found in case.trace.records:
        for which, name in enumerate(found.op.fields):
            if (found.op, name) in seen:
                continue
            seen.add((found.op, name))
            proven = case.record(*found.key)
            try:
                receipt = judge.demand_vector(
                    CHALLENGER, context=case.context, record=proven, which=which, page=0
                )
            except NotDemandable:
                with pytest.raises(VerificationFailed):
                    case.whole(*found.key, name)
            else:
                assert case.whole(*found.key, name) is not None
                answered(bench, judge, honest, receipt)


def test_page_beyond_the_end_is_answered_by_the_hashes(bench, judge, honest) -> None:
    case = honest.rounds[2]
    for page in (1, 2**255):
        receipt = judge.demand_vector(
            CHALLENGER, context=case.context, record=case.record(Op.ENTRY), which=1, page=page
        )
        answered(bench, judge, honest, receipt)


def test_vector_is_refused_as_answer_when_bytes_or_hashes_differ(bench, judge, honest) -> None:
    case = honest.rounds[2]
    receipt = judge.demand_vector(
        CHALLENGER, context=case.context, record=case.record(Op.ENTRY), which=1, page=0
    )
    event, data = asked(receipt), case.whole(Op.ENTRY, 0, 0, "weights")
    (root, _), chunk = (
        abi.decode(("bytes32", "uint256"), event.subject),
        case.chunk(Op.ENTRY, 0, 0, "weights", 0),
    )
    for false, hashes in (
        (data + b"\0", chunk.hashes),
        (data[:-8], chunk.hashes),
        (b"", chunk.hashes),
        (bytes(len(data)), chunk.hashes),
        (data, chunk.hashes * 2),
        (b"", ()),
    ):
        with refused(NoAnswer):
            judge.answer_vector(CLERK, id_=event.id_, commitment=root, page=0, hashes=hashes, data=false)
    with refused(AnotherQuestion):
        judge.answer_vector(CLERK, id_=event.id_, commitment=root, page=1, hashes=chunk.hashes, data=b"")


def test_blobs_are_answered_when_they_are_the_committed_ones(bench, judge, honest) -> None:
    case = honest.rounds[2]
    accepted = next(r for r in case.trace.records if r.op is Op.MEMBER and r.value("status") == 1)
    silent = next(r for r in honest.rounds[3].trace.records if r.op is Op.MEMBER and r.value("status") != 1)
    for which, member in (
        (Blob.MEAN, NO_RECORD),
        (Blob.BASE, NO_RECORD),
        (Blob.MODEL, NO_RECORD),
        (Blob.DELTA, case.record(Op.MEMBER, accepted.i)),
    ):
        receipt = judge.demand_blob(CHALLENGER, case.context, which, member)
        event = asked(receipt)
        wanted, magic, _ = abi.decode(("bytes32", "bytes4", "uint256"), event.subject)
        data = honest.blobs[wanted]
        with refused(NoAnswer):
            judge.answer_blob(CLERK, id_=event.id_, hash_=wanted, magic=magic, data=data[:-1] + b"\7")
        with refused(AnotherQuestion):
            judge.answer_blob(CLERK, id_=event.id_, hash_=wanted, magic=magic, data=data + b"\0")
        answered(bench, judge, honest, receipt)
    with refused(NotDemandable):
        member = honest.rounds[3].record(Op.MEMBER, silent.i)
        judge.demand_blob(CHALLENGER, honest.rounds[3].context, Blob.DELTA, member)
    with refused(NotDemandable):
        judge.demand_blob(CHALLENGER, honest.settlement.context, Blob.MEAN, NO_RECORD)


# What parties committed to


def test_examples_are_answered_from_the_public_portion_and_drawn_shards(bench, judge, honest) -> None:
    for case in (honest.settlement, honest.rounds[2]):
        for provider, index in ((0, 0), (1, 1), (2, 0), (2, 10**6)):
            receipt = judge.demand_example(CHALLENGER, case.context, provider, index)
            answered(bench, judge, honest, receipt)
    with refused(NotDemandable):
        judge.demand_example(CHALLENGER, honest.settlement.context, 3, 0)


def test_example_is_refused_as_answer_when_salt_bytes_or_part_differ(bench, judge, honest) -> None:
    case, validation = honest.settlement, honest.validation
    event = asked(judge.demand_example(CHALLENGER, case.context, 1, 0))
    opening = validation.opening(0, len(validation.parts[0, 0].salts))
    right = {
        "id_": event.id_,
        "context": case.context,
        "subject": (0, 1, 0),
        "entry": validation.entry(0, 1),
        "salt": opening.salt,
        "example": opening.data,
        "proof": opening.proof,
    }
    for changes, error in (
        ({"salt": bytes(32)}, NoAnswer),
        ({"example": opening.data + b"\0"}, NoAnswer),
        ({"entry": validation.entry(0, 2)}, NotInIndex),
        ({"entry": replace(validation.entry(0, 1), count=0)}, NotInIndex),
        ({"subject": (0, 1, 1)}, AnotherQuestion),
    ):
        with refused(error):
            judge.answer_example(CLERK, **(right | changes))
    judge.answer_example(CLERK, **right)


def test_seat_is_answered_when_the_roster_has_it(bench, judge, honest) -> None:
    case = honest.settlement
    for i in range(case.terms.members):
        event = asked(judge.demand_seat(CHALLENGER, case.context, i))
        with refused(NotSeated):
            judge.answer_seat(CLERK, event.id_, case.context, replace(case.seat(i), quota=1))
        judge.answer_seat(CLERK, event.id_, case.context, case.seat(i))
    with refused(NotDemandable):
        judge.demand_seat(CHALLENGER, case.context, case.terms.members)


@pytest.mark.parametrize("number", [1, 2, 3, QUIET])
def test_membership_is_answered_when_a_member_counts_as_accepted_or_silent(
    bench, judge, honest, number: int
) -> None:
    case = honest.rounds[number]
    for i in range(case.terms.members):
        status, proven = case.value(Op.MEMBER, i, 0, "status"), case.record(Op.MEMBER, i)
        if status in {1, 3}:
            receipt = judge.demand_membership(CHALLENGER, case.context, proven)
            event = asked(receipt)
            delta = abi.decode(("uint32", "uint32", "uint8", "bytes32"), event.subject)[3]
            evidence = demands.Evidence(salt=bytes(32), commitment=bytes(32), committed=(), revealed=())
            with refused(NoAnswer):
                judge.answer_membership(
                    CLERK,
                    id_=event.id_,
                    context=case.context,
                    status=status,
                    delta_sha256=delta,
                    seat=honest.settlement.seat(i),
                    evidence=evidence,
                )
            answered(bench, judge, honest, receipt)
        else:
            with refused(NotDemandable):
                judge.demand_membership(CHALLENGER, case.context, proven)


def test_membership_is_answered_when_the_delta_was_forced(bench, judge, honest) -> None:
    case = honest.rounds[2]
    i = next(r.i for r in case.trace.records if r.op is Op.MEMBER and r.value("status") == 1)
    event = asked(judge.demand_membership(CHALLENGER, case.context, case.record(Op.MEMBER, i)))
    _, _, _, delta = abi.decode(("uint32", "uint32", "uint8", "bytes32"), event.subject)
    seat = honest.settlement.seat(i)
    nothing = demands.Evidence(salt=bytes(32), commitment=bytes(32), committed=(), revealed=())
    right = {"id_": event.id_, "context": case.context, "status": 1, "delta_sha256": delta, "seat": seat}
    bench.set("setForced(uint32,bytes32,bytes32)", 2, seat.did_hash, sha256(b"another"))
    with refused(NoAnswer):
        judge.answer_membership(CLERK, evidence=nothing, **right)
    bench.set("setForced(uint32,bytes32,bytes32)", 2, seat.did_hash, delta)
    judge.answer_membership(CLERK, evidence=nothing, **right)
    bench.set("setForced(uint32,bytes32,bytes32)", 2, seat.did_hash, bytes(32))


def test_membership_convicts_when_an_accepted_delta_has_no_hash(bench, judge, honest) -> None:
    """Nothing forced reads as zero: it must not pass for a forced delta whose hash is zero."""
    records = [
        replace(r, values=(1, 0, *r.values[2:])) if r.key == (Op.MEMBER, 0, 0) else r
        for r in honest.rounds[2].trace.records
    ]
    case = bench.case(2, Trace(tuple(records)))
    event = asked(judge.demand_membership(CHALLENGER, case.context, case.record(Op.MEMBER, 0)))
    nothing = demands.Evidence(salt=bytes(32), commitment=bytes(32), committed=(), revealed=())
    with refused(NoAnswer):
        judge.answer_membership(
            CLERK,
            id_=event.id_,
            context=case.context,
            status=1,
            delta_sha256=bytes(32),
            seat=honest.settlement.seat(0),
            evidence=nothing,
        )
    bench.honest(2)


# Payout tables


def test_leaves_rows_and_previous_amounts_are_answered(bench, judge, honest) -> None:
    case = honest.settlement
    for e in range(case.rows):
        found = case.trace.find(Op.ROW, e)
        if found.value("last") and found.value("cumulative"):
            receipt = judge.demand_leaf(CHALLENGER, case.context, case.record(Op.ROW, e))
            answered(bench, judge, honest, receipt)
        else:
            with refused(NotDemandable):
                judge.demand_leaf(CHALLENGER, case.context, case.record(Op.ROW, e))
        if found.value("previous"):
            receipt = judge.demand_previous(CHALLENGER, case.context, case.record(Op.ROW, e))
            answered(bench, judge, honest, receipt)
        else:
            with refused(NotDemandable):
                judge.demand_previous(CHALLENGER, case.context, case.record(Op.ROW, e))
    for place, (payee, wei) in enumerate(case.table.rows):
        proof = case.table.tree().proof(place)
        source = {"context": case.context, "payee": payee, "proof": proof}
        answered(bench, judge, honest, judge.demand_source(CHALLENGER, cumulative=wei, **source))
        with refused(NotDemandable):
            judge.demand_source(CHALLENGER, cumulative=wei + 1, **source)


def test_row_is_refused_as_source_when_it_is_not_its_payees_last(bench, judge) -> None:
    """The first and the third member share a payee: its first row is no leaf."""
    honest = bench.epoch.settle()
    first = honest.trace.find(Op.ROW, honest.trace.find(Op.PAYMENT, 0).value("row"))
    assert not first.value("last")
    payee, wei = bench.epoch.entries[0].payee, first.value("cumulative")
    case = bench.propose(amounts={**honest.amounts, payee: wei})
    place = [account for account, _ in case.table.rows].index(payee)
    proof = case.table.tree().proof(place)
    event = asked(
        judge.demand_source(CHALLENGER, context=case.context, payee=payee, cumulative=wei, proof=proof)
    )
    with refused(NoAnswer):
        judge.answer_source(
            CLERK,
            id_=event.id_,
            context=case.context,
            payee=payee,
            cumulative=wei,
            row=case.record(Op.ROW, first.i),
        )


def test_every_node_of_the_table_is_answered_with_its_leaves(bench, judge, honest) -> None:
    case = honest.settlement
    tree = case.table.tree()
    for node in tree.nodes:
        receipt = judge.demand_node(CHALLENGER, case.context, node, node_proof(tree, node))
        event = asked(receipt)
        with refused(NoAnswer):
            judge.answer_node(
                CLERK, id_=event.id_, node=node, depth=depth_of(tree, node), payees=(LOW,), cumulatives=(1,)
            )
        for payees in ((), (LOW, HIGH)):
            with refused(NoAnswer):
                judge.answer_node(
                    CLERK,
                    id_=event.id_,
                    node=node,
                    depth=depth_of(tree, node),
                    payees=payees,
                    cumulatives=(1,) * (len(payees) // 2),
                )
        answered(bench, judge, honest, receipt)
    with refused(NotDemandable):
        judge.demand_node(CHALLENGER, case.context, sha256(b"none"), ())


def test_node_is_not_answered_with_its_children_when_its_leaves_are_few(
    bench, judge, honest, monkeypatch
) -> None:
    monkeypatch.setattr(demands, "LEAVES", 2)
    case = honest.settlement
    event = asked(judge.demand_node(CHALLENGER, case.context, case.table.tree().root, ()))
    with refused(NoAnswer):
        answer(honest, event).send(bench.chain, CLERK, judge.address)


def test_empty_table_is_answered_with_its_one_leaf(bench, judge) -> None:
    case = bench.propose(rounds=0)
    tree = case.table.tree()
    found = archive(bench, case)
    answered(bench, judge, found, judge.demand_node(CHALLENGER, case.context, tree.root, ()))
    with refused(NotDemandable):
        judge.demand_source(CHALLENGER, context=case.context, payee=bench.mock, cumulative=0, proof=())


@pytest.mark.parametrize("leaves", range(1, 12))
def test_subtree_is_a_tree_of_its_own_leaves(leaves: int) -> None:
    from federation.merkle import MerkleTree

    tree = MerkleTree.build([sha256(bytes([k])) for k in range(leaves)])
    for node in tree.nodes:
        below = [tree.nodes[k] for k in subtree(tree, node)]
        assert MerkleTree.build(below[::-1], sort=False).root == node


def node_proof(tree, node) -> tuple:
    path, k = [], tree.nodes.index(node)
    while k:
        path.append(tree.nodes[k - 1 if k % 2 == 0 else k + 1])
        k = (k - 1) // 2
    assert root_from_proof(node, path) == tree.root
    return tuple(path)


def depth_of(tree, node) -> int:
    return len(node_proof(tree, node))


# What a liar hides, and the life of a demand


def expired(bench: Bench, judge: DataDemands, event: Demanded):
    """Nobody answers; a stranger closes the demand for the challenger, whose bond comes back."""
    with refused(TooEarly):
        judge.expire(CLERK, event.id_)
    bench.chain.advance_time(ANSWER + 1)
    owed = judge.owed(bench.token.address, CHALLENGER.address)
    receipt = judge.expire(CLERK, event.id_)
    assert judge.owed(bench.token.address, CHALLENGER.address) == owed + BOND
    (log,) = [log for log in receipt.logs if log.address == bench.mock]
    return log


def test_hidden_leaf_convicts_when_it_is_walked_to(bench, judge) -> None:
    """A table that pays somebody beyond its rows: no dispute sees it, since nobody knows the leaf."""
    thief = to_checksum_address("0x" + "ee" * 20)
    honest = bench.epoch.settle()
    case = bench.propose(amounts={**honest.amounts, thief: 1000})
    found = archive(bench, case)
    answered(bench, judge, found, judge.demand_node(CHALLENGER, case.context, case.table.tree().root, ()))
    place = [payee for payee, _ in case.table.rows].index(thief)
    proof = case.table.tree().proof(place)
    event = asked(
        judge.demand_source(CHALLENGER, context=case.context, payee=thief, cumulative=1000, proof=proof)
    )
    with pytest.raises(VerificationFailed):
        answer(found, event)
    assert expired(bench, judge, event).topics[0] == CONVICTED_PROPOSAL


@pytest.mark.parametrize(("forged", "name"), [("leaf", "cumulative"), ("previous", "previous")])
def test_row_convicts_when_no_table_has_its_leaf(bench, judge, forged: str, name: str) -> None:
    honest = bench.epoch.settle()
    e = max(r.i for r in honest.trace.records if r.op is Op.ROW and r.value("last"))
    value = honest.trace.find(Op.ROW, e).value(name) + 10**17
    case = bench.propose(trace=altered(honest.trace, Op.ROW, e, name, value))
    ask = judge.demand_leaf if forged == "leaf" else judge.demand_previous
    event = asked(ask(CHALLENGER, case.context, case.record(Op.ROW, e)))
    with pytest.raises(VerificationFailed):
        answer(archive(bench, case), event)
    assert expired(bench, judge, event).topics[0] == CONVICTED_PROPOSAL


def test_last_row_convicts_when_rows_add_up_to_less(bench, judge) -> None:
    honest = bench.epoch.settle()
    case = bench.propose(total=honest.total + 1)
    event = asked(judge.demand_row(CHALLENGER, case.context, case.rows, case.record(Op.ROW, case.rows - 1)))
    assert expired(bench, judge, event).topics[0] == CONVICTED_PROPOSAL


def test_withheld_record_convicts_the_round_when_the_aggregator_proposed(bench, judge, honest) -> None:
    event = asked(record(judge, honest.rounds[3], Op.GRADIENT, 0))
    log = expired(bench, judge, event)
    assert log.topics[0] == CONVICTED
    round_, challenger, _ = abi.decode(("uint32", "address", "bytes32"), log.data)
    assert (round_, challenger) == (3, CHALLENGER.address)


def test_withheld_record_convicts_the_round_when_another_proposed(bench, judge) -> None:
    bench.propose(proposer=CHALLENGER.address)
    log = expired(bench, judge, asked(record(judge, bench.honest(3), Op.GRADIENT, 0)))
    assert log.topics[0] == CONVICTED
    round_, challenger, _ = abi.decode(("uint32", "address", "bytes32"), log.data)
    assert (round_, challenger) == (3, CHALLENGER.address)


def test_answer_is_refused_when_it_is_late_twice_or_about_another_demand(bench, judge, honest) -> None:
    first = asked(record(judge, honest.rounds[1], Op.ENTRY, 0))
    second = asked(record(judge, honest.rounds[1], Op.EXIT, 0))
    with refused(AnotherQuestion):
        answer(honest, replace(first, id_=second.id_)).send(bench.chain, CLERK, judge.address)
    answer(honest, first).send(bench.chain, CLERK, judge.address)
    with refused(NoDemand):
        answer(honest, first).send(bench.chain, CLERK, judge.address)
    bench.chain.advance_time(ANSWER + 1)
    with refused(TooLate):
        answer(honest, second).send(bench.chain, CLERK, judge.address)
    judge.expire(CLERK, second.id_)


def test_demand_is_refused_when_the_window_is_over(bench, judge, honest) -> None:
    bench.chain.advance_time(WINDOW)
    with refused(WindowOver):
        record(judge, honest.rounds[1], Op.ENTRY, 0)


def test_bond_returns_when_the_proposal_is_gone(bench, judge, honest) -> None:
    event = asked(record(judge, honest.rounds[1], Op.ENTRY, 0))
    with refused(ProposalStands):
        judge.release(CLERK, event.id_)
    bench.phase(Phase.SETTLE)
    with refused(ProposalGone):
        answer(honest, event).send(bench.chain, CLERK, judge.address)
    bench.chain.advance_time(ANSWER + 1)
    with refused(ProposalGone):
        judge.expire(CLERK, event.id_)
    owed = judge.owed(bench.token.address, CHALLENGER.address)
    judge.release(CLERK, event.id_)
    assert judge.owed(bench.token.address, CHALLENGER.address) == owed + BOND
    with refused(NoDemand):
        judge.release(CLERK, event.id_)


def test_demand_is_gone_when_its_proposal_was_voided_and_made_again(bench, judge, honest) -> None:
    event = asked(record(judge, honest.rounds[1], Op.ENTRY, 0))
    bench.set("voidProposal()")
    bench.stand(honest.settlement, len(bench.epoch.rounds))
    bench.chain.advance_time(ANSWER + 1)
    with refused(ProposalGone):
        judge.expire(CHALLENGER, event.id_)
    judge.release(CHALLENGER, event.id_)
