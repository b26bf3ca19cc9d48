"""What may be added to a store after what, and by whom: judged in memory, then written at once.

A batch loads all that its events refer to, judges one event after the other, each by what was
there and what the ones before it added, and writes what it accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from ceramic_bridge.admission import Event, init_of, kind_of, prev_of, write_event
from ceramic_bridge.authority import revoked_by
from ceramic_bridge.cid import MID, StreamId
from ceramic_bridge.events import SignedEvent, UnsignedEvent
from ceramic_bridge.payloads import InitPayload
from ceramic_bridge.store.base import Receipt, is_did
from federation.errors import FolkmootError, VerificationFailed
from federation.types import Did

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ceramic_bridge.store.sql import Db


_COUNTERS: Final = (
    "SELECT (SELECT coalesce(max(id), 0) FROM models), (SELECT coalesce(max(id), 0) FROM controllers), "
    "(SELECT coalesce(max(id), 0) FROM streams), (SELECT coalesce(max(position), 0) FROM events)"
)

_STREAMS: Final = (
    "SELECT streams.value, streams.id, type, model, models.value, controller, controllers.value FROM streams "
    "JOIN models ON models.id = model JOIN controllers ON controllers.id = controller WHERE streams.value"
)

K = TypeVar("K", bytes, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """A stream, and the numbers of its rows."""

    number: int
    kind: int
    model: int
    model_id: StreamId
    controller: int
    controller_did: Did


class Batch:
    """Events that are added together."""

    def __init__(self, db: Db, events: Sequence[Event]) -> None:
        """Load what the events refer to; nobody else may write until the batch is written."""
        self._db = db
        begun = [payload for event in events if (payload := _beginning(event)) is not None]
        links = {event.cid.to_bytes() for event in events}
        links |= {prev.to_bytes() for event in events if (prev := prev_of(event)) is not None}
        (self._counts,) = ([int(count) for count in row] for row in db.rows(_COUNTERS))
        self._first = self._counts[3] + 1
        self._models: dict[bytes, int] = dict(
            db.lookup("SELECT value, id FROM models WHERE value", {one.model.to_bytes() for one in begun})
        )
        self._controllers: dict[str, int] = dict(
            db.lookup(
                "SELECT value, id FROM controllers WHERE value",
                {str(one.controller) for one in begun if is_did(one.controller)},
            )
        )
        self._streams = {
            bytes(value): _Stream(
                number=number,
                kind=kind,
                model=model,
                model_id=StreamId.from_bytes(model_id),
                controller=controller,
                controller_did=Did(did),
            )
            for value, number, kind, model, model_id, controller, did in db.lookup(
                _STREAMS, {init_of(event).to_bytes() for event in events}
            )
        }
        self._known: dict[bytes, int] = dict(db.lookup("SELECT cid, stream FROM events WHERE cid", links))
        self._new_models: list[tuple[int, bytes]] = []
        self._new_controllers: list[tuple[int, str]] = []
        self._new_streams: list[tuple[bytes, _Stream]] = []
        self._new_events: list[tuple[Event, _Stream]] = []

    def judge(self, event: Event) -> Receipt:
        """Accept the next event, or say why not."""
        cid = event.cid.to_bytes()
        if cid in self._known:
            return Receipt(cid=event.cid, new=False)
        try:
            stream = self._begin(event) if kind_of(event) == "init" else self._find(event)
        except FolkmootError as refusal:
            return Receipt(cid=event.cid, new=False, refusal=refusal)
        self._known[cid] = stream.number
        self._new_events.append((event, stream))
        return Receipt(cid=event.cid, new=True)

    def write(self) -> None:
        """Write what was accepted."""
        insert = self._db.insert
        insert("models", self._new_models)
        insert("controllers", self._new_controllers)
        streams = self._new_streams
        insert("streams", ((one.number, key, one.kind, one.model, one.controller) for key, one in streams))
        # One CAR after the other: together they may be large.
        insert(
            "events",
            (
                (position, event.cid.to_bytes(), one.number, one.model, one.controller, write_event(event))
                for position, (event, one) in enumerate(self._new_events, self._first)
            ),
        )
        ends = (
            (position, ended)
            for position, (event, _) in enumerate(self._new_events, self._first)
            if isinstance(event, SignedEvent) and (ended := revoked_by(event)) is not None
        )
        insert(
            "revocations", [(position, grant.to_bytes(), str(author)) for position, (grant, author) in ends]
        )

    def _begin(self, event: Event) -> _Stream:
        """Make the stream of an init event."""
        payload = _beginning(event)
        assert payload is not None
        assert isinstance(event, SignedEvent | UnsignedEvent)
        if not is_did(payload.controller):
            raise VerificationFailed(f"event {event.cid}", "its controller is no DID")
        stream = _Stream(
            number=self._next(2),
            kind=event.stream_id.type,
            model=self._number(0, self._models, self._new_models, payload.model.to_bytes()),
            model_id=payload.model,
            controller=self._number(1, self._controllers, self._new_controllers, str(payload.controller)),
            controller_did=payload.controller,
        )
        self._streams[event.cid.to_bytes()] = stream
        self._new_streams.append((event.cid.to_bytes(), stream))
        return stream

    def _find(self, event: Event) -> _Stream:
        """Find the stream of a later event, and check that the event may follow there."""
        name, init, prev = f"event {event.cid}", init_of(event), prev_of(event)
        assert prev is not None
        stream = self._streams.get(init.to_bytes())
        if stream is None:
            raise VerificationFailed(name, f"the store lacks the init event {init}", hint="add that first")
        if isinstance(event, SignedEvent):
            if stream.kind != MID:
                raise VerificationFailed(name, "it changes a model, and models never change")
            event.check_author(controller=stream.controller_did, model=stream.model_id)
        if self._known.get(prev.to_bytes()) != stream.number:
            raise VerificationFailed(
                name, f"the store lacks event {prev} of its stream, which it follows", hint="add that first"
            )
        return stream

    def _number(self, counter: int, known: dict[K, int], new: list[tuple[int, K]], value: K) -> int:
        if value not in known:
            known[value] = self._next(counter)
            new.append((known[value], value))
        return known[value]

    def _next(self, counter: int) -> int:
        self._counts[counter] += 1
        return self._counts[counter]


def _beginning(event: Event) -> InitPayload | None:
    payload = event.payload if isinstance(event, SignedEvent | UnsignedEvent) else None
    return payload if isinstance(payload, InitPayload) else None
