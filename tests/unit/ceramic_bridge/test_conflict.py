"""Streams from events in any order: one line for all readers, and forks that cannot hide."""

from __future__ import annotations

import random
from time import process_time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceramic_bridge.anchor import AnchorTree
from ceramic_bridge.cid import DAG_CBOR, MODEL, Cid, StreamId
from ceramic_bridge.conflict import Resolution, resolve
from ceramic_bridge.did import EcdsaIdentity, Identity
from ceramic_bridge.errors import TooLong
from ceramic_bridge.events import (
    JsonPatchOp,
    SignedEvent,
    UnsignedEvent,
    create_data,
    create_deterministic,
    create_init,
    from_blocks,
)
from ceramic_bridge.jws import sign_payload
from ceramic_bridge.stream import advance, replay, start
from ceramic_bridge.timeevents import AnchorProof, TimeEvent
from federation.errors import IdentityError, VerificationFailed
from tests.unit.ceramic_bridge.test_secp256k1 import _with_high_s

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ceramic_bridge.dagcbor import Value

OWNER = Identity(bytes(range(32)))
MODEL_ID = StreamId(type=MODEL, cid=Cid.of(DAG_CBOR, b"model"))
INIT = create_init(OWNER, model=MODEL_ID, content={"n": 0}, unique=bytes(12))


def put(prev: Cid, value: Value, path: str = "/n", signer: Identity | EcdsaIdentity = OWNER) -> SignedEvent:
    patch = [JsonPatchOp(op="add", path=path, value=value)]
    return create_data(signer, stream=INIT.stream_id, prev=prev, patch=patch)


def stamp(prev: Cid, chain: int = 1, init: Cid = INIT.cid) -> TimeEvent:
    proof = AnchorProof.of(chain=chain, root=prev, tx_hash=bytes(32))
    return AnchorTree.build([prev]).time_event(0, init=init, proof=proof)


A1 = put(INIT.cid, 1)
A2 = put(A1.cid, 2)
A3 = put(A2.cid, 3)
B2 = put(A1.cid, 20)
C1 = put(INIT.cid, 100)


def resolved(events: Iterable[SignedEvent | UnsignedEvent | TimeEvent], **more: int) -> Resolution:
    """Resolve in several orders, which must not matter."""
    times = {EVENTS[name].cid: time for name, time in more.items()}
    given_ = list(events)
    result = resolve(given_, times)
    for seed in range(4):
        shuffled = [*given_, given_[0]]
        random.Random(seed).shuffle(shuffled)
        assert resolve(shuffled, times) == result
    return result


EVENTS = {"A1": A1, "A2": A2, "A3": A3, "B2": B2, "C1": C1}


def test_line_is_that_of_replay_when_nobody_equivocates() -> None:
    result = resolved([INIT, A1, A2, A3])
    assert result.state == replay([INIT, A1, A2, A3])
    assert (result.equivocations, result.rejected) == ((), {})


def test_fork_is_reported_and_longer_branch_counts_when_nothing_is_anchored() -> None:
    result = resolved([INIT, A1, A2, A3, B2])
    assert result.state.content == {"n": 3}
    (fork,) = result.equivocations
    assert (fork.prev, fork.events) == (A1.cid, (A2, B2))
    with pytest.raises(VerificationFailed, match="equivocation"):
        replay([INIT, A1, A2, B2])


def test_smaller_cid_counts_when_branches_are_as_long() -> None:
    result = resolved([INIT, A1, A2, B2])
    first = min((A2, B2), key=lambda event: event.cid.to_bytes())
    assert result.state.tip == first.cid
    assert result.equivocations[0].events[0] == first


@pytest.mark.parametrize(
    ("times", "tip"),
    [
        ({"B2": 5}, "B2"),
        ({"B2": 5, "A2": 4}, "A3"),
        ({"B2": 5, "A2": 6}, "B2"),
        ({"B2": 5, "A3": 4}, "A3"),
        ({"C1": 5}, "C1"),
        ({"C1": 5, "B2": 4}, "B2"),
        ({"C1": 5, "A1": 5, "B2": 9}, "B2"),
    ],
)
def test_earliest_anchor_counts_when_there_is_a_fork(times: dict[str, int], tip: str) -> None:
    result = resolved([INIT, A1, A2, A3, B2, C1], **times)
    assert result.state.tip == EVENTS[tip].cid
    assert {fork.prev: {*map(str, (e.cid for e in fork.events))} for fork in result.equivocations} == {
        INIT.cid: {str(A1.cid), str(C1.cid)},
        A1.cid: {str(A2.cid), str(B2.cid)},
    }


