"""Events of every kind from CARs, as a store takes them: everything checked but the time.

Whether a capability held when its event was made shows only with anchors and revocations, which
may come later than the event. So a store keeps what is rightly signed, and readers judge the time
(``ceramic_bridge.authority``); only who hands over a fresh event is held to the clock at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from ceramic_bridge import car
from ceramic_bridge.authority import Authority
from ceramic_bridge.cid import Cid
from ceramic_bridge.dagcbor import MalformedData
from ceramic_bridge.events import DataPayload, SignedEvent, UnsignedEvent, decode, encode
from ceramic_bridge.payloads import InitPayload
from ceramic_bridge.timeevents import TimeEvent, decode_time_event, encode_time_event
from federation.errors import VerificationFailed

if TYPE_CHECKING:
    from ceramic_bridge.cacao import Capability

Event: TypeAlias = SignedEvent | UnsignedEvent | TimeEvent
"""A verified event of any kind."""

# Where the codec of the root stands in the one header there is, and DAG-JOSE's.
_CODEC: Final = slice(15, 17)
_DAG_JOSE: Final = b"\x85\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Undated(Authority):
    """Judges no time, for those who only keep what others will judge."""

    now: int = 0

    def check(self, event: Cid, capability: Capability) -> None:
        """Accept: the signatures, the audience and the resources are checked elsewhere."""


UNDATED: Final = Undated()


def read_event(data: bytes, *, authority: Authority | None = UNDATED) -> Event:
    """Read the CAR of one event of any kind and verify everything in it.

    Args:
        data: The file.
        authority: What decides whether a capability held; by default its time is left open.

    Raises:
        MalformedData: The CAR, a block or a field is malformed, too large, missing or surplus.
        VerificationFailed: A hash or a path does not lead where it should.
        IdentityError: A signature or an authority is wrong.
    """
    if is_signed(data):
        return decode(data, authority=authority)
    root, blocks = car.read(data)
    if len(blocks) != 1:
        return decode_time_event(data)
    event = UnsignedEvent.from_block(blocks[0].data)
    if event.cid != root:
        raise VerificationFailed(f"event {event.cid}", f"its CAR's root is {root}")
    return event


def write_event(event: Event) -> bytes:
    """Return the event as a CAR, its blocks in the order of ``blocks``."""
    return encode_time_event(event) if isinstance(event, TimeEvent) else encode(event)


def root_of(data: bytes) -> Cid | None:
    """Return the root that a CAR names, unread and unchecked; ``None`` if it names none there."""
    try:
        return Cid.read(data, _CODEC.start - 1)[0]
    except MalformedData:
        return None


def is_signed(data: bytes) -> bool:
    """Tell from a CAR's head whether it is to be read as a signed event; nothing is checked."""
    return data[_CODEC] == _DAG_JOSE


def kind_of(event: Event) -> str:
    """Return ``init``, ``data`` or ``time``."""
    if isinstance(event, TimeEvent):
        return "time"
    return "data" if isinstance(event.payload, DataPayload) else "init"


def init_of(event: Event) -> Cid:
    """Return the init event of the event's stream: the event itself, if it is one."""
    if isinstance(event, TimeEvent):
        return event.init
    return event.payload.stream.cid if isinstance(event.payload, DataPayload) else event.cid


def prev_of(event: Event) -> Cid | None:
    """Return the event that this one follows, or ``None`` for an init event."""
    if isinstance(event, TimeEvent):
        return event.prev
    return None if isinstance(event.payload, InitPayload) else event.payload.prev
