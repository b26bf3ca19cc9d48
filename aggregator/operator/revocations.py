"""Members' revocations of session keys, from the event node: a stolen key ends with the next round.

The whole feed is read, since a revocation may be of any model. Whatever has the form of one is shown to
the epoch under way, which knows whether its author could end anything.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from aggregator.happenings import Happening
from ceramic_bridge.admission import read_event
from ceramic_bridge.authority import parse_revocation
from ceramic_bridge.events import InitPayload, SignedEvent
from ceramic_bridge.node.client import RemoteNode
from ceramic_bridge.store.base import Query
from federation.errors import FolkmootError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from aggregator.happenings import Watcher
    from ceramic_bridge.cid import Cid

EVERY: Final = 30.0
"""Seconds between two looks."""

MOST: Final = 10_000
"""Revocations that are remembered: anybody can publish what looks like one."""

_PAGE: Final = 500


class Revocations:
    """Looks for revocations; a context manager, because of its thread."""

    def __init__(self, url: str, watch: Watcher, *, every: float = EVERY) -> None:
        """Set up.

        Args:
            url: The community's event node; empty for none.
            watch: Told of each one that counts.
            every: Seconds between two looks.
        """
        self._url, self._watch, self._every = url, watch, every
        self._token = 0
        self._found: dict[Cid, SignedEvent] = {}
        self._taken: set[Cid] = set()
        self._take: Callable[[SignedEvent], None] | None = None
        self._turn, self._end = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="revocations", daemon=True)

    def __enter__(self) -> Self:
        if self._url:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    @contextmanager
    def shown_to(self, take: Callable[[SignedEvent], None]) -> Iterator[None]:
        """Show what there is, and what comes, to an epoch.

        Args:
            take: Takes one, or refuses it with an error of ours; may be asked again later.
        """
        with self._turn:
            self._take, self._taken = take, set()
        try:
            yield
        finally:
            with self._turn:
                self._take = None

    def look(self) -> None:
        """Read what is new, and show it.

        Raises:
            PeerError: The node cannot be asked.
        """
        with RemoteNode(self._url) as node:
            complete = False
            while not complete and not self._end.is_set():
                page = node.page(Query(after=self._token, limit=_PAGE))
                for entry in page.entries:
                    self._note(entry.car)
                self._token, complete = page.token, page.complete

    def show(self) -> None:
        """Show the epoch under way whatever it has not taken yet."""
        with self._turn:
            for cid, event in self._found.items():
                if self._take is None or cid in self._taken:
                    continue
                try:
                    self._take(event)
                except FolkmootError:
                    continue  # of nobody here, or too early: it is shown again
                self._taken.add(cid)
                self._watch(Happening(kind="revocation", facts={"event": str(cid)}))

    def _note(self, car: bytes) -> None:
        try:
            event = read_event(car)
            if isinstance(event, SignedEvent) and isinstance(event.payload, InitPayload):
                parse_revocation(event.payload.content)
                if len(self._found) < MOST:
                    self._found[event.cid] = event
        except FolkmootError:
            return  # nothing that ends anything

    def _work(self) -> None:
        said = ""
        while not self._end.is_set():
            try:
                self.look()
                said = ""
            except FolkmootError as error:
                if error.message != said:
                    self._watch(
                        Happening(kind="waiting", facts={"what": "revocations", "reason": error.message})
                    )
                said = error.message
            self.show()
            self._end.wait(self._every)
