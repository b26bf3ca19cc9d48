"""Files of many events, what a reader learns from them, and what it is told about them."""

from __future__ import annotations

import random

import pytest

from ceramic_bridge import car
from ceramic_bridge.admission import write_event
from ceramic_bridge.authority import SKEW, revocation
from ceramic_bridge.bundle import pack, unpack
from ceramic_bridge.car import Block
from ceramic_bridge.cid import DAG_CBOR, RAW
from ceramic_bridge.dagcbor import encode as encode_block
from ceramic_bridge.errors import MalformedData
from ceramic_bridge.events import create_deterministic, create_init
from ceramic_bridge.examine import examine
from ceramic_bridge.judging import authority_over, judge
from ceramic_bridge.log import EventLog
from ceramic_bridge.siwe import to_iso
from ceramic_bridge.story import anchors_of, lines, tell
from federation.errors import FolkmootError, VerificationFailed
from tests.unit.ceramic_bridge.crowd import ALICE, BOB, NOTES, anchor, edit, note
from tests.unit.ceramic_bridge.test_cacao import END, START, grant, wallet

FIRST, SECOND = note(1), note(2)
CHANGE = edit(FIRST, "changed")
UNSIGNED = create_deterministic(ALICE.did, model=NOTES, unique=b"x")
EVENTS = [FIRST, UNSIGNED, CHANGE, *anchor(FIRST, CHANGE, SECOND)[:2], SECOND, anchor(SECOND)[0]]


def delegated(number=7):
    from ceramic_bridge.cacao import Capability

    capability = Capability.sign(grant(ALICE.did, resources=("ceramic://*",)), wallet())
    unique = number.to_bytes(12, "big")
    return create_init(ALICE, model=NOTES, content={"text": "mine"}, unique=unique, capability=capability)


DELEGATED = delegated()


def raw(order, blocks):
    index = Block.of(DAG_CBOR, encode_block(order))
    return car.write(index.cid, [index, *blocks])


def test_events_come_back_in_order_when_packed():
    events = [*EVENTS, DELEGATED, *anchor(DELEGATED)]
    assert unpack(pack(events)) == tuple(events)
    assert unpack(pack([])) == ()


def test_events_come_back_when_a_file_is_larger_than_one_event_may_be():
    large = [
        create_init(ALICE, model=NOTES, content={"text": "x" * 200_000}, unique=bytes(11) + bytes((n,)))
        for n in range(6)
    ]
    data = pack(large)
    assert len(data) > car.MAX_CAR
    assert unpack(data) == tuple(large)


@pytest.mark.parametrize("event", [FIRST, UNSIGNED, EVENTS[3], DELEGATED])
def test_single_event_is_a_file_too_when_unpacked(event):
    assert unpack(write_event(event)) == (event,)


def test_log_is_read_alike_when_it_holds_signed_events_only():
    log = EventLog()
    for event in (FIRST, SECOND, CHANGE):
        log.append(event)
    assert pack(list(log)) == log.to_bytes()
    assert unpack(log.to_bytes()) == (FIRST, SECOND, CHANGE)


def test_every_flipped_bit_is_refused_when_drawn_from_a_file():
    data, rng = pack(EVENTS), random.Random(0)
    for _ in range(400):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        with pytest.raises(FolkmootError):
            unpack(bytes(damaged))


BLOCKS = FIRST.blocks()


@pytest.mark.parametrize(
    "data",
    [
        raw([FIRST.cid, FIRST.cid], [*BLOCKS, *BLOCKS]),
        raw([FIRST.cid], BLOCKS[:1]),
        raw([FIRST.cid], []),
        raw([FIRST.cid], BLOCKS[::-1]),
        raw([FIRST.cid], [*BLOCKS, Block.of(RAW, b"more")]),
        raw([FIRST.cid], [Block.of(RAW, b"more"), *BLOCKS]),
        raw([FIRST.cid, 1], BLOCKS),
        raw([EVENTS[3].cid], EVENTS[3].blocks()[:-1]),
        raw([SECOND.cid], BLOCKS),
    ],
)
def test_file_is_refused_when_its_blocks_are_not_those_it_lists(data):
    with pytest.raises((VerificationFailed, MalformedData)):
        unpack(data)


