"""What a judge may do: convict once for an announced proof, hold, void; nobody else may."""

from __future__ import annotations

import pytest

from contracts.bindings.federation import (
    Announced,
    BondLost,
    Held,
    ProposalConvicted,
    ProposalVoided,
    RoundConvicted,
    Unheld,
)
from contracts.bindings.structs import Phase
from federation.hashing import abi_words, keccak256

from .conftest import AGGREGATOR_BOND, ANSWER, SETTLE, WINDOW, World, h, refused

PROOF = h("the call to the judge")


@pytest.fixture
def judged(world: World) -> World:
    """A proposal for two rounds, in a federation whose judge is a plain account."""
    made = world.judged_by(world.judge)
    made.open(rounds=2)
    made.play_round()
    made.play_round()
    made.federation.reveal_epoch(made.aggregator, h("shards"))
    made.propose(h("payout"), 5)
    return made


def announce(world: World, proof: bytes = PROOF) -> None:
    """The stranger says that it has a proof."""
    world.federation.announce(world.stranger, keccak256(abi_words(world.stranger.address, proof)))


POWERS = {
    "convict_round": lambda w, who: w.federation.convict_round(who, 1, w.stranger.address, PROOF),
    "convict_proposal": lambda w, who: w.federation.convict_proposal(who, w.stranger.address, PROOF),
    "void_proposal": lambda w, who: w.federation.void_proposal(who),
    "hold": lambda w, who: w.federation.hold(who),
    "unhold": lambda w, who: w.federation.unhold(who),
    "clear_accusation": lambda w, who: w.federation.clear_accusation(who, 0),
}


@pytest.mark.parametrize("power", POWERS)
def test_power_is_refused_when_the_sender_is_no_judge(shared_world: World, power: str) -> None:
    for who in (shared_world.stranger, shared_world.aggregator):
        with refused("NotJudge", who.address):
            POWERS[power](shared_world, who)


def test_round_and_those_after_it_are_unpaid_when_it_is_convicted(judged: World) -> None:
    federation, stranger = judged.federation, judged.stranger
    announce(judged)
    receipt = federation.convict_round(judged.judge, 2, stranger.address, PROOF)
    (event,) = RoundConvicted.decode_logs(receipt.logs)
    assert (event.round_, event.challenger, event.judge) == (2, stranger.address, judged.judge.address)
    (lost,) = BondLost.decode_logs(receipt.logs)
    half = AGGREGATOR_BOND // 2
    assert (lost.account, lost.challenger) == (judged.aggregator.address, stranger.address)
    assert (lost.amount, lost.forfeited) == (AGGREGATOR_BOND, AGGREGATOR_BOND - half)
    assert judged.deployed.token.balance_of(stranger.address) == half
    assert (federation.phase(), federation.recorded()) == (Phase.SETTLE, 1)
    assert federation.deadline() == judged.chain.timestamp + SETTLE
    judged.stake(stranger.address, AGGREGATOR_BOND)
    judged.propose(h("better"), 3, stranger)
    made = federation.proposal()
    assert (made.rounds, made.forfeited) == (1, AGGREGATOR_BOND - half)
    # A fault in an earlier round is still a fault, but the aggregator's bond is gone.
    announce(judged, h("another proof"))
    again = federation.convict_round(judged.judge, 1, stranger.address, h("another proof"))
    assert BondLost.decode_logs(again.logs) == ()
    assert federation.recorded() == 0


@pytest.mark.parametrize("round_", [0, 3])
def test_conviction_is_refused_when_the_round_was_not_recorded(judged: World, round_: int) -> None:
    announce(judged)
    with refused("RoundNotRecorded", round_, 2):
        judged.federation.convict_round(judged.judge, round_, judged.stranger.address, PROOF)


def test_conviction_is_refused_when_it_was_not_announced_by_that_challenger(judged: World) -> None:
    federation, judge = judged.federation, judged.judge
    announce(judged)
    with refused("NotAnnounced", judge.address, PROOF):
        federation.convict_proposal(judge, judge.address, PROOF)
    with refused("NotAnnounced", judged.stranger.address, h("other")):
        federation.convict_round(judge, 1, judged.stranger.address, h("other"))


