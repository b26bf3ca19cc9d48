"""Hashes that contracts and Python share: keccak-256 over ``abi.encode`` of static words.

Every hash and signature names its purpose, chain, federation, epoch and round first
(see docs/protocol.md), so that nothing signed for one place is valid in another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

from eth_hash.auto import keccak as _keccak

from federation.errors import ConfigError
from federation.types import Address, Did, Hash32


def keccak256(data: bytes) -> Hash32:
    """Return the Ethereum keccak-256 digest of ``data``."""
    return Hash32(_keccak(data))


def sha256(data: bytes) -> Hash32:
    """Return the SHA-256 digest of ``data``."""
    return Hash32(hashlib.sha256(data).digest())


def word(value: int | bytes | str) -> bytes:
    """Encode one static ABI value as 32 bytes (Solidity ABI specification).

    Args:
        value: An integer in [-2^255, 2^256), 32 bytes, or an ``0x`` address.

    Raises:
        ConfigError: The value does not fit one word.
    """
    if isinstance(value, int):
        if not -(1 << 255) <= value < 1 << 256:
            raise ConfigError(f"integer {value} does not fit a 256-bit word")
        return (value % (1 << 256)).to_bytes(32, "big")
    if isinstance(value, str):
        raw = bytes.fromhex(value.removeprefix("0x"))
        if len(raw) != 20:
            raise ConfigError(f"{value!r} is not an address")
        return raw.rjust(32, b"\0")
    if len(value) != 32:
        raise ConfigError(f"{len(value)} bytes where 32 were expected")
    return value


def abi_words(*values: int | bytes | str) -> bytes:
    """Return ``abi.encode(...)`` of static values."""
    return b"".join(word(v) for v in values)


@cache
def purpose(name: str) -> Hash32:
    """Return the domain tag ``keccak256("folkmoot.<name>")``, a ``bytes32`` constant in Solidity."""
    return keccak256(f"folkmoot.{name}".encode())


def did_hash(did: Did) -> Hash32:
    """Return the ``bytes32`` under which contracts know a DID: ``keccak256`` of its UTF-8 text."""
    return keccak256(did.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Where a hash is valid: a chain, a federation contract and an epoch."""

    chain_id: int
    federation: Address
    epoch: int

    def digest(self, name: str, round_: int, *values: int | bytes | str) -> Hash32:
        """Return ``keccak256(abi.encode(purpose, chainId, federation, epoch, round, values...))``."""
        return keccak256(
            abi_words(purpose(name), self.chain_id, self.federation, self.epoch, round_, *values)
        )


def commitment(
    domain: Domain, round_: int, *, did: Did, base_hash: Hash32, delta_sha256: Hash32, salt: Hash32
) -> Hash32:
    """Return a member's commitment to its delta for a round (docs/protocol.md, Formats)."""
    return domain.digest("commitment", round_, did_hash(did), base_hash, delta_sha256, salt)
