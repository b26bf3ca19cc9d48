"""The desk: one HTTP server for members, providers and the public, never in the way of a round."""

from __future__ import annotations

import ssl
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from aggregator.operator.config import split_address
from aggregator.operator.public import router as public_router
from aggregator.serving.limits import Limits
from aggregator.serving.server import bind, server_of
from ceramic_bridge.node.limits import Rate
from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from fastapi import APIRouter
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from aggregator.operator.config import DeskSettings
    from aggregator.operator.health import Health

_START: Final = 15.0
_STOP: Final = 15.0


def build_desk(
    *, public: Path, health: Callable[[], Health], routers: Sequence[APIRouter], max_body: int
) -> FastAPI:
    """Return the desk.

    Args:
        public: The public directory.
        health: How things stand.
        routers: What others have to say and to take in.
        max_body: Bytes of one request; more are refused, declared or not.
    """
    app = FastAPI(title="Folkmoot aggregator", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/health")
    def healthy() -> JSONResponse:
        """Say how things stand; 200 as long as this process does its work."""
        found = health()
        return JSONResponse(found.as_json(time.time()), 200 if found.ready(time.time()) else 503)

    @app.get("/health/live")
    def live() -> JSONResponse:
        """Say that this process answers."""
        return JSONResponse({"status": "live"})

    for one in routers:
        app.include_router(one)
    app.include_router(public_router(public))
    app.add_middleware(_Bounded, max_body=max_body)
    return app


class _Bounded:
    """Refuses bodies that are too long before and while they are read."""

    def __init__(self, app: ASGIApp, *, max_body: int) -> None:
        self._app, self._most = app, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._most:
            await self._refuse(scope, receive, send)
            return
        taken, answered = 0, False

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._most:
                raise _TooLong
            return message

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, bounded, noted)
        except _TooLong:
            if not answered:
                await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = {"code": "too-large", "message": f"a request has at most {self._most} bytes"}
        answer = JSONResponse({"error": error}, 413, headers={"connection": "close"})
        await answer(scope, receive, send)


class _TooLong(Exception):
    """A body went on beyond its limit."""


@contextmanager
def serving(app: FastAPI, settings: DeskSettings) -> Iterator[tuple[str, int]]:
    """Serve the desk in a thread of its own; gives the address and the port.

    Raises:
        ConfigError: The address cannot be had, or the certificate is none.
    """
    host, port = split_address(settings.bind)
    limits = Limits(
        rate=Rate(per_second=1_000, burst=10_000),
        max_body=settings.max_body,
        max_connections=settings.max_connections,
        max_per_caller=max(8, settings.max_connections // 4),
        body_seconds=120,
        answer_seconds=600,
    )
    up = threading.Event()
    server = server_of(app, limits=limits, ready=lambda *_: up.set())
    if settings.certificate:
        _require_pair(settings.certificate, settings.key)
        server.config.ssl_certfile, server.config.ssl_keyfile = settings.certificate, settings.key
    bound = bind(host, port)
    thread = threading.Thread(target=server.run, args=([bound],), name="desk", daemon=True)
    thread.start()
    try:
        if not up.wait(_START):
            raise ConfigError(f"the desk does not start at {settings.bind}")
        yield host, bound.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(timeout=_STOP)
        bound.close()


def _require_pair(certificate: str, key: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{certificate} with {key} is no certificate with its key", hint="both are PEM files, see [desk]"
        ) from error
