"""DAG-CBOR, strictly: each value has one encoding, and only that encoding decodes.

Source: the IPLD DAG-CBOR specification, as @ipld/dag-cbor 9 writes it. JavaScript has one
number type, so a float with an integral value in +-(2^53 - 1) is written as an integer.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from ceramic_bridge.cid import Cid
from ceramic_bridge.errors import MalformedData

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_INT",
    "Link",
    "MalformedData",
    "Value",
    "canonical",
    "decode",
    "decode_links",
    "encode",
]

Link = Cid
"""A link to another block is its CID."""

Value: TypeAlias = (
    "bool | int | float | str | bytes | Cid | list[Value] | tuple[Value, ...] | Mapping[str, Value] | None"
)
"""What a block may hold; decoding gives ``list`` and ``dict``."""

MAX_DEPTH: Final = 64
"""Containers inside one another."""

MAX_INT: Final = 2**53 - 1
"""The largest integer that every JSON and JavaScript reader keeps exact."""

MAX_BYTES: Final = 1 << 20
"""Bytes that ``decode`` reads unless it is told otherwise."""

_LINK_HEAD = b"\xd8\x2a"
_INFO_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}
_SIMPLE: dict[int, bool | None] = {0xF4: False, 0xF5: True, 0xF6: None}
_BYTES: Final = tuple(bytes((byte,)) for byte in range(256))


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return _BYTES[major << 5 | number]
    for info, size in _INFO_BYTES.items():
        if number < 1 << 8 * size:
            return _BYTES[major << 5 | info] + number.to_bytes(size, "big")
    raise MalformedData(f"length {number} does not fit CBOR")


def _text_item(text: str) -> bytes:
    raw = text.encode()
    return _head(3, len(raw)) + raw


# Keys repeat from block to block; long ones are not worth the memory.
_short_key_item = lru_cache(maxsize=1024)(_text_item)


def _is_integral(number: float) -> bool:
    return number.is_integer() and abs(number) <= MAX_INT


def _integer_item(number: int) -> bytes:
    if 0 <= number < 24:
        return _BYTES[number]
    if abs(number) > MAX_INT:
        raise MalformedData("an integer exceeds 2^53 - 1", hint="write large integers as decimal strings")
    return _head(0, number) if number >= 0 else _head(1, -1 - number)


def _float_item(number: float) -> bytes:
    if not math.isfinite(number):
        raise MalformedData(f"{number} has no encoding in DAG-CBOR")
    return b"\xfb" + struct.pack(">d", number)


def _link_item(link: Cid) -> bytes:
    raw = b"\0" + link.to_bytes()
    return _LINK_HEAD + _head(2, len(raw)) + raw


def _encode_map(value: Mapping[str, Value], out: list[bytes], depth: int) -> Value:
    keys: list[tuple[bytes, str]] = []
    for key in value:
        if not isinstance(key, str):
            raise MalformedData(f"a map key is a {type(key).__name__}, not a string")
        keys.append(((_short_key_item if len(key) < 64 else _text_item)(key), key))
    out.append(_head(5, len(keys)))
    # An encoded key begins with its length: their order is by length, then by bytes.
    keys.sort()
    copy: dict[str, Value] = {}
    for item, key in keys:
        out.append(item)
        copy[key] = _encode(value[key], out, depth)
    return copy


def _encode(value: Value, out: list[bytes], depth: int) -> Value:
    """Append the encoding of a value and return the value as it decodes."""
    if isinstance(value, str):
        item = _text_item(value)
    elif value is None or isinstance(value, bool):
        item = b"\xf6" if value is None else b"\xf5" if value else b"\xf4"
    elif isinstance(value, int) or (isinstance(value, float) and _is_integral(value)):
        value = int(value)
        item = _integer_item(value)
    elif isinstance(value, float):
        item = _float_item(value)
    elif isinstance(value, bytes):
        item = _head(2, len(value)) + value
    elif isinstance(value, Cid):
        item = _link_item(value)
    else:
        return _encode_container(value, out, depth)
    out.append(item)
    return value


def _encode_container(
    value: list[Value] | tuple[Value, ...] | Mapping[str, Value], out: list[bytes], depth: int
) -> Value:
    if depth == MAX_DEPTH:
        raise MalformedData(f"containers nest deeper than {MAX_DEPTH}")
    if isinstance(value, (list, tuple)):
        out.append(_head(4, len(value)))
        return [_encode(item, out, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return _encode_map(value, out, depth + 1)
    raise MalformedData(f"a {type(value).__name__} has no encoding in DAG-CBOR")


def canonical(value: Value) -> tuple[bytes, Value]:
    """Return the one encoding of a value, and what it decodes to: a copy, so nobody can change it.

    Raises:
        MalformedData: As ``encode``.
    """
    out: list[bytes] = []
    try:
        copy = _encode(value, out, 0)
    except UnicodeEncodeError as error:
        raise MalformedData("a string holds a lone surrogate") from error
    return b"".join(out), copy


def encode(value: Value) -> bytes:
    """Return the one encoding of a value.

    Raises:
        MalformedData: The value has none: NaN, an infinity, an integer beyond 2^53 - 1, a key
            that is no string, a lone surrogate, another type, or nesting beyond ``MAX_DEPTH``.
    """
    return canonical(value)[0]


# Readers slice without asking whether the bytes suffice: what ends early is short of bytes for the
# next item, or ends behind the end, and ``decode`` refuses both.


def _number(data: bytes, at: int, info: int) -> tuple[int, int]:
    """Read the number that an item's first byte announces; ``at`` is behind that byte."""
    if info < 24:
        return info, at
    size = _INFO_BYTES.get(info)
    if size is None:
        raise MalformedData(f"indefinite or reserved length at byte {at - 1}")
    end = at + size
    if end > len(data):
        raise MalformedData(f"DAG-CBOR ends inside the item at byte {at}")
    value = int.from_bytes(data[at:end], "big")
    if value < (24 if size == 1 else 1 << 4 * size):
        raise MalformedData(f"number before byte {end} is not in its shortest form")
    return value, end


