"""The phases of epochs and rounds, and who may move them."""

from __future__ import annotations

import pytest

from contracts.bindings.federation import (
    CommitsClosed,
    DrawRetargeted,
    EpochOpened,
    EpochRevealed,
    Federation,
    Finalized,
    Phase,
    Proposed,
    RevealsClosed,
    RoundInfo,
    RoundOpened,
    RoundRecorded,
    ShardDrawn,
)
from federation.hashing import Domain, keccak256
from federation.merkle import MerkleTree, leaf_hash
from federation.types import Hash32

from .conftest import DELAY, FUNDS, TIME, WINDOW, World, h, refused

ZERO = Hash32(bytes(32))


def test_epoch_reaches_every_phase_and_emits_every_value_when_played_through(world: World) -> None:
    federation, seen = world.federation, []
    assert federation.phase() is Phase.CLOSED
    assert federation.manifest_hash() == h("manifest")
    assert federation.aggregator() == world.aggregator.address
    world.open(rounds=1)
    seen.append(federation.phase())
    federation.open_round(world.aggregator, h("base"))
    seen.append(federation.phase())
    federation.close_commits(world.aggregator, h("commit"))
    seen.append(federation.phase())
    closed = federation.close_reveals(world.aggregator, h("reveal"))
    seen.append(federation.phase())
    preimages = world.preimages()
    world.draw()
    seen.append(federation.phase())
    world.record()
    seen.append(federation.phase())
    federation.reveal_epoch(world.aggregator, h("shards"))
    seen.append(federation.phase())
    proposed = federation.propose(world.aggregator, h("payout"), 5)
    seen.append(federation.phase())
    world.chain.advance_time(WINDOW)
    federation.finalize(world.stranger)
    assert [phase.name for phase in seen] == [
        "OPEN", "COMMIT", "REVEAL", "DRAW", "RECORD", "OPEN", "REVEALED", "PROPOSED"
    ]  # fmt: skip
    assert federation.phase() is Phase.CLOSED

    logs = federation.logs()
    (opened,) = EpochOpened.decode_logs(logs)
    assert opened.epoch == 1
    assert opened.terms == world.terms(rounds=1, provider_tips=tuple(c[0] for c in world.providers))
    (round_opened,) = RoundOpened.decode_logs(logs)
    assert (round_opened.epoch, round_opened.round_, round_opened.base_hash) == (1, 1, h("base"))
    assert CommitsClosed.decode_logs(logs)[0].commit_root == h("commit")
    (reveals,) = RevealsClosed.decode_logs(logs)
    assert (reveals.reveal_root, reveals.draw_target) == (h("reveal"), closed.block_number + DELAY)
    (drawn,) = ShardDrawn.decode_logs(logs)
    assert drawn.preimages == preimages
    assert drawn.beacon == world.chain.block_hash(reveals.draw_target)
    (recorded,) = RoundRecorded.decode_logs(logs)
    info = federation.round_info(1, 1)
    assert info == RoundInfo(
        base_hash=h("base"),
        commit_root=h("commit"),
        reveal_root=h("reveal"),
        shard=drawn.shard,
        model_hash=recorded.model_hash,
        events_root=recorded.events_root,
        trace_root=recorded.trace_root,
        receipt_hash=recorded.receipt_hash,
    )
    assert EpochRevealed.decode_logs(logs)[0].shards_hash == h("shards")
    end = Proposed.decode_logs(logs)[0].challenge_end
    assert end - WINDOW == TIME + 12 * proposed.block_number
    (final,) = Finalized.decode_logs(logs)
    assert (final.epoch, final.payout_root, final.total) == (1, h("payout"), 5)
    assert (world.pool.root(), world.pool.total_cumulative()) == (h("payout"), 5)


DUTIES = {
    "open_epoch": lambda w, who: w.federation.open_epoch(who, w.terms()),
    "open_round": lambda w, who: w.federation.open_round(who, h("x")),
    "close_commits": lambda w, who: w.federation.close_commits(who, h("x")),
    "close_reveals": lambda w, who: w.federation.close_reveals(who, h("x")),
    "record_round": lambda w, who: w.federation.record_round(
        who, model_hash=h("x"), events_root=h("x"), trace_root=h("x"), receipt_hash=h("x")
    ),
    "reveal_epoch": lambda w, who: w.federation.reveal_epoch(who, h("x")),
    "propose": lambda w, who: w.federation.propose(who, h("x"), 0),
}


@pytest.mark.parametrize("duty", DUTIES)
def test_duty_reverts_when_sender_is_not_the_aggregator(shared_world: World, duty: str) -> None:
    with refused("NotAggregator", shared_world.stranger.address):
        DUTIES[duty](shared_world, shared_world.stranger)


