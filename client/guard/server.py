"""The guard's sockets: many callers, one worker that alone touches the vault.

Whoever calls may be hostile. A caller is let in by its user id, is read against a bound and a
deadline, and learns nothing from a refusal. One request of a federation works at a time, so one
federation's app cannot crowd out another's. Replays are harmless: the ledger gives back what it
stored.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from client.guard.protocol import HEAD, REFUSAL, length, most_bytes, parse_request, reply_bytes
from federation.errors import ConfigError, FolkmootError, PeerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from client.app import Answers

_MOST_CALLERS: Final = 16
"""At one federation's socket at once; one more is hung up on."""

_SECONDS: Final = 30.0
"""For a caller to send a message, and to take the answer."""

_PATH_BYTES: Final = 107
"""Of a Unix socket's path, after which Linux cuts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One federation that the guard answers for.

    Attributes:
        name: Its name.
        socket: Where its app calls.
        dim: Dimension of its model.
        answers: Called in the worker's thread alone.
        secure: Whether it aggregates securely: its messages are longer.
    """

    name: str
    socket: Path
    dim: int
    answers: Answers
    secure: bool = False


class GuardServer:
    """Serves posts until it is told to stop."""

    def __init__(
        self,
        open_posts: Callable[[], Mapping[str, Post]],
        *,
        users: frozenset[int],
        report: Callable[[str], None],
        close: Callable[[], None] = lambda: None,
        seconds: float = _SECONDS,
    ) -> None:
        """Make a server.

        Args:
            open_posts: Opens the vault and returns the posts by name; called in the worker's
                thread, to which everything about the vault belongs.
            users: User ids whose processes may call.
            report: Told why a request was refused; the text is for the member's own log.
            close: Called last, in the worker's thread, whether or not ``open_posts`` succeeded.
            seconds: For a caller to send a message, and to take the answer.
        """
        self._close = close
        self._open_posts, self._users, self._report, self._seconds = open_posts, users, report, seconds
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="guard")
        self._callers: dict[str, int] = {}

    async def serve(self, *, ready: Callable[[Mapping[str, Post]], None], stop: asyncio.Event) -> None:
        """Open the posts and answer until ``stop`` is set; a request that works then is finished.

        Raises:
            ConfigError: A socket cannot be made.
            FolkmootError: Whatever ``open_posts`` raises.
        """
        loop = asyncio.get_running_loop()
        try:
            posts = await loop.run_in_executor(self._worker, self._open_posts)
            async with AsyncExitStack() as stack:
                for post in posts.values():
                    server = await self._listen(post)
                    stack.callback(post.socket.unlink, missing_ok=True)
                    stack.callback(server.close)
                ready(posts)
                await stop.wait()
        finally:
            # This waits for the request that works; nobody is left to take its answer, and its
            # delta is in the ledger.
            await loop.run_in_executor(self._worker, self._close)
            await loop.run_in_executor(None, self._worker.shutdown)

    async def _listen(self, post: Post) -> asyncio.Server:
        if len(str(post.socket).encode()) > _PATH_BYTES:
            raise ConfigError(f"{post.socket} is too long for a socket", hint="choose a shorter folder")
        one_at_a_time = asyncio.Lock()
        self._callers[post.name] = 0

        async def call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self._callers[post.name] < _MOST_CALLERS and self._may_call(writer):
                self._callers[post.name] += 1
                try:
                    with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                        await self._talk(post, reader, writer, one_at_a_time)
                finally:
                    self._callers[post.name] -= 1
            writer.transport.abort()

        try:
            # One left by a guard that was killed; a living one holds the vault's lock.
            post.socket.unlink(missing_ok=True)
            server = await asyncio.start_unix_server(call, path=post.socket, limit=1 << 16)
            # Others than the owner are told apart by their user id, which they cannot choose.
            post.socket.chmod(0o600 if len(self._users) == 1 else 0o666)
        except OSError as error:
            raise ConfigError(
                f"{post.socket} cannot be listened on: {(error.strerror or str(error)).lower()}"
            ) from error
        return server

    async def _talk(
        self,
        post: Post,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        one_at_a_time: asyncio.Lock,
    ) -> None:
        while True:
            async with asyncio.timeout(self._seconds):
                head = await reader.readexactly(HEAD)
                try:
                    size = length(head, most=most_bytes(post.dim, secure=post.secure))
                except PeerError as error:
                    self._report(f"{post.name}: refused: {error.message}")
                    return
                body = await reader.readexactly(size)
            async with one_at_a_time:
                loop = asyncio.get_running_loop()
                reply = await loop.run_in_executor(self._worker, self._answer, post, body)
            async with asyncio.timeout(self._seconds):
                writer.write(reply)
                await writer.drain()

    def _answer(self, post: Post, body: bytes) -> bytes:
        try:
            duty, records = parse_request(body)
            return reply_bytes(post.answers[duty](records))
        except FolkmootError as error:
            self._report(f"{post.name}: refused: {error.message}")
        except Exception as error:  # noqa: BLE001 -- a hostile request must not end the guard
            # Its words may quote a row.
            self._report(f"{post.name}: refused: {type(error).__name__}")
        return REFUSAL

    def _may_call(self, writer: asyncio.StreamWriter) -> bool:
        line = writer.get_extra_info("socket")
        pid, user, _group = struct.unpack(
            "3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        )
        if user not in self._users:
            self._report(f"process {pid} of user {user} was not let in")
        return user in self._users
