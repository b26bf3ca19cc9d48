"""HTTP/1.1 over asyncio, with a bound on everything a caller can make a node hold or wait for.

Memory: each of ``max_connections`` holds at most a small body or one answer that its caller has yet to
read (a page of ``MAX_PAGE_BYTES``, in base64, twice); bodies up to ``api.MAX_BODY`` are read, and
answers made, for a few callers at once while the others wait. With the defaults the process stays
below 256 MiB. Time: a head, a body and an answer each have their deadline, however slowly the caller
sends or reads; who exceeds one is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import h11

from ceramic_bridge.errors import StoreError
from ceramic_bridge.node.api import MAX_BODY, NodeApi, Policy
from ceramic_bridge.node.intake import Intake
from ceramic_bridge.node.wire import Request, Response
from ceramic_bridge.store.sql import READERS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ceramic_bridge.store.base import LocalStore

_MAX_HEAD: Final = 16_384
_CHUNK: Final = 65_536
_SMALL: Final = 65_536
_LINGER_SECONDS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server spends on its callers.

    Attributes:
        max_connections: Connections at once, from all callers.
        max_per_caller: Of these, from one address.
        max_answers: Requests worked on at once; more wait.
        max_large: Bodies above 64 KiB that are read or worked on at once; more wait.
        head_seconds: From one request to the end of the next one's head.
        body_seconds: From the end of a head to the end of its body.
        send_seconds: From an answer to the caller's having read it.
    """

    max_connections: int = 48
    max_per_caller: int = 40
    max_answers: int = 8
    max_large: int = 8
    head_seconds: float = 15
    body_seconds: float = 20
    send_seconds: float = 20


class _Gone(Exception):
    """The caller went away, or sent what is not HTTP."""


class _TooLarge(Exception):
    """A body exceeds the limit."""