OWN_PHASES = [0, 1, 2, 3, 5, 1, 6]
OUT_OF_PHASE = {
    **{name: (DUTIES[name], phase) for name, phase in zip(DUTIES, OWN_PHASES, strict=True)},
    "draw_shard": (lambda w, who: w.federation.draw_shard(who, w.preimages()), Phase.DRAW),
    "retarget": (lambda w, who: w.federation.retarget(who), Phase.DRAW),
    "finalize": (lambda w, who: w.federation.finalize(who), Phase.PROPOSED),
}


def test_every_call_reverts_in_every_phase_but_its_own(new_world) -> None:
    world = new_world()
    world.fund()
    steps = [
        lambda: world.open(rounds=1),
        lambda: world.federation.open_round(world.aggregator, h("b")),
        lambda: world.federation.close_commits(world.aggregator, h("c")),
        lambda: world.federation.close_reveals(world.aggregator, h("r")),
        world.draw,
        world.record,
        lambda: world.federation.reveal_epoch(world.aggregator, h("s")),
        lambda: world.federation.propose(world.aggregator, h("p"), 0),
    ]
    for step in [lambda: None, *steps]:
        step()
        current = world.federation.phase()
        for call, required in OUT_OF_PHASE.values():
            if current != required:
                with refused("WrongPhase", int(current), int(required)):
                    call(world, world.aggregator)


@pytest.mark.parametrize(
    ("changes", "error", "args"),
    [
        ({"rounds": 0}, "InvalidRounds", (0, 3)),
        ({"rounds": 4}, "InvalidRounds", (4, 3)),
        ({"provider_tips": ()}, "NoProviders", ()),
        ({"funds": FUNDS + 1}, "InsufficientFunds", (FUNDS, FUNDS + 1)),
    ],
)
def test_open_epoch_reverts_when_terms_cannot_be_kept(shared_world, changes, error, args) -> None:
    with refused(error, *args):
        shared_world.open(**changes)


def test_hash_of_zero_reverts_when_a_commitment_is_due(world: World) -> None:
    world.open()
    with refused("ZeroHash"):
        world.federation.open_round(world.aggregator, ZERO)
    world.to_draw()
    world.draw()
    with refused("ZeroHash"):
        world.record(ZERO)


def test_rounds_are_exactly_those_promised(world: World) -> None:
    world.open(rounds=2)
    world.play_round()
    with refused("RoundsRemain", 1, 2):
        world.federation.reveal_epoch(world.aggregator, h("s"))
    world.play_round()
    with refused("AllRoundsRecorded", 2):
        world.federation.open_round(world.aggregator, h("b"))
    assert world.federation.round_() == 2


def test_next_epoch_starts_from_round_one_when_the_last_is_final(world: World) -> None:
    world.open(rounds=1)
    world.play_round()
    world.settle(h("p"), FUNDS)
    with refused("InsufficientFunds", 0, 1):
        world.open(rounds=1, funds=1)
    world.fund(7)
    world.open(rounds=1, funds=7)
    world.play_round(name="second")
    assert (world.federation.epoch(), world.federation.round_()) == (2, 1)
    assert world.federation.round_info(2, 1).base_hash == h("second base")
    assert world.federation.round_info(1, 1).base_hash == h("r base")


def shard_of(deck: list[int], drawn: int, seed: bytes) -> int:
    position = drawn + int.from_bytes(seed, "big") % (len(deck) - drawn)
    deck[drawn], deck[position] = deck[position], deck[drawn]
    return deck[drawn]


def test_draws_match_python_and_never_repeat_when_the_deck_is_used_up(world: World) -> None:
    world.open(shards=7, rounds=7)
    deck, drawn = list(range(1, 8)), []
    domain = Domain(chain_id=world.chain.chain_id, federation=world.federation.address, epoch=1)
    for number in range(1, 8):
        world.to_draw(f"round {number}")
        target = world.federation.draw_target()
        preimages = world.preimages()
        world.draw()
        world.record()
        seed = domain.digest(
            "draw",
            number,
            world.chain.block_hash(target),
            *preimages,
            h(f"round {number} commit"),
            h(f"round {number} reveal"),
        )
        assert ShardDrawn.decode_logs(world.federation.logs())[-1].seed == seed
        shard = shard_of(deck, number - 1, seed)
        assert world.federation.round_info(1, number).shard == shard
        drawn.append(shard)
    assert sorted(drawn) == list(range(1, 8))
    assert drawn != sorted(drawn)


def test_draw_reverts_when_its_block_is_still_to_come(world: World) -> None:
    world.open()
    world.to_draw()
    target = world.federation.draw_target()
    world.chain.mine(DELAY - 1)
    with refused("BeaconNotReady", target, target):
        world.federation.draw_shard(world.stranger, world.preimages())
    world.chain.mine()
    world.federation.draw_shard(world.stranger, world.preimages())


