"""What goes over the socket between the aggregator's process and the ServerApp that relays for it.

::

    relay        {"run": id}                              once, when it has connected
    aggregator   {"op": "push", "to": node, "type": ..., "group": ..., "content": records}
    relay        {"id": text, or null if the SuperLink does not take the message}
    aggregator   {"op": "pull", "ids": [...]}
    relay        {"replies": [message, ...]}
    aggregator   {"op": "nodes"}
    relay        {"nodes": [node, ...]}
    aggregator   {"op": "done"}

Each is a length (u32, big-endian) and DAG-CBOR. Flower's 64-bit numbers are decimal text; records
and messages are Flower's protobuf.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from ceramic_bridge.dagcbor import decode, encode
from federation.errors import PeerError

if TYPE_CHECKING:
    from ceramic_bridge.dagcbor import Value

_MOST: Final = 1 << 28
_HEAD: Final = 4


class LineLost(PeerError):
    """The other side is gone, or makes no sense."""

    code = "relay-lost"


def send(line: socket.socket, value: dict[str, Value]) -> None:
    """Send one message.

    Raises:
        LineLost: The other side is gone.
    """
    body = encode(value)
    try:
        line.sendall(len(body).to_bytes(_HEAD, "big") + body)
    except OSError as error:
        raise LineLost("the line to the relay broke") from error


def receive(line: socket.socket) -> dict[str, Value]:
    """Take one message.

    Raises:
        LineLost: The other side is gone, is silent for longer than the socket's timeout, or what
            came is no message.
    """
    size = int.from_bytes(_exactly(line, _HEAD), "big")
    if size > _MOST:
        raise LineLost(f"a message of {size} bytes on the line to the relay")
    value = decode(_exactly(line, size), max_bytes=_MOST)
    if not isinstance(value, dict):
        raise LineLost("no message on the line to the relay")
    return value


def _exactly(line: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        try:
            part = line.recv(min(size - len(found), 1 << 20))
        except OSError as error:
            raise LineLost("the line to the relay broke") from error
        if not part:
            raise LineLost("the relay hung up")
        found += part
    return bytes(found)
