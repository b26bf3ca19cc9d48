"""One request to each of some members, and whatever comes back before the deadline, as it comes."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from flwr.app import Message

from federation.grid import RunGrid
from federation.types import Did

if TYPE_CHECKING:
    from flwr.app import RecordDict
    from flwr.serverapp import Grid

POLL: Final = 1.0
"""Seconds between two looks for replies on a grid of Flower's own."""


def replies(
    grid: Grid,
    nodes: Mapping[Did, int],
    requests: Mapping[Did, RecordDict],
    *,
    message_type: str,
    group: str,
    timeout: float,
) -> Iterator[tuple[Did, Message]]:
    """Send requests and yield the first reply to each as it comes, possibly an error.

    Replies are mapped by the request they answer: an error reply names the server as its sender,
    not the dead node. Late replies to earlier rounds and second replies are ignored. A member that
    does not answer in time is not yielded; one without a node is not asked.

    Args:
        grid: Any Flower grid.
        nodes: Node of each member.
        requests: Content for each member.
        message_type: Flower message type.
        group: Flower message group, e.g. the round.
        timeout: Seconds.
    """
    known = {did: nodes.get(did) for did in requests}
    sent = {
        did: Message(requests[did], node, message_type, group_id=group)
        for did, node in known.items()
        if node is not None
    }
    asked = {id(message): did for did, message in sent.items()}
    messages = list(sent.values())
    if isinstance(grid, RunGrid):
        for request, reply in grid.stream(messages, timeout=timeout):
            yield asked[id(request)], reply
        return
    pushed = set(grid.push_messages(messages))
    waiting = {m.metadata.message_id: m for m in messages if m.metadata.message_id in pushed}
    deadline = time.monotonic() + timeout
    while waiting and time.monotonic() < deadline:
        for reply in grid.pull_messages(list(waiting)):
            request = waiting.pop(reply.metadata.reply_to_message_id, None)
            if request is not None:
                yield asked[id(request)], reply
        if waiting:
            time.sleep(min(POLL, max(0.0, deadline - time.monotonic())))
