"""The app's side of the guard's socket: forward what comes, hand back what the guard gives.

Runs in a process that may be hostile; nothing here is secret and nothing here is trusted.
"""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from client.app import Answers, app_of
from client.guard import NODE_CONFIG
from client.guard.protocol import DUTIES, HEAD, length, parse_reply, request_bytes
from federation.errors import PeerError

if TYPE_CHECKING:
    from flwr.app import Context, RecordDict
    from flwr.clientapp import ClientApp

_PATIENCE: Final = 3600.0
"""Seconds for one answer: a large model trains for a while."""

_MOST: Final = 1 << 28


def ask(path: Path, duty: str, records: RecordDict, *, patience: float = _PATIENCE) -> RecordDict:
    """Put one request to a guard.

    Args:
        path: Its socket for the federation.
        duty: One of ``protocol.DUTIES``.
        records: What the message holds.
        patience: Seconds to wait for the answer.

    Raises:
        PeerError: No guard answers there, or it refuses.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(patience)
            line.connect(str(path))
            line.sendall(request_bytes(duty, records))
            size = length(_exactly(line, HEAD), most=_MOST)
            return parse_reply(_exactly(line, size))
    except OSError as error:
        raise PeerError(
            f"no guard answers at {path}: {(error.strerror or str(error)).lower()}",
            hint="start it with: folkmoot client guard",
        ) from error


def guarded(path: Path) -> Answers:
    """Return the answers that a guard gives at a socket."""
    return {duty: partial(ask, path, duty) for duty in DUTIES}


def guarded_app() -> ClientApp:
    """Return the ClientApp that asks the guard which the node's configuration names."""
    return app_of(lambda context: guarded(_socket_of(context)))


def _socket_of(context: Context) -> Path:
    named = context.node_config.get(NODE_CONFIG)
    if not isinstance(named, str):
        raise PeerError(
            "the node's configuration names no guard", hint=f"start it with --node-config '{NODE_CONFIG}=...'"
        )
    return Path(named)


def _exactly(line: socket.socket, size: int) -> bytes:
    parts, missing = [], size
    while missing:
        part = line.recv(min(missing, 1 << 20))
        if not part:
            raise ConnectionResetError("the guard hung up")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
