"""The member's Flower ClientApp: parse, hand to the member, reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from ceramic_bridge.events import SignedEvent, encode
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

    def answer(content: RecordDict, to: Message) -> Message:
        return Message(content, reply_to=to)

    @app.train("commit")  # type: ignore[untyped-decorator]  # Flower's types are not followed
    def commit(message: Message, _context: Context) -> Message:
        event = member.commit(CommitRequest.parse(message.content, dim=dim))
        return answer(CommitReply(encode(event)).records(), message)

    @app.train("reveal")  # type: ignore[untyped-decorator]  # as above
    def reveal(message: Message, _context: Context) -> Message:
        return answer(member.reveal(RevealRequest.parse(message.content)).records(), message)

    @app.query("acknowledge")  # type: ignore[untyped-decorator]  # as above
    def acknowledge(message: Message, _context: Context) -> Message:
        member.acknowledged(Acknowledgement.parse(message.content))
        return answer(empty(), message)

    return app
