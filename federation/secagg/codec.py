"""Canonical bytes of messages: texts, byte strings, numbers and tuples of them, one form each.

A tag byte, a length in four bytes (of a tuple: its number of items), the content.
"""

from __future__ import annotations

from typing import Final

from federation.secagg.terms import Reason, refuse

Value = bytes | str | int | tuple["Value", ...]

Shape = str | tuple["Shape", ...] | list["Shape"]
"""``"s"`` text, ``"i"`` number, ``"b"`` bytes, ``"b32"`` so many bytes; a list's one shape repeats."""

_DEEPEST: Final = 4


def encode(value: Value) -> bytes:
    """Return a value's bytes. Numbers are unsigned, below 2^64."""
    if isinstance(value, tuple):
        return b"t" + len(value).to_bytes(4, "little") + b"".join(map(encode, value))
    if isinstance(value, int):
        return b"i" + (8).to_bytes(4, "little") + value.to_bytes(8, "little")
    tag, content = (b"s", value.encode()) if isinstance(value, str) else (b"b", value)
    return tag + len(content).to_bytes(4, "little") + content


def decode(data: bytes, shape: Shape) -> Value:
    """Return the value of a shape that bytes hold.

    Raises:
        SecureRefused: They hold another, or are not its one form.
    """
    value, end = _read(data, 0, _DEEPEST)
    if end != len(data) or not _fits(value, shape):
        refuse(Reason.MALFORMED)
    return value


def _read(data: bytes, at: int, deeper: int) -> tuple[Value, int]:
    tag, start = data[at : at + 1], at + 5
    length = int.from_bytes(data[at + 1 : start], "little")
    # An item takes five bytes at least: no length makes anybody reserve more than was sent.
    if start > len(data) or length * (5 if tag == b"t" else 1) > len(data) - start or not deeper:
        refuse(Reason.MALFORMED)
    if tag == b"t":
        items, position = [], start
        for _ in range(length):
            item, position = _read(data, position, deeper - 1)
            items.append(item)
        return tuple(items), position
    end = start + length
    content = data[start:end]
    if tag == b"i" and length == 8:
        return int.from_bytes(content, "little"), end
    if tag == b"b":
        return content, end
    if tag != b"s":
        refuse(Reason.MALFORMED)
    try:
        return content.decode(), end
    except UnicodeDecodeError:
        refuse(Reason.MALFORMED)


def _fits(value: Value, shape: Shape) -> bool:
    if isinstance(shape, list):
        return isinstance(value, tuple) and all(_fits(item, shape[0]) for item in value)
    if isinstance(shape, tuple):
        return (
            isinstance(value, tuple)
            and len(value) == len(shape)
            and all(_fits(item, part) for item, part in zip(value, shape, strict=True))
        )
    if shape == "s":
        return isinstance(value, str)
    if shape == "i":
        return isinstance(value, int)
    return isinstance(value, bytes) and shape in {"b", f"b{len(value)}"}