def test_anchor_counts_when_it_names_only_the_time_event_upon_it() -> None:
    time = stamp(B2.cid)
    assert resolve([INIT, A1, A2, A3, B2, time], {time.cid: 5}).state.content == {"n": 20}
    foreign = stamp(B2.cid, init=A1.cid)
    assert resolve([INIT, A1, A2, A3, B2, foreign], {foreign.cid: 5}).state.content == {"n": 3}


def test_events_are_rejected_when_they_cannot_follow(bob: Identity) -> None:
    forged = put(INIT.cid, 9, signer=bob)
    broken = create_data(
        OWNER,
        stream=INIT.stream_id,
        prev=A1.cid,
        patch=[JsonPatchOp(op="remove", path="/absent")],
    )
    after_broken = put(broken.cid, 5)
    orphan = put(Cid.of(DAG_CBOR, b"nowhere"), 6)
    other = create_data(OWNER, stream=StreamId(type=3, cid=A1.cid), prev=A1.cid, patch=[])
    result = resolved([INIT, A1, forged, broken, after_broken, orphan, other])
    assert result.state == replay([INIT, A1])
    assert result.equivocations == ()
    assert {*result.rejected} == {e.cid for e in (forged, broken, after_broken, orphan, other)}
    assert "absent" in result.rejected[broken.cid]
    assert bob.did in result.rejected[forged.cid]


def test_owner_is_not_accused_when_a_stranger_signs_the_same_payload(bob: Identity) -> None:
    # A data payload does not name its signer, so anybody can put his signature under it.
    for seed in range(20):
        thief = Identity(bytes((seed,)) * 32)
        stolen = from_blocks(A1.payload_block, sign_payload(thief, A1.payload_cid))
        result = resolved([INIT, A1, stolen, A2])
        assert result.state == replay([INIT, A1, A2])
        assert (result.equivocations, [*result.rejected]) == ((), [stolen.cid])


def test_owner_is_not_accused_when_a_signature_is_mirrored() -> None:
    carol = EcdsaIdentity(b"\x07" * 32)
    init = create_init(carol, model=MODEL_ID, content={"n": 0}, unique=bytes(12))

    def change(prev: Cid, value: int) -> SignedEvent:
        patch = [JsonPatchOp(op="add", path="/n", value=value)]
        return create_data(carol, stream=init.stream_id, prev=prev, patch=patch)

    for value in range(8):
        one = change(init.cid, value)
        twin = _with_high_s(one)
        for first, second in ((one, twin), (twin, one)):
            after = change(first.cid, value + 1)
            result = resolve([init, one, twin, after])
            assert result.state.content == {"n": value + 1}
            assert (result.equivocations, result.rejected) == ((), {})
            assert result.state.signed(second.cid) == result.state.signed(first.cid)
            # Two different payloads, one after each envelope, are two successors all the same.
            fork = change(second.cid, value + 2)
            (found,) = resolve([init, one, twin, after, fork]).equivocations
            assert {*found.events} == {after, fork}


def test_stream_goes_on_from_a_time_event_or_from_what_it_anchors() -> None:
    time, late = stamp(A1.cid), stamp(A1.cid, chain=2)
    over, under = put(time.cid, 7), put(A1.cid, 7)
    for event in (over, under):
        state = replay([INIT, A1, time, event])
        assert state.content == {"n": 7}
        assert state.history == (INIT.cid, A1.cid, time.cid, event.cid)
        # An anchor that comes late does not move the tip.
        after = advance(state, late)
        assert (after.tip, after.signed(late.cid)) == (event.cid, A1.cid)
        assert advance(after, put(event.cid, 8)).content == {"n": 8}
        with pytest.raises(VerificationFailed, match="equivocation"):
            advance(after, put(late.cid, 9))
        with pytest.raises(VerificationFailed):
            advance(after, late)
    result = resolved([INIT, A1, time, late, over])
    assert result.state.content == {"n": 7}
    assert result.rejected == {}
    (fork,) = resolved([INIT, A1, time, late, over, put(late.cid, 9)]).equivocations
    assert fork.prev == A1.cid


