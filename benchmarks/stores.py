"""Speed of the event store: verified events taken in, and pages of a feed of a million."""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.figure import Figure
from ceramic_bridge.admission import read_event, write_event
from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE, MODEL, Cid, StreamId
from ceramic_bridge.did import Identity
from ceramic_bridge.events import create_init
from ceramic_bridge.store.base import EVERYTHING, Interest, Query
from ceramic_bridge.store.sqlite import SqliteStore

EVENTS = 10_000
BATCH = 256
ROWS = 1_000_000
PAGES = 400
NOTES = StreamId(type=MODEL, cid=Cid.of(DAG_CBOR, b"notes"))


def figures() -> Iterator[Figure]:
    """Take in events; then page through a feed that was loaded in bulk."""
    with tempfile.TemporaryDirectory() as folder:
        yield _ingest(Path(folder) / "ingest.sqlite")
        feed = Path(folder) / "feed.sqlite"
        _load(feed)
        with SqliteStore(feed) as store:
            yield _paging(store, "everything", EVERYTHING)
            yield _paging(store, "one model", Interest(model=NOTES))


def _ingest(path: Path) -> Figure:
    author = Identity(bytes(range(32)))
    cars = [
        write_event(
            create_init(author, model=NOTES, content={"text": f"note {i}"}, unique=i.to_bytes(12, "big"))
        )
        for i in range(EVENTS)
    ]
    with SqliteStore(path) as store:
        start = time.process_time()
        for at in range(0, EVENTS, BATCH):
            receipts = store.add([read_event(car) for car in cars[at : at + BATCH]])
            assert all(receipt.new for receipt in receipts)
        spent = time.process_time() - start
    return Figure(
        figure="verified events stored per CPU-second",
        value=EVENTS / spent,
        target=2000,
        sense=">=",
        how=f"{EVENTS} ed25519 init events, {BATCH} per synced transaction",
    )


def _load(path: Path) -> None:
    """Fill a store with rows that only look like events: only paging is measured."""
    SqliteStore(path).close()
    head = Cid.of(DAG_JOSE, b"").to_bytes()[:-32]
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("PRAGMA cache_size=-262144")
        db.execute("INSERT INTO models VALUES (1, ?), (2, x'00')", (NOTES.to_bytes(),))
        db.execute("INSERT INTO controllers VALUES (1, 'did:key:z')")
        db.execute("INSERT INTO streams VALUES (1, x'00', 3, 1, 1)")
        rows = ((i, head + os.urandom(32), 1, 1 + i % 2, 1, bytes(400)) for i in range(1, ROWS + 1))
        db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", rows)
        db.commit()


def _paging(store: SqliteStore, what: str, interest: Interest) -> Figure:
    """Compare pages of the first and of the last hundredth, taken in turn."""
    rng = random.Random(0)  # noqa: S311 - which pages
    spans = ((0, ROWS // 100), (ROWS - ROWS // 100, ROWS - 1000))
    spent: tuple[list[float], list[float]] = ([], [])
    for number in range(2 * PAGES):
        query = Query(after=rng.randrange(*spans[number % 2]), limit=100, interest=interest)
        start = time.process_time()
        page = store.page(query)
        spent[number % 2].append(time.process_time() - start)
        assert len(page.entries) == query.limit
    first, last = (statistics.median(times[PAGES // 10 :]) for times in spent)
    return Figure(
        figure=f"cost of a page at the end of the feed over one at its start, {what}",
        value=last / first,
        target=1.2,
        sense="<=",
        how=f"{ROWS} rows loaded in bulk; median of {PAGES} pages of 100; {1e6 * first:.0f} us at the start",
    )
