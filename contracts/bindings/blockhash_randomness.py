"""Typed binding of BlockhashRandomness.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from contracts.bindings.errors import BeaconExpired, BeaconNotReady
from contracts.contract import Contract

if TYPE_CHECKING:
    from contracts.chain import Chain, Signer
    from federation.types import Hash32

__all__ = [
    "BeaconExpired",
    "BeaconNotReady",
    "BlockhashRandomness",
]


class BlockhashRandomness(Contract):
    """Calls of ``BlockhashRandomness``."""

    ARTIFACT: ClassVar[str] = "BlockhashRandomness"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def expired(self, target: int) -> bool:
        """Whether the randomness of a target was known once and is out of reach for good."""
        found: bool = self._read("expired(uint64)", ("bool",), target)[0]
        return found

    def target(self, delay: int) -> int:
        """The target that lies `delay` blocks ahead."""
        found: int = self._read("target(uint64)", ("uint64",), delay)[0]
        return found

    def value(self, target: int) -> Hash32:
        """The randomness of a target; reverts before it is known and after it has expired."""
        found: Hash32 = self._read("value(uint64)", ("bytes32",), target)[0]
        return found