@dataclass(slots=True, kw_only=True)
class _Connection:
    """One connection and what h11 knows about it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    limits: Limits
    http: h11.Connection = field(
        default_factory=lambda: h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
    )

    async def event(self) -> h11.Event:
        """Return what the caller sends next."""
        while True:
            event = self.http.next_event()
            if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                raise _Gone
            if isinstance(event, h11.Event):
                return event
            if self.http.they_are_waiting_for_100_continue:
                await self.write(h11.InformationalResponse(status_code=100, headers=[]))
            self.http.receive_data(await self.reader.read(_CHUNK))

    async def head(self) -> h11.Request:
        """Read the head of a request."""
        async with asyncio.timeout(self.limits.head_seconds):
            event = await self.event()
        if not isinstance(event, h11.Request):
            raise _Gone
        return event

    async def body(self, head: h11.Request, claim: Callable[[], Awaitable[object]]) -> bytes:
        """Read the body of a request, up to the limit.

        Args:
            head: The request.
            claim: Waits for the room that a large body takes.
        """
        declared = dict(head.headers).get(b"content-length", b"0")
        if int(declared) > MAX_BODY:
            raise _TooLarge
        body = bytearray()
        async with asyncio.timeout(self.limits.body_seconds):
            while isinstance(event := await self.event(), h11.Data):
                if len(body) <= _SMALL < len(body) + len(event.data):
                    await claim()
                body += event.data
                if len(body) > MAX_BODY:
                    raise _TooLarge
        return bytes(body)

    async def write(self, *events: h11.Event) -> None:
        """Send, and wait until the caller has taken it."""
        for event in events:
            self.writer.write(self.http.send(event) or b"")
        async with asyncio.timeout(self.limits.send_seconds):
            await self.writer.drain()

    async def respond(self, response: Response, *, last: bool = False) -> None:
        """Send an answer."""
        headers = [
            ("content-type", response.content_type),
            ("content-length", str(len(response.body))),
            ("x-content-type-options", "nosniff"),
            *response.headers,
        ]
        if last:
            headers.append(("connection", "close"))
        if response.status == 204:
            headers = headers[2:]
        await self.write(
            h11.Response(status_code=response.status, headers=headers),
            h11.Data(data=response.body),
            h11.EndOfMessage(),
        )
        if last:
            await self.linger()

    async def linger(self) -> None:
        """Let the caller read the answer: closing on what it still sends would take it back."""
        self.writer.write_eof()
        left = 2 * MAX_BODY
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while left > 0 and (data := await self.reader.read(_CHUNK)):
                    left -= len(data)


class NodeServer:
    """A node that serves a store over HTTP."""

    def __init__(
        self,
        store: LocalStore,
        *,
        now: Callable[[], int],
        policy: Policy | None = None,
        limits: Limits | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Set up a node.

        Args:
            store: What is served.
            now: Milliseconds since 1970.
            policy: What callers may do.
            limits: What is spent on them.
            report: Told of what goes wrong here, for the operator; never of what callers do wrong.
        """
        self._store = store
        self._now = now
        self._policy = policy or Policy()
        self._limits = limits or Limits()
        self._report = report
        self._callers: Counter[str] = Counter()

    async def serve(
        self, host: str, port: int, *, ready: Callable[[str, int], None], stop: asyncio.Event
    ) -> None:
        """Serve until told to stop; then store what was taken in.

        Args:
            host: Address to listen on.
            port: TCP port; any free one if 0.
            ready: Told the address and the port once callers are welcome.
            stop: Set to end.

        Raises:
            StoreError: The port cannot be had.
        """
        intake = Intake(self._store, self._now)
        tasks: set[asyncio.Task[None]] = set()
        with ThreadPoolExecutor(READERS, thread_name_prefix="reader") as readers:
            loop = asyncio.get_running_loop()
            self._api = NodeApi(
                self._store, intake, readers, policy=self._policy, clock=loop.time, now=self._now
            )
            self._answers = asyncio.Semaphore(self._limits.max_answers)
            self._large = asyncio.Semaphore(self._limits.max_large)

            def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = loop.create_task(self._connected(reader, writer))
                tasks.add(task)
                task.add_done_callback(tasks.discard)

            try:
                server = await asyncio.start_server(connected, host, port, limit=_CHUNK, backlog=128)
            except OSError as error:
                intake.close()
                raise StoreError(f"{host}:{port} cannot be listened on: {error.strerror}") from error
            try:
                name = server.sockets[0].getsockname()
                ready(name[0], name[1])
                await stop.wait()
            finally:
                server.close()
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                intake.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        caller = str(peer[0]) if peer else ""
        connection = _Connection(reader=reader, writer=writer, limits=self._limits)
        self._callers[caller] += 1
        try:
            full = self._callers.total() > self._limits.max_connections
            if full or self._callers[caller] > self._limits.max_per_caller:
                await connection.respond(Response.problem(503, "too many connections"), last=True)
                return
            while await self._exchange(connection, caller):
                pass
        except (_Gone, TimeoutError, OSError, h11.LocalProtocolError):
            pass
        finally:
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]
            # What the caller has not read by now it never will.
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _exchange(self, connection: _Connection, caller: str) -> bool:
        """Read one request and answer it; tell whether the connection can go on."""
        try:
            head = await connection.head()
            request = Request(
                caller=caller,
                method=head.method.decode("ascii"),
                target=head.target.decode("ascii"),
                headers={name.decode(): value.decode("latin-1") for name, value in head.headers},
            )
            response = self._api.refuse_early(request)
            if response is not None:
                await connection.respond(response, last=True)
                return False
            async with contextlib.AsyncExitStack() as room:
                body = await connection.body(head, lambda: room.enter_async_context(self._large))
                async with self._answers:
                    response = await self._answer(request, body)
                del body
        except h11.RemoteProtocolError as error:
            await connection.respond(Response.problem(error.error_status_hint, "this is not HTTP"), last=True)
            return False
        except _TooLarge:
            await connection.respond(Response.problem(413, f"a body has at most {MAX_BODY} bytes"), last=True)
            return False
        # Outside: a slow reader holds its own connection only.
        await connection.respond(response)
        if connection.http.our_state is not h11.DONE or connection.http.their_state is not h11.DONE:
            return False
        connection.http.start_next_cycle()
        return True

    async def _answer(self, request: Request, body: bytes) -> Response:
        try:
            return await self._api.answer(request.with_body(body))
        except Exception as error:  # noqa: BLE001 -- one caller's request must not end the node
            self._report(f"bug: {type(error).__name__}: {error}")
            return Response.problem(500, "this node has a bug")
