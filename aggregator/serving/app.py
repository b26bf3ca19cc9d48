"""The HTTP interface: what is asked often goes a short way, everything else is plain FastAPI.

``POST /v1/predict`` and ``/v1/predict/batch`` are ASGI functions of their own under FastAPI's router:
its parsing of requests and its response models take ten times as long as the linear model. Their
schemas are added to ``/openapi.json`` by hand; a test holds each answer against them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route

from aggregator.serving.limits import Limits, caller_of
from aggregator.serving.openapi import described
from aggregator.serving.questions import Refusal
from ceramic_bridge.node.limits import RateLimiter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.types import Message, Receive, Scope, Send

    from aggregator.serving.questions import Question
    from aggregator.serving.serving import Current, Served
    from aggregator.serving.signed import AnswerSigner

_SMALL: Final = 1 << 16
_SIGNATURE: Final = 4
"""A signature counts as so many examples."""

_JSON: Final = (b"content-type", b"application/json")
_WORKERS: Final = 2


class _Gone(Exception):
    """The caller went away."""


class Desk:
    """What all requests share.

    Attributes:
        current: The model that answers.
        limits: What is spent on callers.
        report: Told of bugs, for the operator; never what was asked.
    """

    def __init__(self, current: Current, limits: Limits, report: Callable[[str], None]) -> None:
        self.current, self.limits, self.report = current, limits, report
        self.rates = RateLimiter(limits.rate, time.monotonic)
        self._large = asyncio.Semaphore(limits.max_large)
        self._large_of: Counter[str] = Counter()
        self.workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="answers")

    def served(self) -> Served:
        """Return the model that answers.

        Raises:
            Refusal: There is none yet.
        """
        if self.current.served is None:
            raise Refusal(503, "no-model", "no round has released a model yet")
        return self.current.served

    def charge(self, caller: str, units: int) -> None:
        """Take examples from a caller's allowance.

        Raises:
            Refusal: It has none left.
        """
        if units and not self.rates.allow(caller, units):
            raise Refusal(429, "rate", "too many examples from one caller: wait, and ask for fewer at once")

    @asynccontextmanager
    async def room(self, caller: str) -> AsyncIterator[None]:
        """Wait for the room that a large body takes; one caller has half of it at most.

        Raises:
            Refusal: It has that already: slow bodies of one caller must not keep others out.
        """
        if self._large_of[caller] >= max(1, self.limits.max_large // 2):
            raise Refusal(429, "large", "too many large bodies from one caller at once")
        self._large_of[caller] += 1
        try:
            async with self._large:
                yield
        finally:
            self._large_of[caller] -= 1
            if not self._large_of[caller]:
                del self._large_of[caller]


class _Predict:
    """Answers examples; one, or a batch."""

    def __init__(self, desk: Desk, *, batch: bool) -> None:
        self._desk, self._batch = desk, batch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        desk = self._desk
        try:
            caller = caller_of(scope, desk.limits.proxies)
            desk.charge(caller, 1)
            status, body = 200, await self._answered(scope, receive, caller, desk.served())
        except Refusal as refusal:
            status, body = refusal.status, _problem(refusal.code, refusal.message)
        except _Gone:
            return
        except Exception as error:  # noqa: BLE001 -- one caller's request must not end the server
            # The type alone: a message may quote what was asked.
            desk.report(f"bug: {type(error).__name__} while answering")
            status, body = 500, _problem("bug", "this server has a bug")
        headers = [_JSON, (b"content-length", b"%d" % len(body))]
        if status == 429:
            headers.append((b"retry-after", b"1"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answered(self, scope: Scope, receive: Receive, caller: str, served: Served) -> bytes:
        desk = self._desk
        most = desk.limits.max_body
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if len(declared) > 12 or int(declared) > most:
            raise _too_large(most)
        message = await receive()
        body = _part(message)
        if not message.get("more_body") and len(body) <= _SMALL and served.light:
            question = self._read(served, body)
            self._charge(caller, question)
            if not question.sign:
                return self._say(served, question)
            return await self._aside(served, question)
        async with desk.room(caller):
            parts, size = [body], len(body)
            while message.get("more_body"):
                message = await receive()
                parts.append(_part(message))
                size += len(parts[-1])
                if size > most:
                    raise _too_large(most)
            loop = asyncio.get_running_loop()
            question = await loop.run_in_executor(desk.workers, self._read, served, b"".join(parts))
            self._charge(caller, question)
            return await self._aside(served, question)

    async def _aside(self, served: Served, question: Question) -> bytes:
        """Answer what takes milliseconds, in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._desk.workers, self._say, served, question)

    def _read(self, served: Served, body: bytes) -> Question:
        if self._batch:
            return served.reader.many(body, self._desk.limits.max_batch)
        return served.reader.one(body)

    def _charge(self, caller: str, question: Question) -> None:
        each = 1 + _SIGNATURE * question.sign
        self._desk.charge(caller, each * len(question.rows) - 1)

    def _say(self, served: Served, question: Question) -> bytes:
        return served.many(question) if self._batch else served.one(question)


