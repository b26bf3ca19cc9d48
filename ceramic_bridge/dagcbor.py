"""DAG-CBOR, strictly: each value has one encoding, and only that encoding decodes.

Source: the IPLD DAG-CBOR specification, as @ipld/dag-cbor 9 writes it. JavaScript has one
number type, so a float with an integral value in +-(2^53 - 1) is written as an integer.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Final, TypeAlias

from ceramic_bridge.cid import Cid
from ceramic_bridge.errors import MalformedData

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_INT", "Link", "MalformedData", "Value", "decode", "encode"]

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


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes((major << 5 | number,))
    for info, size in _INFO_BYTES.items():
        if number < 1 << 8 * size:
            return bytes((major << 5 | info,)) + number.to_bytes(size, "big")
    raise MalformedData(f"length {number} does not fit CBOR")


def _text(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise MalformedData("a string holds a lone surrogate") from error


def _is_integral(number: float) -> bool:
    return number.is_integer() and abs(number) <= MAX_INT


def _encode_number(value: float, out: list[bytes]) -> None:
    if isinstance(value, float) and not _is_integral(value):
        if not math.isfinite(value):
            raise MalformedData(f"{value} has no encoding in DAG-CBOR")
        out.append(b"\xfb" + struct.pack(">d", value))
        return
    number = int(value)
    if abs(number) > MAX_INT:
        raise MalformedData("an integer exceeds 2^53 - 1", hint="write large integers as decimal strings")
    out.append(_head(0, number) if number >= 0 else _head(1, -1 - number))


def _encode_map(value: Mapping[str, Value], out: list[bytes], depth: int) -> None:
    keys: list[tuple[bytes, Value]] = []
    for key, item in value.items():
        if not isinstance(key, str):
            raise MalformedData(f"a map key is a {type(key).__name__}, not a string")
        keys.append((_text(key), item))
    out.append(_head(5, len(keys)))
    for raw, item in sorted(keys, key=lambda pair: (len(pair[0]), pair[0])):
        out.append(_head(3, len(raw)) + raw)
        _encode(item, out, depth)


def _encode_scalar(value: float | str | bytes | Cid | None, out: list[bytes]) -> None:
    if isinstance(value, str):
        raw = _text(value)
        out.append(_head(3, len(raw)) + raw)
    elif value is None:
        out.append(b"\xf6")
    elif isinstance(value, bool):
        out.append(b"\xf5" if value else b"\xf4")
    elif isinstance(value, bytes):
        out.append(_head(2, len(value)) + value)
    elif isinstance(value, Cid):
        raw = b"\0" + value.to_bytes()
        out.append(_LINK_HEAD + _head(2, len(raw)) + raw)
    else:
        _encode_number(value, out)


def _encode(value: Value, out: list[bytes], depth: int) -> None:
    if value is None or isinstance(value, str | int | float | bytes | Cid):
        _encode_scalar(value, out)
    elif depth == MAX_DEPTH:
        raise MalformedData(f"containers nest deeper than {MAX_DEPTH}")
    elif isinstance(value, list | tuple):
        out.append(_head(4, len(value)))
        for item in value:
            _encode(item, out, depth + 1)
    elif isinstance(value, Mapping):
        _encode_map(value, out, depth + 1)
    else:
        raise MalformedData(f"a {type(value).__name__} has no encoding in DAG-CBOR")


def encode(value: Value) -> bytes:
    """Return the one encoding of a value.

    Raises:
        MalformedData: The value has none: NaN, an infinity, an integer beyond 2^53 - 1, a key
            that is no string, a lone surrogate, another type, or nesting beyond ``MAX_DEPTH``.
    """
    out: list[bytes] = []
    _encode(value, out, 0)
    return b"".join(out)


class _Reader:
    """A cursor over one block; every read checks the bounds."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise MalformedData(f"DAG-CBOR ends inside the item at byte {self.at}")
        piece = self.data[self.at : end]
        self.at = end
        return piece

    def number(self, info: int) -> int:
        if info < 24:
            return info
        size = _INFO_BYTES.get(info)
        if size is None:
            raise MalformedData(f"indefinite or reserved length at byte {self.at - 1}")
        value = int.from_bytes(self.take(size), "big")
        if value < (24 if size == 1 else 1 << 4 * size):
            raise MalformedData(f"number before byte {self.at} is not in its shortest form")
        return value

    def text(self, size: int) -> str:
        raw = self.take(size)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise MalformedData(f"string before byte {self.at} is not UTF-8") from error

    def link(self, tag: int) -> Cid:
        if tag != 42:
            raise MalformedData(f"tag {tag} before byte {self.at} is not 42")
        major, info = divmod(self.take(1)[0], 32)
        if major != 2:
            raise MalformedData(f"link before byte {self.at} is not a byte string")
        raw = self.take(self.number(info))
        if raw[:1] != b"\0":
            raise MalformedData(f"link before byte {self.at} lacks its zero byte")
        return Cid.from_bytes(raw[1:])

    def float64(self) -> float:
        (number,) = struct.unpack(">d", self.take(8))
        value = float(number)
        if not math.isfinite(value) or _is_integral(value):
            raise MalformedData(f"float before byte {self.at} is not canonical")
        return value

    def map(self, size: int, depth: int) -> dict[str, Value]:
        out: dict[str, Value] = {}
        last: tuple[int, bytes] = (-1, b"")
        for _ in range(size):
            major, info = divmod(self.take(1)[0], 32)
            if major != 3:
                raise MalformedData(f"map key before byte {self.at} is not a string")
            length = self.number(info)
            start = self.at
            key = self.text(length)
            order = (length, self.data[start : self.at])
            if order <= last:
                raise MalformedData(f"map key at byte {start} is out of order or repeated")
            last = order
            out[key] = self.value(depth)
        return out

    def special(self, initial: int) -> Value:
        if initial == 0xFB:
            return self.float64()
        if initial in _SIMPLE:
            return _SIMPLE[initial]
        raise MalformedData(f"item {initial:#04x} before byte {self.at} is not DAG-CBOR")

    def value(self, depth: int) -> Value:
        initial = self.take(1)[0]
        major, info = divmod(initial, 32)
        if major == 7:
            return self.special(initial)
        number = self.number(info)
        if major < 2:
            return self.integer(major, number)
        if major in (2, 3):
            return self.take(number) if major == 2 else self.text(number)
        return self.link(number) if major == 6 else self.container(major, number, depth)

    def container(self, major: int, size: int, depth: int) -> Value:
        if depth == MAX_DEPTH:
            raise MalformedData(f"containers nest deeper than {MAX_DEPTH} at byte {self.at}")
        if major == 4:
            return [self.value(depth + 1) for _ in range(size)]
        return self.map(size, depth + 1)

    def integer(self, major: int, number: int) -> int:
        value = number if major == 0 else -1 - number
        if abs(value) > MAX_INT:
            raise MalformedData(f"integer before byte {self.at} exceeds 2^53 - 1")
        return value


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
    reader = _Reader(data)
    value = reader.value(0)
    if reader.at != len(data):
        raise MalformedData(f"{len(data) - reader.at} bytes after a DAG-CBOR value at byte {reader.at}")
    return value
