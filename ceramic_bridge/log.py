"""An append-only log of events, kept as one CAR file.

The file's root block, which comes first, lists the CIDs of the events in order; then for each
event its payload block and its envelope block follow. Each log has exactly one such file.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ceramic_bridge import car
from ceramic_bridge.car import Block
from ceramic_bridge.cid import DAG_CBOR, Cid, StreamId
from ceramic_bridge.dagcbor import MalformedData, Value, decode_links
from ceramic_bridge.dagcbor import encode as encode_block
from ceramic_bridge.events import InitPayload, SignedEvent, from_blocks
from ceramic_bridge.stream import StreamState, advance, start
from federation.errors import IdentityError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ceramic_bridge.authority import Authority

MAX_LOG: Final = 1 << 28
"""Bytes in one log file."""


class EventLog:
    """Verified events in the order in which they came, and the streams they make."""

    __slots__ = ("_by_payload", "_events", "_states")

    def __init__(self) -> None:
        self._events: list[SignedEvent] = []
        self._by_payload: dict[Cid, Cid] = {}
        self._states: dict[StreamId, StreamState] = {}

    def append(self, event: SignedEvent) -> None:
        """Add an event; one that is already in the log changes nothing.

        Payloads are told apart by their CID, which covers the stream: a data payload names it,
        and an init payload signed twice would begin two streams with one claim.

        Raises:
            VerificationFailed: The payload came before in another envelope, the stream has not
                begun, or the event does not follow its tip (see ``stream.advance``).
            IdentityError: The signer is not the stream's controller.
        """
        known = self._by_payload.get(event.payload_cid)
        if known == event.cid:
            return
        if known is not None:
            raise VerificationFailed(f"event {event.cid}", f"event {known} already holds its payload")
        stream_id = event.stream_id
        if isinstance(event.payload, InitPayload):
            state = start(event)
        elif stream_id in self._states:
            state = advance(self._states[stream_id], event)
        else:
            raise VerificationFailed(f"event {event.cid}", f"stream {stream_id} has not begun")
        self._states[stream_id] = state
        self._by_payload[event.payload_cid] = event.cid
        self._events.append(event)

    def __iter__(self) -> Iterator[SignedEvent]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    @property
    def streams(self) -> Mapping[StreamId, StreamState]:
        """Every stream's present state, in the order in which the streams began."""
        return MappingProxyType(self._states)

    def to_bytes(self) -> bytes:
        """Return the log's one file.

        Raises:
            MalformedData: It would exceed ``MAX_LOG``.
        """
        order: list[Value] = [event.cid for event in self._events]
        index = Block.of(DAG_CBOR, encode_block(order))
        blocks = [index]
        for event in self._events:
            blocks += event.blocks()
        return car.write(index.cid, blocks, MAX_LOG)

    @classmethod
    def from_bytes(
        cls, data: bytes, max_bytes: int = MAX_LOG, *, authority: Authority | None = None
    ) -> EventLog:
        """Read a log file and verify every event in it.

        Args:
            data: The file.
            max_bytes: Larger files are refused unread.
            authority: What decides whether capabilities held; without it, none does.

        Raises:
            MalformedData: The file exceeds ``max_bytes`` or is not a CAR of a log; the message
                names the byte or the block.
            VerificationFailed: A hash, a signature, an authority or an order is wrong, a block is
                missing or surplus, or the bytes are not what the events encode to.
        """
        root, blocks = car.read(data, max_bytes, max_block=max_bytes)
        if not blocks:
            raise MalformedData("a log's CAR has no index block")
        index, *rest = blocks
        log, at = cls(), 0
        for cid in _order(index):
            event = rest[at : at + 2]
            if len(event) == 2 and event[1].cid != cid:
                event = rest[at : at + 3]
            at += len(event)
            if len(event) < 2:
                raise VerificationFailed(f"log {root}", f"it lacks the blocks of event {cid}")
            *capability, payload, envelope = (block.data for block in event)
            try:
                log.append(from_blocks(payload, envelope, *capability, authority=authority))
            except (MalformedData, IdentityError) as error:
                raise VerificationFailed(f"event {cid}", error.message) from error
        # Whatever the loop cannot see (order, repeats, codecs, root) differs here.
        if log.to_bytes() != data:
            raise VerificationFailed(f"log {root}", "its bytes are not what its events encode to")
        return log


def _order(index: Block) -> list[Cid]:
    try:
        return decode_links(index.data)
    except MalformedData as error:
        raise VerificationFailed(f"log {index.cid}", "its index is not a list of events") from error
