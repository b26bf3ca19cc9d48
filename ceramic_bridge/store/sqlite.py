"""Events in one SQLite file: one writer, many readers, and nothing acknowledged is ever lost.

The write-ahead log is synced before ``add`` returns (``synchronous=FULL``), so what a receipt
accepts survives the process being killed and the machine losing power. A batch is one transaction:
after a crash all of it is there or none.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ceramic_bridge.admission import Event, init_of, kind_of, prev_of, read_event, write_event
from ceramic_bridge.cid import MID, Cid, StreamId
from ceramic_bridge.errors import StoreError
from ceramic_bridge.events import SignedEvent, UnsignedEvent
from ceramic_bridge.payloads import InitPayload
from ceramic_bridge.store.base import MAX_PAGE, MAX_TIME, Entry, Interest, Page, Query, Receipt
from ceramic_bridge.store.schema import PRAGMAS, READERS, prepare
from ceramic_bridge.timeevents import TimeEvent
from federation.errors import FolkmootError, VerificationFailed
from federation.types import Did

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_INTERESTS: Final = 1000
"""Interests in one store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a peer's events have been taken over.

    Attributes:
        peer: Name of the peer, for example its URL.
        interest: Which of its events.
        token: Position in the peer's store of the last event taken.
        cid: That event, by which a peer that began anew is recognised.
    """

    peer: str
    interest: Interest
    token: int
    cid: Cid


class SqliteStore:
    """The store of one machine; see ``store.base.LocalStore`` for what it promises.

    Every method may be called from any thread, and several processes may share a file.
    """

    def __init__(self, path: Path) -> None:
        """Open a store, and make it if there is none.

        Raises:
            StoreError: The file cannot be opened, or is something else.
        """
        self._path = path
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._seats = threading.BoundedSemaphore(READERS)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # SQLite gives its own files beside it the same mode.
            path.touch(mode=0o600)
        except OSError as error:
            raise StoreError(f"{path} cannot be opened: {(error.strerror or str(error)).lower()}") from error
        with self._failing("opened"):
            self._writer = self._connect()
            try:
                prepare(self._writer, str(path))
            except BaseException:
                self._writer.close()
                raise

    def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        with self._lock:
            for connection in (*self._idle, self._writer):
                connection.close()
            self._idle.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, events: Sequence[Event], *, cursor: Cursor | None = None) -> list[Receipt]:
        """Add verified events in one transaction.

        Args:
            events: As ``Store.add``.
            cursor: How far a peer has been read with these; kept with them or not at all.

        Raises:
            StoreError: Nothing could be written; none of the events was added.
        """
        with self._lock, self._failing("written"), self._transaction() as db:
            receipts = [self._add(db, event) for event in events]
            if cursor is not None:
                db.execute(
                    "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?)",
                    (cursor.peer, str(cursor.interest), cursor.token, cursor.cid.to_bytes()),
                )
        return receipts

    def get(self, cid: Cid) -> bytes | None:
        """Return an event's CAR, or ``None`` if the store does not have it."""
        with self._reader() as db:
            row = db.execute("SELECT car FROM events WHERE cid = ?", (cid.to_bytes(),)).fetchone()
        return None if row is None else bytes(row[0])

    def page(self, query: Query) -> Page:
        """Return the events after a position.

        The cost depends on the page alone, not on how many events there are before or behind it.
        """
        where, values = ["position > ?"], [max(query.after, 0)]
        limit = max(1, min(query.limit, MAX_PAGE))
        entries: list[Entry] = []
        token, size, complete = query.after, 0, True
        with self._reader() as db:
            for column, value in _conditions(query.interest):
                row = db.execute(f"SELECT id FROM {column}s WHERE value = ?", (value,)).fetchone()  # noqa: S608 -- our own names
                if row is None:
                    return Page(entries=(), token=query.after, complete=True)
                where.append(f"{column} = ?")
                values.append(row[0])
            car = "car" if query.with_data else "x''"
            rows = db.execute(
                f"SELECT position, cid, {car} FROM events {_index(query.interest)} "  # noqa: S608 -- our own names
                f"WHERE {' AND '.join(where)} ORDER BY position LIMIT ?",
                (*values, limit + 1),
            )
            with closing(rows):
                for position, cid, data in rows:
                    size += len(data)
                    if len(entries) == limit or (entries and size > query.max_bytes):
                        complete = False
                        break
                    entries.append(Entry(cid=Cid.from_bytes(cid), car=data))
                    token = position
        return Page(entries=tuple(entries), token=token, complete=complete)

    def position(self) -> int:
        """Return the position of the newest event; 0 if there is none."""
        with self._reader() as db:
            return int(db.execute("SELECT coalesce(max(position), 0) FROM events").fetchone()[0])

    def stream_of(self, init: Cid) -> StreamId | None:
        """Return the stream that an init event began, or ``None`` if the store does not have it."""
        with self._reader() as db:
            row = db.execute("SELECT type FROM streams WHERE value = ?", (init.to_bytes(),)).fetchone()
        return None if row is None else StreamId(type=row[0], cid=init)

    def confirm(self, cid: Cid, time_ms: int) -> None:
        """Keep that a chain confirmed a time event; see ``LocalStore.confirm``."""
        name = f"event {cid}"
        if not 0 <= time_ms <= MAX_TIME:
            raise VerificationFailed(name, f"{time_ms} is no time in milliseconds since 1970")
        with self._lock, self._failing("written"), self._transaction() as db:
            row = db.execute(
                "SELECT position, stream, car FROM events WHERE cid = ?", (cid.to_bytes(),)
            ).fetchone()
            if row is None:
                raise VerificationFailed(name, "the store lacks it", hint="add that first")
            position, stream, car = row
            if not isinstance(read_event(car), TimeEvent):
                raise VerificationFailed(name, "it is no time event, and a chain confirms nothing else")
            db.execute(
                "INSERT INTO confirmations VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET time = min(time, excluded.time)",
                (position, stream, time_ms),
            )

    def withdraw(self, cid: Cid) -> None:
        """Forget that a chain confirmed a time event; see ``LocalStore.withdraw``."""
        with self._lock, self._failing("written"), self._transaction() as db:
            db.execute(
                "DELETE FROM confirmations WHERE position = (SELECT position FROM events WHERE cid = ?)",
                (cid.to_bytes(),),
            )

    def confirmed(self, stream: StreamId) -> dict[Cid, int]:
        """Return the confirmed time events of a stream; see ``LocalStore.confirmed``."""
        with self._reader() as db:
            rows = db.execute(
                "SELECT cid, time FROM confirmations JOIN events USING (position) "
                "WHERE confirmations.stream = (SELECT id FROM streams WHERE value = ?)",
                (stream.cid.to_bytes(),),
            ).fetchall()
        return {Cid.from_bytes(cid): time for cid, time in rows}

    def interests(self) -> tuple[Interest, ...]:
        """Return what has been asked for with ``add_interest``, in that order."""
        with self._reader() as db:
            rows = db.execute("SELECT model, controller, stream FROM interests ORDER BY rowid").fetchall()
        return tuple(
            Interest(
                model=StreamId.from_bytes(model) if model else None,
                controller=Did(controller) if controller else None,
                stream=StreamId.from_bytes(stream) if stream else None,
            )
            for model, controller, stream in rows
        )

    def add_interest(self, interest: Interest) -> None:
        """Remember which events to pull from other nodes.

        Raises:
            StoreError: There are too many, or nothing can be written.
        """
        row = (
            interest.model.to_bytes() if interest.model else b"",
            interest.controller or "",
            interest.stream.to_bytes() if interest.stream else b"",
        )
        with self._lock, self._failing("written"), self._transaction() as db:
            (count,) = db.execute("SELECT count(*) FROM interests").fetchone()
            added = db.execute("INSERT OR IGNORE INTO interests VALUES (?, ?, ?)", row).rowcount
            if added and count >= MAX_INTERESTS:
                raise StoreError(f"{self._path} holds {MAX_INTERESTS} interests already")

    def cursor(self, peer: str, interest: Interest) -> Cursor | None:
        """Return how far a peer has been read, or ``None`` if it never was."""
        with self._reader() as db:
            row = db.execute(
                "SELECT token, cid FROM cursors WHERE peer = ? AND interest = ?", (peer, str(interest))
            ).fetchone()
        if row is None:
            return None
        return Cursor(peer=peer, interest=interest, token=row[0], cid=Cid.from_bytes(row[1]))

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            db.execute(pragma)
        return db

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self._path} cannot be {what}: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        with self._seats, self._failing("read"):
            try:
                db = self._idle.pop()
            except IndexError:
                db = self._connect()
            try:
                yield db
            finally:
                self._idle.append(db)

    def _add(self, db: sqlite3.Connection, event: Event) -> Receipt:
        cid = event.cid.to_bytes()
        if db.execute("SELECT 1 FROM events WHERE cid = ?", (cid,)).fetchone():
            return Receipt(cid=event.cid, new=False)
        try:
            place = _begin(db, event) if kind_of(event) == "init" else _find(db, event)
        except FolkmootError as refusal:
            return Receipt(cid=event.cid, new=False, refusal=refusal)
        db.execute(
            "INSERT INTO events (cid, stream, model, controller, car) VALUES (?, ?, ?, ?, ?)",
            (cid, *place, write_event(event)),
        )
        return Receipt(cid=event.cid, new=True)


