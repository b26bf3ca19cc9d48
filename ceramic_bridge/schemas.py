"""The contents of the project's events as JSON Schema (2020-12), and a check of the part in use.

Hashes are lower-case hex; wei and other large integers are decimal strings, because a JSON
number is exact only to 2^53 - 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, TypeAlias, cast

from ceramic_bridge.car import MAX_BLOCK
from ceramic_bridge.dagcbor import MalformedData, Value

Schema: TypeAlias = Mapping[str, Value]
"""A JSON Schema of the keywords type, properties, required, additionalProperties, items,
maxLength and pattern."""

_INTEGER: Final[Schema] = {"type": "integer"}


def _string(max_length: int, pattern: str) -> Schema:
    return {"type": "string", "maxLength": max_length, "pattern": pattern}


def _base64(length: int) -> Schema:
    return _string(length, f"^[A-Za-z0-9_-]{{{length}}}$")


def _record(properties: Mapping[str, Schema], *, optional: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


_HEX32 = _string(64, "^[0-9a-f]{64}$")
_ADDRESS = _string(42, "^0x[0-9a-fA-F]{40}$")
_DID = _string(200, "^did:[a-z0-9]+:[!-~]+$")
_BIG = _string(79, "^(0|-?[1-9][0-9]*)$")
_DECIMAL = _string(40, r"^(0|[1-9][0-9]*)(\.[0-9]+)?$")
_EPSILON = _string(40, r"^(inf|(0|[1-9][0-9]*)(\.[0-9]+)?)$")
_WORD = _string(64, "^[a-z0-9][a-z0-9-]*$")
_TEXT = _string(400, "^[^\\x00-\\x1f]*$")

# A DagJWE as it stands in a document, with its sizes in base64url; without the fields that we never write.
_RECIPIENT = _record(
    {
        "encrypted_key": _base64(43),
        "header": _record(
            {
                "alg": _string(15, "^ECDH-ES[+]XC20PKW$"),
                "iv": _base64(32),
                "tag": _base64(22),
                "epk": _record({"kty": _string(3, "^OKP$"), "crv": _string(6, "^X25519$"), "x": _base64(43)}),
                "kid": _string(200, "^did:key:[!-~]+#[!-~]+$"),
            }
        ),
    }
)
_JWE = _record(
    {
        "protected": _string(20, "^eyJlbmMiOiJYQzIwUCJ9$"),
        "iv": _base64(32),
        "ciphertext": _string(MAX_BLOCK, "^[A-Za-z0-9_-]+$"),
        "tag": _base64(22),
        "recipients": _array(_RECIPIENT),
    }
)

SEALED_ROWS: Final = "sealed-rows"
"""The one kind that no round records: rows stay between a member and whom it lets read."""


def _named(name: str) -> Schema:
    return _string(len(name), f"^{name}$")


def _kind(name: str, **properties: Schema) -> Schema:
    return _record({"kind": _named(name), **properties})


def _round_kind(name: str, *, optional: tuple[str, ...] = (), **properties: Schema) -> Schema:
    place = {"chainId": _INTEGER, "federation": _ADDRESS, "epoch": _INTEGER, "round": _INTEGER}
    return _record({"kind": _named(name), **place, **properties}, optional=optional)


_LISTS = {
    "credits": _array(
        _record(
            {
                "did": _DID,
                "score": _BIG,
                "credit": _BIG,
                "status": _WORD,
                "delta": _HEX32,
                "salt": _HEX32,
            }
        )
    ),
    "rejections": _array(_record({"did": _DID, "reason": _TEXT})),
    "suspended": _array(_DID),
    "forced": _array(_DID),
}


SCHEMAS: Final[Mapping[str, Schema]] = {
    "data": _record(
        {
            "kind": _named("data"),
            "federation": _ADDRESS,
            "payee": _ADDRESS,
            "count": _INTEGER,
            "root": _HEX32,
            "head": _HEX32,
            "consent": _HEX32,
        },
        optional=("consent",),
    ),
    "contribution": _round_kind("contribution", baseHash=_HEX32, commitment=_HEX32, release=_INTEGER),
    "validation-shard": _kind(
        "validation-shard",
        chainId=_INTEGER,
        federation=_ADDRESS,
        epoch=_INTEGER,
        shard=_INTEGER,
        provider=_INTEGER,
        blob=_HEX32,
        examples=_INTEGER,
    ),
    "round-receipt": _round_kind(
        "round-receipt",
        optional=("table",),
        baseHash=_HEX32,
        modelHash=_HEX32,
        deltaHash=_HEX32,
        shard=_INTEGER,
        eta=_DECIMAL,
        improvement=_BIG,
        **_LISTS,
        table=_HEX32,
        trace=_HEX32,
        traceRoot=_HEX32,
    ),
    "model-card": _round_kind(
        "model-card",
        modelHash=_HEX32,
        dim=_INTEGER,
        epsilon=_EPSILON,
        contributors=_INTEGER,
        receipts=_INTEGER,
        claims=_HEX32,
    ),
    SEALED_ROWS: _kind(SEALED_ROWS, federation=_ADDRESS, sealed=_JWE),
}
"""The JSON Schema of each kind of event, by the value of its ``kind`` field."""


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _check_string(schema: Schema, value: str, where: str) -> None:
    limit, pattern = schema["maxLength"], schema["pattern"]
    assert isinstance(limit, int)
    assert isinstance(pattern, str)
    # fullmatch, because Python's ``$`` also matches before a final line feed.
    if len(value) > limit or not _compiled(pattern).fullmatch(value):
        raise MalformedData(f"{where}: {value[:80]!r} does not match {pattern}")


def _check_record(schema: Schema, value: Mapping[str, Value], where: str) -> None:
    properties = cast("Mapping[str, Schema]", schema["properties"])
    for name in value.keys() - properties.keys():
        raise MalformedData(f"{where}: unknown field {name[:80]!r}")
    for name in cast("list[str]", schema["required"]):
        if name not in value:
            raise MalformedData(f"{where}: field {name!r} is missing")
    for name in value:
        _check(properties[name], value[name], f"{where}.{name}")


def _check(schema: Schema, value: Value, where: str) -> None:
    match schema["type"], value:
        case "string", str() as text:
            _check_string(schema, text, where)
        case "integer", int() as number if not isinstance(number, bool):
            pass
        case "array", list() as items:
            part = cast("Schema", schema["items"])
            for i, item in enumerate(items):
                _check(part, item, f"{where}[{i}]")
        case "object", dict() as fields:
            _check_record(schema, fields, where)
        case _:
            raise MalformedData(f"{where}: must be of type {schema['type']!r}")


def validate(kind: str, content: Value) -> None:
    """Check a content against the schema of its kind.

    Raises:
        MalformedData: The kind is unknown, or a field is missing, unknown or malformed.
    """
    if kind not in SCHEMAS:
        raise MalformedData(f"{kind[:80]!r} is not a kind of event: {', '.join(SCHEMAS)}")
    _check(SCHEMAS[kind], content, kind)


def validate_lists(lists: Value) -> None:
    """Check what a receipt says of members in a blob.

    Raises:
        MalformedData: A field is missing, unknown or malformed.
    """
    _check(_record({**_LISTS, "transcript": _HEX32}, optional=("transcript",)), lists, "receipt")


def known_kind(content: Mapping[str, Value]) -> str | None:
    """Return which of the project's kinds a content names; ``None`` if it is not ours."""
    kind = content.get("kind")
    return kind if isinstance(kind, str) and kind in SCHEMAS else None


def validate_known(content: Mapping[str, Value]) -> None:
    """Check a content that names one of the project's kinds; leave others, which are not ours.

    Raises:
        MalformedData: The content does not fit the kind it names.
    """
    kind = known_kind(content)
    if kind is not None:
        validate(kind, content)
