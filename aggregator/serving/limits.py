"""What a server spends on its callers: connections, time, bytes, answers a second.

uvicorn 0.49 bounds none of the first three by itself (read in its source, and tried): a connection
that never ends its first head, or trickles its body, or never reads its answer is kept for ever;
with httptools a head may be of any size; ``limit_concurrency`` then turns honest callers away. So
its protocol is given deadlines and bounds here.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ceramic_bridge.node.limits import Rate

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

_MAX_HEAD: Final = 16_384
_MAX_HEADERS: Final = 64
_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 5\r\nconnection: close\r\n\r\n"
)


DEFAULT_RATE: Final = Rate(per_second=100, burst=1536)
"""A signed batch of 256 is a burst of 1,280."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is spent.

    Attributes:
        rate: Examples that one caller may have answered; a signed one counts five times.
        max_body: Bytes in a body.
        max_batch: Examples in a batch.
        max_connections: Connections at once, from all callers.
        max_per_caller: Of these, from one caller.
        max_large: Bodies above 64 KiB that are read or worked on at once, half of them of one caller;
            more wait.
        head_seconds: From a connection's beginning, or the last answer, to the end of the next head.
        body_seconds: From the end of a head to the end of its body.
        answer_seconds: From the end of a body to the answer's having been taken.
        proxies: Addresses of reverse proxies, who say for whom they call.
    """

    rate: Rate = DEFAULT_RATE
    max_body: int = 1 << 20
    max_batch: int = 256
    max_connections: int = 512
    max_per_caller: int = 64
    max_large: int = 8
    head_seconds: float = 15
    body_seconds: float = 15
    answer_seconds: float = 30
    proxies: frozenset[str] = frozenset()


def caller_of(scope: Mapping[str, object], proxies: frozenset[str]) -> str:
    """Return who calls, for counting: an IPv4 address, or the /64 network of an IPv6 address.

    Args:
        scope: The request, as ASGI has it.
        proxies: Whose word about the caller counts: the last entry of ``X-Forwarded-For``.
    """
    client = scope.get("client")
    host = str(client[0]) if isinstance(client, tuple) else ""
    if host in proxies:
        headers = scope.get("headers")
        assert isinstance(headers, list)
        for name, value in reversed(headers):
            if name == b"x-forwarded-for":
                host = bytes(value).rpartition(b",")[2].strip().decode("latin-1")
                break
    return _network(host) if ":" in host else host[:64]


def _network(host: str) -> str:
    """A whole /64 belongs to one customer, who must not count as 2^64."""
    try:
        return str(ipaddress.IPv6Network((host.partition("%")[0], 64), strict=False).network_address)
    except ValueError:
        return host[:64]


class _TooLarge(Exception):
    """A head is out of bounds; the parser turns it into an error of its own."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a bound on everything a caller can make it hold or wait for."""

    limits: ClassVar[Limits]
    callers: ClassVar[Counter[str]]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection, or turn it away."""
        super().connection_made(transport)
        self._head, self._fields, self._in_head, self._turned_away = 0, 0, True, False
        host = str(self.client[0]) if self.client else ""
        self._caller = caller_of({"client": (host,)}, frozenset())
        self.callers[self._caller] += 1
        crowd = self.callers[self._caller] > self.limits.max_per_caller and host not in self.limits.proxies
        if crowd or len(self.connections) > self.limits.max_connections:
            self._turned_away = True
            transport.write(_BUSY)
            transport.close()
        self._grant(self.limits.head_seconds)
        self._timer = self.loop.call_later(self.limits.head_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._timer.cancel()
        self.callers[self._caller] -= 1
        if not self.callers[self._caller]:
            del self.callers[self._caller]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that does not end within its bound is refused."""
        if self._turned_away:
            return
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > _MAX_HEAD and not self.transport.is_closing():
                self.send_400_response("The head of the request is too long.")

    def on_message_begin(self) -> None:
        """Begin a head."""
        super().on_message_begin()
        self._head, self._fields, self._in_head = 0, 0, True

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer."""
        self._count(len(name) + len(value))
        if len(self.headers) >= _MAX_HEADERS:
            raise _TooLarge
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """End a head; the body has its own time."""
        self._in_head = False
        self._grant(self.limits.body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a body; the answer has its own time."""
        if not self.cycle.response_complete:
            self._grant(self.limits.answer_seconds)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """End an answer; the next request has its own time, in which the answer must be read too."""
        self._grant(self.limits.head_seconds)
        super().on_response_complete()

    def _count(self, size: int) -> None:
        """Count what the parser has handed over of a head; what it still holds, ``data_received`` counts."""
        self._fields += size
        if self._fields > _MAX_HEAD:
            raise _TooLarge

    def _grant(self, seconds: float) -> None:
        self._until = self.loop.time() + seconds

    def _look(self) -> None:
        left = self._until - self.loop.time()
        if left > 0:
            # One timer a connection, not one a request.
            self._timer = self.loop.call_later(left, self._look)
        else:
            # Not close(), which waits for a caller that never reads.
            self.transport.abort()


def bounded(bounds: Limits) -> type[HttpToolsProtocol]:
    """Return a protocol for one server, with these bounds and its own count of callers."""

    class Bounded(BoundedProtocol):
        limits = bounds
        callers: ClassVar[Counter[str]] = Counter()

    return Bounded
