"""Everything that the stores in databases have in common: all but the driver's own ways."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar

from ceramic_bridge.admission import read_event
from ceramic_bridge.cid import Cid, StreamId
from ceramic_bridge.errors import StoreError
from ceramic_bridge.store.base import (
    MAX_INTERESTS,
    MAX_PAGE,
    MAX_TIME,
    Cursor,
    Entry,
    Interest,
    Page,
    Query,
    Receipt,
)
from ceramic_bridge.store.batch import Batch
from ceramic_bridge.timeevents import TimeEvent
from federation.errors import VerificationFailed
from federation.types import Did

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from ceramic_bridge.admission import Event

READERS: Final = 4
"""Connections that read at once; more callers wait."""

_LAST: Final = 2**63 - 1

Value = int | str | bytes
Row = tuple[Any, ...]
"""What a column holds is known to the statement alone."""

T = TypeVar("T")


class Db(Protocol):
    """One connection to a database; used by one thread at a time."""

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[Row]:
        """Execute a statement, a ``?`` for each value, and return its rows."""

    def lookup(self, select: str, keys: Collection[Value]) -> list[Row]:
        """Return the rows of a query that ends with a column, for each key that it may hold."""

    def insert(self, table: str, rows: Iterable[Sequence[Value]]) -> None:
        """Add rows to one of ``schema.COLUMNS``."""

    def begin(self) -> None:
        """Begin a transaction, and wait until nobody else writes."""

    def commit(self) -> None:
        """Keep what the transaction wrote: synced when this returns."""

    def close(self) -> None:
        """Undo what was not kept, and close the connection, whatever its state."""


class SqlStore(ABC):
    """A store in a database; see ``store.base.LocalStore`` for what it promises.

    Subclasses open connections and say how a feed is read. A connection is given up with whatever
    fails on it, so no state of it is carried on.
    """

    failures: tuple[type[Exception], ...]
    """What the driver raises."""

    def __init__(self, name: str) -> None:
        """Set up; a subclass then opens the writing connection with ``_open``.

        Args:
            name: What errors call the store.
        """
        self._name = name
        self._lock = threading.Lock()
        self._writer: Db | None = None
        self._idle: list[Db] = []
        self._seats = threading.BoundedSemaphore(READERS)

    @abstractmethod
    def _connect(self) -> Db:
        """Open a connection."""

    @abstractmethod
    def _prepare(self, db: Db) -> None:
        """Make the tables if there is nothing, within a transaction.

        Raises:
            StoreError: There is something else.
        """

    @abstractmethod
    def _feed(self, wanted: Mapping[str, int], after: int) -> tuple[str, list[Value]]:
        """Write the ``FROM``, ``WHERE`` and ``ORDER BY`` of the events after a position.

        The database must find them in order, at a cost that does not depend on any others.

        Args:
            wanted: The value of each column that must have one.
            after: The position.
        """

    def _say(self, error: Exception) -> str:
        return str(error)

    def _lost(self, error: BaseException) -> bool:  # noqa: ARG002 -- for databases that are elsewhere
        """Tell whether the connection broke, so that another one may serve."""
        return False

    def _open(self) -> None:
        with self._failing("opened"):
            self._write(self._prepare)

    def close(self) -> None:
        """Close all connections; nothing may be called afterwards."""
        with self._lock:
            for db in (*self._idle, *([self._writer] if self._writer else [])):
                db.close()
            self._idle.clear()
            self._writer = None

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
            StoreError: As ``Store.add``.
        """

        def act(db: Db) -> list[Receipt]:
            batch = Batch(db, events)
            receipts = [batch.judge(event) for event in events]
            batch.write()
            if cursor is not None:
                db.rows(
                    "INSERT INTO cursors VALUES (?, ?, ?, ?) ON CONFLICT (peer, interest) "
                    "DO UPDATE SET token = excluded.token, cid = excluded.cid",
                    (cursor.peer, str(cursor.interest), cursor.token, cursor.cid.to_bytes()),
                )
            return receipts

        with self._failing("written"):
            return self._write(act)

    def get(self, cid: Cid) -> bytes | None:
        """Return an event's CAR, or ``None`` if the store does not have it."""
        rows = self._read(lambda db: db.rows("SELECT car FROM events WHERE cid = ?", (cid.to_bytes(),)))
        return bytes(rows[0][0]) if rows else None

    def page(self, query: Query) -> Page:
        """Return the events after a position.

        The cost depends on the page alone, not on how many events there are before or behind it.
        """
        return self._read(lambda db: self._page(db, query))

    def position(self) -> int:
        """Return the position of the newest event; 0 if there is none."""
        return int(self._read(lambda db: db.rows("SELECT coalesce(max(position), 0) FROM events"))[0][0])

    def stream_of(self, init: Cid) -> StreamId | None:
        """Return the stream that an init event began, or ``None`` if the store does not have it."""
        rows = self._read(lambda db: db.rows("SELECT type FROM streams WHERE value = ?", (init.to_bytes(),)))
        return StreamId(type=rows[0][0], cid=init) if rows else None

    def interests(self) -> tuple[Interest, ...]:
        """Return what has been asked for with ``add_interest``, in that order."""
        rows = self._read(
            lambda db: db.rows("SELECT model, controller, stream FROM interests ORDER BY rowid")
        )
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

        def act(db: Db) -> None:
            ((count,),) = db.rows("SELECT count(*) FROM interests")
            if db.rows("SELECT 1 FROM interests WHERE model = ? AND controller = ? AND stream = ?", row):
                return
            if count >= MAX_INTERESTS:
                raise StoreError(f"{self._name} holds {MAX_INTERESTS} interests already")
            db.rows("INSERT INTO interests (model, controller, stream) VALUES (?, ?, ?)", row)

        with self._failing("written"):
            self._write(act)

    def cursor(self, peer: str, interest: Interest) -> Cursor | None:
        """Return how far a peer has been read, or ``None`` if it never was."""
        key = (peer, str(interest))
        rows = self._read(
            lambda db: db.rows("SELECT token, cid FROM cursors WHERE peer = ? AND interest = ?", key)
        )
        if not rows:
            return None
        ((token, cid),) = rows
        return Cursor(peer=peer, interest=interest, token=token, cid=Cid.from_bytes(cid))

    def confirm(self, cid: Cid, time_ms: int) -> None:
        """Keep that a chain confirmed a time event; see ``LocalStore.confirm``."""
        name = f"event {cid}"
        if not 0 <= time_ms <= MAX_TIME:
            raise VerificationFailed(name, f"{time_ms} is no time in milliseconds since 1970")

        def act(db: Db) -> None:
            rows = db.rows("SELECT position, stream, car FROM events WHERE cid = ?", (cid.to_bytes(),))
            if not rows:
                raise VerificationFailed(name, "the store lacks it", hint="add that first")
            ((position, stream, car),) = rows
            if not isinstance(read_event(bytes(car)), TimeEvent):
                raise VerificationFailed(name, "it is no time event, and a chain confirms nothing else")
            db.rows(
                "INSERT INTO confirmations VALUES (?, ?, ?) ON CONFLICT (position) "
                "DO UPDATE SET time = excluded.time WHERE excluded.time < confirmations.time",
                (position, stream, time_ms),
            )

        with self._failing("written"):
            self._write(act)

    def withdraw(self, cid: Cid) -> None:
        """Forget that a chain confirmed a time event; see ``LocalStore.withdraw``."""
        sql = "DELETE FROM confirmations WHERE position = (SELECT position FROM events WHERE cid = ?)"
        with self._failing("written"):
            self._write(lambda db: db.rows(sql, (cid.to_bytes(),)))

    def confirmed(self, stream: StreamId) -> dict[Cid, int]:
        """Return the confirmed time events of a stream; see ``LocalStore.confirmed``."""
        sql = (
            "SELECT cid, time FROM confirmations JOIN events USING (position) "
            "WHERE confirmations.stream = (SELECT id FROM streams WHERE value = ?)"
        )
        rows = self._read(lambda db: db.rows(sql, (stream.cid.to_bytes(),)))
        return {Cid.from_bytes(cid): time for cid, time in rows}

    def revoking(self, grant: Cid, author: Did, limit: int) -> list[bytes]:
        """Return the first events by which somebody ends a grant; see ``LocalStore.revoking``."""
        sql = (
            "SELECT car FROM revocations JOIN events USING (position) "
            "WHERE value = ? AND author = ? ORDER BY position LIMIT ?"
        )
        rows = self._read(lambda db: db.rows(sql, (grant.to_bytes(), str(author), limit)))
        return [bytes(car) for (car,) in rows]

    def _page(self, db: Db, query: Query) -> Page:
        wanted: dict[str, int] = {}
        for column, value in _conditions(query.interest):
            rows = db.rows(f"SELECT id FROM {column}s WHERE value = ?", (value,))  # noqa: S608 -- our own names
            if not rows:
                return Page(entries=(), token=query.after, complete=True)
            wanted[column] = rows[0][0]
        source, values = self._feed(wanted, min(max(query.after, 0), _LAST))
        limit = max(1, min(query.limit, MAX_PAGE))
        size = "length(car)" if query.with_data else "0"
        # What a page may hold is known before its CARs are fetched: no driver need read them piecemeal.
        found = db.rows(f"SELECT position, cid, {size} {source} LIMIT ?", (*values, limit + 1))
        taken = found[: _cut([row[2] for row in found[:limit]], query.max_bytes)]
        cars: list[Row] = [(b"",)] * len(taken)
        if query.with_data and taken:
            # No event ever comes before one that is there: these are the same rows again.
            cars = db.rows(f"SELECT car {source} LIMIT ?", (*values, len(taken)))
        return Page(
            entries=tuple(
                Entry(cid=Cid.from_bytes(row[1]), car=car) for row, (car,) in zip(taken, cars, strict=True)
            ),
            token=taken[-1][0] if taken else query.after,
            complete=len(taken) == len(found),
        )

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except self.failures as error:
            raise StoreError(f"{self._name} cannot be {what}: {self._say(error)}") from error

    def _read(self, act: Callable[[Db], T]) -> T:
        with self._seats, self._failing("read"):
            while True:
                used = bool(self._idle)
                try:
                    db = self._idle.pop()
                except IndexError:
                    used, db = False, self._connect()
                try:
                    found = act(db)
                except BaseException as error:
                    db.close()
                    if used and self._lost(error):
                        continue
                    raise
                self._idle.append(db)
                return found

    def _write(self, act: Callable[[Db], T]) -> T:
        """Do all of something or nothing; ``act`` is done again if an old connection is found broken."""
        with self._lock:
            while True:
                used, db = self._writer is not None, self._writer or self._connect()
                self._writer = None
                try:
                    db.begin()
                    done = act(db)
                except BaseException as error:
                    db.close()
                    if used and self._lost(error):
                        continue
                    raise
                self._keep(db)
                self._writer = db
                return done

    def _keep(self, db: Db) -> None:
        try:
            db.commit()
        except BaseException as error:
            db.close()
            if not self._lost(error):
                raise
            raise StoreError(
                f"the connection to {self._name} broke: whether the last batch was kept is not known",
                hint="add it again: events that are there already do no harm",
            ) from error


def _cut(sizes: Sequence[int], max_bytes: int) -> int:
    """Return how many events fit into a page; one always does."""
    total = 0
    for number, size in enumerate(sizes):
        total += size
        if number and total > max_bytes:
            return number
    return len(sizes)


def _conditions(interest: Interest) -> Iterator[tuple[str, bytes | str]]:
    if interest.stream is not None:
        yield "stream", interest.stream.cid.to_bytes()
    if interest.model is not None:
        yield "model", interest.model.to_bytes()
    if interest.controller is not None:
        yield "controller", interest.controller
