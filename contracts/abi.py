"""ABI encoding and decoding, and what a contract's refusal means (Solidity ABI specification).

``eth_abi`` does the work; it is imported when first used, so that the command line starts fast.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

from contracts.artifact import ARTIFACTS, AbiItem, load_artifact
from federation.errors import ChainError, Reverted
from federation.hashing import keccak256
from federation.types import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

HINTS = {
    "AllRoundsRecorded": "reveal the epoch: it has no more rounds",
    "AlreadyRegistered": "a DID keeps its first payee",
    "BeaconExpired": "call retarget, then draw again after the new target block",
    "BeaconNotReady": "wait until the target block has been mined",
    "ChallengeWindowOpen": "wait until the challenge window has passed",
    "ERC20InsufficientAllowance": "approve the pool for the amount first",
    "ERC20InsufficientBalance": "the sender does not hold that many tokens",
    "InsufficientFunds": "fund the pool before opening the epoch",
    "InvalidProof": "the leaf must be in the table that was finalized last",
    "NotAggregator": "only the federation's aggregator may do this",
    "NothingToClaim": "this payee has been paid in full",
    "RoundsRemain": "record the remaining rounds first",
    "SignatureExpired": "sign again with a later deadline",
    "WrongPhase": "another transaction has already moved the federation, or one is missing",
}


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
    inner = signature_[signature_.index("(") + 1 : -1]
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
        if kind.endswith("[]") and isinstance(value, (list, tuple)):
            _check_words([kind.removesuffix("[]")] * len(value), value)
        elif kind.startswith("(") and isinstance(value, (list, tuple)):
            _check_words(parameter_types(kind), value)
        elif kind == "bytes32" and (not isinstance(value, bytes) or len(value) != 32):
            raise ChainError("a value does not fit the contract's parameter: 32 bytes are needed")


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
    return to_address(bytes.fromhex(str(value)[2:])) if kind == "address" else value


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
def _errors() -> dict[bytes, str]:
    names = sorted(path.stem for path in ARTIFACTS.glob("*.json"))
    items = (item for name in names for item in load_artifact(name).abi if item["type"] == "error")
    known = {"Error(string)", "Panic(uint256)"} | {signature(item) for item in items}
    return {selector(text): text for text in known}


def reverted(data: bytes) -> Reverted:
    """Return the error that revert data stands for, with a hint where we have one."""
    found = _errors().get(data[:4])
    if found is None:
        return Reverted("unknown", (data.hex(),) if data else ())
    name = found[: found.index("(")]
    try:
        values = decode(parameter_types(found), data[4:])
    except ChainError:
        return Reverted(name, (data.hex(),))
    return Reverted(name, values, hint=HINTS.get(name))