def test_file_is_refused_when_it_is_too_large_or_lacks_its_root():
    data = pack([FIRST])
    with pytest.raises(MalformedData):
        unpack(data, max_bytes=len(data) - 1)
    with pytest.raises(MalformedData):
        unpack(car.write(SECOND.cid, BLOCKS))


# What a reader learns


def test_verdict_says_what_was_checked_when_nothing_is_wrong():
    verdict = examine(pack([*EVENTS, DELEGATED]), now=START + 1)
    text = "\n".join(verdict.checked)
    for words in ("4 EdDSA signatures", "3 time events", "1 capabilities", "4 streams"):
        assert words in text
    assert any("eip155:31337" in line for line in verdict.open)
    assert any("when the events without an anchor" in line for line in verdict.open)
    assert any("revoked by events that are not at hand" in line for line in verdict.open)
    assert not any("revoked" in line for line in examine(pack(EVENTS), now=START).open)


def test_verdict_fails_when_a_capability_has_expired_without_an_anchor():
    late = END + SKEW + 1
    with pytest.raises(VerificationFailed, match="expired"):
        examine(pack([DELEGATED]), now=late)
    verdict = examine(pack([DELEGATED, *anchor(DELEGATED)]), now=late)
    assert any("only if its anchor does" in line for line in verdict.open)


def test_verdict_goes_by_the_confirmed_time_when_the_chain_was_asked():
    late, (time,) = END + SKEW + 1, anchor(DELEGATED)
    data = pack([DELEGATED, time])
    verdict = examine(data, now=late, asked=lambda events: {time.cid: END})
    assert any("confirmed by eip155:31337" in line for line in verdict.checked)
    assert [line for line in verdict.open if "revoked" not in line] == []
    with pytest.raises(VerificationFailed, match="expired"):
        examine(data, now=START, asked=lambda events: {time.cid: late})
    # Another anchor that nobody asked about may be earlier.
    second = anchor(DELEGATED, FIRST)[0]
    verdict = examine(pack([DELEGATED, time, second]), now=START, asked=lambda events: {time.cid: late})
    assert any("only if its anchor does" in line for line in verdict.open)
    assert any("whether 1 transactions" in line for line in verdict.open)


def test_verdict_fails_when_a_controller_equivocates():
    fork = [FIRST, CHANGE, edit(FIRST, "otherwise")]
    with pytest.raises(VerificationFailed, match="equivocation"):
        examine(pack(fork), now=START)


def test_verdict_fails_when_an_impostor_changes_a_stream():
    with pytest.raises(VerificationFailed, match="signed by"):
        examine(pack([FIRST, edit(FIRST, "mine", author=BOB)]), now=START)


def test_verdict_leaves_the_author_open_when_the_init_event_is_missing():
    assert any("who may write" in line for line in examine(pack([CHANGE]), now=START).open)


# What it is told


def test_account_names_author_time_authority_and_content_when_told():
    events = [FIRST, CHANGE, *anchor(CHANGE), DELEGATED]
    anchors = anchors_of(events)
    text = ["\n".join(lines(tell(event, anchors), 1)) for event in events]
    assert ALICE.did in text[0]
    assert "note 1" in text[0]
    assert "before transaction 0x" + "cd" * 32 in text[0], "what an anchored event builds on is older"
    assert '"changed"' in text[1]
    assert str(CHANGE.cid) in text[2]
    assert f"by its key {ALICE.did}" in text[3]
    assert str(DELEGATED.capability.cid) in text[3]
    assert "2026-02-02" in text[3]
    assert "unproven" in text[3]