def build_app(
    current: Current,
    *,
    limits: Limits | None = None,
    signer: AnswerSigner | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> FastAPI:
    """Return the application; call it where its event loop runs, or before.

    Args:
        current: The model that answers.
        limits: What is spent on callers.
        signer: Whose model of answers is published; the signing itself is the served model's.
        report: Told of bugs.
    """
    app = FastAPI(title="Folkmoot model", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    desk = Desk(current, limits or Limits(), report)
    app.router.routes += [
        Route("/v1/predict", _Predict(desk, batch=False), methods=["POST"]),
        Route("/v1/predict/batch", _Predict(desk, batch=True), methods=["POST"]),
    ]

    def allowed(request: Request) -> None:
        desk.charge(caller_of(request.scope, desk.limits.proxies), 1)

    @app.get("/v1/model")
    async def model(request: Request) -> Response:
        allowed(request)
        return Response(desk.served().card, media_type="application/json")

    @app.get("/v1/answer-model")
    async def answer_model(request: Request) -> Response:
        allowed(request)
        if signer is None:
            raise Refusal(404, "sign", "this server signs no answers")
        return Response(signer.model_car, media_type="application/vnd.ipld.car")

    @app.get("/health")
    async def health() -> Response:
        served = current.served
        table = {
            "status": "ok" if served and not current.trouble else "stale" if served else "no-model",
            "model": served and served.release.last.model_hash.hex(),
            "seconds_since_chain": current.looked and round(time.monotonic() - current.looked, 1),
            "trouble": current.trouble,
        }
        body = json.dumps(table).encode()
        return Response(body, status_code=200 if served else 503, media_type="application/json")

    schema = json.dumps(described(desk.limits)).encode()

    @app.get("/openapi.json")
    async def openapi() -> Response:
        return Response(schema, media_type="application/json")

    @app.exception_handler(Refusal)
    async def refused(request: Request, error: Refusal) -> Response:  # noqa: ARG001 -- FastAPI's signature
        return _respond(error.status, error.code, error.message)

    @app.exception_handler(HTTPException)
    async def failed(request: Request, error: HTTPException) -> Response:  # noqa: ARG001 -- FastAPI's signature
        return _respond(error.status_code, "http", str(error.detail).lower())

    return app


def _part(message: Message) -> bytes:
    if message["type"] != "http.request":
        raise _Gone
    return bytes(message.get("body", b""))


def _too_large(most: int) -> Refusal:
    return Refusal(413, "body", f"a body has at most {most} bytes")


def _problem(code: str, message: str) -> bytes:
    return json.dumps({"error": {"code": code, "message": message}}).encode()


def _respond(status: int, code: str, message: str) -> Response:
    return Response(_problem(code, message), status_code=status, media_type="application/json")
