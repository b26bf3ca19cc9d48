"""Speed of the event stores: verified events taken in, and pages of long feeds."""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from benchmarks.figure import Figure
from ceramic_bridge.admission import read_event, write_event
from ceramic_bridge.cid import DAG_CBOR, DAG_JOSE, MODEL, Cid, StreamId
from ceramic_bridge.did import Identity
from ceramic_bridge.events import create_init
from ceramic_bridge.store.base import EVERYTHING, Interest, LocalStore, Query
from ceramic_bridge.store.pgurl import Place
from ceramic_bridge.store.postgres import PostgresStore
from ceramic_bridge.store.sqlite import SqliteStore
from tests.database import Server, running

EVENTS = 10_000
BATCH = 256
ROWS = 1_000_000
POSTGRES_ROWS = 200_000
PAGES = 400
NOTES = StreamId(type=MODEL, cid=Cid.of(DAG_CBOR, b"notes"))


def figures() -> Iterator[Figure]:
    """Take in events; then page through feeds that were loaded in bulk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cars = _cars()
        with SqliteStore(folder / "ingest.sqlite") as store:
            spent, took = _ingest(store, cars)
        yield Figure(
            figure="verified events stored per CPU-second",
            value=EVENTS / spent,
            target=2000,
            sense=">=",
            how=f"{EVENTS} ed25519 init events, {BATCH} per synced transaction",
        )
        feed = folder / "feed.sqlite"
        _load_sqlite(feed)
        with SqliteStore(feed) as store:
            yield from _paging(store, ROWS, "SQLite", time.process_time)
    with running() as server:
        with PostgresStore(Place.parse(server.url("ingest"))) as store:
            _, elsewhere = _ingest(store, cars)
        yield Figure(
            figure="events stored per second in PostgreSQL over SQLite",
            value=took / elsewhere,
            target=0.3,
            sense=">=",
            how=f"the same events, by the clock, server on this machine; {EVENTS / elsewhere:.0f} a second",
        )
        place = Place.parse(server.url("feed"))
        with PostgresStore(place) as store:
            _load_postgres(server, place.schema)
            yield from _paging(store, POSTGRES_ROWS, "PostgreSQL", time.perf_counter)


def _cars() -> list[bytes]:
    author = Identity(bytes(range(32)))
    return [
        write_event(
            create_init(author, model=NOTES, content={"text": f"note {i}"}, unique=i.to_bytes(12, "big"))
        )
        for i in range(EVENTS)
    ]


def _ingest(store: LocalStore, cars: list[bytes]) -> tuple[float, float]:
    """Verify and store events; return the seconds this process computed, and those that passed."""
    spent, passed = time.process_time(), time.perf_counter()
    for at in range(0, EVENTS, BATCH):
        receipts = store.add([read_event(car) for car in cars[at : at + BATCH]])
        assert all(receipt.new for receipt in receipts)
    return time.process_time() - spent, time.perf_counter() - passed


def _load_sqlite(path: Path) -> None:
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


def _load_postgres(server: Server, schema: str) -> None:
    """Fill a store likewise."""
    head = Cid.of(DAG_JOSE, b"").to_bytes()[:-32].hex()
    events = f"'\\x{head}' || sha256(int8send(i)), 1, 1 + i % 2, 1, decode(repeat('00', 400), 'hex')"
    with closing(server.connect()) as link:
        for statement in (
            f"SET search_path TO {schema}",
            f"INSERT INTO models VALUES (1, '\\x{NOTES.to_bytes().hex()}'), (2, '\\x00')",  # noqa: S608 -- our own
            "INSERT INTO controllers VALUES (1, 'did:key:z')",
            "INSERT INTO streams VALUES (1, '\\x00', 3, 1, 1)",
            f"INSERT INTO events SELECT i, {events} FROM generate_series(1, {POSTGRES_ROWS}) i",  # noqa: S608 -- as above
            "ANALYZE events",
            "CHECKPOINT",
        ):
            link.run(statement)


def _paging(store: LocalStore, rows: int, name: str, clock: Callable[[], float]) -> Iterator[Figure]:
    """Compare pages of the first and of the last hundredth, taken in turn."""
    for what, interest in (("everything", EVERYTHING), ("one model", Interest(model=NOTES))):
        rng = random.Random(0)  # noqa: S311 - which pages
        spans = ((0, rows // 100), (rows - rows // 100, rows - 1000))
        spent: tuple[list[float], list[float]] = ([], [])
        for number in range(2 * PAGES):
            query = Query(after=rng.randrange(*spans[number % 2]), limit=100, interest=interest)
            start = clock()
            page = store.page(query)
            spent[number % 2].append(clock() - start)
            assert len(page.entries) == query.limit
        # The fastest tenth: by the clock, whatever else the machine does counts too.
        first, last = (statistics.quantiles(times, n=10)[0] for times in spent)
        yield Figure(
            figure=f"cost of a page at the end of the feed over one at its start, {what}, {name}",
            value=last / first,
            target=1.2,
            sense="<=",
            how=f"{rows} rows loaded in bulk; fastest tenth of {PAGES} pages of 100; {1e6 * first:.0f} us",
        )