def test_time_event_is_refused_when_of_another_stream_or_event() -> None:
    foreign = stamp(A1.cid, init=A1.cid)
    unknown = stamp(A3.cid)
    state = replay([INIT, A1])
    for event in (foreign, unknown):
        with pytest.raises(VerificationFailed):
            advance(state, event)
        assert [*resolved([INIT, A1, event]).rejected] == [event.cid]
    chained = stamp(stamp(A1.cid).cid, chain=3)
    again = resolved([INIT, A1, stamp(A1.cid), chained, put(chained.cid, 4)])
    assert (again.state.content, again.rejected) == ({"n": 4}, {})


@pytest.mark.parametrize("unique", [None, b"round-3"])
def test_deterministic_stream_is_written_when_its_controller_signs(
    bob: Identity, unique: bytes | None
) -> None:
    init = create_deterministic(OWNER.did, model=MODEL_ID, unique=unique)
    assert UnsignedEvent.from_block(init.block) == init
    patch = [JsonPatchOp(op="add", path="/a", value=1)]
    event = create_data(OWNER, stream=init.stream_id, prev=init.cid, patch=patch)
    assert start(init).content == {}
    assert replay([init, event]).content == {"a": 1}
    assert resolve([event, init]).state == replay([init, event])
    with pytest.raises(IdentityError):
        replay([init, create_data(bob, stream=init.stream_id, prev=init.cid, patch=patch)])


def test_resolution_is_refused_when_there_is_not_one_beginning() -> None:
    other = create_init(OWNER, model=MODEL_ID, content={"n": 1}, unique=bytes(12))
    for events in ([], [A1], [INIT, other], [stamp(A1.cid)]):
        with pytest.raises(VerificationFailed):
            resolve(events)
    for line in ([stamp(INIT.cid)], [INIT, create_deterministic(OWNER.did, model=MODEL_ID, unique=None)]):
        with pytest.raises(VerificationFailed):
            replay(line)


@settings(max_examples=300)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=14), st.randoms(use_true_random=False))
def test_any_order_gives_one_line_when_the_tree_is_random(parents: list[int], order: random.Random) -> None:
    events: list[SignedEvent | TimeEvent] = [INIT]
    for index, parent in enumerate(parents):
        prev = events[parent % len(events)].cid
        events.append(stamp(prev, chain=index + 1) if parent % 3 == 0 else put(prev, index))
    times = {event.cid: order.randrange(9) for event in events if order.random() < 0.3}
    result = resolve(events, times)
    order.shuffle(events)
    assert resolve(events, times) == result
    line = [next(e for e in events if e.cid == cid) for cid in result.state.history]
    assert replay(line).content == result.state.content
    assert result.rejected == {}


def test_cost_is_that_of_each_event_when_time_events_stand_on_one_another() -> None:
    chain = [stamp(INIT.cid)]
    while len(chain) < 3000:
        chain.append(stamp(chain[-1].cid))

    def cost(events: list[TimeEvent]) -> float:
        start_ = process_time()
        assert len(resolve([INIT, *events]).state.history) == len(events) + 1
        return process_time() - start_

    # Six times as many: thirty-six times the cost if each asked all below it.
    assert min(cost(chain) for _ in range(3)) < 18 * min(cost(chain[:500]) for _ in range(3))


def test_stream_is_refused_when_small_events_make_large_documents() -> None:
    init = create_init(OWNER, model=MODEL_ID, content={"n": 0, "large": "x" * 1000}, unique=bytes(12))
    forks = [
        create_data(
            OWNER, stream=init.stream_id, prev=init.cid, patch=[JsonPatchOp(op="add", path="/n", value=n)]
        )
        for n in range(1, 6)
    ]
    assert len(resolve([init, *forks], max_documents=6000).equivocations[0].events) == 5
    with pytest.raises(TooLong):
        resolve([init, *forks], max_documents=5000)
