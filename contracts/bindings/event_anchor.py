"""Typed binding of EventAnchor.sol, written by ``contracts.bindgen``: do not edit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from contracts.bindings.structs import AnchorStep, RoundRecord
from contracts.contract import Contract, Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contracts.chain import Chain, Log, Receipt, Signer
    from federation.types import Address, Hash32

__all__ = [
    "AnchorStep",
    "DidAnchor",
    "EventAnchor",
    "RoundRecord",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DidAnchor(Event):
    """Event ``DidAnchor``."""

    SIGNATURE: ClassVar[str] = "DidAnchor(address,bytes32)"
    INDEXED: ClassVar[tuple[bool, ...]] = (True, False)

    sender: Address
    root: Hash32

    @classmethod
    def _from_values(cls, log: Log, values: tuple[Any, ...]) -> Self:
        return cls(log=log, sender=values[0], root=values[1])


class EventAnchor(Contract):
    """Calls of ``EventAnchor``."""

    ARTIFACT: ClassVar[str] = "EventAnchor"

    @classmethod
    def deploy(cls, chain: Chain, sender: Signer) -> Self:
        """Deploy a new one."""
        return cls._deploy(chain, sender, ())

    def anchor_dag_cbor(self, sender: Signer, root: Hash32) -> Receipt:
        """Anchor a root, as CIP-110 names it.

        Anyone may, and as often as wished.
        """
        return self._send(sender, "anchorDagCbor(bytes32)", root)

    def anchored_at(self, root: Hash32) -> int:
        """The second in which a root was anchored first; 0 means never."""
        found: int = self._read("anchoredAt(bytes32)", ("uint256",), root)[0]
        return found

    def includes(
        self, *, root: Hash32, stream_digest: Hash32, payload_digest: Hash32, proof: Sequence[Hash32]
    ) -> bool:
        """Whether a signed event is in an anchored root of the project's own trees."""
        found: bool = self._read(
            "includes(bytes32,bytes32,bytes32,bytes32[])",
            ("bool",),
            root,
            stream_digest,
            payload_digest,
            proof,
        )[0]
        return found

    def includes_dag_cbor(self, root: Hash32, event_digest: Hash32, steps: Sequence[AnchorStep]) -> bool:
        """Whether an event is in an anchored tree of DAG-CBOR nodes, as a Ceramic time event shows it."""
        found: bool = self._read(
            f"includesDagCbor(bytes32,bytes32,{AnchorStep.ABI}[])",
            ("bool",),
            root,
            event_digest,
            tuple(item.to_abi() for item in steps),
        )[0]
        return found

    def round_includes(
        self,
        *,
        federation: Address,
        epoch: int,
        round_: int,
        recorded: RoundRecord,
        stream_digest: Hash32,
        payload_digest: Hash32,
        proof: Sequence[Hash32],
    ) -> bool:
        """Whether a signed event is in the root of a round that a federation recorded."""
        found: bool = self._read(
            f"roundIncludes(address,uint64,uint32,{RoundRecord.ABI},bytes32,bytes32,bytes32[])",
            ("bool",),
            federation,
            epoch,
            round_,
            recorded.to_abi(),
            stream_digest,
            payload_digest,
            proof,
        )[0]
        return found