def test_account_says_since_when_and_by_which_clock_when_the_chain_was_asked():
    event, (time,) = delegated(8), anchor(delegated(8))
    events, late = [event, time], END + SKEW + 1
    for confirmed, words in (
        ({}, ["(not asked)", "judged at 2026", "no confirmed anchor", "expired"]),
        (
            {time.cid: START},
            [
                f"anchored at {to_iso(START)} (confirmed by chain eip155:31337)",
                "when it was anchored: it holds",
            ],
        ),
        (
            {time.cid: late},
            [f"anchored at {to_iso(late)}", "anchored: the capability", "expired"],
        ),
    ):
        authority = authority_over(events, confirmed, late)
        told = [tell(one, anchors_of(events), confirmed=confirmed, authority=authority) for one in events]
        text = "\n".join(lines(told[0], 1))
        for word in words:
            assert word in text
        confirmation = to_iso(confirmed[time.cid]) if confirmed else "not asked"
        assert any(line.endswith(confirmation) for line in lines(told[1], 2))


def test_revocation_counts_for_what_was_made_after_it_when_both_are_anchored():
    event = delegated(9)
    ended = create_init(ALICE, model=NOTES, content=revocation(event.capability), unique=b"a revocation")
    before, after = anchor(event)[0], anchor(ended)[0]
    events = [event, ended, before, after]
    for first, second, holds in ((5, 6, True), (6, 5, False), (5, 5, False)):
        confirmed = {before.cid: START + first, after.cid: START + second}
        judged = judge(events, authority_over(events, confirmed, END))
        assert (event.cid not in judged.refused) is holds
    assert judge(events, authority_over(events, {before.cid: START + 5}, END)).refused == {}


def test_revocation_does_nothing_when_its_own_capability_was_over():
    from ceramic_bridge.cacao import Capability

    event = delegated(9)
    other = Capability.sign(grant(BOB.did, nonce="spare000", expires=START + 9), wallet())
    by_other = create_init(
        BOB, model=NOTES, content=revocation(event.capability), unique=None, capability=other
    )
    # The key of the other one says that it is lost.
    lost = create_init(BOB, model=NOTES, content=revocation(other), unique=None)
    (time,), (lost_time,) = anchor(by_other), anchor(lost)
    for now, events, confirmed, holds in (
        (START, [event, by_other], {}, False),
        (START + 10 + SKEW, [event, by_other], {}, True),
        (START + 10 + SKEW, [event, by_other, time], {time.cid: START}, False),
        (START, [event, by_other, lost, lost_time], {lost_time.cid: START - 1}, True),
        # At one time, each ends the other.
        (START, [event, by_other, lost], {}, False),
    ):
        judged = judge(events, authority_over(events, confirmed, now))
        assert (event.cid not in judged.refused) is holds


def test_anchor_counts_for_what_is_before_it_only_when_it_is_late():
    third = edit(FIRST, "thrice", prev=CHANGE.cid)
    (early,), (late,) = anchor(FIRST), anchor(CHANGE)
    for times in ([early, late], [late, early]):
        found = anchors_of([FIRST, CHANGE, third, *times])
        assert early in found[FIRST.cid]
        assert found[CHANGE.cid] == [late]
        assert third.cid not in found


def test_accounts_stay_cheap_when_a_stream_is_long():
    events, prev = [FIRST], FIRST.cid
    for number in range(400):
        event = edit(FIRST, str(number), prev=prev)
        (time,) = anchor(event)
        events += [event, time]
        prev = time.cid
    found = anchors_of(events)
    assert sum(map(len, found.values())) <= len(events)
    assert found.keys() >= {event.cid for event in events[:-1]}


def test_account_has_no_author_when_nobody_signed():
    text = "\n".join(lines(tell(UNSIGNED, {}), 1))
    assert "unsigned" in text
    assert ALICE.did in text


def test_long_content_is_cut_when_told_as_text_only():
    event = note(1, text="x" * 5000)
    assert max(map(len, lines(tell(event, {}), 1))) < 600
    assert tell(event, {})["what"]["content"] == {"text": "x" * 5000}
