"""Own rows, read back from a store or a node: all that are there, and a word on what is not right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ceramic_bridge.admission import read_event, write_event
from ceramic_bridge.cid import MODEL, Cid, StreamId
from ceramic_bridge.did import Identity
from ceramic_bridge.events import SignedEvent, create_data, create_deterministic, create_init
from ceramic_bridge.jsonpatch import JsonPatchOp
from ceramic_bridge.node.client import RemoteNode
from ceramic_bridge.ownrows import OwnBatch, Unread, own_batches
from ceramic_bridge.sealed import grant, publish, seal, split
from ceramic_bridge.store.base import Entry, Page, Query, Store
from ceramic_bridge.store.sqlite import SqliteStore
from ceramic_bridge.stream import replay
from federation.types import Address, Row
from tests.unit.ceramic_bridge.crowd import ALICE, BOB, note, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FEDERATION, OTHER = Address("0x" + "aB" * 20), Address("0x" + "cD" * 20)
MODEL_ID = StreamId(type=MODEL, cid=Cid.of(0x71, b"sealed rows"))
ROWS = [Row(text=f"row {i} " + "x" * 40_000, label=bool(i % 2)) for i in range(8)]


def published(identity: Identity = ALICE, *, federation: Address = FEDERATION) -> list[SignedEvent]:
    return list(publish(identity, ROWS, model=MODEL_ID, federation=federation))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "events.sqlite") as store:
        yield store


def add(store: SqliteStore, *events: SignedEvent) -> None:
    assert all(receipt.refusal is None for receipt in store.add(events))


def read(store: Store, identity: Identity = ALICE) -> tuple[list[OwnBatch], list[Unread]]:
    batches: list[OwnBatch] = []
    unread: list[Unread] = []
    for one in own_batches(store, identity, FEDERATION, model=MODEL_ID):
        if isinstance(one, OwnBatch):
            batches.append(one)
        else:
            unread.append(one)
    return batches, unread


def rows_of(batches: Sequence[OwnBatch]) -> list[Row]:
    return [row for one in sorted(batches, key=lambda one: one.batch.first) for row in one.batch.rows]


def granted(init: SignedEvent) -> SignedEvent:
    patch = grant(replay([init]).content, ALICE, BOB.did)
    return create_data(ALICE, stream=init.stream_id, prev=init.cid, patch=patch)


def test_all_rows_come_back_when_the_store_has_more_than_them(store: SqliteStore) -> None:
    mine = published()
    assert len(mine) == 3
    add(store, *published(BOB), *mine, *published(federation=OTHER), note(1), granted(mine[1]))
    batches, unread = read(store)
    assert rows_of(batches) == ROWS
    assert not unread
    assert [one.stream for one in batches] == [event.stream_id for event in mine]
    assert [one.readers for one in batches] == [(ALICE.did,), (ALICE.did, BOB.did), (ALICE.did,)]
    assert rows_of(read(store, BOB)[0]) == ROWS
    assert read(store, Identity(b"\x01" * 32)) == ([], [])


@pytest.mark.enable_socket
def test_all_rows_come_back_when_a_node_is_asked(store: SqliteStore) -> None:
    add(store, *published(), *published(BOB))
    with serving(store) as url, RemoteNode(url) as node:
        assert (rows_of(read(node)[0]), read(node)[1]) == (ROWS, [])


def test_reading_goes_over_many_pages_when_there_are_many_streams(store: SqliteStore) -> None:
    (batch,) = split([Row(text="small", label=True)])
    content = seal(batch, owner=ALICE.did, federation=FEDERATION)
    events = [
        create_init(ALICE, model=MODEL_ID, content=content, unique=i.to_bytes(12, "big")) for i in range(230)
    ]
    add(store, *events)
    assert [one.stream for one in read(store)[0]] == [event.stream_id for event in events]


def test_batch_is_reported_when_it_is_anothers_sealed_to_us(store: SqliteStore) -> None:
    (batch,) = split(ROWS[:1])
    foreign = seal(batch, owner=BOB.did, federation=FEDERATION, readers=[ALICE.did])
    posted = create_init(ALICE, model=MODEL_ID, content=foreign, unique=bytes(12))
    # Sealed to somebody else only: its own owner could not read it again.
    closed = seal(batch, owner=BOB.did, federation=FEDERATION)
    lost = create_init(ALICE, model=MODEL_ID, content=closed, unique=b"\x01" * 12)
    mine = published()
    add(store, posted, mine[0], lost, *mine[1:])
    batches, unread = read(store)
    assert rows_of(batches) == ROWS
    assert [one.event for one in unread] == [posted.cid, lost.cid]
    assert BOB.did in unread[0].reason
    assert "not encrypted to" in unread[1].reason


def test_document_is_reported_when_it_holds_no_rows(store: SqliteStore) -> None:
    other = create_init(ALICE, model=MODEL_ID, content={"text": "in the clear"}, unique=bytes(12))
    empty = create_deterministic(ALICE.did, model=MODEL_ID, unique=None)
    mine = published()
    for event in (other, empty):
        store.add([event])
    add(store, *mine)
    batches, unread = read(store)
    assert rows_of(batches) == ROWS
    assert [one.event for one in unread] == [other.cid, empty.cid]


class Lying:
    """A node that changes what it hands out."""

    def __init__(self, store: SqliteStore, entries: Sequence[Entry]) -> None:
        self._store, self._more = store, tuple(entries)

    def page(self, query: Query) -> Page:
        page = self._store.page(query)
        return Page(entries=(*page.entries, *self._more), token=page.token, complete=page.complete)


def entry(event: SignedEvent, car: bytes | None = None) -> Entry:
    return Entry(cid=event.cid, car=write_event(event) if car is None else car)


def test_events_are_reported_when_a_node_damages_swaps_and_repeats_them(store: SqliteStore) -> None:
    mine, theirs = published(), published(BOB)
    add(store, *mine)
    damaged = published()[0]
    car = bytearray(write_event(damaged))
    car[len(car) // 2] ^= 1
    impostor = create_data(
        BOB, stream=mine[0].stream_id, prev=mine[0].cid, patch=[JsonPatchOp(op="remove", path="/sealed")]
    )
    lies = [
        entry(damaged, bytes(car)),
        entry(damaged, write_event(theirs[0])),
        entry(theirs[0]),
        entry(mine[0]),
        entry(impostor),
    ]
    node = Lying(store, lies)
    batches, unread = read(node)  # type: ignore[arg-type]  # hands out pages only
    assert rows_of(batches) == ROWS
    assert len(batches) == 3
    assert [one.event for one in unread] == [impostor.cid, damaged.cid, damaged.cid, theirs[0].cid]
    assert all(isinstance(read_event(one.car), SignedEvent) for one in lies[1:])


def test_reading_ends_when_a_node_gives_the_same_page_again_and_again(store: SqliteStore) -> None:
    class Stuck(Lying):
        def page(self, query: Query) -> Page:
            return Page(entries=(entry(mine[0]),), token=5, complete=False)

    mine = published()
    batches, unread = read(Stuck(store, ()))  # type: ignore[arg-type]  # as above
    assert (len(batches), unread) == (1, [])


def test_line_that_counts_is_read_when_the_owner_signed_two(store: SqliteStore) -> None:
    init = published()[0]
    content = replay([init]).content
    patches = [grant(content, ALICE, reader) for reader in (BOB.did, Identity(b"\x02" * 32).did)]
    forks = [create_data(ALICE, stream=init.stream_id, prev=init.cid, patch=patch) for patch in patches]
    store.add([init, *forks])
    (found,), unread = read(store)
    assert len(found.readers) == 2
    assert not unread