def _link(data: bytes, at: int, tag: int) -> tuple[Cid, int]:
    if tag != 42:
        raise MalformedData(f"tag {tag} before byte {at} is not 42")
    major, info = divmod(data[at], 32)
    if major != 2:
        raise MalformedData(f"link at byte {at} is not a byte string")
    size, at = _number(data, at + 1, info)
    end = at + size
    if end > len(data):
        raise MalformedData(f"DAG-CBOR ends inside the item at byte {at}")
    if data[at : at + 1] != b"\0":
        raise MalformedData(f"link at byte {at} lacks its zero byte")
    return Cid.from_bytes(data[at + 1 : end]), end


def _special(data: bytes, at: int, initial: int) -> tuple[Value, int]:
    if initial in _SIMPLE:
        return _SIMPLE[initial], at
    if initial != 0xFB:
        raise MalformedData(f"item {initial:#04x} before byte {at} is not DAG-CBOR")
    if at + 8 > len(data):
        raise MalformedData(f"DAG-CBOR ends inside the item at byte {at}")
    value = float(struct.unpack_from(">d", data, at)[0])
    if not math.isfinite(value) or _is_integral(value):
        raise MalformedData(f"float at byte {at} is not canonical")
    return value, at + 8


def _map(data: bytes, at: int, size: int, depth: int) -> tuple[dict[str, Value], int]:
    out: dict[str, Value] = {}
    last = b""
    for _ in range(size):
        head, start = at, at + 1
        length = data[at] - 0x60
        if not 0 <= length < 24:
            major, info = divmod(data[at], 32)
            if major != 3:
                raise MalformedData(f"map key at byte {at} is not a string")
            length, start = _number(data, start, info)
        at = start + length
        # An encoded key begins with its length: their order is by length, then by bytes.
        key = data[head:at]
        if key <= last:
            raise MalformedData(f"map key at byte {start} is out of order or repeated")
        last = key
        out[data[start:at].decode()], at = _value(data, at, depth)
    return out, at


def _list(data: bytes, at: int, size: int, depth: int) -> tuple[list[Value], int]:
    out: list[Value] = []
    for _ in range(size):
        value, at = _value(data, at, depth)
        out.append(value)
    return out, at


def _value(data: bytes, at: int, depth: int) -> tuple[Value, int]:
    initial = data[at]
    # Short strings are the most of it.
    if 0x60 <= initial < 0x78:
        end = at + initial - 0x5F
        return data[at + 1 : end].decode(), end
    major, info = initial >> 5, initial & 31
    if major == 7:
        return _special(data, at + 1, initial)
    number, at = (info, at + 1) if info < 24 else _number(data, at + 1, info)
    if major < 2:
        if number > MAX_INT - major:
            raise MalformedData(f"integer before byte {at} exceeds 2^53 - 1")
        return (number if major == 0 else -1 - number), at
    if major < 4:
        end = at + number
        return (data[at:end] if major == 2 else data[at:end].decode()), end
    if major == 6:
        return _link(data, at, number)
    if depth == MAX_DEPTH:
        raise MalformedData(f"containers nest deeper than {MAX_DEPTH} at byte {at}")
    return (_list if major == 4 else _map)(data, at, number, depth + 1)


def decode(data: bytes, *, max_bytes: int = MAX_BYTES) -> Value:
    """Read one block.

    Memory is bounded by the input: some 60 bytes for each of its own.

    Returns:
        The value; ``encode`` gives back exactly ``data``.

    Raises:
        MalformedData: The bytes are more than ``max_bytes``, or are not the one encoding of a
            value; the message says where.
    """
    if len(data) > max_bytes:
        raise MalformedData(f"DAG-CBOR of {len(data)} bytes exceeds the limit of {max_bytes}")
    try:
        value, at = _value(data, 0, 0)
    except IndexError as error:
        raise MalformedData("DAG-CBOR ends where an item should begin") from error
    except UnicodeDecodeError as error:
        raise MalformedData("a string in DAG-CBOR is not UTF-8, or ends early") from error
    if at > len(data):
        raise MalformedData("DAG-CBOR ends inside its last item")
    if at != len(data):
        raise MalformedData(f"{len(data) - at} bytes after a DAG-CBOR value at byte {at}")
    return value


def decode_links(data: bytes) -> list[Link]:
    """Read a block that is a list of links, of any length, in some twenty bytes for each of its own.

    Raises:
        MalformedData: The bytes are not the one encoding of such a list.
    """
    links: list[Link] = []
    try:
        major, info = divmod(data[0], 32)
        if major != 4:
            raise MalformedData("a list of links must be a list")
        number, at = _number(data, 1, info)
        for _ in range(number):
            if data[at : at + 2] != _LINK_HEAD:
                raise MalformedData(f"the item at byte {at} is no link")
            link, at = _link(data, at + 2, 42)
            links.append(link)
    except IndexError as error:
        raise MalformedData("DAG-CBOR ends where an item should begin") from error
    if at != len(data):
        raise MalformedData(f"{len(data) - at} bytes after a list of links at byte {at}")
    return links
