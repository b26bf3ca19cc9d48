"""What the aggregator knows of its members' session keys: which exist, which are revoked, from when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING

from aggregator.delegation import authority_at, holds, require_revocation, with_revocations
from ceramic_bridge.events import SignedEvent
from federation.errors import PeerError
from federation.types import Did

if TYPE_CHECKING:
    from ceramic_bridge.authority import Authority
    from ceramic_bridge.cid import Cid, StreamId


class Sessions:
    """The session keys of one epoch's members.

    Attributes:
        authority: Judges capabilities as of the opening of the round that is open.
    """

    def __init__(
        self, members: Collection[Did], models: Collection[StreamId], opening_events: Iterable[SignedEvent]
    ) -> None:
        self._members, self._models = members, models
        self._known: set[tuple[Did, Cid]] = set()
        self._ended: set[tuple[Did, Cid]] = set()
        self._taken: SimpleQueue[SignedEvent] = SimpleQueue()
        self.authority: Authority = authority_at(0)
        self.saw(opening_events)

    def saw(self, events: Iterable[SignedEvent]) -> None:
        """Remember the keys that signed admitted events under capabilities."""
        self._known |= {(e.signer, e.capability.grant.cid) for e in events if e.capability is not None}

    def revoke(self, event: SignedEvent) -> None:
        """Take a member's revocation of a capability; it counts from the next round that opens.

        Any thread may call this. What is revoked already may be said again.

        Args:
            event: Verified but for its time.

        Raises:
            PeerError: It is no revocation, or by nobody who could end a member's capability.
            MalformedData: It names no capability.
        """
        author, grant = require_revocation(event, self._models)
        by_account = event.capability is not None and author in self._members
        if not by_account and (author, grant) not in self._known:
            raise PeerError("the revocation is neither by a member nor by a member's session key")
        self._taken.put(event)

    def restore(self, event: SignedEvent) -> None:
        """Take a revocation that was taken before a restart, when more was known of the round under way."""
        self._taken.put(event)

    def open_round(self, opened_at: int, recorded: Sequence[SignedEvent] | None = None) -> list[SignedEvent]:
        """Judge as of a round's opening, and by the revocations taken until then.

        Args:
            opened_at: Unix seconds of the block that opened the round.
            recorded: The revocations that the round records, if that is settled already.

        Returns:
            The revocations that the round has to record.
        """
        opened = replace(authority_at(opened_at), revocations=self.authority.revocations)
        counting = list(recorded or ())
        while recorded is None and not self._taken.empty():
            event = self._taken.get()
            if require_revocation(event, self._models) not in self._ended and holds(event, opened):
                self._ended.add(require_revocation(event, self._models))
                counting.append(event)
        self._ended |= {require_revocation(event, self._models) for event in counting}
        self.authority = with_revocations(opened, counting)
        return counting
