"""What a reader knows when it judges some events: its clock, what chains confirmed, what was revoked.

Whoever reads without a chain passes the confirmations that a store keeps (``LocalStore.confirmed``);
an anchor that no chain was asked about changes nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from ceramic_bridge.anchor import anchored
from ceramic_bridge.authority import SKEW, Authority, is_revocation, revocations
from ceramic_bridge.events import SignedEvent
from ceramic_bridge.timeevents import TimeEvent
from federation.errors import IdentityError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ceramic_bridge.admission import Event
    from ceramic_bridge.cid import Cid


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


def authority_over(events: Sequence[Event], confirmed: Mapping[Cid, int], now: int) -> Authority:
    """Return what is known about some events.

    A revocation that was itself signed under a capability must have held by the revocations before it,
    or a key that is over could go on ending others.

    Args:
        events: All events at hand.
        confirmed: When the transactions of time events were, in milliseconds since 1970, for those
            that a chain confirmed.
        now: The reader's clock, in milliseconds since 1970.
    """
    times = [
        (event, confirmed[event.cid])
        for event in events
        if isinstance(event, TimeEvent) and event.cid in confirmed
    ]
    signed = [event for event in events if isinstance(event, SignedEvent)]
    known = anchored(times, [event for event in events if isinstance(event, SignedEvent | TimeEvent)])
    authority = Authority(now=now, anchored=known)

    def since(event: SignedEvent) -> int:
        return known.get(event.cid, now)

    for _, ends in groupby(sorted(filter(is_revocation, signed), key=since), since):
        together = list(ends)
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
