"""Flower's SuperLink with two listeners: everything on loopback for one user, nodes' calls for the world.

``python -m aggregator.superlink_process TOLD``, started by ``aggregator.superlink`` alone. It ends
when its standard input closes: a SuperLink without its aggregator serves nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aggregator.fleetdoor import FleetDoor
from aggregator.owndoor import OwnDoor, user_of
from aggregator.serving.limits import Limits, bounded
from federation._flwr_compat import is_registered_node, run_superlink

if TYPE_CHECKING:
    from federation._flwr_compat import Asgi

LOOPBACK: Final = "127.0.0.1"
BACKLOG: Final = 2048

LIMITS: Final = Limits(
    max_connections=16_384,
    max_per_caller=2_048,
    head_seconds=15,
    body_seconds=600,
    answer_seconds=600,
)
"""What callers may hold of the door. A laboratory's nodes share an address; slow lines take their time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the process is told; no secret is in it, since others see its arguments.

    Attributes:
        host: Where nodes call: an address of this machine.
        port: Where nodes call.
        certificate: PEM, with what leads to the authority.
        key: PEM.
        inner: Port of everything, on loopback.
        inner_certificate: PEM, for loopback.
        inner_key: PEM.
        authority: PEM, of ``inner_certificate``.
        database: Where the SuperLink keeps nodes and messages.
    """

    host: str
    port: int
    certificate: str
    key: str
    inner: int
    inner_certificate: str
    inner_key: str
    authority: str
    database: str

    def to_json(self) -> str:
        """Return what ``parse`` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Told:
        """Read what ``to_json`` wrote."""
        return cls(**json.loads(text))

    def words(self) -> list[str]:
        """Return the arguments of ``flower-superlink``."""
        words = ["--host", LOOPBACK, "--port", str(self.inner), "--database", self.database]
        words += ["--ssl-ca-certfile", self.authority, "--ssl-certfile", self.inner_certificate]
        words += ["--ssl-keyfile", self.inner_key, "--enable-supernode-auth"]
        return [*words, "--disable-runtime-dependency-installation"]


def main() -> None:
    """Run until told to end, or the supervisor ends."""
    told = Told.parse(sys.argv[1])
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    # The one before may still be ending.
    with _alone(Path(told.database + ".lock")):
        # A port that is taken is found before anything starts.
        family = socket.AF_INET6 if ":" in told.host else socket.AF_INET
        door = socket.create_server((told.host, told.port), family=family, backlog=BACKLOG)
        run_superlink(told.words(), partial(serve, told, door))


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def serve(told: Told, door: socket.socket, app: Asgi) -> None:
    """Serve the application on loopback, and its nodes' part at the door.

    Args:
        told: Ports and certificates.
        door: A socket that listens to the world.
        app: Flower's application.
    """
    asyncio.run(_serve(told, door, app))


async def _serve(told: Told, door: socket.socket, app: Asgi) -> None:
    import uvicorn

    inside = uvicorn.Config(
        OwnDoor(app, user_of=user_of),
        host=LOOPBACK,
        port=told.inner,
        ssl_certfile=told.inner_certificate,
        ssl_keyfile=told.inner_key,
        access_log=False,
    )
    # The application starts and ends once; what a proxy would say about callers is nobody's word here.
    outside = uvicorn.Config(
        FleetDoor(app, admits=partial(is_registered_node, app)),
        ssl_certfile=told.certificate,
        ssl_keyfile=told.key,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        http=bounded(LIMITS),
        proxy_headers=False,
    )
    inner, outer = uvicorn.Server(inside), uvicorn.Server(outside)
    # The inner one hears signals for both.
    outer.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]  # an instance's own
    serving = asyncio.create_task(inner.serve())
    while not inner.started and not serving.done():
        await asyncio.sleep(0.02)
    if inner.started:
        opened = asyncio.create_task(outer.serve(sockets=[door]))
        await asyncio.wait((serving, opened), return_when=asyncio.FIRST_COMPLETED)
        inner.should_exit = outer.should_exit = True
        await opened
    await serving


def _end_with_supervisor() -> None:
    # The other end of standard input closes when the supervisor ends, however it ends.
    while os.read(0, 1 << 12):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