def _conditions(interest: Interest) -> Iterator[tuple[str, bytes | str]]:
    if interest.stream is not None:
        yield "stream", interest.stream.cid.to_bytes()
    if interest.model is not None:
        yield "model", interest.model.to_bytes()
    if interest.controller is not None:
        yield "controller", interest.controller


def _index(interest: Interest) -> str:
    """Name the index that gives the wanted events by position; left alone, SQLite may sort."""
    if interest.stream is not None:
        return "INDEXED BY events_by_stream"
    if interest.controller is not None:
        return "INDEXED BY events_by_controller"
    return "INDEXED BY events_by_model" if interest.model is not None else ""


def _name(db: sqlite3.Connection, table: str, value: bytes | str) -> int:
    db.execute(f"INSERT OR IGNORE INTO {table} (value) VALUES (?)", (value,))  # noqa: S608 -- our own names
    row = db.execute(f"SELECT id FROM {table} WHERE value = ?", (value,)).fetchone()  # noqa: S608 -- as above
    return int(row[0])


def _begin(db: sqlite3.Connection, event: Event) -> tuple[int, int, int]:
    """Make the stream of an init event; return its row, its model's and its controller's."""
    assert isinstance(event, SignedEvent | UnsignedEvent)
    assert isinstance(event.payload, InitPayload)
    model = _name(db, "models", event.payload.model.to_bytes())
    controller = _name(db, "controllers", event.payload.controller)
    stream = db.execute(
        "INSERT INTO streams (value, type, model, controller) VALUES (?, ?, ?, ?)",
        (event.cid.to_bytes(), event.stream_id.type, model, controller),
    ).lastrowid
    assert stream is not None
    return stream, model, controller


def _find(db: sqlite3.Connection, event: Event) -> tuple[int, int, int]:
    """Find the stream of a later event, and check that the event may follow there."""
    name, init, prev = f"event {event.cid}", init_of(event), prev_of(event)
    assert prev is not None
    row = db.execute(
        "SELECT streams.id, model, controller, type, models.value, controllers.value FROM streams "
        "JOIN models ON models.id = model JOIN controllers ON controllers.id = controller "
        "WHERE streams.value = ?",
        (init.to_bytes(),),
    ).fetchone()
    if row is None:
        raise VerificationFailed(name, f"the store lacks the init event {init}", hint="add that first")
    stream, model, controller, kind, model_id, controller_did = row
    if isinstance(event, SignedEvent):
        if kind != MID:
            raise VerificationFailed(name, "it changes a model, and models never change")
        event.check_author(controller=Did(controller_did), model=StreamId.from_bytes(model_id))
    before = db.execute("SELECT stream FROM events WHERE cid = ?", (prev.to_bytes(),)).fetchone()
    if before != (stream,):
        raise VerificationFailed(
            name, f"the store lacks event {prev} of its stream, which it follows", hint="add that first"
        )
    return stream, model, controller
