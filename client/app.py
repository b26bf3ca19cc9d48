"""The member's Flower ClientApp: take a message's records, let the member answer, reply.

Whatever goes wrong is logged here and leaves as one constant text: the type or the words of an
error could tell the other side about a member's data.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp

from ceramic_bridge.events import SignedEvent, encode
from federation.errors import PeerError
from federation.messages import (
    ACKNOWLEDGE,
    COMMIT,
    REVEAL,
    SECURE,
    Acknowledgement,
    CommitReply,
    CommitRequest,
    RevealReply,
    RevealRequest,
    SecureReply,
    SecureRequest,
    empty,
)

_logger = logging.getLogger(__name__)

Answers: TypeAlias = "Mapping[str, Callable[[RecordDict], RecordDict]]"
"""How each message of a round is answered: from the request's records to the reply's."""


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

    def secure(self, request: SecureRequest) -> SecureReply:
        """Answer one stage of a round in which nobody sees a delta."""
        ...


def answers(member: Duties, *, dim: int) -> Answers:
    """Return how a member answers.

    Args:
        member: Does the work.
        dim: The model's dimension, from the manifest.
    """

    def commit(content: RecordDict) -> RecordDict:
        return CommitReply(encode(member.commit(CommitRequest.parse(content, dim=dim)))).records()

    def reveal(content: RecordDict) -> RecordDict:
        return member.reveal(RevealRequest.parse(content)).records()

    def acknowledge(content: RecordDict) -> RecordDict:
        member.acknowledged(Acknowledgement.parse(content))
        return empty()

    def secure(content: RecordDict) -> RecordDict:
        return member.secure(SecureRequest.parse(content)).records()

    return {COMMIT: commit, REVEAL: reveal, ACKNOWLEDGE: acknowledge, SECURE: secure}


def build_client_app(member: Duties, *, dim: int) -> ClientApp:
    """Return the ClientApp of one member that works in this process.

    Args:
        member: Does the work.
        dim: The model's dimension, from the manifest.
    """
    found = answers(member, dim=dim)
    return app_of(lambda _context: found)


def app_of(find: Callable[[Context], Answers]) -> ClientApp:
    """Return a ClientApp.

    Args:
        find: Gives the answers of the node on which the app runs.
    """
    app = ClientApp()

    def answer(message: Message, context: Context, duty: str) -> Message:
        try:
            return Message(find(context)[duty](message.content), reply_to=message)
        except Exception:
            _logger.debug("%s refused", duty, exc_info=True)
        raise PeerError("the member refused")

    @app.train("commit")  # type: ignore[untyped-decorator]  # Flower's types are not followed
    def commit(message: Message, context: Context) -> Message:
        return answer(message, context, COMMIT)

    @app.train("reveal")  # type: ignore[untyped-decorator]  # as above
    def reveal(message: Message, context: Context) -> Message:
        return answer(message, context, REVEAL)

    @app.train("secure")  # type: ignore[untyped-decorator]  # as above
    def secure(message: Message, context: Context) -> Message:
        return answer(message, context, SECURE)

    @app.query("acknowledge")  # type: ignore[untyped-decorator]  # as above
    def acknowledge(message: Message, context: Context) -> Message:
        return answer(message, context, ACKNOWLEDGE)

    return app
