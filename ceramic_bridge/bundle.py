"""Many events of any kind in one CAR file, for people and for other stores.

The root block lists the CIDs of the events in order; then each event's blocks follow, as in its own
CAR. A file that holds only signed events has the form of ``log.EventLog``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ceramic_bridge import car
from ceramic_bridge.admission import UNDATED, Event, read_event
from ceramic_bridge.car import Block
from ceramic_bridge.cid import DAG_CBOR, Cid
from ceramic_bridge.dagcbor import MalformedData, Value, decode_links
from ceramic_bridge.dagcbor import decode as decode_block
from ceramic_bridge.dagcbor import encode as encode_block
from ceramic_bridge.log import MAX_LOG
from federation.errors import FolkmootError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ceramic_bridge.authority import Authority


def pack(events: Sequence[Event]) -> bytes:
    """Return the one file of some events in this order.

    Raises:
        MalformedData: It would exceed ``MAX_LOG``.
    """
    order: list[Value] = [event.cid for event in events]
    index = Block.of(DAG_CBOR, encode_block(order))
    blocks = [index, *(block for event in events for block in event.blocks())]
    return car.write(index.cid, blocks, MAX_LOG)


def unpack(
    data: bytes, *, max_bytes: int = MAX_LOG, authority: Authority | None = UNDATED
) -> tuple[Event, ...]:
    """Read a file of events, or the CAR of a single one, and verify every event in it.

    Args:
        data: The file.
        max_bytes: Larger files are refused unread.
        authority: What decides whether capabilities held; by default their time is left open.

    Returns:
        The events in the file's order; a time event's blocks may only come in one order.

    Raises:
        MalformedData: The file exceeds ``max_bytes`` or is not a CAR of events.
        VerificationFailed: An event is wrong, a block is missing, surplus or out of place; the
            error names the event.
    """
    root, blocks = car.read(data, max_bytes, max_block=max_bytes)
    order = _order(root, blocks)
    if order is None:
        return (read_event(data, authority=authority),)
    events, rest = [], blocks[1:]
    for cid, own in zip(order, _groups(order, rest), strict=True):
        try:
            event = read_event(car.write(cid, own), authority=authority)
        except FolkmootError as error:
            raise VerificationFailed(f"event {cid}", error.message) from error
        events.append(event)
    if pack(events) != data:
        raise VerificationFailed(f"file {root}", "its bytes are not what its events encode to")
    return tuple(events)


def _order(root: Cid, blocks: Sequence[Block]) -> list[Cid] | None:
    """Return the list of events, or ``None`` if the root is itself an event."""
    index = next((block for block in blocks if block.cid == root), None)
    if index is None:
        raise MalformedData(f"the CAR does not hold its root {root}")
    # No event is a list.
    if index.data[:1] < b"\x80" or index.data[:1] >= b"\xa0":
        return None
    order = decode_links(index.data)
    if blocks[0] != index or len(set(order)) != len(order):
        raise VerificationFailed(f"file {root}", "it does not begin with a list of different events")
    return order


def _groups(order: Sequence[Cid], blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Cut the blocks into events."""
    at = 0
    for cid in order:
        count = _count(cid, blocks[at : at + 3])
        yield list(blocks[at : at + count])
        at += count


def _count(cid: Cid, ahead: Sequence[Block]) -> int:
    """Tell how many blocks an event has: a signed one is its last, any other its first."""
    if cid.codec != DAG_CBOR:
        return next((number for number, block in enumerate(ahead, 1) if block.cid == cid), len(ahead))
    match decode_block(ahead[0].data) if ahead else None:
        case {"path": str() as path, "proof": Cid()}:
            return 2 + len(path.replace("/", ""))
    return 1
