"""What a node answers: the events part of ceramic-one's HTTP interface (its OpenAPI file, 0.58).

Differences, all within that interface: events are refused, not kept waiting, while what they build
on is missing; the offset of ``/experimental/events`` is a position, so that what comes later never
shifts a page; a page may hold fewer events than asked for, and ends the feed only if it is empty.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from typing import TYPE_CHECKING, Final, TypeVar

from ceramic_bridge import multibase
from ceramic_bridge.admission import root_of
from ceramic_bridge.car import MAX_CAR
from ceramic_bridge.cid import Cid, StreamId
from ceramic_bridge.dagcbor import MalformedData, encode
from ceramic_bridge.errors import StoreError, TooLong
from ceramic_bridge.node.intake import Intake, Overloaded
from ceramic_bridge.node.limits import Rate, RateLimiter
from ceramic_bridge.node.states import States
from ceramic_bridge.node.wire import MAX_TOKEN, Json, Request, Response
from ceramic_bridge.store.base import EVERYTHING, MAX_PAGE, Interest, Query, is_did
from federation.errors import FolkmootError
from federation.types import Did

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from ceramic_bridge.dagcbor import Value
    from ceramic_bridge.store.base import Entry, LocalStore, Page

MAX_BODY: Final = 4 * (MAX_CAR + 2) // 3 + 1024
"""Bytes in the body of a request: the largest event in base64, and the JSON around it."""

T = TypeVar("T")

_OPTIONAL: Final = {"controller", "streamId"}

_STATE_UNITS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a node allows.

    Attributes:
        rate: Requests of one address; the state of a stream counts for ten.
        hosts: Names under which the node may be addressed, in lower case; any if empty. A node
            that only listens to its own machine must check this: a web page can have its own name
            resolved to that machine and then read what the node says.
        network: Name of the Ceramic network, which this node is not connected to.
    """

    rate: Rate = field(default_factory=lambda: Rate(per_second=1000, burst=2000))
    hosts: frozenset[str] = frozenset()
    network: str = "local-0"


