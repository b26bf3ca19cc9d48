"""The store in each database: what it accepts and gives back, in which order, and how it fails."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ceramic_bridge.admission import UNDATED, kind_of, read_event, root_of, write_event
from ceramic_bridge.authority import revocation
from ceramic_bridge.cacao import Capability
from ceramic_bridge.cid import DAG_CBOR, Cid
from ceramic_bridge.errors import MalformedData, StoreError
from ceramic_bridge.events import create_data, create_deterministic, create_init, create_model
from ceramic_bridge.store.base import EVERYTHING, MAX_INTERESTS, MAX_TIME, Cursor, Interest, Query
from ceramic_bridge.store.batch import Batch
from federation.errors import IdentityError, VerificationFailed
from tests.unit.ceramic_bridge.crowd import ALICE, BOB, NOTES, OTHER, anchor, edit, note
from tests.unit.ceramic_bridge.test_cacao import grant, wallet

ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(kept):
    with kept.open() as store:
        yield store


def cids(page):
    return [entry.cid for entry in page.entries]


FIRST = note(1)
CHANGE = edit(FIRST, "changed")
UNSIGNED = create_deterministic(ALICE.did, model=NOTES, unique=b"x")
KINDS = [FIRST, CHANGE, *anchor(FIRST, CHANGE), UNSIGNED]


@pytest.mark.parametrize("event", KINDS, ids=kind_of)
def test_event_of_any_kind_round_trips_when_written_as_a_car(event):
    data = write_event(event)
    assert read_event(data) == event
    assert root_of(data) == event.cid


@pytest.mark.parametrize("event", KINDS, ids=kind_of)
def test_any_flipped_byte_is_refused_when_an_event_is_read(event):
    data = write_event(event)
    for at in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        with pytest.raises((MalformedData, VerificationFailed, IdentityError)):
            read_event(bytes(damaged))


def test_unsigned_event_is_refused_when_its_car_names_another_root():
    data = write_event(UNSIGNED)
    with pytest.raises((VerificationFailed, MalformedData)):
        read_event(data.replace(UNSIGNED.cid.digest, bytes(32), 1))


@pytest.mark.parametrize("data", [b"", b"\0", bytes(15), b"\xff" * 60])
def test_root_is_unknown_when_bytes_are_no_car(data):
    assert root_of(data) is None
    with pytest.raises(MalformedData):
        read_event(data, authority=UNDATED)


def test_store_gives_back_what_it_took_when_opened_again(kept):
    with kept.open() as store:
        assert [receipt.new for receipt in store.add(KINDS)] == [True] * len(KINDS)
    with kept.open() as store:
        assert cids(store.page(Query())) == [event.cid for event in KINDS]
        assert all(store.get(event.cid) == write_event(event) for event in KINDS)
        assert store.get(Cid.of(DAG_CBOR, b"?")) is None
        assert store.position() == len(KINDS)
        assert store.stream_of(FIRST.cid) == FIRST.stream_id
        assert store.stream_of(CHANGE.cid) is None
        assert [receipt.new for receipt in store.add(KINDS)] == [False] * len(KINDS)
        assert store.position() == len(KINDS)


def refusal(store, event):
    (receipt,) = store.add([event])
    assert not receipt.new
    assert store.get(event.cid) is None
    return receipt.refusal


def test_event_is_refused_when_what_it_builds_on_is_missing(store):
    assert isinstance(refusal(store, CHANGE), VerificationFailed)
    assert isinstance(refusal(store, anchor(FIRST)[0]), VerificationFailed)
    store.add([FIRST])
    second = edit(FIRST, "again", prev=CHANGE.cid)
    assert "follows" in refusal(store, second).message
    assert store.add([CHANGE, second])[1].new


def test_event_is_refused_when_it_follows_an_event_of_another_stream(store):
    other = note(2)
    store.add([FIRST, other])
    assert isinstance(refusal(store, edit(FIRST, "x", prev=other.cid)), VerificationFailed)


def test_event_is_refused_when_an_impostor_signs_it(store):
    store.add([FIRST])
    assert isinstance(refusal(store, edit(FIRST, "mine", author=BOB)), IdentityError)


def test_event_is_refused_when_it_changes_a_model(store):
    model = create_model(ALICE, {"version": "2.0", "name": "N"})
    store.add([model])
    change = edit(note(1), "x").payload.patch
    stream = FIRST.stream_id.__class__(type=FIRST.stream_id.type, cid=model.cid)
    assert "model" in refusal(store, create_data(ALICE, stream=stream, prev=model.cid, patch=change)).message


def test_others_are_kept_when_one_event_of_a_batch_is_refused(store):
    receipts = store.add([FIRST, edit(FIRST, "mine", author=BOB), CHANGE])
    assert [receipt.new for receipt in receipts] == [True, False, True]
    assert cids(store.page(Query())) == [FIRST.cid, CHANGE.cid]


def test_pages_join_to_the_whole_when_read_by_token(store):
    notes = [note(i, author=(ALICE, BOB)[i % 2], model=(NOTES, OTHER)[i % 3 == 0]) for i in range(60)]
    store.add(notes)
    interests = {
        EVERYTHING: notes,
        Interest(model=OTHER): notes[::3],
        Interest(controller=BOB.did): notes[1::2],
        Interest(model=OTHER, controller=BOB.did): notes[3::6],
        Interest(model=NOTES, stream=notes[1].stream_id): [notes[1]],
        Interest(model=OTHER, stream=notes[1].stream_id): [],
        Interest(stream=note(99).stream_id): [],
    }
    for interest, expected in interests.items():
        for limit in (1, 7, 1000):
            found, token, complete = [], 0, False
            while not complete:
                page = store.page(Query(after=token, limit=limit, interest=interest))
                assert len(page.entries) <= limit
                found, token, complete = found + cids(page), page.token, page.complete
            assert found == [event.cid for event in expected]
            assert store.page(Query(after=token, interest=interest)).entries == ()


def test_page_is_cut_when_its_bytes_exceed_the_bound_but_is_never_empty(store):
    store.add([note(i) for i in range(5)])
    size = len(write_event(note(0)))
    page = store.page(Query(max_bytes=2 * size + 10))
    assert (len(page.entries), page.complete) == (2, False)
    assert len(store.page(Query(max_bytes=1)).entries) == 1
    bare = store.page(Query(with_data=False, max_bytes=1))
    assert (len(bare.entries), bare.complete, bare.entries[0].car) == (5, True, b"")


def test_revocations_are_found_by_grant_and_author_when_there_are_others(store):
    capability, other = (
        Capability.sign(grant(ALICE.did, nonce=nonce), wallet()) for nonce in ("oneoneone", "another00")
    )
    ends = [
        create_init(who, model=NOTES, content=revocation(ended), unique=bytes(11) + bytes((number,)))
        for number in range(2)
        for who in (ALICE, BOB)
        for ended in (capability, other)
    ]
    malformed = create_init(
        ALICE, model=NOTES, content={**revocation(capability), "more": 1}, unique=bytes(12)
    )
    store.add([malformed, *ends])
    wanted = [ends[0], ends[4]]
    named = capability.grant.cid
    assert store.revoking(named, ALICE.did, 9) == [write_event(event) for event in wanted]
    assert store.revoking(named, ALICE.did, 1) == [write_event(ends[0])]
    assert store.revoking(named, capability.controller, 9) == []
    spare = Capability.sign(grant(BOB.did, resources=("ceramic://*",)), wallet())
    end = create_init(BOB, model=NOTES, content=revocation(capability), unique=None, capability=spare)
    store.add([end])
    assert store.revoking(named, capability.controller, 9) == [write_event(end)]


def test_interests_are_kept_once_each_when_added(store):
    wanted = [Interest(model=NOTES), Interest(model=NOTES, controller=BOB.did, stream=FIRST.stream_id)]
    for interest in (*wanted, wanted[0]):
        store.add_interest(interest)
    assert store.interests() == tuple(wanted)


def test_interest_is_refused_when_there_are_too_many(store, monkeypatch):
    monkeypatch.setattr("ceramic_bridge.store.sql.MAX_INTERESTS", 1)
    store.add_interest(EVERYTHING)
    store.add_interest(EVERYTHING)
    with pytest.raises(StoreError):
        store.add_interest(Interest(model=NOTES))
    assert store.interests() == (EVERYTHING,)
    assert MAX_INTERESTS > 1


def test_cursor_is_kept_with_its_events_when_the_transaction_fails(kept, store):
    cursor = Cursor(peer="p", interest=EVERYTHING, token=7, cid=FIRST.cid)
    assert store.cursor("p", EVERYTHING) is None
    kept.sql("ALTER TABLE cursors RENAME TO gone")
    with pytest.raises(StoreError):
        store.add([FIRST], cursor=cursor)
    assert store.get(FIRST.cid) is None
    kept.sql("ALTER TABLE gone RENAME TO cursors")
    for token in (6, 7):
        store.add([FIRST], cursor=replace(cursor, token=token))
    assert store.cursor("p", EVERYTHING) == cursor
    assert store.cursor("q", EVERYTHING) is None


def test_readers_see_whole_batches_in_order_when_a_writer_goes_on(store):
    batches = [[note(10 * i + j) for j in range(10)] for i in range(20)]
    order = [event.cid for batch in batches for event in batch]
    problems = []

    def read():
        while not done.is_set():
            seen = cids(store.page(Query(limit=1000)))
            if len(seen) % 10 or seen != order[: len(seen)]:
                problems.append(len(seen))

    done = threading.Event()
    readers = [threading.Thread(target=read) for _ in range(6)]
    for reader in readers:
        reader.start()
    for batch in batches:
        store.add(batch)
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert cids(store.page(Query(limit=1000))) == order


def test_second_writer_waits_and_comes_later_when_the_first_is_slow(kept, store, monkeypatch):
    # A reader who saw the second's position before the first's would never come back for it.
    written, go_on, write = threading.Event(), threading.Event(), Batch.write

    def slowly(batch):
        write(batch)
        written.set()
        assert go_on.wait(10)

    with kept.open() as other:
        monkeypatch.setattr(Batch, "write", slowly)
        first = threading.Thread(target=store.add, args=([FIRST],))
        first.start()
        assert written.wait(10)
        monkeypatch.setattr(Batch, "write", write)
        second = threading.Thread(target=other.add, args=([note(2)],))
        second.start()
        second.join(0.3)
        waits, seen = second.is_alive(), cids(other.page(Query()))
        go_on.set()
        first.join(10)
        second.join(10)
        assert waits
        assert seen == []
        assert cids(other.page(Query())) == [FIRST.cid, note(2).cid]


def test_two_stores_may_write_when_they_share_a_place(kept, store):
    with kept.open() as other:
        assert store.add([FIRST])[0].new
        assert not other.add([FIRST])[0].new
        assert other.add([CHANGE])[0].new
        assert cids(store.page(Query())) == [FIRST.cid, CHANGE.cid]


WRITE = """
import sys
from ceramic_bridge.session import open_store
from tests.unit.ceramic_bridge.crowd import edit, note
with open_store(sys.argv[1]) as store:
    for number in range(int(sys.argv[2]), int(sys.argv[2]) + 100):
        first = note(number)
        assert all(receipt.new for receipt in store.add([first, edit(first, "changed")]))
