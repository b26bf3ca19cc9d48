"""What goes over the guard's socket: one request, one reply, each a length, a byte and Flower records.

::

    request   u32 length | u8 duty (its place in DUTIES, from 1) | records as Flower's protobuf
    reply     u32 length | u8 0                                 | records
              u32 length | u8 1                                 refused, and nothing more

The length (big-endian) counts what follows it. A refusal has no words: why the guard refuses
stands in its own log alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from federation._flwr_compat import decode_records, encode_records
from federation.errors import PeerError
from federation.messages import ACKNOWLEDGE, COMMIT, REVEAL, SECURE

if TYPE_CHECKING:
    from flwr.app import RecordDict

DUTIES: Final = (COMMIT, REVEAL, ACKNOWLEDGE, SECURE)

_OK, _REFUSED = b"\x00", b"\x01"
HEAD: Final = 4
REFUSAL: Final = (1).to_bytes(HEAD, "big") + _REFUSED

_ROOM: Final = 64 * 1024
"""For all that a message holds beside one vector."""


_SECURE_ROOM: Final = 64 * 1024 * 1024
"""For the lists of a secure round, and the validation examples that its gradient follows from."""

_MODELS: Final = 8
"""Models and sums in one message of a secure round, at most."""


def most_bytes(dim: int, *, secure: bool = False) -> int:
    """Return how long a message about a model can be at most, its head not counted.

    Args:
        dim: The model's dimension.
        secure: Whether its federation aggregates securely.
    """
    return _SECURE_ROOM + _MODELS * 8 * dim if secure else _ROOM + 8 * dim


def request_bytes(duty: str, records: RecordDict) -> bytes:
    """Return a request as it is sent."""
    return _framed(bytes([DUTIES.index(duty) + 1]), encode_records(records))


def reply_bytes(records: RecordDict) -> bytes:
    """Return a reply as it is sent."""
    return _framed(_OK, encode_records(records))


def parse_request(body: bytes) -> tuple[str, RecordDict]:
    """Read a request, without its length.

    Raises:
        PeerError: It is none.
    """
    if not body or not 1 <= body[0] <= len(DUTIES):
        raise PeerError("not a request to the guard")
    return DUTIES[body[0] - 1], decode_records(body[1:])


def parse_reply(body: bytes) -> RecordDict:
    """Read a reply, without its length.

    Raises:
        PeerError: The guard refuses, or what answers is no guard.
    """
    if body == _REFUSED:
        raise PeerError("the guard refuses", hint="its own log says why")
    if body[:1] != _OK:
        raise PeerError("what answers is no guard")
    return decode_records(body[1:])


def length(head: bytes, *, most: int) -> int:
    """Read the length of what follows.

    Raises:
        PeerError: It is empty, or longer than ``most``.
    """
    size = int.from_bytes(head, "big")
    if not 1 <= size <= most:
        raise PeerError(f"a message of {size} bytes, where 1 to {most} are allowed")
    return size


def _framed(kind: bytes, records: bytes) -> bytes:
    return (1 + len(records)).to_bytes(HEAD, "big") + kind + records
