"""What happens when somebody does not do its duty: the epoch goes on, and the one at fault pays."""

from __future__ import annotations

import pytest

from contracts.bindings.errors import WrongTerms
from contracts.bindings.federation import (
    AccusationCleared,
    Accused,
    BondLost,
    Cancelled,
    Consented,
    Lapsed,
    PreimageShown,
)
from contracts.bindings.structs import EpochTerms, Phase
from federation.hashing import keccak256
from federation.rostertree import NO_PAYEE

from .conftest import (
    AGGREGATOR_BOND,
    ANSWER,
    FUNDS,
    PHASE,
    PROVIDER_BOND,
    SETTLE,
    WINDOW,
    World,
    h,
    key,
    refused,
)

PROVIDERS = tuple(key(f"provider {i}").address for i in range(3))
NOBODY = 2**32 - 1


def pass_deadline(world: World, *, more: int = 0) -> None:
    """Let the next transaction come in the first moment that is too late."""
    world.chain.advance_time(world.federation.deadline() + more - world.chain.timestamp - 12)


def consent(world: World, terms: EpochTerms, provider: int, *, signer: int | None = None, **changes) -> None:
    """Record that a provider agreed; what it signs can be changed."""
    account = key(f"provider {provider if signer is None else signer}")
    fields = {
        "chain_id": world.chain.chain_id,
        "federation": world.federation.address,
        "epoch": world.federation.epoch(),
        "terms_hash": world.federation.terms_hash(world.federation.epoch()),
    } | changes
    world.federation.consent(world.stranger, provider, terms, account.sign_consent(**fields))


def to_phase(world: World, phase: Phase) -> EpochTerms:
    """Open an epoch of one round and move it to a phase of its first round, or to its end."""
    terms = world.open(rounds=1)
    steps = {
        Phase.COMMIT: lambda: world.federation.open_round(world.aggregator, h("r base")),
        Phase.REVEAL: lambda: world.federation.close_commits(world.aggregator, h("r commit")),
        Phase.DRAW: lambda: world.federation.close_reveals(world.aggregator, h("r reveal")),
        Phase.RECORD: world.draw,
        Phase.SETTLE: lambda: (
            world.record(),
            world.federation.reveal_epoch(world.aggregator, h("shards")),
        ),
        Phase.PROPOSED: lambda: world.propose(h("p"), 0),
    }
    for reached, step in steps.items():
        if phase is Phase.OPEN:
            break
        step()
        if reached is phase:
            break
    assert world.federation.phase() is phase
    return terms


@pytest.mark.parametrize("phase", [Phase.OPEN, Phase.COMMIT, Phase.REVEAL, Phase.RECORD])
def test_aggregator_loses_its_bond_when_it_lets_a_phase_lapse(world: World, phase: Phase) -> None:
    terms, federation = to_phase(world, phase), world.federation
    due = federation.deadline()
    world.chain.advance_time(due - world.chain.timestamp - 13)
    with refused("DeadlineAhead", due):
        federation.lapse(world.stranger, terms)
    world.chain.advance_time(1)
    receipt = federation.lapse(world.stranger, terms)
    (lapsed,) = Lapsed.decode_logs(receipt.logs)
    assert (lapsed.phase, lapsed.deadline - world.chain.timestamp) == (phase, SETTLE)
    (lost,) = BondLost.decode_logs(receipt.logs)
    assert (lost.account, lost.challenger) == (world.aggregator.address, NO_PAYEE)
    assert (lost.amount, lost.forfeited) == (AGGREGATOR_BOND, AGGREGATOR_BOND)
    assert (federation.phase(), federation.aggregator_lost()) == (Phase.SETTLE, True)
    assert world.vault.bond_of(world.aggregator.address) == 0
    assert world.pool.unallocated() == FUNDS + AGGREGATOR_BOND
    assert federation.reserved() == FUNDS + AGGREGATOR_BOND


LATE = {
    Phase.OPEN: lambda w: w.federation.open_round(w.aggregator, h("x")),
    Phase.COMMIT: lambda w: w.federation.close_commits(w.aggregator, h("x")),
    Phase.REVEAL: lambda w: w.federation.close_reveals(w.aggregator, h("x")),
    Phase.DRAW: lambda w: w.federation.draw_shard(w.stranger, w.preimages()),
    Phase.RECORD: lambda w: w.record(),
    Phase.SETTLE: lambda w: w.propose(h("p"), 0),
}


@pytest.mark.parametrize("phase", LATE)
def test_duty_reverts_when_its_time_is_over(world: World, phase: Phase) -> None:
    to_phase(world, phase)
    pass_deadline(world)
    with refused("DeadlinePassed", world.federation.deadline()):
        LATE[phase](world)


