"""Replay of one stream: from events in order to the document they make.

``conflict.resolve`` does the same for events in any order and with forks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ceramic_bridge.dagcbor import MalformedData, Value
from ceramic_bridge.events import DataPayload, InitPayload, SignedEvent, UnsignedEvent, apply_patch
from ceramic_bridge.schemas import known_kind, validate_known
from ceramic_bridge.timeevents import TimeEvent
from federation.errors import VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ceramic_bridge.cid import Cid, StreamId
    from federation.types import Did


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamState:
    """A stream after some of its events.

    Attributes:
        stream_id: Which stream.
        controller: The one DID that may write to it.
        model: Stream of the content's model.
        content: The document now.
        history: CIDs of the events so far, in order.
        aliases: What else may be named instead of a signed event, and that event: time events that
            stand on it, and other envelopes of its payload.
    """

    stream_id: StreamId
    controller: Did
    model: StreamId
    content: Mapping[str, Value]
    history: tuple[Cid, ...]
    aliases: Mapping[Cid, Cid] = field(default_factory=dict)

    @property
    def tip(self) -> Cid:
        """The last event; the next one must name it."""
        return self.history[-1]

    def signed(self, cid: Cid) -> Cid:
        """Return the signed event that an event stands for: itself, if it is no alias."""
        while cid in self.aliases:
            cid = self.aliases[cid]
        return cid


def start(event: SignedEvent | UnsignedEvent) -> StreamState:
    """Return the state after a stream's init event.

    Raises:
        VerificationFailed: The event begins no stream.
    """
    payload = event.payload
    if not isinstance(payload, InitPayload):
        raise VerificationFailed(f"event {event.cid}", "a stream must begin with its init event")
    return StreamState(
        stream_id=event.stream_id,
        controller=payload.controller,
        model=payload.model,
        content=payload.content,
        history=(event.cid,),
    )


def advance(state: StreamState, event: SignedEvent | TimeEvent) -> StreamState:
    """Return the state after one more event.

    Raises:
        VerificationFailed: The event is of another stream, does not follow the tip, is a second
            successor of an earlier event (equivocation), or its patch does not apply.
        IdentityError: The signer may not write to the stream.
    """
    if isinstance(event, TimeEvent):
        return _anchor(state, event)
    name, payload = f"event {event.cid}", event.payload
    if not isinstance(payload, DataPayload) or payload.stream != state.stream_id:
        raise VerificationFailed(name, f"it does not change stream {state.stream_id}")
    event.check_author(controller=state.controller, model=state.model)
    if state.signed(payload.prev) != state.signed(state.tip):
        if state.signed(payload.prev) in state.history:
            raise VerificationFailed(name, f"equivocation: event {payload.prev} already has a successor")
        raise VerificationFailed(name, f"it follows {payload.prev}, not the tip {state.tip}")
    try:
        content = apply_patch(state.content, payload.patch)
        validate_known(content)
    except MalformedData as error:
        raise VerificationFailed(name, error.message) from error
    if known_kind(content) != known_kind(state.content) and state.content:
        raise VerificationFailed(name, "a patch must not change the kind of a document")
    return replace(state, content=content, history=(*state.history, event.cid))


def _anchor(state: StreamState, event: TimeEvent) -> StreamState:
    name = f"time event {event.cid}"
    if event.init != state.stream_id.cid:
        raise VerificationFailed(name, f"it is not of stream {state.stream_id}")
    below = state.signed(event.prev)
    if below not in state.history:
        raise VerificationFailed(name, f"it anchors {event.prev}, which the stream does not hold")
    if event.cid in state.aliases:
        raise VerificationFailed(name, "it is there already")
    aliases = {**state.aliases, event.cid: event.prev}
    # Anchors take their time: meanwhile the stream may have gone on from what they anchor.
    onward = (event.cid,) if below == state.signed(state.tip) else ()
    return replace(state, history=(*state.history, *onward), aliases=aliases)


def replay(events: Sequence[SignedEvent | UnsignedEvent | TimeEvent]) -> StreamState:
    """Return the state after all events of one stream, init event first.

    Raises:
        VerificationFailed: There is no event, or as ``start`` and ``advance``.
        IdentityError: A signer may not write to the stream.
    """
    if not events or isinstance(events[0], TimeEvent):
        raise VerificationFailed("stream", "it does not begin with an init event")
    state = start(events[0])
    for event in events[1:]:
        if isinstance(event, UnsignedEvent):
            raise VerificationFailed(f"event {event.cid}", "it begins another stream")
        state = advance(state, event)
    return state
