"""Events of the federation: kept here first, then published by a thread that never gives up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from aggregator.happenings import Happening
from ceramic_bridge.admission import read_event
from ceramic_bridge.node.client import RemoteNode
from ceramic_bridge.store.base import EVERYTHING, Cursor, Query
from federation.errors import FolkmootError

if TYPE_CHECKING:
    from types import TracebackType

    from aggregator.happenings import Watcher
    from ceramic_bridge.events import SignedEvent
    from ceramic_bridge.store.base import LocalStore

Facts: TypeAlias = "dict[str, str | int | float | bool]"

_PAGE: Final = 50
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0


class PublishingSink:
    """An ``EventSink`` over a store; a context manager, because of its thread.

    How far the node has been served is kept in the store, so a restart goes on there.
    """

    def __init__(
        self, store: LocalStore, url: str, watch: Watcher, *, first_pause: float = FIRST_PAUSE
    ) -> None:
        """Name the places.

        Args:
            store: Keeps the events.
            url: The community's event node; empty for none.
            watch: Told of what cannot be published.
            first_pause: Seconds until a failed attempt is made again; they double.
        """
        self._store, self._url, self._watch = store, url, watch
        self._first_pause = first_pause
        self._more, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._publish, name="event publisher", daemon=True)

    def __enter__(self) -> Self:
        if self._url:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._more.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def append(self, event: SignedEvent) -> None:
        """Keep an event; it outlives a crash when this returns.

        Raises:
            StoreError: It cannot be written.
            VerificationFailed: It does not follow its stream.
        """
        (receipt,) = self._store.add([event])
        if receipt.refusal is not None:
            raise receipt.refusal
        self._more.set()

    @property
    def waiting(self) -> int:
        """How many events the node does not have yet; 0 without a node."""
        return max(0, self._store.position() - self._token()) if self._url else 0

    def _token(self) -> int:
        cursor = self._store.cursor(self._peer, EVERYTHING)
        return 0 if cursor is None else cursor.token

    @property
    def _peer(self) -> str:
        # What is read from a node is noted under its bare URL.
        return f"published to {self._url}"

    def _publish(self) -> None:
        pause = self._first_pause
        while not self._end.is_set():
            self._more.clear()
            try:
                with RemoteNode(self._url) as node:
                    while self._hand_over(node) and not self._end.is_set():
                        pause = self._first_pause
            except FolkmootError as error:
                facts: Facts = {"what": "event node", "reason": error.message, "again_in": pause}
                self._watch(Happening(kind="waiting", facts=facts))
                self._end.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            self._more.wait()

    def _hand_over(self, node: RemoteNode) -> bool:
        """Give the node the next events; tell whether there may be more."""
        page = self._store.page(Query(after=self._token(), limit=_PAGE))
        if not page.entries:
            return False
        for receipt in node.add([read_event(entry.car) for entry in page.entries]):
            if receipt.refusal is not None:
                facts: Facts = {"event": str(receipt.cid), "reason": receipt.refusal.message}
                self._watch(Happening(kind="event-refused", facts=facts))
        self._store.add(
            [],
            cursor=Cursor(peer=self._peer, interest=EVERYTHING, token=page.token, cid=page.entries[-1].cid),
        )
        return not page.complete
