"""One stream from events in any order: which line counts, and who equivocated.

A controller that signs two different successors of one event has equivocated, and the events
prove it. A payload in a second envelope proves nothing: for secp256k1 anybody can make one. All
readers choose the same line: at each fork the branch that was anchored first, else the longer,
else the one whose event has the smaller CID (the rule of Ceramic's nodes).
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from ceramic_bridge.dagcbor import encode
from ceramic_bridge.errors import TooLong
from ceramic_bridge.events import DataPayload, InitPayload, SignedEvent, UnsignedEvent
from ceramic_bridge.stream import StreamState, advance, start
from ceramic_bridge.timeevents import TimeEvent
from federation.errors import FolkmootError, IdentityError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ceramic_bridge.cid import Cid

Init: TypeAlias = SignedEvent | UnsignedEvent
"""An event that begins a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equivocation:
    """Two or more different successors of one event, all by the controller's authority.

    Attributes:
        prev: The event that each of them follows.
        events: The successors; the one that counts comes first.
    """

    prev: Cid
    events: tuple[SignedEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What a stream is, and what was wrong with its events.

    Attributes:
        state: The state after the line that counts.
        equivocations: The forks, those nearer to the init event first.
        rejected: Events that cannot be part of the stream, and why.
    """

    state: StreamState
    equivocations: tuple[Equivocation, ...]
    rejected: Mapping[Cid, str]


class _Tree:
    """A stream's events by the signed event that they follow or stand for."""

    def __init__(self, init: Init, events: Iterable[SignedEvent | TimeEvent]) -> None:
        assert isinstance(init.payload, InitPayload)
        self._stands_for: dict[Cid, Cid] = {}
        self._stands: dict[Cid, tuple[int, Cid]] = {}
        self.aliases: dict[Cid, list[TimeEvent | SignedEvent]] = {}
        self.children: dict[Cid, list[SignedEvent]] = {}
        self.rejected: dict[Cid, str] = {}
        self.valid: dict[Cid, list[SignedEvent]] = {init.cid: []}
        signed: dict[Cid, SignedEvent] = {}
        # In an order of its own, so that the same events in any order give the same result.
        ordered = sorted(events, key=lambda one: one.cid.to_bytes())
        for event in ordered:
            self.rejected[event.cid] = "it does not follow an event of the stream"
            if isinstance(event, TimeEvent):
                self._stands_for[event.cid] = event.prev
                continue
            # Before anything else: anybody can sign a data payload that somebody else made.
            try:
                event.check_author(controller=init.payload.controller, model=init.payload.model)
            except IdentityError as error:
                self.rejected[event.cid] = error.message
                continue
            first = signed.setdefault(event.payload_cid, event)
            if first is not event:
                self._stands_for[event.cid] = first.cid
        for event in ordered:
            if event.cid in self._stands_for:
                self.aliases.setdefault(self._below(event.cid), []).append(event)
            elif isinstance(event, SignedEvent) and event is signed.get(event.payload_cid):
                assert isinstance(event.payload, DataPayload)
                self.children.setdefault(self._below(event.payload.prev), []).append(event)

    def _below(self, cid: Cid) -> Cid:
        return self._stand(cid)[1]

    def _stand(self, cid: Cid) -> tuple[int, Cid]:
        """Return how far down what an event stands for is, and what it is in the end.

        Each is asked for once: time events may stand on one another by the thousand.
        """
        above = []
        while cid in self._stands_for and cid not in self._stands:
            above.append(cid)
            cid = self._stands_for[cid]
        steps, below = self._stands.get(cid, (0, cid))
        for one in reversed(above):
            steps += 1
            self._stands[one] = steps, below
        return steps, below

    def _rank(self, event: SignedEvent | TimeEvent) -> tuple[int, bytes]:
        """Put a time event behind the time events that it stands on."""
        return self._stand(event.cid)[0], event.cid.to_bytes()

    def dress(self, state: StreamState) -> StreamState:
        """Let a state know the aliases of its tip."""
        tip = state.tip
        if tip not in self.aliases:
            return state
        onward, names = [], dict(state.aliases)
        for event in sorted(self.aliases[tip], key=self._rank):
            if isinstance(event, TimeEvent) and event.init != state.stream_id.cid:
                self.rejected[event.cid] = f"it is not of stream {state.stream_id}"
                continue
            self.rejected.pop(event.cid, None)
            names[event.cid] = tip
            if isinstance(event, TimeEvent):
                onward.append(event.cid)
        return replace(state, history=(*state.history, *onward), aliases=names)

    def grow(self, init: Init, max_documents: int | None) -> None:
        """Find which events can follow which, from the init event on."""
        ahead = deque([(init.cid, self.dress(start(init)))])
        size = 0
        while ahead:
            cid, state = ahead.popleft()
            for event in self.children.get(cid, ()):
                try:
                    after = advance(state, event)
                except FolkmootError as error:
                    self.rejected[event.cid] = error.message
                    continue
                size += 0 if max_documents is None else len(encode(after.content))
                if max_documents is not None and size > max_documents:
                    raise TooLong(f"the stream's documents have over {max_documents} bytes; read its events")
                self.rejected.pop(event.cid, None)
                self.valid[cid].append(event)
                self.valid[event.cid] = []
                ahead.append((event.cid, self.dress(after)))

    def prefer(self, anchored: Mapping[Cid, int]) -> None:
        """Put the successors of each event in order, the one that counts first."""
        rank: dict[Cid, tuple[float, int, bytes]] = {}
        for cid, events in reversed(self.valid.items()):
            events.sort(key=lambda event: rank[event.cid])
            earliest = min((rank[event.cid][0] for event in events), default=math.inf)
            length = max((-rank[event.cid][1] for event in events), default=0) + 1
            names = [cid, *(one.cid for one in self.aliases.get(cid, ()) if one.cid not in self.rejected)]
            own = min(anchored.get(name, math.inf) for name in names)
            rank[cid] = (min(earliest, own), -length, cid.to_bytes())


def resolve(
    events: Iterable[SignedEvent | UnsignedEvent | TimeEvent],
    anchored: Mapping[Cid, int] | None = None,
    *,
    max_documents: int | None = None,
) -> Resolution:
    """Work out a stream from its events.

    Args:
        events: Verified events of one stream, in any order; repeats change nothing.
        anchored: Since when events are proven to exist, from ``anchor.anchored``.
        max_documents: How many bytes the documents after each event may have together, if that is
            bounded.

    Raises:
        VerificationFailed: There is no init event, or more than one.
        TooLong: The documents have more bytes.
    """
    inits: dict[Cid, Init] = {}
    others: dict[Cid, SignedEvent | TimeEvent] = {}
    for event in events:
        if isinstance(event, TimeEvent) or isinstance(event.payload, DataPayload):
            others[event.cid] = event
        else:
            inits[event.cid] = event
    if len(inits) != 1:
        raise VerificationFailed("stream", f"its events hold {len(inits)} init events, not one")
    (init,) = inits.values()
    tree = _Tree(init, others.values())
    tree.grow(init, max_documents)
    tree.prefer(anchored or {})
    state, at = tree.dress(start(init)), init.cid
    while tree.valid[at]:
        event = tree.valid[at][0]
        state, at = tree.dress(advance(state, event)), event.cid
    forks = [
        Equivocation(prev=cid, events=tuple(after)) for cid, after in tree.valid.items() if len(after) > 1
    ]
    return Resolution(state=state, equivocations=tuple(forks), rejected=tree.rejected)
