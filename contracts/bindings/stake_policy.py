"""Typed binding of StakePolicy.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from contracts.bindings.errors import FutureSnapshot, ZeroStakePerExample
from contracts.contract import Contract

if TYPE_CHECKING:
    from contracts.chain import Chain, Signer
    from federation.types import Address, Hash32

__all__ = [
    "FutureSnapshot",
    "StakePolicy",
    "ZeroStakePerExample",
]


class StakePolicy(Contract):
    """Calls of ``StakePolicy``."""

    ARTIFACT: ClassVar[str] = "StakePolicy"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer, registry: Address, stake_per_example: int) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ("address", "uint256"), registry, stake_per_example)

    def quota_of(self, did_hash: Hash32, payee: Address, time: int) -> int:
        """A member's quota at the end of a past second; never another for the same second."""
        found: int = self._read("quotaOf(bytes32,address,uint48)", ("uint256",), did_hash, payee, time)[0]
        return found

    def registry(self) -> Address:
        """Read ``registry``."""
        found: Address = self._read("registry()", ("address",))[0]
        return found

    def stake_per_example(self) -> int:
        """Read ``stakePerExample``."""
        found: int = self._read("stakePerExample()", ("uint256",))[0]
        return found