def test_draw_advances_tips_and_refuses_other_preimages(world: World) -> None:
    world.open()
    world.to_draw()
    world.chain.mine(DELAY)
    good = world.preimages()
    with refused("WrongPreimageCount", 2, 3):
        world.federation.draw_shard(world.stranger, good[:2])
    with refused("WrongPreimage", 1, good[0]):
        world.federation.draw_shard(world.stranger, (good[0], good[0], good[2]))
    world.federation.draw_shard(world.stranger, good)
    assert world.federation.provider_tips() == good
    assert all(keccak256(preimage) == c[0] for preimage, c in zip(good, world.providers, strict=True))


def test_retarget_moves_the_draw_when_its_block_hash_expired(world: World) -> None:
    world.open()
    world.to_draw()
    target = world.federation.draw_target()
    world.chain.mine(target + 256 - 1 - world.chain.block_number)
    with refused("BeaconNotExpired", target, target + 256):
        world.federation.retarget(world.stranger)
    world.chain.mine()
    with refused("BeaconExpired", target, target + 257):
        world.federation.draw_shard(world.stranger, world.preimages())
    moved = world.federation.retarget(world.stranger)
    assert world.federation.draw_target() == moved.block_number + DELAY
    assert DrawRetargeted.decode_logs(moved.logs)[0].draw_target == moved.block_number + DELAY
    world.draw()
    assert world.federation.phase() is Phase.RECORD


def test_draw_still_works_when_its_block_hash_is_the_oldest_known(world: World) -> None:
    world.open()
    world.to_draw()
    world.chain.mine(world.federation.draw_target() + 255 - world.chain.block_number)
    world.federation.draw_shard(world.stranger, world.preimages())


def test_finalize_waits_for_the_last_second_of_the_window(world: World) -> None:
    world.open(rounds=1)
    world.play_round()
    world.federation.reveal_epoch(world.aggregator, h("s"))
    world.federation.propose(world.aggregator, h("p"), 0)
    end = world.chain.timestamp + WINDOW
    world.chain.advance_time(WINDOW - 12 - 1)
    with refused("ChallengeWindowOpen", end):
        world.federation.finalize(world.stranger)
    world.chain.advance_time(1)
    world.federation.finalize(world.stranger)
    assert world.chain.timestamp == end


def test_propose_reverts_when_total_leaves_the_epochs_funds(world: World) -> None:
    world.open(rounds=1, funds=100)
    world.play_round()
    world.settle(h("p"), 60)
    world.open(rounds=1, funds=30)
    world.play_round()
    world.federation.reveal_epoch(world.aggregator, h("s"))
    for total in (59, 91):
        with refused("TotalOutOfRange", total, 60, 90):
            world.federation.propose(world.aggregator, h("p"), total)
    world.federation.propose(world.aggregator, h("p"), 90)


def test_event_is_in_its_round_only_when_proof_and_round_are_right(world: World) -> None:
    events = [(h(f"stream {i}"), h(f"payload {i}")) for i in range(5)]
    tree = MerkleTree.build([leaf_hash(*event) for event in events])
    world.open()
    world.play_round(events_root=tree.root)
    proof = tree.proof(3)

    def in_round(stream: Hash32, payload: Hash32, *, round_: int = 1, path=proof) -> bool:
        return world.federation.event_in_round(
            epoch=1, round_=round_, stream_digest=stream, payload_digest=payload, proof=path
        )

    assert in_round(*events[3])
    assert not in_round(*events[3][::-1])
    assert not in_round(*events[2])
    assert not in_round(*events[3], path=proof[1:])
    assert not in_round(*events[3], round_=2)


def deploy_with_delay(world: World, delay: int, window: int = 1) -> Federation:
    return Federation.deploy(
        world.chain,
        world.community,
        manifest_hash=h("m"),
        aggregator=world.aggregator.address,
        token=world.deployed.token.address,
        challenge_window=window,
        draw_delay=delay,
    )


@pytest.mark.parametrize("delay", [0, 257])
def test_deploy_reverts_when_the_draw_could_never_happen(shared_world: World, delay: int) -> None:
    with refused("InvalidDrawDelay", delay):
        deploy_with_delay(shared_world, delay)


def test_deploy_reverts_when_a_challenge_window_could_never_end(shared_world: World) -> None:
    longest = 90 * 86_400
    with refused("InvalidChallengeWindow", longest + 1):
        deploy_with_delay(shared_world, 1, longest + 1)
    assert deploy_with_delay(shared_world, 1, longest).challenge_window() == longest


@pytest.mark.parametrize("delay", [1, 256])
def test_deploy_succeeds_when_the_draw_delay_is_just_possible(shared_world: World, delay: int) -> None:
    assert deploy_with_delay(shared_world, delay).draw_delay() == delay