def test_announcement_convicts_once_and_keeps_its_first_block(judged: World) -> None:
    federation = judged.federation
    commitment = keccak256(abi_words(judged.stranger.address, PROOF))
    (event,) = Announced.decode_logs(federation.announce(judged.stranger, commitment).logs)
    assert (event.commitment, event.block_number) == (commitment, judged.chain.block_number)
    assert Announced.decode_logs(federation.announce(judged.judge, commitment).logs) == ()
    assert federation.announced(commitment) == event.block_number
    federation.convict_round(judged.judge, 2, judged.stranger.address, PROOF)
    assert federation.announced(commitment) == 0
    with refused("NotAnnounced", judged.stranger.address, PROOF):
        federation.convict_round(judged.judge, 1, judged.stranger.address, PROOF)


def test_proposer_loses_its_bond_when_the_table_is_wrong(judged: World) -> None:
    federation = judged.federation
    announce(judged)
    receipt = federation.convict_proposal(judged.judge, judged.stranger.address, PROOF)
    (event,) = ProposalConvicted.decode_logs(receipt.logs)
    assert (event.proposer, event.challenger) == (judged.aggregator.address, judged.stranger.address)
    assert (federation.phase(), federation.recorded(), federation.aggregator_lost()) == (
        Phase.SETTLE,
        2,
        True,
    )
    assert judged.vault.bond_of(judged.aggregator.address) == 0
    with refused("InsufficientBond", judged.aggregator.address, 0, AGGREGATOR_BOND):
        judged.propose(h("again"), 5)


def test_nobody_loses_a_bond_when_a_proposal_is_voided(judged: World) -> None:
    federation = judged.federation
    for time in range(4):
        receipt = federation.void_proposal(judged.judge)
        (event,) = ProposalVoided.decode_logs(receipt.logs)
        assert BondLost.decode_logs(receipt.logs) == ()
        # The fourth time there is no more time to win: only the exit by lapse is left.
        assert event.deadline == judged.chain.timestamp + (SETTLE if time < 3 else 0)
        if time < 3:
            judged.propose(h(f"proposal {time}"), 5)
    with refused("DeadlinePassed", federation.deadline()):
        judged.propose(h("too late"), 5)


def test_finalization_waits_when_questions_are_open(judged: World) -> None:
    federation, judge = judged.federation, judged.judge
    with refused("NothingHeld"):
        federation.unhold(judge)
    assert [e.holds for _ in range(2) for e in Held.decode_logs(federation.hold(judge).logs)] == [1, 2]
    judged.chain.advance_time(WINDOW)
    with refused("QuestionsOpen", 2):
        federation.finalize(judged.stranger)
    federation.unhold(judge)
    (event,) = Unheld.decode_logs(federation.unhold(judge).logs)
    assert (event.holds, event.deadline) == (0, judged.chain.timestamp + ANSWER)
    with refused("ChallengeWindowOpen", event.deadline):
        federation.finalize(judged.stranger)
    judged.chain.advance_time(ANSWER)
    federation.finalize(judged.stranger)


def test_hold_is_refused_when_the_window_is_over_or_nothing_is_proposed(judged: World) -> None:
    federation = judged.federation
    end = federation.deadline()
    judged.chain.advance_time(end - judged.chain.timestamp - 12)
    with refused("DeadlinePassed", end):
        federation.hold(judged.judge)
    federation.void_proposal(judged.judge)
    with refused("WrongPhase", Phase.SETTLE, Phase.PROPOSED):
        federation.hold(judged.judge)
    with refused("WrongPhase", Phase.SETTLE, Phase.PROPOSED):
        federation.void_proposal(judged.judge)


def test_nothing_is_convicted_when_the_epoch_is_closed(judged: World) -> None:
    judged.chain.advance_time(WINDOW)
    judged.federation.finalize(judged.stranger)
    announce(judged)
    for convict in ("convict_round", "convict_proposal"):
        with refused("WrongPhase", Phase.CLOSED, Phase.PROPOSED):
            POWERS[convict](judged, judged.judge)
