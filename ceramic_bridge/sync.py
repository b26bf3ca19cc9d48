"""Pull another node's events into a store: by interest, resumable, verified on arrival.

How far a peer has been read is written in the same transaction as the events read, so an
interrupted pull goes on where it stopped and a killed one loses nothing that it had stored. What
does not verify is left out and reported; a peer that sends too much of it is left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ceramic_bridge.admission import read_event
from ceramic_bridge.store.base import EVERYTHING, Cursor, Interest, LocalStore, Page, Query, Store
from federation.errors import FolkmootError, PeerError, VerificationFailed

if TYPE_CHECKING:
    from ceramic_bridge.admission import Event
    from ceramic_bridge.cid import Cid


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncLimits:
    """How much is taken from a peer.

    Attributes:
        page: Events asked for at once.
        max_events: Events in one run, known ones included.
        max_bytes: Bytes of CARs in one run.
        bytes_per_second: Bytes of CARs, on average over the run.
        max_refused: Events that do not verify.
    """

    page: int = 256
    max_events: int = 1_000_000
    max_bytes: int = 4 << 30
    bytes_per_second: float = 32 << 20
    max_refused: int = 100


@dataclass(slots=True, kw_only=True)
class SyncReport:
    """What a run did.

    Attributes:
        added: Events that are new here.
        known: Events that were here already.
        refused: Events left out, and why.
        size: Bytes of CARs received.
        complete: Whether the peer has no more; if not, the next run goes on.
    """

    added: int = 0
    known: int = 0
    refused: list[tuple[Cid, str]] = field(default_factory=list)
    size: int = 0
    complete: bool = False

    @property
    def seen(self) -> int:
        """Events received."""
        return self.added + self.known + len(self.refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time, for the rate.

    Attributes:
        now: Seconds that only grow.
        sleep: Wait for some seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def pull(
    store: LocalStore,
    peer: Store,
    name: str,
    interests: Sequence[Interest] = (EVERYTHING,),
    *,
    limits: SyncLimits | None = None,
    clock: Clock | None = None,
) -> SyncReport:
    """Take over a peer's events.

    Args:
        store: Where they go.
        peer: Whom to ask.
        name: By which the peer is known in the store, for example its URL.
        interests: Which events; each is read to its end in turn.
        limits: How much.
        clock: Time.

    Raises:
        PeerError: The peer cannot be reached, talks nonsense, or sends too much that does not
            verify. What was stored before stays.
        StoreError: The store cannot be written.
    """
    run = _Run(store, peer, name, limits or SyncLimits(), clock or Clock())
    run.report.complete = all(run.read(interest) for interest in interests)
    return run.report


class _Run:
    def __init__(self, store: LocalStore, peer: Store, name: str, limits: SyncLimits, clock: Clock) -> None:
        self.report = SyncReport()
        self._store = store
        self._peer = peer
        self._name = name
        self._limits = limits
        self._clock = clock
        self._began = clock.now()

    def read(self, interest: Interest) -> bool:
        """Read one interest; tell whether to its end."""
        token = self._start(interest)
        while self.report.seen < self._limits.max_events and self.report.size < self._limits.max_bytes:
            page = self._peer.page(Query(after=token, limit=self._limits.page, interest=interest))
            self._take(interest, page)
            if page.complete:
                return True
            if page.token <= token:
                raise PeerError(f"{self._name} gives the same page again and again")
            token = page.token
            self._pace()
        return False

    def _start(self, interest: Interest) -> int:
        """Return where to go on: at the beginning, if the peer's store is not the one it was."""
        cursor = self._store.cursor(self._name, interest)
        if cursor is None:
            return 0
        last = Query(after=cursor.token - 1, limit=1, interest=interest, with_data=False)
        entries = self._peer.page(last).entries
        return cursor.token if entries and entries[0].cid == cursor.cid else 0

    def _take(self, interest: Interest, page: Page) -> None:
        events: list[Event] = []
        for entry in page.entries:
            self.report.size += len(entry.car)
            try:
                event = read_event(entry.car)
                if event.cid != entry.cid:
                    raise VerificationFailed(f"event {entry.cid}", f"the peer sent event {event.cid}")
            except FolkmootError as error:
                self._refuse(entry.cid, error)
                continue
            events.append(event)
        if not page.entries:
            return
        cursor = Cursor(peer=self._name, interest=interest, token=page.token, cid=page.entries[-1].cid)
        for receipt in self._store.add(events, cursor=cursor):
            if receipt.refusal is not None:
                self._refuse(receipt.cid, receipt.refusal)
            else:
                self.report.added += receipt.new
                self.report.known += not receipt.new

    def _refuse(self, cid: Cid, error: FolkmootError) -> None:
        self.report.refused.append((cid, error.message))
        if len(self.report.refused) > self._limits.max_refused:
            raise PeerError(
                f"{self._name} sends too much that does not verify, last event {cid}: {error.message}",
                hint="what was stored before is verified and stays",
            )

    def _pace(self) -> None:
        ahead = self.report.size / self._limits.bytes_per_second - (self._clock.now() - self._began)
        if ahead > 0:
            self._clock.sleep(ahead)
