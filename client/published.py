"""What a member's own signed events say about how often its data were released.

Three places may know: the store beside the vault, the federation's event node, and the run's public
log. The highest number counts; who withholds events can only make the check see less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ceramic_bridge.admission import read_event
from ceramic_bridge.events import InitPayload, SignedEvent
from ceramic_bridge.store.base import Interest, Query

if TYPE_CHECKING:
    from ceramic_bridge.cid import StreamId
    from ceramic_bridge.store.base import Page
    from federation.types import Did


class Pages(Protocol):
    """A store of events, here or elsewhere."""

    def page(self, query: Query) -> Page:
        """Return the events after a position."""
        ...


def highest_release(store: Pages, did: Did, contributions: StreamId) -> int:
    """Return the highest number of a release among a member's contributions; 0 if there is none.

    Args:
        store: Where to look.
        did: The member.
        contributions: StreamID of the contribution model.

    Raises:
        PeerError: The store is a node that cannot be asked, or what it gives is no event.
    """
    highest, token = 0, 0
    while True:
        page = store.page(Query(after=token, interest=Interest(model=contributions, controller=did)))
        for entry in page.entries:
            event = read_event(entry.car)
            if not isinstance(event, SignedEvent) or not isinstance(event.payload, InitPayload):
                continue
            release = event.payload.content.get("release")
            if event.payload.controller == did and isinstance(release, int):
                highest = max(highest, release)
        if page.complete or not page.entries:
            return highest
        token = page.token
