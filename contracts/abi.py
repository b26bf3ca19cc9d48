"""ABI encoding and decoding, and what a contract's refusal means (Solidity ABI specification).

``eth_abi`` does the work; it is imported when first used, so that the command line starts fast.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, cast

from contracts.artifact import AbiItem
from contracts.hints import PANICS
from federation.errors import ChainError, Reverted
from federation.hashing import keccak256
from federation.types import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.contract import CustomError

ARRAY = re.compile(r"\[(\d*)\]$")
FIXED_BYTES = re.compile(r"bytes(\d+)")


def abi_type(item: AbiItem) -> str:
    """Return the canonical type of an ABI parameter, tuples spelled out."""
    kind = str(item["type"])
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(abi_type(part) for part in cast("list[AbiItem]", item["components"]))
    return f"({inner}){kind.removeprefix('tuple')}"


def signature(item: AbiItem) -> str:
    """Return ``name(type,...)`` of an ABI function, event or error."""
    types = ",".join(abi_type(part) for part in cast("list[AbiItem]", item["inputs"]))
    return f"{item['name']}({types})"


@cache
def topic(signature_: str) -> bytes:
    """Return an event's first topic."""
    return keccak256(signature_.encode())


@cache
def selector(signature_: str) -> bytes:
    """Return the four bytes that call data or revert data begin with."""
    return keccak256(signature_.encode())[:4]


def parameter_types(signature_: str) -> tuple[str, ...]:
    """Split ``name(a,(b,c)[],d)`` into its top-level types."""
    return _split(signature_[signature_.index("(") + 1 : -1])


def _split(inner: str) -> tuple[str, ...]:
    types, depth, start = [], 0, 0
    for position, char in enumerate(inner):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            types.append(inner[start:position])
            start = position + 1
    return (*types, inner[start:]) if inner else ()


def encode(types: Sequence[str], values: Sequence[object]) -> bytes:
    """Return ``abi.encode`` of values.

    Raises:
        ChainError: A value does not have its type.
    """
    from eth_abi.abi import encode as abi_encode
    from eth_abi.exceptions import EncodingError

    _check_words(types, values)
    try:
        return abi_encode(types, values)
    except EncodingError as err:
        raise ChainError(f"a value does not fit the contract's parameter: {err}") from err


def _check_words(types: Sequence[str], values: Sequence[object]) -> None:
    # The encoder pads short byte strings with zeros: a truncated hash must not become another hash.
    for kind, value in zip(types, values, strict=False):
        if "bytes" not in kind:
            continue
        if ARRAY.search(kind):
            if isinstance(value, (list, tuple)):
                _check_words([ARRAY.sub("", kind)] * len(value), value)
        elif kind.startswith("("):
            if isinstance(value, (list, tuple)):
                _check_words(_split(kind[1:-1]), value)
        elif (fixed := FIXED_BYTES.fullmatch(kind)) and (
            not isinstance(value, bytes) or len(value) != int(fixed[1])
        ):
            raise ChainError(f"a value does not fit the contract's parameter: {fixed[1]} bytes are needed")


def decode(types: Sequence[str], data: bytes) -> tuple[object, ...]:
    """Return the values of an ABI encoding; addresses are checksummed.

    Raises:
        ChainError: The bytes are not such an encoding.
    """
    from eth_abi.abi import decode as abi_decode
    from eth_abi.exceptions import DecodingError

    try:
        values = abi_decode(types, data)
    except (DecodingError, OverflowError) as err:
        raise ChainError(
            f"the chain answered with something else than {tuple(types)}",
            hint="is there a contract of this kind at the address?",
        ) from err
    return tuple(_checksummed(kind, value) for kind, value in zip(types, values, strict=True))


def _checksummed(kind: str, value: object) -> object:
    """Return a decoded value with every address in it checksummed."""
    if "address" not in kind:
        return value
    if kind == "address":
        return to_address(bytes.fromhex(str(value)[2:]))
    inner = cast("tuple[object, ...]", value)
    kinds = [ARRAY.sub("", kind)] * len(inner) if ARRAY.search(kind) else _split(kind[1:-1])
    return tuple(_checksummed(k, v) for k, v in zip(kinds, inner, strict=True))


def to_address(raw: bytes) -> Address:
    """Return 20 bytes as an EIP-55 checksummed address."""
    lower = raw.hex()
    digest = keccak256(lower.encode()).hex()
    return Address("0x" + "".join(c.upper() if h > "7" else c for c, h in zip(lower, digest, strict=False)))


def to_bytes(address: Address) -> bytes:
    """Return the 20 bytes of an address.

    Raises:
        ChainError: It is not an address.
    """
    try:
        raw = bytes.fromhex(address.removeprefix("0x"))
    except ValueError:
        raw = b""
    if len(raw) != 20:
        raise ChainError(f"{address!r} is not an address")
    return raw


@cache
def _errors() -> dict[bytes, type[CustomError]]:
    from contracts.bindings.errors import ERRORS

    return {selector(error.SIGNATURE): error for error in ERRORS}


def reverted(data: bytes) -> Reverted:
    """Return the error that revert data stands for: its own class if an artifact declares it.

    It may come from any contract that the call went through, not only from the one that was called.
    """
    known = _errors().get(data[:4])
    try:
        if known is not None:
            return known.from_abi(decode(parameter_types(known.SIGNATURE), data[4:]))
        return _builtin(data)
    except (ChainError, ValueError):
        # What a contract that is not ours returns need not be an encoding, nor a member of an enum.
        return Reverted("unknown" if known is None else known.SIGNATURE.split("(")[0], (data.hex(),))


def _builtin(data: bytes) -> Reverted:
    if data[:4] == selector("Error(string)"):
        return Reverted("Error", decode(("string",), data[4:]))
    if data[:4] == selector("Panic(uint256)"):
        (code,) = decode(("uint256",), data[4:])
        return Reverted("Panic", (code,), hint=PANICS.get(cast("int", code)))
    return Reverted("unknown", (data.hex(),) if data else ())
