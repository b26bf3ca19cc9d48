"""The phases of epochs and rounds, and who may move them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.abi import encode
from contracts.bindings.federation import (
    CommitsClosed,
    DrawRetargeted,
    EpochOpened,
    EpochRevealed,
    Federation,
    Finalized,
    Proposed,
    RevealsClosed,
    RoundOpened,
    RoundRecorded,
    ShardDrawn,
)
from contracts.bindings.structs import EpochTerms, Phase, Proposal, RoundWords
from federation.hashing import Domain, abi_words, keccak256
from federation.merkle import MerkleTree, leaf_hash
from federation.rostertree import NO_PAYEE
from federation.types import Hash32

from .conftest import (
    AGGREGATOR_BOND,
    DELAY,
    FUNDS,
    PHASE,
    PROVIDER_BOND,
    SETTLE,
    WINDOW,
    World,
    chain_of,
    h,
    key,
    refused,
)

ZERO = Hash32(bytes(32))


def digest_of(words: RoundWords) -> Hash32:
    """What the contract stores of a recorded round."""
    digest = keccak256(abi_words(words.base_hash))
    for word in (words.commit_root, words.reveal_root, words.shard):
        digest = keccak256(abi_words(digest, word))
    last = (words.model_hash, words.events_root, words.trace_root, words.receipt_hash)
    return keccak256(abi_words(digest, *last))


def test_epoch_reaches_every_phase_and_emits_every_value_when_played_through(world: World) -> None:
    federation, seen, deadlines = world.federation, [], []

    def note() -> None:
        seen.append(federation.phase())
        deadlines.append(federation.deadline() - world.chain.timestamp)

    assert federation.phase() is Phase.CLOSED
    terms = world.open(rounds=1)
    note()
    federation.open_round(world.aggregator, h("base"))
    note()
    federation.close_commits(world.aggregator, h("commit"))
    note()
    closed = federation.close_reveals(world.aggregator, h("reveal"))
    note()
    preimages = world.preimages()
    world.draw()
    note()
    world.record()
    note()
    federation.reveal_epoch(world.aggregator, h("shards"))
    note()
    world.propose(h("payout"), 5)
    note()
    made = federation.proposal()
    world.chain.advance_time(WINDOW)
    federation.finalize(world.stranger)
    assert [phase.name for phase in seen] == [
        "OPEN", "COMMIT", "REVEAL", "DRAW", "RECORD", "OPEN", "SETTLE", "PROPOSED"
    ]  # fmt: skip
    assert deadlines == [PHASE] * 6 + [SETTLE, WINDOW]
    assert federation.phase() is Phase.CLOSED

    logs = federation.logs()
    (opened,) = EpochOpened.decode_logs(logs)
    assert (opened.epoch, opened.terms) == (1, terms)
    assert federation.terms_hash(1) == keccak256(encode((EpochTerms.ABI,), (terms.to_abi(),)))
    (round_opened,) = RoundOpened.decode_logs(logs)
    assert (round_opened.epoch, round_opened.round_, round_opened.base_hash) == (1, 1, h("base"))
    assert CommitsClosed.decode_logs(logs)[0].commit_root == h("commit")
    (reveals,) = RevealsClosed.decode_logs(logs)
    assert (reveals.reveal_root, reveals.draw_target) == (h("reveal"), closed.block_number + DELAY)
    (drawn,) = ShardDrawn.decode_logs(logs)
    assert drawn.preimages == preimages
    assert drawn.beacon == world.chain.block_hash(reveals.draw_target)
    (recorded,) = RoundRecorded.decode_logs(logs)
    assert (recorded.model_hash, recorded.receipt_hash) == (h("r model"), h("r receipt"))
    words = world.words()
    assert words == RoundWords(
        base_hash=h("base"),
        commit_root=h("commit"),
        reveal_root=h("reveal"),
        shard=drawn.shard,
        model_hash=recorded.model_hash,
        events_root=recorded.events_root,
        trace_root=recorded.trace_root,
        receipt_hash=recorded.receipt_hash,
    )
    assert federation.round_digest(1, 1) == digest_of(words)
    assert EpochRevealed.decode_logs(logs)[0].shards_hash == h("shards")
    (proposed,) = Proposed.decode_logs(logs)
    assert made == Proposal(
        proposer=world.aggregator.address,
        payout_root=h("payout"),
        total=5,
        settlement_root=h("settlement"),
        rounds=1,
        forfeited=0,
        challenge_end=proposed.challenge_end,
    )
    assert (proposed.settlement_root, proposed.rounds) == (h("settlement"), 1)
    (final,) = Finalized.decode_logs(logs)
    assert (final.epoch, final.payout_root, final.total) == (1, h("payout"), 5)
    assert (world.pool.root(), world.pool.total_cumulative()) == (h("payout"), 5)
    assert federation.proposal().proposer == NO_PAYEE


DUTIES = {
    "open_epoch": lambda w, who: w.federation.open_epoch(who, w.terms()),
    "open_round": lambda w, who: w.federation.open_round(who, h("x")),
    "close_commits": lambda w, who: w.federation.close_commits(who, h("x")),
    "close_reveals": lambda w, who: w.federation.close_reveals(who, h("x")),
    "record_round": lambda w, who: w.federation.record_round(
        who, model_hash=h("x"), events_root=h("x"), trace_root=h("x"), receipt_hash=h("x")
    ),
    "reveal_epoch": lambda w, who: w.federation.reveal_epoch(who, h("x")),
    "accuse": lambda w, who: w.federation.accuse(who, 0, w.terms()),
    "cancel": lambda w, who: w.federation.cancel(who),
}
"""What only the aggregator may do."""


@pytest.mark.parametrize("duty", DUTIES)
def test_duty_reverts_when_sender_is_not_the_aggregator(shared_world: World, duty: str) -> None:
    with refused("NotAggregator", shared_world.stranger.address):
        DUTIES[duty](shared_world, shared_world.stranger)


OWN_PHASES = {
    "open_epoch": Phase.CLOSED,
    "open_round": Phase.OPEN,
    "close_commits": Phase.COMMIT,
    "close_reveals": Phase.REVEAL,
    "record_round": Phase.RECORD,
    "reveal_epoch": Phase.OPEN,
    "accuse": Phase.RECORD,
}
OUT_OF_PHASE = {
    **{name: (DUTIES[name], phase) for name, phase in OWN_PHASES.items()},
    "draw_shard": (lambda w, who: w.federation.draw_shard(who, w.preimages()), Phase.DRAW),
    "retarget": (lambda w, who: w.federation.retarget(who), Phase.DRAW),
    "show_preimage": (
        lambda w, who: w.federation.show_preimage(who, 0, h("x"), w.terms().provider_tips),
        Phase.DRAW,
    ),
    "propose": (lambda w, who: w.propose(h("x"), 0, who), Phase.SETTLE),
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
        lambda: world.propose(h("p"), 0),
    ]
    for step in [lambda: None, *steps]:
        step()
        current = world.federation.phase()
        for call, required in OUT_OF_PHASE.values():
            if current != required:
                with refused("WrongPhase", current, required):
                    call(world, world.aggregator)
        if current not in {Phase.OPEN, Phase.COMMIT, Phase.REVEAL}:
            with refused("WrongPhase", current, Phase.OPEN):
                world.federation.cancel(world.aggregator)


PROVIDERS = tuple(key(f"provider {i}").address for i in range(3))
AGGREGATOR = key("aggregator").address


@pytest.mark.parametrize(
    ("changes", "error", "args"),
    [
        ({"rounds": 0}, "InvalidRounds", (0, 3)),
        ({"rounds": 4}, "InvalidRounds", (4, 3)),
        ({"providers": (), "provider_tips": ()}, "InvalidProviderCount", (0,)),
        (
            {"providers": PROVIDERS[:1] * 33, "provider_tips": (chain_of(0, 2)[0],) * 33},
            "InvalidProviderCount",
            (33,),
        ),
        ({"provider_tips": (chain_of(0, 2)[0],)}, "LengthMismatch", (1, 3)),
        ({"funds": FUNDS + 1}, "InsufficientFunds", (FUNDS, FUNDS + 1)),
        (
            {"providers": (*PROVIDERS[:2], key("nobody").address)},
            "InsufficientBond",
            (key("nobody").address, 0, PROVIDER_BOND),
        ),
        # One bond cannot stand for two providers, nor the aggregator's for a provider too.
        (
            {"providers": (PROVIDERS[0], *PROVIDERS[:2])},
            "InsufficientBond",
            (PROVIDERS[0], PROVIDER_BOND, 2 * PROVIDER_BOND),
        ),
        (
            {"providers": (*PROVIDERS[:2], AGGREGATOR)},
            "InsufficientBond",
            (AGGREGATOR, AGGREGATOR_BOND, AGGREGATOR_BOND + PROVIDER_BOND),
        ),
    ],
)
def test_open_epoch_reverts_when_terms_cannot_be_kept(shared_world, changes, error, args) -> None:
    with refused(error, *args):
        shared_world.open(**changes)


def test_epoch_stays_closed_when_the_aggregator_has_no_bond(new_world) -> None:
    world = new_world()
    with refused("InsufficientBond", world.aggregator.address, 0, AGGREGATOR_BOND):
        world.open(funds=0)


def test_hash_of_zero_reverts_when_a_commitment_is_due(world: World) -> None:
    world.open(rounds=1)
    with refused("ZeroHash"):
        world.federation.open_round(world.aggregator, ZERO)
    world.to_draw()
    world.draw()
    with refused("ZeroHash"):
        world.record(ZERO)
    world.record()
    with refused("ZeroHash"):
        world.federation.reveal_epoch(world.aggregator, ZERO)
    world.federation.reveal_epoch(world.aggregator, h("s"))
    with refused("ZeroHash"):
        world.propose(ZERO, 0)
    with refused("ZeroHash"):
        world.federation.propose(world.aggregator, h("p"), 0, ZERO)


def test_rounds_are_exactly_those_promised(world: World) -> None:
    world.open(rounds=2)
    world.play_round()
    with refused("RoundsRemain", 1, 2):
        world.federation.reveal_epoch(world.aggregator, h("s"))
    world.play_round()
    with refused("AllRoundsRecorded", 2):
        world.federation.open_round(world.aggregator, h("b"))
    assert (world.federation.round_(), world.federation.recorded()) == (2, 2)


def test_next_epoch_starts_from_round_one_when_the_last_is_final(world: World) -> None:
    world.open(rounds=1)
    world.play_round()
    world.settle(h("p"), FUNDS)
    with refused("InsufficientFunds", 0, 1):
        world.open(rounds=1, funds=1)
    world.fund(7)
    world.open(rounds=1, funds=7)
    world.play_round(name="second")
    federation = world.federation
    assert (federation.epoch(), federation.round_(), federation.recorded()) == (2, 1, 1)
    assert world.words(epoch=2).base_hash == h("second base")
    assert world.words().base_hash == h("r base")
    assert federation.round_digest(1, 1) == digest_of(world.words())
    assert federation.round_digest(2, 1) == digest_of(world.words(epoch=2))


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
        digest = keccak256(abi_words(h(f"round {number} base")))
        for name in ("commit", "reveal"):
            digest = keccak256(abi_words(digest, h(f"round {number} {name}")))
        seed = domain.digest("draw", number, world.chain.block_hash(target), *preimages, digest)
        assert ShardDrawn.decode_logs(world.federation.logs())[-1].seed == seed
        shard = shard_of(deck, number - 1, seed)
        assert world.words(number).shard == shard
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


def packed(tips) -> Hash32:
    return keccak256(b"".join(tips))


def test_draw_advances_tips_and_refuses_other_preimages(world: World) -> None:
    world.open()
    world.to_draw()
    world.chain.mine(DELAY)
    good = world.preimages()
    stored = packed(world.terms().provider_tips)
    for wrong in (good[:2], (good[0], good[0], good[2]), good[::-1]):
        with refused("WrongPreimages", packed(keccak256(p) for p in wrong), stored):
            world.federation.draw_shard(world.stranger, wrong)
    world.federation.draw_shard(world.stranger, good)
    assert world.federation.tips_hash() == packed(good)
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
    world.propose(h("p"), 0)
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
            world.propose(h("p"), total)
    world.propose(h("p"), 90)


def test_event_is_in_its_round_only_when_proof_and_round_are_right(world: World) -> None:
    events = [(h(f"stream {i}"), h(f"payload {i}")) for i in range(5)]
    tree = MerkleTree.build([leaf_hash(*event) for event in events])
    world.open()
    world.play_round(events_root=tree.root)
    proof = tree.proof(3)

    words = world.words()

    def in_round(stream: Hash32, payload: Hash32, *, round_: int = 1, words=words, path=proof) -> bool:
        return world.federation.event_in_round(
            epoch=1, round_=round_, words=words, stream_digest=stream, payload_digest=payload, proof=path
        )

    assert in_round(*events[3])
    assert not in_round(*events[3][::-1])
    assert not in_round(*events[2])
    assert not in_round(*events[3], path=proof[1:])
    assert not in_round(*events[3], round_=2)
    assert not in_round(*events[3], words=replace(words, trace_root=h("another")))
    other = MerkleTree.build([leaf_hash(*events[0]), leaf_hash(*events[2])])
    forged = replace(words, events_root=other.root)
    assert not in_round(*events[2], words=forged, path=other.proof(1))


def deploy(world: World, **changes) -> Federation:
    config = replace(world.federation.config(), **changes)
    return Federation.deploy(world.chain, world.community, config)


LONGEST = 90 * 86_400
DURATIONS = ("phase_duration", "settle_duration", "challenge_window", "answer_window")


@pytest.mark.parametrize(
    ("changes", "error", "args"),
    [
        ({"draw_delay": 0}, "InvalidDrawDelay", (0,)),
        ({"draw_delay": 257}, "InvalidDrawDelay", (257,)),
        ({"quorum": 1}, "InvalidQuorum", (1, 0)),
        *[({name: 0}, "InvalidDuration", (0,)) for name in DURATIONS],
        *[({name: LONGEST + 1}, "InvalidDuration", (LONGEST + 1,)) for name in DURATIONS],
    ],
)
def test_deploy_reverts_when_a_phase_could_never_pass(shared_world, changes, error, args) -> None:
    with refused(error, *args):
        deploy(shared_world, **changes)


def test_deployed_terms_are_read_back_when_they_are_just_possible(world: World) -> None:
    who = key("validator").address
    changes = dict.fromkeys(DURATIONS, LONGEST) | {"answer_window": LONGEST - 1}
    changes |= {"draw_delay": 256, "quorum": 1, "validators": (who,), "judges": (who, AGGREGATOR)}
    made = deploy(world, **changes)
    assert made.config() == replace(world.federation.config(), **changes)
    assert made.judges() == (who, AGGREGATOR)
    assert made.manifest_hash() == world.manifest.hash
    assert made.aggregator() == AGGREGATOR
