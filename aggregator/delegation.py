"""Members that act by a capability: for whom an event speaks, and whether it held when it counts.

An expired capability proves nothing to who reads an event years later, unless all readers agree on
the time that matters. These are facts of the chain: a contribution is judged at the time of the
block that opened its round, an import at that of the block before the epoch opened. Aggregator
and verifier judge by the functions of this module.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ceramic_bridge.authority import Authority, parse_revocation, revocations
from ceramic_bridge.cid import Cid, StreamId
from ceramic_bridge.events import InitPayload, SignedEvent
from federation.errors import IdentityError, PeerError
from federation.types import Did


def speaker(event: SignedEvent) -> Did:
    """Return for whom a document speaks: its stream's controller, as the event spells it.

    Never the capability's account as such: a key can show any capability beside a stream of its own.

    Raises:
        PeerError: The event begins no stream, or shows a capability that it does not need.
    """
    if not isinstance(event.payload, InitPayload):
        raise PeerError("the event begins no stream")
    controller = event.payload.controller
    if event.capability is not None and event.signer == controller:
        raise PeerError("the event shows a capability that its signer does not need")
    return controller


def authority_at(seconds: int) -> Authority:
    """Return what judges at a time of the chain, in Unix seconds, without any revocation."""
    return Authority(now=1000 * seconds)


def require_authority(event: SignedEvent, authority: Authority) -> None:
    """Check that an event's capability held, if it is signed under one.

    Raises:
        IdentityError: It did not.
    """
    if event.capability is not None:
        authority.check(event.cid, event.capability)


def holds(event: SignedEvent, authority: Authority) -> bool:
    """Tell whether ``require_authority`` would let an event pass."""
    try:
        require_authority(event, authority)
    except IdentityError:
        return False
    return True


def require_revocation(event: SignedEvent, models: Iterable[StreamId]) -> tuple[Did, Cid]:
    """Return who ends which capability, after checking that an event has the form of a revocation.

    Args:
        event: The event.
        models: The federation's own models: a key that may write their documents only, as a
            member's session, must not end other keys' capabilities in the account's name.

    Raises:
        PeerError: It is no init event, is of one of these models, or ``speaker`` refuses it.
        MalformedData: It names no capability.
    """
    author = speaker(event)
    assert isinstance(event.payload, InitPayload)
    if event.payload.model in models:
        raise PeerError("a revocation is of another model than the federation's own")
    return author, parse_revocation(event.payload.content)


def with_revocations(authority: Authority, events: Iterable[SignedEvent]) -> Authority:
    """Return the authority that also knows revocations, which count from its own time on.

    One that is itself signed under a capability must hold by the revocations before.

    Raises:
        IdentityError: It does not.
    """
    found = tuple(events)
    for event in found:
        require_authority(event, authority)
    return replace(authority, revocations=(*authority.revocations, *revocations(found, authority)))
