"""Reading the signed events of a store, one's own or a stranger's, to the end and no further."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol

from ceramic_bridge.admission import read_event
from ceramic_bridge.events import SignedEvent
from ceramic_bridge.store.base import Query
from federation.errors import FolkmootError, PeerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ceramic_bridge.store.base import Interest, Page

MOST_EVENTS: Final = 200_000
MOST_SECONDS: Final = 120.0
"""What is read at one place at once: who would have it read on for ever is left."""


class Pages(Protocol):
    """A store of events, here or elsewhere."""

    def page(self, query: Query) -> Page:
        """Return the events after a position."""
        ...


def signed_by(store: Pages, interest: Interest, *, own: bool = False) -> Iterator[SignedEvent]:
    """Yield the signed events of a store that are of interest, verified, and pass over all others.

    Args:
        store: Where to read.
        interest: What.
        own: Whether it is the reader's own store, which is read however long it is.

    Raises:
        PeerError: The store is a node that cannot be asked, or never comes to an end.
    """
    seen, token, began = 0, 0, time.monotonic()
    while True:
        page = store.page(Query(after=token, interest=interest))
        for entry in page.entries:
            try:
                event = read_event(entry.car)
            except FolkmootError:
                continue  # what does not verify says nothing about anybody
            if isinstance(event, SignedEvent):
                yield event
        seen += len(page.entries)
        if page.complete or not page.entries:
            return
        if not own and seen > MOST_EVENTS:
            raise PeerError(f"the event node has more than {MOST_EVENTS} events on one question")
        if not own and time.monotonic() - began > MOST_SECONDS:
            raise PeerError(f"the event node did not come to an end within {MOST_SECONDS:g} seconds")
        token = page.token