def test_lapse_reverts_when_nothing_is_under_way_or_terms_are_others(world: World) -> None:
    with refused("WrongPhase", Phase.CLOSED, Phase.OPEN):
        world.federation.lapse(world.stranger, world.terms())
    world.open()
    pass_deadline(world)
    with pytest.raises(WrongTerms):
        world.federation.lapse(world.stranger, world.terms(bounty=1))


def test_draw_that_never_happened_costs_whoever_agreed_and_withheld(world: World) -> None:
    terms = to_phase(world, Phase.DRAW)
    for provider in (0, 1):
        consent(world, terms, provider)
    preimages = world.preimages()
    shown = world.federation.show_preimage(world.stranger, 0, preimages[0], terms.provider_tips)
    (event,) = PreimageShown.decode_logs(shown.logs)
    assert (event.provider, event.preimage) == (0, preimages[0])
    pass_deadline(world)
    receipt = world.federation.lapse(world.stranger, terms)
    lost = [(e.account, e.amount) for e in BondLost.decode_logs(receipt.logs)]
    # Provider 2 withheld too, but nobody has shown that it ever agreed: its fault is the aggregator's.
    assert lost == [(world.aggregator.address, AGGREGATOR_BOND), (PROVIDERS[1], PROVIDER_BOND)]
    assert [world.vault.bond_of(p) for p in PROVIDERS] == [PROVIDER_BOND, 0, PROVIDER_BOND]


def test_draw_that_never_happened_costs_the_aggregator_when_it_had_all_preimages(world: World) -> None:
    terms = to_phase(world, Phase.DRAW)
    for provider, preimage in enumerate(world.preimages()):
        consent(world, terms, provider)
        world.federation.show_preimage(world.stranger, provider, preimage, terms.provider_tips)
    pass_deadline(world)
    receipt = world.federation.lapse(world.stranger, terms)
    assert [e.account for e in BondLost.decode_logs(receipt.logs)] == [world.aggregator.address]


def test_preimage_is_refused_when_it_or_the_tips_are_others(world: World) -> None:
    terms = to_phase(world, Phase.DRAW)
    federation, preimages, tips = world.federation, world.preimages(), terms.provider_tips
    with refused("WrongPreimage", 1, preimages[0]):
        federation.show_preimage(world.stranger, 1, preimages[0], tips)
    with refused("UnknownProvider", 3, 3):
        federation.show_preimage(world.stranger, 3, preimages[0], tips)
    with refused("WrongPreimages", keccak256(b"".join(preimages)), keccak256(b"".join(tips))):
        federation.show_preimage(world.stranger, 0, preimages[0], preimages)


@pytest.mark.parametrize(
    "changes",
    [{"signer": 1}, {"chain_id": 1}, {"federation": PROVIDERS[0]}, {"epoch": 2}, {"terms_hash": h("others")}],
)
def test_consent_is_refused_when_the_signature_is_for_something_else(world: World, changes) -> None:
    terms = world.open()
    with refused("InvalidConsent", 0, PROVIDERS[0]):
        consent(world, terms, 0, **changes)


def test_consent_is_recorded_when_the_provider_signed_the_terms(world: World) -> None:
    terms = world.open()
    consent(world, terms, 1)
    (event,) = Consented.decode_logs(world.federation.logs())
    assert (event.epoch, event.provider, event.account) == (1, 1, PROVIDERS[1])
    with refused("UnknownProvider", 3, 3):
        consent(world, terms, 3)


def test_accused_provider_loses_its_bond_when_it_never_answers(world: World) -> None:
    terms, federation = to_phase(world, Phase.RECORD), world.federation
    with refused("NotConsented", 1):
        federation.accuse(world.aggregator, 1, terms)
    consent(world, terms, 1)
    consent(world, terms, 2)
    assert federation.accused() == NOBODY
    receipt = federation.accuse(world.aggregator, 1, terms)
    (event,) = Accused.decode_logs(receipt.logs)
    assert (event.provider, event.account) == (1, PROVIDERS[1])
    assert event.deadline == world.chain.timestamp + ANSWER
    assert federation.accused() == 1
    for provider in (1, 2):
        with refused("AlreadyAccused", provider):
            federation.accuse(world.aggregator, provider, terms)
    pass_deadline(world)
    receipt = federation.lapse(world.stranger, terms)
    assert [e.account for e in BondLost.decode_logs(receipt.logs)] == [PROVIDERS[1]]
    assert world.vault.bond_of(world.aggregator.address) == AGGREGATOR_BOND
    assert not federation.aggregator_lost()


