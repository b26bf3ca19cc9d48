"""Whether a capability held when an event was made: time, anchors and revocations.

An event's own word about its time proves nothing. It is taken to have been made when an anchor
shows that it existed, else now: a session's events must be anchored before the session ends.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ceramic_bridge import pkh
from ceramic_bridge.cid import RAW, SHA2_256, Cid
from ceramic_bridge.dagcbor import MalformedData, Value
from ceramic_bridge.payloads import InitPayload
from ceramic_bridge.siwe import to_iso
from federation.errors import IdentityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ceramic_bridge.cacao import Capability
    from ceramic_bridge.events import SignedEvent
    from federation.types import Did

SKEW: Final = 300_000
"""Milliseconds by which clocks may differ; Ceramic's own value."""

REVOCATION: Final = "capability-revocation"
"""The ``kind`` of a document that ends a capability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Somebody declares a capability ended.

    Attributes:
        grant: What it grants, as ``Grant.cid`` names it: its block can be spelled again.
        author: Who says so; it counts if this is the account or the session key.
        at: From when on, in milliseconds since 1970.
    """

    grant: Cid
    author: Did
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What a verifier knows when it judges delegated events.

    Attributes:
        now: The verifier's clock, in milliseconds since 1970.
        anchored: When each anchored event is proven to have existed, in milliseconds since 1970.
        revocations: What has been revoked.
    """

    now: int
    anchored: Mapping[Cid, int] = field(default_factory=dict)
    revocations: tuple[Revocation, ...] = ()

    def check(self, event: Cid, capability: Capability) -> None:
        """Check that a capability held when an event was made.

        Raises:
            IdentityError: It was not yet valid, had expired or was revoked.
        """
        at, grant = self.anchored.get(event, self.now), capability.grant
        since = max(grant.issued_at, grant.not_before or 0)
        if at + SKEW < since:
            raise IdentityError(f"the capability of event {event} is not valid before {to_iso(since)}")
        if grant.expires is not None and at > grant.expires + SKEW:
            raise IdentityError(
                f"the capability of event {event} expired at {to_iso(grant.expires)}",
                hint="an event that is anchored before then stays valid",
            )
        entitled = (capability.controller, grant.audience)
        ended = grant.cid if self.revocations else None
        for revocation in self.revocations:
            if revocation.grant == ended and revocation.author in entitled and at >= revocation.at:
                raise IdentityError(f"the capability of event {event} was revoked by {revocation.author}")


def revocation(capability: Capability) -> dict[str, Value]:
    """Return the content of the document that ends a capability.

    Its account publishes it under another capability, or the session key under this one.
    """
    return {"kind": REVOCATION, "capability": str(capability.grant.cid)}


def is_revocation(event: SignedEvent) -> bool:
    """Tell whether an event says that it ends a capability."""
    return isinstance(event.payload, InitPayload) and event.payload.content.get("kind") == REVOCATION


def revocations(events: Iterable[SignedEvent], authority: Authority) -> tuple[Revocation, ...]:
    """Collect the revocations among verified events.

    Args:
        events: Any events; only the init events of revocations matter.
        authority: Gives each its time: the anchor's, else now.
    """
    found = []
    for event in events:
        ended = revoked_by(event)
        if ended is not None:
            grant, author = ended
            at = authority.anchored.get(event.cid, authority.now)
            found.append(Revocation(grant=grant, author=author, at=at))
    return tuple(found)


def revoked_by(event: SignedEvent) -> tuple[Cid, Did] | None:
    """Return which grant an event ends and who says so; ``None`` if it ends none.

    Anybody can publish a malformed revocation: it ends nothing and must not stop the others.
    """
    if isinstance(event.payload, InitPayload) and is_revocation(event):
        with suppress(MalformedData):
            return parse_revocation(event.payload.content), pkh.normalised(event.payload.controller)
    return None


def parse_revocation(content: Mapping[str, Value]) -> Cid:
    """Return the grant that a revocation ends; see ``Grant.cid``.

    Raises:
        MalformedData: The content is not that of a revocation, or names a block.
    """
    match content:
        case {"kind": "capability-revocation", "capability": str() as text, **rest} if not rest:
            grant = Cid.parse(text)
            if (grant.codec, grant.hash_code) == (RAW, SHA2_256):
                return grant
    raise MalformedData("a revocation must hold its kind and the CID of a capability's text")
