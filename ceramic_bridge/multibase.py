"""Text forms of bytes: a prefix that names the base, then the digits (multibase specification).

Each value has one text in each base; any other spelling (padding, other case, non-zero
trailing bits, leading digits that say nothing) is refused.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final, Literal

from ceramic_bridge.errors import MalformedData

Base = Literal["f", "b", "k", "z", "m", "u"]
"""Prefixes in use: base16, base32, base36, base58btc, base64 and base64url, all unpadded."""

_ALPHABETS: Final = {
    "k": "0123456789abcdefghijklmnopqrstuvwxyz",
    "z": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
}
_VALUES: Final = {base: {char: i for i, char in enumerate(chars)} for base, chars in _ALPHABETS.items()}

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
# What base64 has and its form without padding has not becomes something that it has not either.
_FROM_URL: Final = bytes.maketrans(b"-_+/=", b"+/***")
_UNPADDED: Final = bytes.maketrans(b"=", b"*")
# The last digit of an incomplete group may only hold bits that belong to a byte.
_LAST: Final = {2: "AQgw", 3: "AEIMQUYcgkosw048"}

MAX_POSITIONAL: Final = 512
"""Characters in base36 and base58, whose cost is quadratic; identifiers are far shorter."""


def _positional(data: bytes, digits: str) -> str:
    number, out = int.from_bytes(data, "big"), []
    while number:
        number, digit = divmod(number, len(digits))
        out.append(digits[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return digits[0] * zeros + "".join(reversed(out))


def _from_positional(body: str, base: str) -> bytes:
    if len(body) > MAX_POSITIONAL:
        raise MalformedData(f"{len(body)} characters in base {base!r} exceed the limit of {MAX_POSITIONAL}")
    values, number = _VALUES[base], 0
    for char in body:
        digit = values.get(char)
        if digit is None:
            raise MalformedData(f"{body[:80]!r} is not written in base {base!r}")
        number = number * len(values) + digit
    zeros = len(body) - len(body.lstrip(_ALPHABETS[base][0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base64url(data: bytes) -> str:
    """Return base64url digits without a prefix, as JOSE writes them (RFC 7515)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Read base64url digits without a prefix.

    Raises:
        MalformedData: The text is not the form that ``base64url`` gives.
    """
    return _from_base64(text, _FROM_URL)


def _from_base64(text: str, table: bytes) -> bytes:
    try:
        padded = text.encode("ascii").translate(table) + b"=" * (-len(text) % 4)
        data = binascii.a2b_base64(padded, strict_mode=True)
    except ValueError as error:
        raise MalformedData(f"{text[:80]!r} is not base64 without padding") from error
    if len(text) % 4 and text[-1] not in _LAST[len(text) % 4]:
        raise MalformedData(f"{text[:80]!r} is not the one text of its bytes in base64")
    return data


def encode(base: Base, data: bytes) -> str:
    """Return the text of some bytes, prefix included."""
    match base:
        case "f":
            return "f" + data.hex()
        case "b":
            return "b" + base64.b32encode(data).decode().lower().rstrip("=")
        case "m":
            return "m" + base64.b64encode(data).decode().rstrip("=")
        case "u":
            return "u" + base64url(data)
        case _:
            return base + _positional(data, _ALPHABETS[base])


def _digits(base: str, body: str) -> bytes:
    match base:
        case "f":
            return bytes.fromhex(body)
        case "b":
            return base64.b32decode(body.upper() + "=" * (-len(body) % 8))
        case "m":
            return _from_base64(body, _UNPADDED)
        case "u":
            return from_base64url(body)
        case _:
            return _from_positional(body, base)


def decode(text: str, bases: str = "fbkzmu") -> bytes:
    """Read the text of some bytes.

    Args:
        text: Prefix and digits.
        bases: The prefixes that are allowed here.

    Raises:
        MalformedData: The prefix is not allowed, or the text is not the one that ``encode`` gives.
    """
    base, body = text[:1], text[1:]
    if not base or base not in bases:
        raise MalformedData(f"{text[:80]!r} must begin with one of {', '.join(bases)} (multibase)")
    try:
        data = _digits(base, body)
    except ValueError as error:
        raise MalformedData(f"{text[:80]!r} is not written in base {base!r}") from error
    # What reads base64 has asked that already.
    if base not in "mu" and encode(base, data) != text:  # type: ignore[arg-type]  # one of ``bases``
        raise MalformedData(f"{text[:80]!r} is not the one text of its bytes in base {base!r}")
    return data