def test_accusation_gives_time_to_record_when_it_is_cleared_once(world: World) -> None:
    judge, world = world.judge, world.judged_by(world.judge)
    terms, federation = to_phase(world, Phase.RECORD), world.federation
    consent(world, terms, 0)
    with refused("NotAccused", 0):
        federation.clear_accusation(judge, 0)
    federation.accuse(world.aggregator, 0, terms)
    with refused("NotAccused", 1):
        federation.clear_accusation(judge, 1)
    (cleared,) = AccusationCleared.decode_logs(federation.clear_accusation(judge, 0).logs)
    assert (cleared.provider, cleared.deadline) == (0, world.chain.timestamp + PHASE)
    with refused("AlreadyAccused", 0):
        federation.accuse(world.aggregator, 0, terms)
    world.record()


@pytest.mark.parametrize("phase", [Phase.OPEN, Phase.COMMIT, Phase.REVEAL])
def test_epoch_ends_without_loss_when_the_aggregator_cancels_it(world: World, phase: Phase) -> None:
    to_phase(world, phase)
    receipt = world.federation.cancel(world.aggregator)
    (event,) = Cancelled.decode_logs(receipt.logs)
    assert (event.epoch, event.recorded) == (1, 0)
    assert event.deadline == world.chain.timestamp + SETTLE
    assert BondLost.decode_logs(receipt.logs) == ()
    world.propose(h("p"), 0)
    assert world.federation.proposal().rounds == 0


def test_recorded_rounds_are_paid_when_a_later_one_is_cancelled(world: World) -> None:
    world.open(rounds=2)
    world.play_round()
    world.federation.open_round(world.aggregator, h("base"))
    world.federation.cancel(world.aggregator)
    assert (world.federation.round_(), world.federation.recorded()) == (2, 1)
    world.propose(h("p"), FUNDS)
    assert world.federation.proposal().rounds == 1


def test_anybody_bonded_proposes_when_the_aggregator_is_gone(world: World) -> None:
    federation, stranger = world.federation, world.stranger
    terms = to_phase(world, Phase.RECORD)
    pass_deadline(world)
    federation.lapse(stranger, terms)
    with refused("InsufficientBond", stranger.address, 0, AGGREGATOR_BOND):
        world.propose(h("p"), 1, stranger)
    with refused("InsufficientBond", world.aggregator.address, 0, AGGREGATOR_BOND):
        world.propose(h("p"), 1)
    world.stake(stranger.address, AGGREGATOR_BOND)
    with refused("TotalOutOfRange", FUNDS + AGGREGATOR_BOND + 1, 0, FUNDS + AGGREGATOR_BOND):
        world.propose(h("p"), FUNDS + AGGREGATOR_BOND + 1, stranger)
    world.propose(h("p"), FUNDS + AGGREGATOR_BOND, stranger)
    made = federation.proposal()
    assert (made.proposer, made.forfeited) == (stranger.address, AGGREGATOR_BOND)
    world.chain.advance_time(WINDOW)
    federation.finalize(stranger)
    assert (federation.forfeited(), federation.reserved(), world.pool.unallocated()) == (0, 0, 0)


def test_stranger_proposes_only_when_half_of_the_time_has_passed(world: World) -> None:
    to_phase(world, Phase.SETTLE)
    world.stake(world.stranger.address, AGGREGATOR_BOND)
    half = world.federation.deadline() - SETTLE // 2
    world.chain.advance_time(half - world.chain.timestamp - 13)
    with refused("ProposerTooEarly", world.stranger.address, half):
        world.propose(h("p"), 0, world.stranger)
    world.chain.advance_time(1)
    world.propose(h("p"), 0, world.stranger)


def test_epoch_closes_unpaid_and_costs_the_aggregator_when_nobody_proposes(world: World) -> None:
    terms = to_phase(world, Phase.SETTLE)
    pass_deadline(world)
    world.federation.lapse(world.stranger, terms)
    assert world.federation.phase() is Phase.CLOSED
    # The members' next table hands the bond out; until then it is nobody's to take back.
    assert (world.federation.reserved(), world.pool.unallocated()) == (
        AGGREGATOR_BOND,
        FUNDS + AGGREGATOR_BOND,
    )
    assert world.vault.bond_of(world.aggregator.address) == 0
    with refused("InsufficientBond", world.aggregator.address, 0, AGGREGATOR_BOND):
        world.open()


def test_proposal_lapses_when_nobody_could_finalize_it_for_long(world: World) -> None:
    terms = to_phase(world, Phase.PROPOSED)
    due = world.federation.deadline() + SETTLE
    pass_deadline(world, more=SETTLE - 1)
    with refused("DeadlineAhead", due):
        world.federation.lapse(world.stranger, terms)
    pass_deadline(world, more=SETTLE)
    world.federation.lapse(world.stranger, terms)
    assert world.federation.phase() is Phase.CLOSED
