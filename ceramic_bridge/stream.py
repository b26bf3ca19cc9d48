"""Replay of one stream: from signed events to the document they make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ceramic_bridge.dagcbor import MalformedData, Value
from ceramic_bridge.events import DataPayload, InitPayload, SignedEvent, apply_patch
from ceramic_bridge.schemas import validate_known
from federation.errors import IdentityError, VerificationFailed

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
    """

    stream_id: StreamId
    controller: Did
    model: StreamId
    content: Mapping[str, Value]
    history: tuple[Cid, ...]

    @property
    def tip(self) -> Cid:
        """The last event; the next one must name it."""
        return self.history[-1]


def start(event: SignedEvent) -> StreamState:
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


def advance(state: StreamState, event: SignedEvent) -> StreamState:
    """Return the state after one more data event.

    Raises:
        VerificationFailed: The event is of another stream, does not follow the tip, is a second
            successor of an earlier event (equivocation), or its patch does not apply.
        IdentityError: The signer is not the stream's controller.
    """
    name, payload = f"event {event.cid}", event.payload
    if not isinstance(payload, DataPayload) or payload.stream != state.stream_id:
        raise VerificationFailed(name, f"it does not change stream {state.stream_id}")
    if event.signer != state.controller:
        raise IdentityError(f"{name} is signed by {event.signer} but controlled by {state.controller}")
    if payload.prev != state.tip:
        if payload.prev in state.history:
            raise VerificationFailed(name, f"equivocation: event {payload.prev} already has a successor")
        raise VerificationFailed(name, f"it follows {payload.prev}, not the tip {state.tip}")
    try:
        content = apply_patch(state.content, payload.patch)
        validate_known(content)
    except MalformedData as error:
        raise VerificationFailed(name, error.message) from error
    if content.get("kind") != state.content.get("kind"):
        raise VerificationFailed(name, "a patch must not change the kind of a document")
    return replace(state, content=content, history=(*state.history, event.cid))


def replay(events: Sequence[SignedEvent]) -> StreamState:
    """Return the state after all events of one stream, init event first.

    Raises:
        VerificationFailed: There is no event, or as ``start`` and ``advance``.
        IdentityError: An event is not signed by the stream's controller.
    """
    if not events:
        raise VerificationFailed("stream", "it has no events")
    state = start(events[0])
    for event in events[1:]:
        state = advance(state, event)
    return state
