"""Validators vouch for a proposal, or nobody does and it is void; who vouched for a false one pays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregator.challenge.quorum import ballot_of, in_order, vote
from contracts.accounts import Account
from contracts.bindings.data_demands import DataDemands
from contracts.bindings.errors import (
    AlreadyCalled,
    AlreadyUpheld,
    BallotGone,
    BallotStands,
    InvalidVote,
    NotAValidator,
    NotCalled,
    NotConvicted,
    NothingProposed,
    NotVoted,
    NoValidators,
    TooFewVotes,
    ValidatorNotBonded,
    VotesOutOfOrder,
    VotingOpen,
    VotingOver,
    WindowOver,
)
from contracts.bindings.structs import Ballot, Phase, Proposal
from contracts.bindings.validator_quorum import Upheld, ValidatorQuorum
from federation.hashing import abi_words, keccak256

from .court import CHALLENGER, CLERK, refused
from .settled import ANSWER, BOND, WINDOW, Bench

VALIDATORS = [Account(keccak256(f"validator {i}".encode())) for i in range(4)]
FEW = 3


@pytest.fixture(scope="module")
def bench() -> Bench:
    made = Bench.open(quorum=FEW, validators=[v.address for v in VALIDATORS])
    demands = DataDemands.deploy(made.chain, CLERK)
    made.judges["demands"] = demands.address
    made.judge(ValidatorQuorum.deploy(made.chain, CLERK, demands.address))
    for v in VALIDATORS:
        made.set("setBond(address,uint256)", v.address, BOND)
    return made


@pytest.fixture
def judge(bench: Bench) -> ValidatorQuorum:
    return ValidatorQuorum(bench.chain, bench.judges["ValidatorQuorum"])


@pytest.fixture
def ballot(bench: Bench, judge: ValidatorQuorum, request) -> Ballot:
    """A proposal of its own for every test, and a quorum called for."""
    case = bench.propose(forfeited=1000 + len(request.node.name) * 7919)
    proposal = Proposal(
        proposer=CLERK.address,
        payout_root=case.table.tree().root,
        total=case.total,
        settlement_root=case.trace.root(case.domain, 0),
        rounds=len(bench.epoch.rounds),
        forfeited=case.forfeited,
        challenge_end=0,
    )
    judge.call_quorum(CHALLENGER, bench.mock)
    yield ballot_of(bench.mock, 1, proposal)
    bench.phase(Phase.SETTLE)
    if judge.call_of(bench.mock).deadline:
        judge.release(CLERK, bench.mock)


def votes(bench: Bench, judge: ValidatorQuorum, ballot: Ballot, *places: int):
    return in_order(
        [
            vote(VALIDATORS[p], ballot, place=p, chain_id=bench.chain.chain_id, judge=judge.address)
            for p in places
        ]
    )


def test_proposal_is_upheld_when_a_quorum_signs_it(bench, judge, ballot) -> None:
    owed = judge.owed(bench.token.address, CLERK.address)
    receipt = judge.uphold(CLERK, bench.mock, votes(bench, judge, ballot, 3, 0, 1))
    (event,) = Upheld.decode_logs(receipt.logs)
    assert (event.ballot, event.voters) == (judge.digest(ballot), 0b1011)
    assert judge.owed(bench.token.address, CLERK.address) == owed + BOND
    with refused(AlreadyUpheld):
        judge.call_quorum(CHALLENGER, bench.mock)
    with refused(NotCalled):
        judge.uphold(CLERK, bench.mock, votes(bench, judge, ballot, 0, 1, 2))


@pytest.mark.parametrize(
    ("places", "error"),
    [((0, 1), TooFewVotes), ((0, 0, 1), VotesOutOfOrder), ((0, 1, 2, 2), VotesOutOfOrder)],
)
def test_votes_are_refused_when_too_few_or_double(bench, judge, ballot, places, error) -> None:
    with refused(error):
        judge.uphold(CLERK, bench.mock, votes(bench, judge, ballot, *places))


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": 2},
        {"rounds": 4},
        {"payout_root": bytes(32)},
        {"total": 1},
        {"settlement_root": bytes(32)},
        {"federation": CLERK.address},
    ],
)
def test_vote_is_refused_when_it_is_for_another_proposal(bench, judge, ballot, change) -> None:
    other = votes(bench, judge, replace(ballot, **change), 1)
    with refused(InvalidVote):
        judge.uphold(CLERK, bench.mock, in_order([*votes(bench, judge, ballot, 0, 2), *other]))


def test_vote_is_refused_when_it_is_a_strangers_or_for_another_judge(bench, judge, ballot) -> None:
    right = votes(bench, judge, ballot, 0, 1)
    chain_id = bench.chain.chain_id
    forged = vote(CHALLENGER, ballot, place=2, chain_id=chain_id, judge=judge.address)
    with refused(InvalidVote):
        judge.uphold(CLERK, bench.mock, (*right, forged))
    elsewhere = vote(VALIDATORS[2], ballot, place=2, chain_id=chain_id, judge=bench.mock)
    with refused(InvalidVote):
        judge.uphold(CLERK, bench.mock, (*right, elsewhere))
    nobody = vote(VALIDATORS[2], ballot, place=4, chain_id=chain_id, judge=judge.address)
    with refused(NotAValidator):
        judge.uphold(CLERK, bench.mock, (*right, nobody))


def test_vote_is_refused_when_its_validator_has_no_bond(bench, judge, ballot) -> None:
    bench.set("setBond(address,uint256)", VALIDATORS[1].address, BOND - 1)
    with refused(ValidatorNotBonded):
        judge.uphold(CLERK, bench.mock, votes(bench, judge, ballot, 0, 1, 2))
    bench.set("setBond(address,uint256)", VALIDATORS[1].address, BOND)
    judge.uphold(CLERK, bench.mock, votes(bench, judge, ballot, 0, 1, 2))


def test_proposal_is_void_when_there_is_no_quorum_in_time(bench, judge, ballot) -> None:
    with refused(VotingOpen):
        judge.lapse_call(CLERK, bench.mock)
    with refused(AlreadyCalled):
        judge.call_quorum(CHALLENGER, bench.mock)
    bench.chain.advance_time(ANSWER + 1)
    with refused(VotingOver):
        judge.uphold(CLERK, bench.mock, votes(bench, judge, ballot, 0, 1, 2))
    owed = judge.owed(bench.token.address, CHALLENGER.address)
    judge.lapse_call(CLERK, bench.mock)
    assert judge.owed(bench.token.address, CHALLENGER.address) == owed + BOND
    with refused(NothingProposed):
        judge.call_quorum(CHALLENGER, bench.mock)


def test_bond_returns_when_the_proposal_is_gone(bench, judge, ballot) -> None:
    with refused(BallotStands):
        judge.release(CLERK, bench.mock)
    bench.phase(Phase.SETTLE)
    with refused(BallotGone):
        judge.uphold(CLERK, bench.mock, votes(bench, judge, ballot, 0, 1, 2))
    bench.chain.advance_time(ANSWER + 1)
    with refused(BallotGone):
        judge.lapse_call(CLERK, bench.mock)
    owed = judge.owed(bench.token.address, CHALLENGER.address)
    judge.release(CLERK, bench.mock)
    assert judge.owed(bench.token.address, CHALLENGER.address) == owed + BOND


def test_call_about_another_proposal_is_released_when_a_new_one_is_called_on(bench, judge, ballot) -> None:
    bench.propose(forfeited=1)
    owed = judge.owed(bench.token.address, CHALLENGER.address)
    judge.call_quorum(CHALLENGER, bench.mock)
    assert judge.owed(bench.token.address, CHALLENGER.address) == owed + BOND
    # The same table proposed by somebody else is another proposal: another bond stands for it.
    bench.propose(forfeited=1, proposer=CHALLENGER.address)
    with refused(BallotGone):
        judge.uphold(CLERK, bench.mock, votes(bench, judge, ballot, 0, 1, 2))
    judge.call_quorum(CHALLENGER, bench.mock)
    bench.proposer = CLERK.address


def test_validators_lose_their_bonds_when_a_proof_convicts_what_they_signed(bench, judge, ballot) -> None:
    judge.uphold(CLERK, bench.mock, votes(bench, judge, ballot, 0, 2, 3))
    fallen = keccak256(abi_words(1, ballot.rounds, ballot.payout_root, ballot.total, ballot.settlement_root))
    demands, judges = bench.judges["demands"], CLERK.address
    with refused(NotConvicted):
        judge.convict_validator(CHALLENGER, ballot, 0, judges)
    # Withheld data is the proposer's fault, not that of who recomputed it.
    bench.set("setConvicted(bytes32,address)", fallen, demands)
    for other in (demands, judges):
        with refused(NotConvicted):
            judge.convict_validator(CHALLENGER, ballot, 0, other)
    bench.set("setConvicted(bytes32,address)", fallen, judges)
    with refused(NotVoted):
        judge.convict_validator(CHALLENGER, ballot, 1, judges)
    receipt = judge.convict_validator(CHALLENGER, ballot, 2, judges)
    (log,) = [log for log in receipt.logs if log.address == bench.mock]
    assert log.data == abi_words(VALIDATORS[2].address, CHALLENGER.address)
    with refused(NotVoted):
        judge.convict_validator(CHALLENGER, ballot, 2, judges)


def test_quorum_is_not_called_when_the_window_is_over_or_there_are_no_validators(bench, judge) -> None:
    bench.propose(forfeited=2)
    bench.chain.advance_time(WINDOW)
    with refused(WindowOver):
        judge.call_quorum(CHALLENGER, bench.mock)
    without = Bench.open()
    without.judge(ValidatorQuorum.deploy(without.chain, CLERK, without.mock))
    without.propose()
    with refused(NoValidators):
        ValidatorQuorum(without.chain, without.judges["ValidatorQuorum"]).call_quorum(
            CHALLENGER, without.mock
        )
