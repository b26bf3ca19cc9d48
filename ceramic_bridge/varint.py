"""Unsigned LEB128 integers, as in multiformats (unsigned-varint specification)."""

from __future__ import annotations

from ceramic_bridge.errors import MalformedData

MAX_BYTES = 9
"""The specification's own limit: 63 bits."""


def encode(value: int) -> bytes:
    """Return the shortest encoding.

    Raises:
        MalformedData: The value is negative or needs more than 63 bits.
    """
    if not 0 <= value < 1 << 7 * MAX_BYTES:
        raise MalformedData(f"{value} is not an integer of 0 to 63 bits")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(data: bytes, offset: int = 0) -> tuple[int, int]:
    """Read one integer.

    Returns:
        The value and the offset after it.

    Raises:
        MalformedData: The bytes end early, are not the shortest form, or exceed 63 bits.
    """
    value = 0
    for i, byte in enumerate(data[offset : offset + MAX_BYTES]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            if byte == 0 and i > 0:
                raise MalformedData(f"varint at byte {offset} is not in its shortest form")
            return value, offset + i + 1
    raise MalformedData(f"varint at byte {offset} does not end")
