"""What the outside sees of a SuperLink: the calls of registered nodes, and nothing else.

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
"""Bytes in the request of somebody who may be a stranger: a key and two numbers."""


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
        headers = _headers(scope)
        path, status = scope["path"], 0
        if path != ACTIVATE and path not in OPEN:
            status = 404
        elif scope["method"] != "POST":
            status = 405
        else:
            status = await self._status(headers, known=path != ACTIVATE)
        if status:
            await _refuse(send, status)
        else:
            await self._app(scope, receive, send)

    async def _status(self, headers: Mapping[str, str], *, known: bool) -> int:
        length = headers.get("content-length", "")
        # With both, which of them counts would be a matter of opinion.
        if "transfer-encoding" in headers or not (length.isascii() and length.isdigit()):
            return 411
        if int(length[:20]) > (MOST_BYTES if known else MOST_UNKNOWN):
            return 413
        if known and not await asyncio.to_thread(self._admits, headers):
            return 401
        return 0


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
