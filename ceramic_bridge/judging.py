"""What a reader knows when it judges some events: its clock, what chains confirmed, what was revoked.

Whoever reads without a chain passes the confirmations that a store keeps (``LocalStore.confirmed``);
an anchor that no chain was asked about changes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Final

from ceramic_bridge.admission import read_event
from ceramic_bridge.anchor import anchored
from ceramic_bridge.authority import SKEW, Authority, is_revocation, revocations
from ceramic_bridge.errors import TooLong
from ceramic_bridge.events import SignedEvent
from ceramic_bridge.timeevents import TimeEvent
from federation.errors import IdentityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ceramic_bridge.admission import Event
    from ceramic_bridge.cid import Cid
    from ceramic_bridge.store.base import LocalStore
    from federation.types import Did


MAX_REVOCATIONS: Final = 100
"""Revocations that are heard about one stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What became of the delegated events among some events.

    Attributes:
        authority: What they were judged by.
        refused: Those whose capability did not hold, and why.
        until: The clock, in milliseconds since 1970, at which this may read otherwise.
    """

    authority: Authority
    refused: Mapping[Cid, IdentityError]
    until: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Revocations in streams of their own.

    Attributes:
        events: The events.
        since: Since when a chain is known to have them, in milliseconds since 1970, for those that
            a chain confirmed.
    """

    events: tuple[SignedEvent, ...] = ()
    since: Mapping[Cid, int] = field(default_factory=dict)


NO_ENDS: Final = Ends()


def grants_of(events: Iterable[Event]) -> frozenset[tuple[Cid, Did]]:
    """Return the grants under which events are signed, each with the account and the key that may end it."""
    found = {
        event.capability.cid: event.capability
        for event in events
        if isinstance(event, SignedEvent) and event.capability is not None
    }
    return frozenset(
        (one.grant.cid, author) for one in found.values() for author in (one.controller, one.grant.audience)
    )


def ends_in(store: LocalStore, grants: Iterable[tuple[Cid, Did]]) -> Ends:
    """Find the revocations of grants in a store, and those of the grants that these are signed under.

    Args:
        store: Where.
        grants: From ``grants_of``.

    Raises:
        TooLong: There are more than ``MAX_REVOCATIONS``.
    """
    found: dict[Cid, SignedEvent] = {}
    asked: set[tuple[Cid, Did]] = set()
    wanted = set(grants)
    while wanted:
        for grant, author in wanted:
            for car in store.revoking(grant, author, MAX_REVOCATIONS + 1):
                event = read_event(car)
                assert isinstance(event, SignedEvent)
                found[event.cid] = event
            if len(found) > MAX_REVOCATIONS:
                raise TooLong(f"over {MAX_REVOCATIONS} revocations end the capabilities of these events")
        asked |= wanted
        wanted = set(grants_of(found.values())) - asked
    # Whatever a chain has of a stream, it had its first event before.
    times = {cid: store.confirmed(event.stream_id).values() for cid, event in found.items()}
    since = {cid: min(known) for cid, known in times.items() if known}
    return Ends(events=tuple(found.values()), since=since)


def authority_over(
    events: Sequence[Event],
    confirmed: Mapping[Cid, int],
    now: int,
    ends: Ends = NO_ENDS,
) -> Authority:
    """Return what is known about some events.

    A revocation that was itself signed under a capability must have held by the revocations before it,
    or a key that is over could go on ending others.

    Args:
        events: All events at hand.
        confirmed: When the transactions of time events were, in milliseconds since 1970, for those
            that a chain confirmed.
        now: The reader's clock, in milliseconds since 1970.
        ends: Revocations in other streams, from ``ends_in``.
    """
    times = [
        (event, confirmed[event.cid])
        for event in events
        if isinstance(event, TimeEvent) and event.cid in confirmed
    ]
    signed = [event for event in events if isinstance(event, SignedEvent)]
    known = anchored(times, [event for event in events if isinstance(event, SignedEvent | TimeEvent)])
    known |= ends.since
    signed = list({event.cid: event for event in (*signed, *ends.events)}.values())
    authority = Authority(now=now, anchored=known)

    def since(event: SignedEvent) -> int:
        return known.get(event.cid, now)

    for _, group in groupby(sorted(filter(is_revocation, signed), key=since), since):
        together = list(group)
        refused = judge(together, authority).refused
        found = revocations((event for event in together if event.cid not in refused), authority)
        authority = replace(authority, revocations=(*authority.revocations, *found))
    return authority


def judge(events: Iterable[Event], authority: Authority) -> Judgement:
    """Judge the capabilities of events: at an anchor's time where one is confirmed, else now."""
    refused, until = {}, math.inf
    for event in events:
        if not isinstance(event, SignedEvent) or event.capability is None:
            continue
        try:
            authority.check(event.cid, event.capability)
        except IdentityError as error:
            refused[event.cid] = error
        if event.cid not in authority.anchored:
            grant = event.capability.grant
            turns = [max(grant.issued_at, grant.not_before or 0) - SKEW]
            turns += [] if grant.expires is None else [grant.expires + SKEW + 1]
            until = min([until, *(turn for turn in turns if turn > authority.now)])
    return Judgement(authority=authority, refused=refused, until=until)
