"""Run the HTTP interface until the process is asked to end, and follow the chain meanwhile."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import uvicorn

from aggregator.serving.limits import Limits, bounded
from aggregator.serving.serving import Current, Served
from federation.errors import ConfigError, FolkmootError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

    from aggregator.serving.release import Releases
    from aggregator.serving.signed import AnswerSigner

_GRACE: Final = 5


class Follower:
    """Puts each new release in the place of the one before."""

    def __init__(
        self,
        releases: Releases,
        current: Current,
        *,
        signer: AnswerSigner | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Set up; nothing is read yet.

        Args:
            releases: Where releases are found.
            current: Where they go.
            signer: Signs answers.
            report: Told of each new release, and of what goes wrong.
        """
        self._releases, self._current = releases, current
        self._signer, self._report = signer, report
        self._at: tuple[int, int] | None = None
        self._hash: bytes | None = None

    def look(self) -> None:
        """Look once, and swap the model if another one stands now.

        Raises:
            FolkmootError: The chain or the files cannot be read, or do not agree.
        """
        at = self._releases.newest()
        if at is not None and at != self._at:
            release = self._releases.load(*at)
            self._current.served = Served(release, self._signer)
            self._at = at
            self._report(f"serving {release.last.model_hash.hex()}: epoch {at[0]}, round {at[1]}")
        self._current.looked, self._current.trouble = time.monotonic(), None

    def follow(self, every: float, stop: threading.Event) -> None:
        """Look again and again; trouble is reported once, and the model of before goes on answering.

        Args:
            every: Seconds between two looks.
            stop: Set to end.
        """
        while not stop.wait(every):
            try:
                self.look()
            except FolkmootError as error:
                if error.message != self._current.trouble:
                    self._report(f"still serving the model of before: {error.message}")
                self._current.trouble = error.message


class Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready and ends without an exception when asked to."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[str, int], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say where."""
        await super().startup(sockets)
        if self.started:
            name = self.servers[0].sockets[0].getsockname()
            self._ready(name[0], name[1])

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGINT and SIGTERM; uvicorn would raise them again once it has ended."""
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def server_of(
    app: FastAPI,
    *,
    limits: Limits,
    ready: Callable[[str, int], None] = lambda *_: None,
) -> Server:
    """Return a server with bounds on what callers can hold.

    Args:
        app: What it serves.
        limits: The bounds.
        ready: Told the address and the port once callers are welcome.
    """
    config = uvicorn.Config(
        app,
        http=bounded(limits),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=128,
        timeout_keep_alive=max(1, round(limits.head_seconds)),
        timeout_graceful_shutdown=_GRACE,
    )
    return Server(config, ready)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket for ``Server.run``, which itself would end the process if it cannot have the port.

    Args:
        host: Address to listen on.
        port: TCP port; any free one if 0.

    Raises:
        ConfigError: The port cannot be had.
    """
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConfigError(
            f"{host}:{port} cannot be listened on: {(error.strerror or str(error)).lower()}"
        ) from error
    return bound
