"""Take in events: verify what arrives at once and sync it to disk together.

Syncing costs about the same for one event as for many, so one thread takes all that wait, commits
them in one transaction and only then answers each.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

from ceramic_bridge.admission import Event, read_event
from ceramic_bridge.authority import Authority
from ceramic_bridge.errors import StoreError
from ceramic_bridge.store.base import Receipt
from federation.errors import FolkmootError, PeerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ceramic_bridge.store.base import Store

MAX_BATCH: Final = 256
"""Events in one transaction."""


class Overloaded(PeerError):
    """A node has too much to do at present."""

    code = "overloaded"


class Intake:
    """A queue in front of a store, and the one thread that empties it."""

    def __init__(self, store: Store, clock: Callable[[], int], *, max_waiting: int = 1024) -> None:
        """Start the thread.

        Args:
            store: Where events go.
            clock: Milliseconds since 1970, to which fresh capabilities are held.
            max_waiting: Events that may wait.
        """
        self._store = store
        self._clock = clock
        self._max_waiting = max_waiting
        self._waiting: deque[tuple[bytes, Future[Receipt]]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="intake")
        self._thread.start()

    def submit(self, data: bytes) -> Future[Receipt]:
        """Hand over the CAR of an event.

        Returns:
            The receipt, once the event is on disk; it holds the refusal if there is one.

        Raises:
            Overloaded: Too many events wait, or the intake is closed.
        """
        future: Future[Receipt] = Future()
        with self._changed:
            if self._closed or len(self._waiting) >= self._max_waiting:
                raise Overloaded("too many events wait to be stored", hint="try again later")
            self._waiting.append((data, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Store what waits and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
            self._take(batch)

    def _take(self, batch: list[tuple[bytes, Future[Receipt]]]) -> None:
        authority = Authority(now=self._clock())
        read: list[tuple[Event, Future[Receipt]]] = []
        for data, future in batch:
            # From here on its caller can no longer cancel it.
            if not future.set_running_or_notify_cancel():
                continue
            try:
                read.append((read_event(data, authority=authority), future))
            except Exception as error:  # noqa: BLE001 -- a bug with one event must not stop the thread
                # Its traceback holds this frame and with it the future: a cycle around the data.
                future.set_exception(error.with_traceback(None))
        try:
            receipts = self._store.add([event for event, _ in read])
        except Exception as error:  # noqa: BLE001 -- whoever waits must hear of it, whatever it is
            failure = (
                error if isinstance(error, FolkmootError) else StoreError(f"{type(error).__name__}: {error}")
            )
            for _, future in read:
                future.set_exception(failure.with_traceback(None))
            return
        for (_, future), receipt in zip(read, receipts, strict=True):
            future.set_result(receipt)
