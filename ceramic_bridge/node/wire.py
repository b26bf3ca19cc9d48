"""Requests and answers of a node, apart from how they travel."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, unquote

from ceramic_bridge.dagcbor import MalformedData

BASE: Final = "/ceramic"

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""What JSON can hold."""

MAX_TOKEN: Final = 2**63 - 1
"""The last position that a store can keep."""

_MAX_CONTAINERS: Final = 16
"""Lists and objects in a request's JSON; it needs one, and each costs far more than its bytes."""


def dump(value: Json) -> bytes:
    """Return compact JSON in ASCII."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, read whole.

    Attributes:
        caller: Network address that it came from.
        method: In capitals.
        target: Path and query, as sent.
        headers: By lower-case name.
        body: All of it.
    """

    caller: str
    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def with_body(self, body: bytes) -> Request:
        """Return the request with its body."""
        return replace(self, body=body)

    def path(self) -> tuple[str, ...]:
        """Return the decoded parts of the path below ``BASE``; none if it is elsewhere."""
        parts = self.target.partition("?")[0].split("/")
        if "/".join(parts[:2]) != BASE:
            return ()
        return tuple(unquote(part) for part in parts[2:])

    def query(self) -> dict[str, str]:
        """Return the parameters behind the path.

        Raises:
            MalformedData: There are too many, or one twice.
        """
        try:
            pairs = parse_qsl(self.target.partition("?")[2], keep_blank_values=True, max_num_fields=16)
        except ValueError as error:
            raise MalformedData("the query has too many parameters") from error
        if len(dict(pairs)) != len(pairs):
            raise MalformedData("the query names a parameter twice")
        return dict(pairs)

    def json(self) -> Json:
        """Return the body.

        Raises:
            MalformedData: It is no JSON in UTF-8, not declared as such, or too deep.
        """
        # A web page can send other types to a node on its reader's machine without asking.
        if self.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise MalformedData("the body must be sent as application/json")
        if self.body.count(b"{") + self.body.count(b"[") > _MAX_CONTAINERS:
            raise MalformedData("the body holds more than its fields")
        try:
            value: Json = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise MalformedData("the body is not JSON") from error
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer.

    Attributes:
        status: HTTP status.
        body: All of it.
        content_type: Of the body.
        headers: Further headers.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, value: Json, status: int = 200) -> Response:
        """Answer with JSON."""
        return cls(status=status, body=dump(value))

    @classmethod
    def problem(cls, status: int, message: str) -> Response:
        """Answer that the request cannot be fulfilled, with a message for the peer."""
        retry = (("retry-after", "1"),) if status in (429, 503) else ()
        return cls(status=status, body=dump({"message": message}), headers=retry)

    @classmethod
    def text(cls, status: int, message: str) -> Response:
        """Answer with plain text."""
        return cls(status=status, body=message.encode(), content_type="text/plain")
