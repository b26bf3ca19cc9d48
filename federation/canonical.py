"""Reading JSON from strangers: bounded depth, no constants that are no numbers."""

from __future__ import annotations

import json
from typing import Final

import numpy as np

MAX_DEPTH: Final = 32

_OTHERS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")


def require_shallow(data: bytes) -> None:
    """Refuse JSON whose brackets nest deeper than any file of this project.

    A parser's own recursion limit is no protection: a library may have raised it.

    Raises:
        ValueError: It nests deeper than ``MAX_DEPTH``, or is not UTF-8 (RFC 8259, section 8.1).
    """
    # Python's parser also reads UTF-16 and 32, where half a character may look like a quote here.
    if b"\0" in data:
        raise ValueError("not UTF-8")
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    # What lies outside of strings: every second piece between quotes, once escapes are gone.
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in data else data
    outside = b"".join(plain.split(b'"')[::2])
    raw = np.frombuffer(outside.translate(None, _OTHERS), dtype=np.uint8)
    opening = (raw == ord("[")) | (raw == ord("{"))
    depth = np.cumsum(np.where(opening, 1, -1))
    if depth.size and int(depth.max()) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def parse_json(data: bytes) -> object:
    """Parse JSON.

    Raises:
        ValueError: It is not JSON, nests too deep, or holds NaN or Infinity.
    """
    require_shallow(data)
    # What json.loads does, with one decoder for all: making it takes as long as a small text.
    parsed: object = _DECODER.decode(data.decode(json.detect_encoding(data)))
    return parsed


def parse_table(data: bytes) -> dict[str, object]:
    """Parse a JSON object.

    Raises:
        ValueError: It is no JSON object.
    """
    table = parse_json(data)
    if not isinstance(table, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the content is wrong, not a caller's type
    return table


def _refuse(text: str) -> float:
    raise ValueError(f"{text} is no number")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)