class NodeApi:
    """The answers of one node."""

    def __init__(
        self,
        store: LocalStore,
        intake: Intake,
        readers: Executor,
        *,
        policy: Policy,
        clock: Callable[[], float],
        now: Callable[[], int],
    ) -> None:
        """Set up the answers.

        Args:
            store: What is read.
            intake: Where new events go.
            readers: Threads in which the store is read.
            policy: What is allowed.
            clock: Seconds that only grow.
            now: Milliseconds since 1970.
        """
        self._store = store
        self._intake = intake
        self._readers = readers
        self._policy = policy
        self._states = States(store, now)
        self._limiter = RateLimiter(policy.rate, clock)

    def refuse_early(self, request: Request) -> Response | None:
        """Judge a request by its head; ``None`` lets its body be read."""
        host = request.headers.get("host", "").lower()
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        if self._policy.hosts and name not in self._policy.hosts:
            return Response.problem(421, "this node is not addressed by that name")
        path = request.path()
        if not self._limiter.allow(request.caller, _STATE_UNITS if path[:1] == ("streams",) else 1):
            return Response.problem(429, "too many requests")
        return None

    async def answer(self, request: Request) -> Response:
        """Answer a request; whatever fails becomes an answer too."""
        try:
            return await self._route(request)
        except (Overloaded, TooLong) as error:
            return Response.problem(503, error.message)
        except StoreError:
            # Where the store lies is none of the peer's business.
            return Response.problem(500, "the store failed")
        except FolkmootError as error:
            return Response.problem(400, error.message)

    async def _route(self, request: Request) -> Response:  # noqa: C901, PLR0911, PLR0912 -- one line per path
        match request.method, request.path():
            case "OPTIONS", (_, *_):
                return Response(status=200, headers=(("allow", "GET, POST, OPTIONS"),))
            case "GET", ("liveness",):
                return Response(status=200)
            case "GET" | "POST", ("version",):
                return Response.of({"version": f"{metadata.version('folkmoot')}+folkmoot"})
            case "GET", ("config", "network"):
                return Response.of({"name": self._policy.network})
            case "GET", ("peers",):
                return Response.of({"peers": []})
            case "POST", ("events",):
                return await self._post_event(request)
            case "GET", ("events", cid):
                return await self._event(Cid.parse(cid))
            case "GET", ("feed", "events"):
                return await self._feed(request.query())
            case "GET", ("feed", "resumeToken"):
                return Response.of({"resumeToken": str(await self._read(self._store.position))})
            case "POST", ("interests",):
                return await self._post_interest(request.json())
            case "POST", ("interests", sep, value):
                return await self._post_interest({**request.query(), "sep": sep, "sepValue": value})
            case "GET", ("experimental", "interests"):
                interests = await self._read(self._store.interests)
                return Response.of({"interests": [{"data": _interest_text(one)} for one in interests]})
            case "GET", ("experimental", "events", sep, value):
                return await self._matching(sep, value, request.query())
            case "GET", ("streams", stream):
                return await self._stream(StreamId.parse(stream))
            case _, ("events" | "feed" | "interests" | "streams" | "version" | "experimental", *_):
                return Response.problem(405, "this node does not do that")
        return Response.text(404, "there is nothing here")

    async def _read(self, what: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, what)

    async def _post_event(self, request: Request) -> Response:
        match request.json():
            case {"data": str() as text, **rest} if not rest:
                data = multibase.decode(text)
            case _:
                raise MalformedData("the body must hold data, the event's CAR in multibase")
        root = root_of(data)
        # A repeated event costs one look, not a signature and a sync.
        if root is not None and await self._read(partial(self._store.get, root)) == data:
            return Response(status=204)
        receipt = await asyncio.wrap_future(self._intake.submit(data))
        if receipt.refusal is not None:
            return Response.problem(400, receipt.refusal.message)
        return Response(status=204)

    async def _event(self, cid: Cid) -> Response:
        data = await self._read(partial(self._store.get, cid))
        if data is None:
            return Response.text(404, "Event not found")
        return Response.of({"id": str(cid), "data": multibase.encode("m", data)})

    async def _feed(self, query: dict[str, str]) -> Response:
        include = query.get("includeData", "none")
        if include not in ("none", "full"):
            raise MalformedData("includeData must be none or full")
        page = await self._page(query, "resumeAt", default=100, with_data=include == "full")
        return Response.of({"events": _events(page), "resumeToken": str(page.token)})

    async def _matching(self, sep: str, value: str, query: dict[str, str]) -> Response:
        fields: dict[str, Json] = {name: query[name] for name in _OPTIONAL if name in query}
        interest = _interest({**fields, "sep": sep, "sepValue": value})
        page = await self._page(query, "offset", default=MAX_PAGE, with_data=True, interest=interest)
        return Response.of({"events": _events(page), "resumeOffset": page.token, "isComplete": page.complete})

    async def _page(
        self,
        query: dict[str, str],
        start: str,
        *,
        default: int,
        with_data: bool,
        interest: Interest = EVERYTHING,
    ) -> Page:
        question = Query(
            after=_number(query, start, 0, MAX_TOKEN),
            limit=max(1, min(_number(query, "limit", default, MAX_TOKEN), MAX_PAGE)),
            interest=interest,
            with_data=with_data,
        )
        return await self._read(partial(self._store.page, question))

    async def _post_interest(self, fields: Json) -> Response:
        interest = _interest(fields)
        await self._read(partial(self._store.add_interest, interest))
        return Response(status=204)

    async def _stream(self, stream: StreamId) -> Response:
        state = await self._read(partial(self._states.get, stream))
        if state is None:
            return Response.text(404, "Stream not found")
        return Response.of(state)


def _number(query: dict[str, str], name: str, default: int, largest: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20) or int(text) > largest:
        raise MalformedData(f"{name} must be a whole number")
    return int(text)


def _events(page: Page) -> list[Json]:
    return [_entry(entry) for entry in page.entries]


def _entry(entry: Entry) -> Json:
    if not entry.car:
        return {"id": str(entry.cid)}
    return {"id": str(entry.cid), "data": multibase.encode("m", entry.car)}


def _interest(fields: Json) -> Interest:
    match fields:
        case {"sep": "model", "sepValue": str() as model, **rest} if rest.keys() <= {
            "controller",
            "streamId",
        }:
            controller, stream = rest.get("controller"), rest.get("streamId")
        case _:
            raise MalformedData("an interest must hold sep, which is model, and sepValue")
    if not isinstance(controller, str | None) or not isinstance(stream, str | None):
        raise MalformedData("an interest's controller and streamId must be strings")
    if controller is not None and not is_did(controller):
        raise MalformedData("an interest's controller must be a DID")
    return Interest(
        model=StreamId.parse(model),
        controller=None if controller is None else Did(controller),
        stream=None if stream is None else StreamId.parse(stream),
    )


def _interest_text(interest: Interest) -> str:
    fields: dict[str, Value] = {"sep": "model", "sepValue": str(interest.model)}
    if interest.controller is not None:
        fields["controller"] = interest.controller
    if interest.stream is not None:
        fields["streamId"] = str(interest.stream)
    return multibase.encode("u", encode(fields))
