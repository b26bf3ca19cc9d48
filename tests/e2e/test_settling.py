"""What follows a lie: earlier rounds are still paid, false tables thrown out, withheld data forced out."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import numpy as np
import pytest

from aggregator.challenge.demands import Archive, Membership, answer
from aggregator.challenge.quorum import ballot_of, in_order, vote
from aggregator.challenge.settlement import SettlementCase, all_disputes
from aggregator.settlement import SETTLEMENT_ROUND, finalize_and_claim
from contracts.accounts import Account
from contracts.bindings.data_demands import DataDemands, Demanded
from contracts.bindings.errors import NoFault, QuestionsOpen
from contracts.bindings.federation import ProposalConvicted, RoundConvicted
from contracts.bindings.structs import Phase
from contracts.bindings.validator_quorum import ValidatorQuorum
from contracts.chain import Signer
from examples.spam_detection import run as example
from examples.spam_detection.settings import Settings, build_manifest
from federation.hashing import keccak256
from federation.manifest import Manifest, ValidatorSection
from federation.membertree import MemberTree
from federation.reward import PayoutTable
from federation.trace import Op, Record, Settlement, Trace, settlement_trace, vector_root
from federation.trace.vectors import hash_value, vector_bytes
from federation.types import Did, Hash32
from tests.e2e.trial import Trial, tell
from tests.world import scratch

VALIDATORS = [Account(keccak256(b"validator %d" % i)) for i in range(3)]


def with_validators(*args: object, **more: object) -> Manifest:
    accounts = [v.address for v in VALIDATORS]
    section = ValidatorSection(accounts=accounts, quorum=2, bond_wei="5")
    manifest = build_manifest(*args, **more)  # type: ignore[arg-type]  # passed on as they came
    return manifest.model_copy(update={"validators": section})


@pytest.fixture(scope="module")
def prepared() -> Trial:
    with mock.patch.object(example, "build_manifest", with_validators):
        return Trial.prepare(Settings(members=5, rounds=3, seed=0, out=scratch() / "settling"))


@pytest.fixture
def trial(prepared: Trial) -> Iterator[Trial]:
    before = prepared.run.chain.snapshot()
    yield prepared
    prepared.run.chain.revert(before)


def settle(trial: Trial, rounds: int) -> Settlement:
    """What an honest proposal pays for the first rounds."""
    trace = trial.traces[rounds - 1] if rounds else None
    admitted = trial.run.epoch.admitted
    credits: dict[Did, int] = {}
    if trace:
        credits = {m.did: trace.find(Op.MEMBER, i).value("credit after") for i, m in enumerate(admitted)}
    return settlement_trace(
        admitted,
        credits=credits,
        funds=trial.run.epoch.terms.funds,
        forfeited=trial.federation.forfeited(),
    )


def table_of(trial: Trial, settlement: Settlement) -> PayoutTable:
    return settlement.table(trial.run.chain.chain_id, trial.run.deployment.pool.address)


def propose(trial: Trial, settlement: Settlement, sender: Signer, *, trace: Trace | None = None) -> None:
    table, domain = table_of(trial, settlement), trial.run.epoch.domain
    root = (trace or settlement.trace).root(domain, SETTLEMENT_ROUND)
    trial.federation.propose(sender, table.tree().root, table.total, root)


def stake(trial: Trial, account: Account, wei: int) -> None:
    token, vault, community = trial.run.deployment.token, trial.run.deployment.vault, trial.run.community
    token.mint(community, community.address, wei)
    token.approve(community, vault.address, wei)
    vault.deposit(community, account.address, wei)


def pocket_money(trial: Trial, account: Account, spender: str, wei: int) -> None:
    token = trial.run.deployment.token
    token.mint(trial.run.community, account.address, wei)
    token.approve(account, trial.judge(spender), wei)


def record_and_close(trial: Trial, trace: Trace) -> None:
    trial.record(trace)
    trial.federation.reveal_epoch(trial.run.aggregator, keccak256(b"closing events"))


def case_of(trial: Trial, settlement: Settlement, trace: Trace) -> SettlementCase:
    table = table_of(trial, settlement)
    return SettlementCase(
        domain=trial.run.epoch.domain,
        terms=trial.run.epoch.terms,
        entries=trial.run.epoch.admitted,
        trace=trace,
        table=table,
        before=PayoutTable.build(table.chain_id, table.pool, {}),
        forfeited=trial.federation.proposal().forfeited,
        total=table.total,
    )


def test_earlier_rounds_and_the_lost_bond_are_paid_when_a_round_is_convicted(trial: Trial):
    lying, more = tell(trial.honest, Op.MEMBER, 2, 0, "credit")
    trial.record(lying)
    trial.convicted(trial.find(lying, more))
    assert trial.federation.phase() is Phase.SETTLE
    stranger, bond = trial.run.community, int(trial.run.manifest.bonds.aggregator_wei)
    stake(trial, stranger, bond)
    settlement = settle(trial, trial.round - 1)
    propose(trial, settlement, stranger)
    finalize_and_claim(
        trial.run.deployment, settlement, trial.run.epoch.domain, trial.run.chain, trial.run.relayer
    )
    token, quotas = trial.run.deployment.token, trial.run.epoch.roster.quotas
    forfeited, total = bond - bond // 2, sum(quotas.values())
    for i, member in enumerate(trial.run.epoch.admitted):
        credit = trial.traces[-2].find(Op.MEMBER, i).value("credit after")
        assert token.balance_of(member.payee) == max(0, credit) + forfeited * member.quota // total
    assert trial.federation.phase() is Phase.CLOSED


def lies_about(settlement: Settlement) -> list[tuple[Record, str]]:
    payment = settlement.trace.find(Op.PAYMENT, 3)
    row = next(r for r in settlement.trace.records if r.op is Op.ROW and r.value("member") == 3)
    return [(record, field) for record in (payment, row) for field in record.op.fields]


def test_proposer_loses_its_bond_when_any_value_of_a_settlement_is_wrong(trial: Trial):
    record_and_close(trial, trial.honest)
    honest = settle(trial, trial.round)
    for record, field in lies_about(honest):
        before = trial.run.chain.snapshot()
        lying, _ = tell(honest.trace, record.op, record.i, record.j, field)
        propose(trial, honest, trial.run.aggregator, trace=lying)
        last = trial.case(trial.round, trial.honest, {})
        for dispute in all_disputes(case_of(trial, honest, lying), last):
            try:
                receipt = trial.send(dispute)
            except NoFault:
                continue
            assert len(ProposalConvicted.decode_logs(receipt.logs)) == 1
            break
        else:
            pytest.fail(f"nobody convicts a wrong {record.op.name.lower()} {field}")
        trial.run.chain.revert(before)


def test_proposer_keeps_its_bond_when_every_dispute_is_tried_on_an_honest_settlement(trial: Trial):
    record_and_close(trial, trial.honest)
    honest = settle(trial, trial.round)
    propose(trial, honest, trial.run.aggregator)
    last = trial.case(trial.round, trial.honest, {})
    for dispute in all_disputes(case_of(trial, honest, honest.trace), last):
        with pytest.raises(NoFault):
            trial.send(dispute)


def hidden_gradient(trial: Trial) -> tuple[Trace, dict[Hash32, bytes]]:
    """A lying trace whose projected gradient nobody publishes."""
    vector = np.frombuffer(trial.honest.opened(Op.PROJECTED, 0, 0, "projected"), dtype="<i8").astype(np.int64)
    vector[7] -= 12_345
    data = vector_bytes(vector)
    changed = Record(Op.PROJECTED, 0, 0, (hash_value(vector_root(data)),))
    records = tuple(changed if r.op is Op.PROJECTED else r for r in trial.honest.records)
    return Trace(records), {vector_root(data): data}


def demand_gradient(trial: Trial, lying: Trace) -> tuple[DataDemands, Demanded]:
    judge = DataDemands(trial.run.chain, trial.judge("DataDemands"))
    bond = int(trial.run.manifest.bonds.challenger_wei)
    pocket_money(trial, trial.challenger, "DataDemands", bond)
    case = trial.case(trial.round, lying, {})
    receipt = judge.demand_vector(
        trial.challenger, context=case.context, record=case.record(Op.PROJECTED), which=0, page=0
    )
    return judge, Demanded.decode_logs(receipt.logs)[0]


def archive(trial: Trial, settlement: Settlement, lying: Trace, more: dict[Hash32, bytes]) -> Archive:
    members = Membership(
        commits=MemberTree.build(trial.commitments),
        commitments=trial.commitments,
        reveals=trial.reveals,
        salts={},
    )
    return Archive(
        settlement=case_of(trial, settlement, settlement.trace),
        rounds={trial.round: trial.case(trial.round, lying, more)},
        validation=trial.validation(),
        members={trial.round: members},
        blobs=trial.deltas,
    )


def test_aggregator_loses_its_bond_when_it_withholds_a_vector(trial: Trial):
    lying, _ = hidden_gradient(trial)
    record_and_close(trial, lying)
    propose(trial, settle(trial, trial.round), trial.run.aggregator)
    judge, demanded = demand_gradient(trial, lying)
    trial.run.chain.advance_time(trial.run.manifest.deadlines.challenge)
    with pytest.raises(QuestionsOpen):
        trial.federation.finalize(trial.run.relayer)
    receipt = judge.expire(trial.run.relayer, demanded.id_)
    assert [c.round_ for c in RoundConvicted.decode_logs(receipt.logs)] == [trial.round]
    assert trial.federation.recorded() == trial.round - 1


def test_demanded_vector_convicts_when_it_is_posted(trial: Trial):
    lying, more = hidden_gradient(trial)
    record_and_close(trial, lying)
    settlement = settle(trial, trial.round)
    propose(trial, settlement, trial.run.aggregator)
    _, demanded = demand_gradient(trial, lying)
    posted = answer(archive(trial, settlement, lying, more), demanded)
    posted.send(trial.run.chain, trial.run.aggregator, trial.judge(posted.judge))
    trial.convicted(trial.find(lying, more))


def test_challenger_loses_its_bond_when_what_it_demands_is_posted(trial: Trial):
    record_and_close(trial, trial.honest)
    settlement = settle(trial, trial.round)
    propose(trial, settlement, trial.run.aggregator)
    judge, demanded = demand_gradient(trial, trial.honest)
    posted = answer(archive(trial, settlement, trial.honest, {}), demanded)
    posted.send(trial.run.chain, trial.run.aggregator, judge.address)
    token, bond = trial.run.deployment.token, int(trial.run.manifest.bonds.challenger_wei)
    judge.withdraw(trial.run.aggregator, token.address)
    assert token.balance_of(trial.run.aggregator.address) == bond - bond // 2
    pool = trial.run.deployment.pool
    before = pool.unallocated()
    judge.donate(trial.run.relayer, pool.address)
    assert pool.unallocated() - before == bond // 2
    assert token.balance_of(trial.challenger.address) == 0
    finalize_and_claim(
        trial.run.deployment, settlement, trial.run.epoch.domain, trial.run.chain, trial.run.relayer
    )
    assert trial.federation.phase() is Phase.CLOSED


def call_quorum(trial: Trial) -> ValidatorQuorum:
    record_and_close(trial, trial.honest)
    propose(trial, settle(trial, trial.round), trial.run.aggregator)
    for validator in VALIDATORS:
        stake(trial, validator, 5)
    pocket_money(trial, trial.challenger, "ValidatorQuorum", int(trial.run.manifest.bonds.challenger_wei))
    judge = ValidatorQuorum(trial.run.chain, trial.judge("ValidatorQuorum"))
    judge.call_quorum(trial.challenger, trial.federation.address)
    return judge


def test_proposal_is_void_when_no_quorum_vouches_for_it(trial: Trial):
    judge = call_quorum(trial)
    trial.run.chain.advance_time(trial.run.manifest.deadlines.answer)
    judge.lapse_call(trial.run.relayer, trial.federation.address)
    assert trial.federation.phase() is Phase.SETTLE
    assert trial.run.deployment.vault.bond_of(trial.run.aggregator.address) > 0
    bond = int(trial.run.manifest.bonds.challenger_wei)
    assert judge.owed(trial.run.deployment.token.address, trial.challenger.address) == bond


def test_proposal_stands_when_a_quorum_vouches_for_it(trial: Trial):
    judge, federation = call_quorum(trial), trial.federation
    ballot = ballot_of(federation.address, federation.epoch(), federation.proposal())
    votes = [
        vote(VALIDATORS[i], ballot, place=i, chain_id=trial.run.chain.chain_id, judge=judge.address)
        for i in (2, 0)
    ]
    judge.uphold(trial.run.relayer, federation.address, in_order(votes))
    assert federation.phase() is Phase.PROPOSED
    assert federation.holds() == 0
    bond = int(trial.run.manifest.bonds.challenger_wei)
    assert judge.owed(trial.run.deployment.token.address, trial.run.aggregator.address) == bond
