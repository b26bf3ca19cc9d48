"""Who on this machine may use a SuperLink's control API: the aggregator's own user, and root.

Whoever may start a run has Flower execute a program of its choice as the aggregator's user, who has
the aggregator's keys. Flower asks nobody who it is, and loopback is open to every user; but the
kernel knows whose connection it is.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from federation._flwr_compat import Asgi, Scope

_TABLE: Final = Path("/proc/net/tcp")
_LOOPBACK: Final = "0100007F"
_ESTABLISHED: Final = "01"


class OwnDoor:
    """An ASGI application that lets the processes of one user through to another one."""

    def __init__(self, app: Asgi, *, user_of: Callable[[int, int], int | None]) -> None:
        """Stand in front of an application that listens on loopback.

        Args:
            app: Flower's.
            user_of: Tells whose a connection is, by the caller's port and the own one; may block.
        """
        self._app, self._user_of = app, user_of
        self._users = {0, os.getuid()}

    async def __call__(
        self,
        scope: Scope,
        receive: Callable[[], Awaitable[Scope]],
        send: Callable[[Scope], Awaitable[None]],
    ) -> None:
        """Pass a request on, or refuse it before anything of it is read."""
        if scope["type"] == "http" and not await self._may(scope):
            headers = [(b"content-length", b"0"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        await self._app(scope, receive, send)

    async def _may(self, scope: Scope) -> bool:
        match scope:
            case {"client": (str(), int() as theirs), "server": (str(), int() as ours)}:
                return await asyncio.to_thread(self._user_of, theirs, ours) in self._users
        return False


def user_of(theirs: int, ours: int, *, table: Path = _TABLE) -> int | None:
    """Return whose the other end of a connection over 127.0.0.1 is.

    Where there is no such table, that is not on Linux, every connection counts as this user's own.

    Args:
        theirs: Port of the other end.
        ours: Port of this one.
        table: The kernel's connections (proc(5)).

    Returns:
        The user's number; None if there is no such connection.
    """
    if sys.platform != "linux":
        return os.getuid()
    ends = [f"{_LOOPBACK}:{theirs:04X}", f"{_LOOPBACK}:{ours:04X}", _ESTABLISHED]
    with table.open() as lines:
        for line in lines:
            words = line.split()
            if words[1:4] == ends:
                return int(words[7])
    return None
