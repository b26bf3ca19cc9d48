"""A node elsewhere as a store: the other side of ``node.api``, and of ceramic-one's own API.

The node is a stranger: its answers are bounded in size and time, and what they hold is only bytes
until it has been verified.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urlsplit

from ceramic_bridge import multibase
from ceramic_bridge.admission import write_event
from ceramic_bridge.cid import Cid
from ceramic_bridge.dagcbor import MalformedData
from ceramic_bridge.node.wire import BASE, MAX_TOKEN, Json, dump
from ceramic_bridge.store.base import EVERYTHING, Entry, Page, Query, Receipt
from federation.errors import ConfigError, PeerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from ceramic_bridge.admission import Event

_CHUNK: Final = 1 << 16
_MAX_MESSAGE: Final = 300


class _TooLarge(PeerError):
    """An answer has too many bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """What is granted to a node for one answer.

    Attributes:
        silence: Seconds without a byte.
        seconds: Seconds for the whole answer.
        max_bytes: Its size.
    """

    silence: float = 10
    seconds: float = 60
    max_bytes: int = 16 << 20


class RemoteNode:
    """A node over HTTP; see ``store.base.Store`` for what is asked of it.

    ``add`` reports every accepted event as new: the interface does not tell.
    """

    def __init__(self, url: str, *, patience: Patience | None = None) -> None:
        """Name a node; nothing is sent yet.

        Args:
            url: ``http://host:port`` or ``https://...``, without ``/ceramic``.
            patience: How long and how much it may answer.

        Raises:
            ConfigError: The URL has another form.
        """
        hint = "it looks like http://127.0.0.1:5101"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ConfigError(f"{url!r} is not a URL", hint=hint) from error
        known = parts.scheme in ("http", "https") and host is not None
        if not known or parts.username is not None or parts.query or parts.fragment:
            raise ConfigError(f"{url!r} is not the URL of a node", hint=hint)
        assert host is not None
        self.url = url.rstrip("/")
        self._base = parts.path.rstrip("/") + BASE
        self._patience = patience or Patience()
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._connection = kind(host, port, timeout=self._patience.silence)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def version(self) -> str:
        """Return what the node says it is.

        Raises:
            PeerError: It cannot be reached, or its answer is no answer.
        """
        match self._json("/version"):
            case {"version": str() as version}:
                return version[:_MAX_MESSAGE]
        raise self._nonsense()

    def add(self, events: Sequence[Event]) -> list[Receipt]:
        """Hand over events one by one.

        Raises:
            PeerError: The node cannot be reached or failed; events before may have been stored.
        """
        receipts = []
        for event in events:
            body = dump({"data": multibase.encode("m", write_event(event))})
            status, answer = self._call("POST", "/events", body)
            if status == 400:
                refusal = PeerError(f"{self.url} refused event {event.cid}: {_message(answer)}")
                receipts.append(Receipt(cid=event.cid, new=False, refusal=refusal))
                continue
            self._expect(status, answer)
            receipts.append(Receipt(cid=event.cid, new=True))
        return receipts

    def get(self, cid: Cid) -> bytes | None:
        """Return an event's CAR, unverified, or ``None`` if the node does not have it.

        Raises:
            PeerError: The node cannot be reached, or its answer is no answer.
        """
        status, answer = self._call("GET", f"/events/{cid}")
        if status == 404:
            return None
        self._expect(status, answer)
        return self._entry(self._parse(answer, 1), with_data=True).car

    def page(self, query: Query) -> Page:
        """Return the events after a position, unverified.

        An answer that is too large is asked for again with fewer events.

        Raises:
            ConfigError: The interest names no model, but a controller or a stream.
            PeerError: The node cannot be reached, or its answer is no answer.
        """
        try:
            return self._feed(query) if query.interest == EVERYTHING else self._matching(query)
        except _TooLarge:
            if query.limit <= 1:
                raise
            return self.page(replace(query, limit=query.limit // 2))

    def position(self) -> int:
        """Return the position of the newest event.

        Raises:
            PeerError: The node cannot be reached, or its answer is no answer.
        """
        match self._json("/feed/resumeToken"):
            case {"resumeToken": str() as token}:
                return self._token(token)
        raise self._nonsense()

    def _feed(self, query: Query) -> Page:
        include = "full" if query.with_data else "none"
        fields = {"resumeAt": query.after, "limit": query.limit, "includeData": include}
        match self._json(f"/feed/events?{urlencode(fields)}", query.limit):
            case {"events": list() as events, "resumeToken": str() as text}:
                return self._page(query, events, self._token(text), complete=not events)
        raise self._nonsense()

    def _matching(self, query: Query) -> Page:
        interest = query.interest
        if interest.model is None:
            raise ConfigError("a node can only be asked for the events of a model", hint="name the model")
        fields = {"offset": str(query.after), "limit": str(query.limit)}
        if interest.controller is not None:
            fields["controller"] = interest.controller
        if interest.stream is not None:
            fields["streamId"] = str(interest.stream)
        path = f"/experimental/events/model/{quote(str(interest.model))}?{urlencode(fields)}"
        match self._json(path, query.limit):
            case {
                "events": list() as events,
                "resumeOffset": int() as token,
                "isComplete": bool() as complete,
            }:
                return self._page(query, events, token, complete=complete)
        raise self._nonsense()

    def _page(self, query: Query, events: Sequence[Json], token: int, *, complete: bool) -> Page:
        # A token that does not grow would have us ask for ever.
        if len(events) > query.limit or not query.after <= token <= MAX_TOKEN:
            raise self._nonsense()
        if events and token == query.after:
            raise self._nonsense()
        entries = tuple(self._entry(event, with_data=query.with_data) for event in events)
        return Page(entries=entries, token=token, complete=complete)

    def _entry(self, event: Json, *, with_data: bool) -> Entry:
        try:
            match event:
                case {"id": str() as cid, "data": str() as data} if with_data:
                    return Entry(cid=Cid.parse(cid), car=multibase.decode(data))
                case {"id": str() as cid} if not with_data:
                    return Entry(cid=Cid.parse(cid), car=b"")
        except MalformedData as error:
            raise self._nonsense() from error
        raise self._nonsense()

    def _token(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise self._nonsense()
        return int(text)

    def _json(self, path: str, events: int = 1) -> Json:
        status, answer = self._call("GET", path)
        self._expect(status, answer)
        return self._parse(answer, events)

    def _parse(self, answer: bytes, events: int) -> Json:
        # Nested containers take far more memory than bytes; no answer needs more than these.
        if answer.count(b"{") + answer.count(b"[") > events + 8:
            raise self._nonsense()
        try:
            value: Json = json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise self._nonsense() from error
        return value

    def _nonsense(self) -> PeerError:
        return PeerError(f"{self.url} does not answer as a node does", hint="is that the URL of a node?")

    def _expect(self, status: int, answer: bytes) -> None:
        if not 200 <= status < 300:
            hint = "try again later" if status in (429, 503) else None
            raise PeerError(f"{self.url} answered {status}: {_message(answer)}", hint=hint)

    def _call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        headers = {"accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        # A node that sends a byte now and then is never silent: another thread hangs up on it.
        hung_up = threading.Event()
        watchdog = threading.Timer(self._patience.seconds, self._hang_up, (hung_up,))
        watchdog.daemon = True
        watchdog.start()
        try:
            response = self._begin(method, self._base + path, body, headers)
            return response.status, self._read(response)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            slow = isinstance(error, TimeoutError) or hung_up.is_set()
            what = "takes too long" if slow else f"cannot be reached: {_reason(error)}"
            raise PeerError(f"{self.url} {what}") from error
        finally:
            watchdog.cancel()

    def _hang_up(self, hung_up: threading.Event) -> None:
        hung_up.set()
        if self._connection.sock is not None:
            with suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)

    def _begin(
        self, method: str, target: str, body: bytes | None, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        try:
            if self._connection.sock is not None:
                self._connection.request(method, target, body, headers)
                return self._connection.getresponse()
        except (ConnectionError, http.client.BadStatusLine):
            # A node may hang up between two requests, and any request here may be sent twice.
            self._connection.close()
        self._connection.request(method, target, body, headers)
        return self._connection.getresponse()

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        parts, size = [], 0
        while part := response.read1(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > self._patience.max_bytes:
                self._connection.close()
                raise _TooLarge(f"{self.url} answers with over {self._patience.max_bytes} bytes")
        if response.length:
            raise http.client.IncompleteRead(b"")
        response.close()
        return b"".join(parts)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()


def _message(answer: bytes) -> str:
    """Return what an answer says is wrong; the command line escapes what cannot be printed."""
    try:
        match json.loads(answer) if answer.count(b"[") + answer.count(b"{") < 8 else None:
            case {"message": str() as text}:
                return text[:_MAX_MESSAGE]
    except (ValueError, RecursionError):
        pass
    return answer[:_MAX_MESSAGE].decode(errors="replace")
