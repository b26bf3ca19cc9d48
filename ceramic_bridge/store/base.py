"""What a store of events can do, whether it is a database here or a node elsewhere.

A store gives each event a position when it is added, and positions only grow; the last one read
is the token with which a reader goes on. A store holds an event only together with the init event
of its stream and the event it follows, so a reader that follows the positions never meets an event
before the ones it builds on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ceramic_bridge.admission import Event
    from ceramic_bridge.cid import Cid, StreamId
    from federation.errors import FolkmootError
    from federation.types import Did

MAX_PAGE: Final = 10_000
"""Events in one page."""

MAX_PAGE_BYTES: Final = 1 << 20
"""Bytes of CARs in one page; a page always holds at least one event, whatever its size."""

MAX_INTERESTS: Final = 1000
"""Interests in one store."""

MAX_TIME: Final = 253_402_300_799_999
"""The last millisecond of the year 9999, behind which no time can be written."""

MAX_DID: Final = 256
"""Characters of a controller's DID."""

_DID: Final = re.compile(r"did:[a-z0-9]+:[!-~]+")


def is_did(text: str) -> bool:
    """Tell whether a store takes a text as a controller: printable ASCII, and no longer than ``MAX_DID``.

    An unsigned init event may name anything, and what no index can hold would fail a whole batch.
    """
    return len(text) <= MAX_DID and _DID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """Which events somebody wants; all conditions must hold, and none stands for all events.

    Attributes:
        model: Streams of this model.
        controller: Streams of this controller.
        stream: This stream only.
    """

    model: StreamId | None = None
    controller: Did | None = None
    stream: StreamId | None = None

    def __str__(self) -> str:
        """Write the interest on one line; two interests are equal if their lines are."""
        parts = [f"model={self.model}", f"controller={self.controller}", f"stream={self.stream}"]
        return " ".join(part for part in parts if not part.endswith("=None")) or "everything"


EVERYTHING: Final = Interest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question for one page.

    Attributes:
        after: Token of the last page; 0 for the beginning.
        limit: Most events in the page, up to ``MAX_PAGE``.
        interest: Which events.
        with_data: Whether to give their CARs.
        max_bytes: Most bytes of CARs, if there is more than one event.
    """

    after: int = 0
    limit: int = 100
    interest: Interest = EVERYTHING
    with_data: bool = True
    max_bytes: int = MAX_PAGE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event in a store.

    Attributes:
        cid: The event.
        car: Its CAR; empty if the query did not ask for it.
    """

    cid: Cid
    car: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some events, in the order in which the store got them.

    Attributes:
        entries: The events.
        token: Position of the last one, to go on from; the query's own token if there is none.
        complete: Whether there are no more at present.
    """

    entries: tuple[Entry, ...]
    token: int
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of an event handed to a store.

    Attributes:
        cid: The event.
        new: Whether the store did not have it before and has it now.
        refusal: Why the store does not have it now; ``None`` if it does, and will after a crash.
    """

    cid: Cid
    new: bool
    refusal: FolkmootError | None = None


class Store(Protocol):
    """A place that keeps verified events."""

    def add(self, events: Sequence[Event]) -> list[Receipt]:
        """Add verified events; those that a receipt accepts outlive a crash.

        Args:
            events: In such an order that each follows what it builds on.

        Returns:
            One receipt for each event, in order.

        Raises:
            StoreError: Nothing could be written, and none of the events was added; or the
                connection to the store broke as they were being kept, as the message then says.
        """

    def get(self, cid: Cid) -> bytes | None:
        """Return an event's CAR, or ``None`` if the store does not have it."""

    def page(self, query: Query) -> Page:
        """Return the events after a position."""

    def position(self) -> int:
        """Return the position of the newest event; 0 if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a peer's events have been taken over.

    Attributes:
        peer: Name of the peer, for example its URL.
        interest: Which of its events.
        token: Position in the peer's store of the last event taken.
        cid: That event, by which a peer that began anew is recognised.
    """

    peer: str
    interest: Interest
    token: int
    cid: Cid


class LocalStore(Store, Protocol):
    """A store of one's own, which also keeps what to pull from others and what a chain was asked.

    What a chain said is no event and travels nowhere: whoever wants to know asks the chain again.
    Every method may be called from any thread, and several processes may share a store.
    """

    def add(self, events: Sequence[Event], *, cursor: Cursor | None = None) -> list[Receipt]:
        """Add verified events, all that are accepted or none.

        Args:
            events: As ``Store.add``.
            cursor: How far a peer has been read with these; kept with them or not at all.

        Raises:
            StoreError: As ``Store.add``.
        """

    def stream_of(self, init: Cid) -> StreamId | None:
        """Return the stream that an init event began, or ``None`` if the store does not have it."""

    def interests(self) -> tuple[Interest, ...]:
        """Return what has been asked for with ``add_interest``, in that order."""

    def add_interest(self, interest: Interest) -> None:
        """Remember which events to pull from other nodes.

        Raises:
            StoreError: There are too many, or nothing can be written.
        """

    def cursor(self, peer: str, interest: Interest) -> Cursor | None:
        """Return how far a peer has been read, or ``None`` if it never was."""

    def confirm(self, cid: Cid, time_ms: int) -> None:
        """Keep that a chain confirmed a time event; of several times the earliest stays.

        Args:
            cid: The time event.
            time_ms: When its transaction was, in milliseconds since 1970.

        Raises:
            VerificationFailed: The store does not have the event, it is no time event, or there is
                no such time.
            StoreError: Nothing could be written.
        """

    def withdraw(self, cid: Cid) -> None:
        """Forget that a chain confirmed a time event, because it no longer does.

        Raises:
            StoreError: Nothing could be written.
        """

    def confirmed(self, stream: StreamId) -> Mapping[Cid, int]:
        """Return the confirmed time events of a stream, and the time of each in milliseconds since 1970."""

    def revoking(self, grant: Cid, author: Did, limit: int) -> Sequence[bytes]:
        """Return the first events, as CARs, by which somebody ends a grant.

        Args:
            grant: As ``siwe.Grant.cid`` names it.
            author: Whose, in the one case of its DID; most revocations are strangers' and say nothing.
            limit: How many.
        """

    def close(self) -> None:
        """Let go of the store; nothing may be called afterwards."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
