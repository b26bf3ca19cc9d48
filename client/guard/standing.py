"""A member over months: opened when it is first asked, and again when the chain opens another epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from federation.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ceramic_bridge.events import SignedEvent
    from client.member import Member
    from federation.messages import (
        Acknowledgement,
        CommitRequest,
        RevealReply,
        RevealRequest,
        SecureReply,
        SecureRequest,
    )


class Standing:
    """Answers for whichever epoch is open; the chain may be out of reach when the guard starts."""

    def __init__(self, open_member: Callable[[], Member]) -> None:
        """Make it; nothing is opened yet.

        Args:
            open_member: Reads the open epoch from the chain and returns the member for it.
        """
        self._open_member = open_member
        self._member: Member | None = None

    def commit(self, request: CommitRequest) -> SignedEvent:
        """Train and commit; see ``Member.commit``."""
        return self._in(request.domain.epoch).commit(request)

    def reveal(self, request: RevealRequest) -> RevealReply:
        """Send the committed delta; see ``Member.reveal``."""
        return self._in(request.domain.epoch).reveal(request)

    def acknowledged(self, receipt: Acknowledgement) -> None:
        """Take the aggregator's acknowledgement; see ``Member.acknowledged``."""
        self._in(receipt.domain.epoch).acknowledged(receipt)

    def secure(self, request: SecureRequest) -> SecureReply:
        """Answer one stage of a secure round; see ``Member.secure``."""
        return self._in(request.domain.epoch).secure(request)

    def _in(self, epoch: int) -> Member:
        if self._member is None or self._member.domain.epoch != epoch:
            self._member = self._open_member()
        if self._member.domain.epoch != epoch:
            raise PeerError(f"epoch {epoch} is not open: {self._member.domain.epoch} is")
        return self._member
