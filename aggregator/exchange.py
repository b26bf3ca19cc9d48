"""One request to each of some members, and whatever came back before the deadline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flwr.app import Message

from federation.types import Did

if TYPE_CHECKING:
    from flwr.app import RecordDict
    from flwr.serverapp import Grid


def exchange(
    grid: Grid,
    nodes: Mapping[Did, int],
    requests: Mapping[Did, RecordDict],
    *,
    message_type: str,
    group: str,
    timeout: float,
) -> dict[Did, Message | None]:
    """Send requests and collect the first reply to each.

    Replies are mapped by the request they answer: an error reply names the server as its sender,
    not the dead node. Late replies to earlier rounds and second replies are ignored.

    Args:
        grid: Any Flower grid.
        nodes: Node of each member.
        requests: Content for each member.
        message_type: Flower message type.
        group: Flower message group, e.g. the round.
        timeout: Seconds.

    Returns:
        A reply, possibly an error, or None for every member that was asked.
    """
    sent = {
        did: Message(content, nodes[did], message_type, group_id=group) for did, content in requests.items()
    }
    replies = grid.send_and_receive(list(sent.values()), timeout=timeout)
    asked = {message.metadata.message_id: did for did, message in sent.items()}
    answers: dict[Did, Message | None] = dict.fromkeys(requests)
    for reply in replies:
        did = asked.get(reply.metadata.reply_to_message_id)
        if did is not None and answers[did] is None:
            answers[did] = reply
    return answers
