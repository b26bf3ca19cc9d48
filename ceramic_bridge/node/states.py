"""The present state of a stream, as a node reports it.

A node asks no chain, so anchors do not decide between branches here: the longer counts, then the
one with the smaller CID (``ceramic_bridge.conflict``). Whether capabilities held is left open.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ceramic_bridge import multibase
from ceramic_bridge.admission import read_event
from ceramic_bridge.cid import Cid
from ceramic_bridge.conflict import resolve
from ceramic_bridge.errors import TooLong
from ceramic_bridge.node.wire import Json, dump
from ceramic_bridge.store.base import Interest, Query

if TYPE_CHECKING:
    from ceramic_bridge.cid import StreamId
    from ceramic_bridge.dagcbor import Value
    from ceramic_bridge.store.base import Store

MAX_EVENTS: Final = 1000
"""Events of a stream whose state a node works out; a reader of longer ones takes the events."""

MAX_BYTES: Final = 8 << 20
"""Bytes of CARs of such a stream."""

MAX_DOCUMENTS: Final = 3 << 20
"""Bytes of the document after each event of such a stream, together: a small event can copy a large
document, and a byte of it may take seventy of memory."""

_MAX_KEPT: Final = 64


class States:
    """States of streams, each worked out once until its stream grows."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: OrderedDict[StreamId, tuple[int, Json]] = OrderedDict()

    def get(self, stream: StreamId) -> Json:
        """Return a stream's state, or ``None`` if the store does not have it.

        Raises:
            TooLong: The stream has too many events, or too large ones or documents.
        """
        interest = Interest(stream=stream)
        page = self._store.page(Query(interest=interest, limit=MAX_EVENTS, max_bytes=MAX_BYTES))
        if not page.complete:
            raise TooLong(
                f"the stream has more than {MAX_EVENTS} events or {MAX_BYTES} bytes; read its events"
            )
        with self._lock:
            token, state = self._kept.get(stream, (0, None))
        if token == page.token:
            return state
        state = _work_out(stream, [entry.car for entry in page.entries])
        with self._lock:
            self._kept[stream] = page.token, state
            if len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return state


def _work_out(stream: StreamId, cars: Sequence[bytes]) -> Json:
    state = resolve((read_event(data) for data in cars), max_documents=MAX_DOCUMENTS).state
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