"""


def test_follower_misses_nothing_when_two_processes_write_at_once(kept, store):
    command = [sys.executable, "-c", WRITE, kept.place]
    writers = [subprocess.Popen([*command, str(start)], cwd=ROOT) for start in (0, 1000)]
    seen, token, over = [], 0, False
    try:
        while not over:
            over = all(writer.poll() is not None for writer in writers)
            page = store.page(Query(after=token, limit=7))
            seen, token = seen + cids(page), page.token
            over = over and page.complete
    finally:
        codes = [writer.wait(30) for writer in writers]
    assert codes == [0, 0]
    assert seen == cids(store.page(Query(limit=1000)))
    assert len(set(seen)) == token == 400
    assert {note(start + i).cid for start in (0, 1000) for i in range(100)} <= set(seen)


@pytest.mark.parametrize("controller", ["", "did:key:", "did:x:\0", "did:x:é", "did:x:" + 300 * "y"])
def test_event_is_refused_when_its_controller_is_no_did(store, controller):
    # Nobody signs such an event, so anybody can send it; it must not spoil the batch it comes in.
    odd = create_deterministic(controller, model=NOTES, unique=b"x")
    receipts = store.add([FIRST, odd, CHANGE])
    assert [receipt.new for receipt in receipts] == [True, False, True]
    assert "no DID" in receipts[1].refusal.message


@pytest.mark.parametrize("after", [-1, 2**70])
def test_page_answers_when_the_token_is_none_it_gave(store, after):
    store.add([FIRST])
    assert cids(store.page(Query(after=after))) == ([FIRST.cid] if after < 0 else [])


def test_large_batch_is_kept_when_one_statement_cannot_hold_it(store):
    notes = [note(i, text="x" * (100_000 if i % 100 == 0 else 1)) for i in range(1500)]
    assert all(receipt.new for receipt in store.add(notes))
    assert not any(receipt.new for receipt in store.add(notes))
    assert store.position() == 1500
    assert store.get(notes[1400].cid) == write_event(notes[1400])


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        ((), None),
        (("model",), "events_by_model"),
        (("controller",), "events_by_controller"),
        (("controller", "model"), "events_by_controller_model"),
        (("stream",), "events_by_stream"),
    ],
)
def test_page_is_read_along_one_index_when_nearly_everything_is_of_interest(kept, store, wanted, index):
    store.add([note(i) for i in range(300)])
    kept.sql("ANALYZE")
    source, values = store._feed(dict.fromkeys(wanted, 1), 5)
    with contextlib.closing(store._connect()) as db:
        explain = "EXPLAIN" if kept.server else "EXPLAIN QUERY PLAN"
        plan = str(db.rows(f"{explain} SELECT cid {source} LIMIT ?", (*values, 10)))
    assert not any(word in plan for word in ("Sort", "Filter", "TEMP B-TREE"))
    assert "Index Scan" in plan or "SEARCH events USING" in plan
    assert index is None or f"{index} " in plan


# What a chain confirmed


def test_time_event_stays_confirmed_since_the_earliest_time_when_confirmed_again(kept):
    times, other = anchor(FIRST, CHANGE), note(2)
    with kept.open() as store:
        store.add([FIRST, CHANGE, *times, other, *anchor(other)])
        assert store.confirmed(FIRST.stream_id) == {}
        for time in (7_000, 5_000, 6_000, 5_000):
            store.confirm(times[1].cid, time)
        store.confirm(anchor(other)[0].cid, 0)
    with kept.open() as store:
        assert store.confirmed(FIRST.stream_id) == {times[1].cid: 5_000}
        assert store.confirmed(other.stream_id) == {anchor(other)[0].cid: 0}
        assert store.confirmed(note(99).stream_id) == {}


def test_only_one_confirmation_is_forgotten_when_it_is_withdrawn(store):
    times = anchor(FIRST, CHANGE)
    store.add([FIRST, CHANGE, *times])
    for time in times:
        store.confirm(time.cid, 5_000)
    store.withdraw(times[0].cid)
    store.withdraw(times[0].cid)
    store.withdraw(note(99).cid)
    assert store.confirmed(FIRST.stream_id) == {times[1].cid: 5_000}
    store.confirm(times[0].cid, 6_000)
    assert store.confirmed(FIRST.stream_id)[times[0].cid] == 6_000


@pytest.mark.parametrize(
    ("event", "time"),
    [
        (note(99), 5),
        (FIRST, 5),
        (CHANGE, 5),
        (UNSIGNED, 5),
        (anchor(FIRST)[0], -1),
        (anchor(FIRST)[0], MAX_TIME + 1),
    ],
)
def test_confirmation_is_refused_when_there_is_no_such_time_event_or_time(store, event, time):
    store.add([FIRST, CHANGE, UNSIGNED, *anchor(FIRST)])
    with pytest.raises(VerificationFailed, match=str(event.cid)):
        store.confirm(event.cid, time)
    assert store.confirmed(FIRST.stream_id) == {}
