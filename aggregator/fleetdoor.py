"""What the outside sees of a SuperLink: the calls of nodes, and nothing else.

Flower 1.41 has one application on one port: members' nodes call ``/v1/fleet``, but ``/v1/control``,
where anybody may start a run and so execute code on every node, and ``/v1/runtime``, where anybody
may take a run's place, answer there as well. So the application listens on loopback, and this door
in front of it listens to the world (``aggregator.superlink_process``).
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from federation._flwr_compat import Asgi, Scope

ACTIVATE: Final = "/v1/fleet/activate-node"

OPEN: Final = frozenset(
    f"/v1/fleet/{call}"
    for call in (
        "deactivate-node",
        "send-node-heartbeat",
        "pull-messages",
        "push-messages",
        "get-run",
        "get-fab",
        "push-object",
        "pull-object",
        "confirm-message-received",
    )
)
"""For nodes that are registered. A node that says who it is comes by ``ACTIVATE``; to register
itself, it would have to be let in without a key."""

MOST_BYTES: Final = 256 << 20
"""Bytes in a registered node's request. Flower cuts arrays into objects of 5 MiB; the rest comes whole."""

MOST_UNKNOWN: Final = 16 << 10
"""Bytes in the request of somebody who may be a stranger: a key and some numbers. Flower reads it, and
says who may go on. To ask so twice for every poll of every node would double the cost of polling."""


class FleetDoor:
    """An ASGI application that lets nodes through to another one."""

    def __init__(self, app: Asgi, *, admits: Callable[[Mapping[str, str]], bool]) -> None:
        """Stand in front of an application.

        Args:
            app: Flower's.
            admits: Tells by a request's headers whether a registered node sends it; may block.
        """
        self._app, self._admits = app, admits

    async def __call__(
        self,
        scope: Scope,
        receive: Callable[[], Awaitable[Scope]],
        send: Callable[[Scope], Awaitable[None]],
    ) -> None:
        """Answer a request, or pass it on; nothing is read of one that is refused."""
        if scope["type"] != "http":
            return  # the server closes what nobody accepts
        status = await self._status(scope)
        if status:
            await _refuse(send, status)
        else:
            await self._app(scope, receive, send)

    async def _status(self, scope: Scope) -> int:
        """Return the status of a refusal; 0 lets the request through."""
        path, headers = scope["path"], _headers(scope)
        if path != ACTIVATE and path not in OPEN:
            return 404
        if scope["method"] != "POST":
            return 405
        length = headers.get("content-length", "")
        # With both, which of them counts would be a matter of opinion.
        if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
            return 411
        size = int(length) if len(length) < 20 else MOST_BYTES + 1
        if size <= MOST_UNKNOWN:
            return 0
        if size > MOST_BYTES or path == ACTIVATE:
            return 413
        return 0 if await asyncio.to_thread(self._admits, headers) else 401


_DETAILS: Final = {
    401: "Invalid SuperNode authentication",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
}


async def _refuse(send: Callable[[Scope], Awaitable[None]], status: int) -> None:
    body = json.dumps({"detail": _DETAILS[status]}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    # What the sender still sends is not read.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers by lower-case name; of a repeated one, the last, as nothing here repeats."""
    found = scope["headers"]
    assert isinstance(found, (list, tuple))
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in found}
