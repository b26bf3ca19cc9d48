"""The member's Flower ClientApp: parse, hand to the member, reply.

Whatever goes wrong is logged here and leaves as one constant text: the type or the words of an
error could tell the other side about a member's data.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from ceramic_bridge.events import SignedEvent, encode
from federation.errors import PeerError
from federation.messages import (
    Acknowledgement,
    CommitReply,
    CommitRequest,
    RevealReply,
    RevealRequest,
    empty,
)

if TYPE_CHECKING:
    from flwr.app import RecordDict

_logger = logging.getLogger(__name__)


class Duties(Protocol):
    """What a round asks of a member; ``Member`` fulfils it."""

    def commit(self, request: CommitRequest) -> SignedEvent:
        """Train and commit."""
        ...

    def reveal(self, request: RevealRequest) -> RevealReply:
        """Send the committed delta."""
        ...

    def acknowledged(self, receipt: Acknowledgement) -> None:
        """Take the aggregator's acknowledgement."""
        ...


def build_client_app(member: Duties, *, dim: int) -> ClientApp:
    """Return the ClientApp of one member.

    Args:
        member: Does the work.
        dim: The model's dimension, from the manifest.
    """
    app = ClientApp()

    def answer(message: Message, duty: str, work: Callable[[RecordDict], RecordDict]) -> Message:
        try:
            return Message(work(message.content), reply_to=message)
        except Exception:
            _logger.debug("%s refused", duty, exc_info=True)
        raise PeerError("the member refused")

    def do_commit(content: RecordDict) -> RecordDict:
        return CommitReply(encode(member.commit(CommitRequest.parse(content, dim=dim)))).records()

    def do_reveal(content: RecordDict) -> RecordDict:
        return member.reveal(RevealRequest.parse(content)).records()

    def do_acknowledge(content: RecordDict) -> RecordDict:
        member.acknowledged(Acknowledgement.parse(content))
        return empty()

    @app.train("commit")  # type: ignore[untyped-decorator]  # Flower's types are not followed
    def commit(message: Message, _context: Context) -> Message:
        return answer(message, "commit", do_commit)

    @app.train("reveal")  # type: ignore[untyped-decorator]  # as above
    def reveal(message: Message, _context: Context) -> Message:
        return answer(message, "reveal", do_reveal)

    @app.query("acknowledge")  # type: ignore[untyped-decorator]  # as above
    def acknowledge(message: Message, _context: Context) -> Message:
        return answer(message, "acknowledge", do_acknowledge)

    return app
