"""The present state of a stream, as a node reports it.

A node asks no chain itself. It goes by what its owner asked (``LocalStore.confirmed``): at a fork the
branch that was anchored first counts, else the longer one, else the one with the smaller CID
(``ceramic_bridge.conflict``); a capability is judged at the time of a confirmed anchor, else now, and
by the revocations that the store holds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ceramic_bridge import multibase
from ceramic_bridge.admission import read_event
from ceramic_bridge.cid import Cid
from ceramic_bridge.conflict import resolve
from ceramic_bridge.errors import TooLong
from ceramic_bridge.judging import Ends, Judgement, authority_over, ends_in, grants_of, judge
from ceramic_bridge.node.wire import Json, dump
from ceramic_bridge.store.base import Interest, Query

if TYPE_CHECKING:
    from ceramic_bridge.admission import Event
    from ceramic_bridge.cid import StreamId
    from ceramic_bridge.dagcbor import Value
    from ceramic_bridge.store.base import LocalStore
    from federation.types import Did

MAX_EVENTS: Final = 1000
"""Events of a stream whose state a node works out; a reader of longer ones takes the events."""

MAX_BYTES: Final = 8 << 20
"""Bytes of CARs of such a stream."""

MAX_DOCUMENTS: Final = 3 << 20
"""Bytes of the document after each event of such a stream, together: a small event can copy a large
document, and a byte of it may take seventy of memory."""

_MAX_KEPT: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A state, what it was worked out from, and between which clocks it stays so."""

    token: int
    confirmed: Mapping[Cid, int]
    grants: frozenset[tuple[Cid, Did]]
    ended: Mapping[Cid, int | None]
    since: int
    until: float
    state: Json


class States:
    """States of streams, each worked out once until its stream grows or is judged otherwise."""

    def __init__(self, store: LocalStore, now: Callable[[], int]) -> None:
        """Set up the states.

        Args:
            store: Where the events are.
            now: Milliseconds since 1970, to which capabilities without a confirmed anchor are held.
        """
        self._store = store
        self._now = now
        self._lock = threading.Lock()
        self._kept: OrderedDict[StreamId, _Kept] = OrderedDict()

    def get(self, stream: StreamId) -> Json:
        """Return a stream's state, or ``None`` if the store does not have it.

        Raises:
            TooLong: The stream has too many events, or too large ones or documents.
            IdentityError: The stream was begun under a capability that did not hold or was revoked.
        """
        interest = Interest(stream=stream)
        page = self._store.page(Query(interest=interest, limit=MAX_EVENTS, max_bytes=MAX_BYTES))
        if not page.complete:
            raise TooLong(
                f"the stream has more than {MAX_EVENTS} events or {MAX_BYTES} bytes; read its events"
            )
        if not page.entries:
            return None
        confirmed, now = self._store.confirmed(stream), self._now()
        with self._lock:
            kept = self._kept.get(stream)
        if (
            kept is not None
            and (kept.token, kept.confirmed) == (page.token, confirmed)
            and kept.ended == _ended(ends_in(self._store, kept.grants))
            and kept.since <= now < kept.until
        ):
            return kept.state
        events = [read_event(entry.car) for entry in page.entries]
        grants = grants_of(events)
        ends = ends_in(self._store, grants)
        judged = judge(events, authority_over(events, confirmed, now, ends))
        state = _work_out(stream, events, judged)
        with self._lock:
            self._kept[stream] = _Kept(
                token=page.token,
                confirmed=confirmed,
                grants=grants,
                ended=_ended(ends),
                since=now,
                until=judged.until,
                state=state,
            )
            if len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return state


def _ended(ends: Ends) -> dict[Cid, int | None]:
    return {event.cid: ends.since.get(event.cid) for event in ends.events}


def _work_out(stream: StreamId, events: Sequence[Event], judged: Judgement) -> Json:
    if stream.cid in judged.refused:
        raise judged.refused[stream.cid]
    accepted = (event for event in events if event.cid not in judged.refused)
    state = resolve(accepted, judged.authority.anchored, max_documents=MAX_DOCUMENTS).state
    if state.stream_id != stream:
        return None
    dimensions: dict[str, Json] = {
        "model": multibase.encode("u", state.model.to_bytes()),
        "controller": multibase.encode("u", state.controller.encode()),
    }
    content = dump({"content": to_json(state.content), "metadata": {}})
    return {
        "id": str(stream),
        "event_cid": str(state.tip),
        "controller": state.controller,
        "dimensions": dimensions,
        "data": multibase.encode("u", content),
    }


def to_json(value: Value) -> Json:
    """Return a DAG-CBOR value as DAG-JSON has it: links and bytes are objects with the key ``/``."""
    match value:
        case Cid():
            return {"/": str(value)}
        case bytes():
            return {"/": {"bytes": multibase.encode("m", value)[1:]}}
        case Mapping():
            return {key: to_json(item) for key, item in value.items()}
        case list() | tuple():
            return [to_json(item) for item in value]
    return value
