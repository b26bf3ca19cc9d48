"""Anchoring: many events, one tree, one transaction (CIP-110), and what that proves.

The tree is ceramic-one's: leaves are event CIDs in order, a node is the DAG-CBOR list of its two
children's CIDs, and a count that is no power of two splits into full trees, the largest on the
left. A root's digest goes on chain with ``anchorDagCbor(bytes32)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from ceramic_bridge.car import Block
from ceramic_bridge.cid import DAG_CBOR, SHA2_256, Cid
from ceramic_bridge.dagcbor import MalformedData, encode
from ceramic_bridge.events import DataPayload, SignedEvent
from ceramic_bridge.timeevents import OLD_TX_TYPE, TX_TYPE, AnchorProof, TimeEvent
from federation.errors import VerificationFailed
from federation.hashing import keccak256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from federation.types import Address

SELECTOR: Final = keccak256(b"anchorDagCbor(bytes32)")[:4]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorTree:
    """A tree over the CIDs of a batch of events; ``build`` makes it.

    Attributes:
        leaves: The events, in order.
        root: The root; the event itself if there is only one.
        nodes: Every node, by CID.
    """

    leaves: tuple[Cid, ...]
    root: Cid
    nodes: Mapping[Cid, tuple[Block, tuple[Cid, Cid]]]

    @classmethod
    def build(cls, leaves: Sequence[Cid]) -> AnchorTree:
        """Build the tree of a batch.

        Raises:
            MalformedData: The batch is empty, or an event's CID is not a SHA-256.
        """
        if not leaves or any(leaf.hash_code != SHA2_256 for leaf in leaves):
            raise MalformedData("a batch to anchor must hold events, each named by a SHA-256")
        nodes: dict[Cid, tuple[Block, tuple[Cid, Cid]]] = {}

        def join(left: Cid, right: Cid) -> Cid:
            block = Block.of(DAG_CBOR, encode([left, right]))
            nodes[block.cid] = (block, (left, right))
            return block.cid

        # Full trees of falling size; equal neighbours join, as in binary counting.
        peaks: list[tuple[int, Cid]] = []
        for leaf in leaves:
            size, top = 1, leaf
            while peaks and peaks[-1][0] == size:
                size, top = 2 * size, join(peaks.pop()[1], top)
            peaks.append((size, top))
        root = peaks.pop()[1]
        while peaks:
            root = join(peaks.pop()[1], root)
        return cls(leaves=tuple(leaves), root=root, nodes=nodes)

    def path(self, index: int) -> tuple[int, ...]:
        """Return the branches from the root to a leaf.

        Raises:
            MalformedData: There is no such leaf.
        """
        count, path = len(self.leaves), []
        if not 0 <= index < count:
            raise MalformedData(f"a batch of {count} events has no event {index}")
        while count > 1:
            left = 1 << (count - 1).bit_length() - 1
            path.append(int(index >= left))
            index, count = (index - left, count - left) if index >= left else (index, left)
        return tuple(path)

    def time_event(self, index: int, *, init: Cid, proof: AnchorProof) -> TimeEvent:
        """Return the time event of a leaf.

        Args:
            index: Which leaf.
            init: Init event of the leaf's stream.
            proof: Where the root was written.

        Raises:
            MalformedData: There is no such leaf.
            VerificationFailed: The proof is of another root.
        """
        path, at, witness = self.path(index), self.root, []
        for branch in path:
            block, children = self.nodes[at]
            witness.append(block)
            at = children[branch]
        return TimeEvent.create(init=init, prev=at, path=path, proof=proof, witness=witness)


def calldata(root: Cid) -> bytes:
    """Return the input of the transaction that anchors a root: 36 bytes."""
    return SELECTOR + root.digest


def _expected(proof: AnchorProof) -> bytes | None:
    if proof.tx_type == OLD_TX_TYPE:
        return proof.root.to_bytes()
    # A digest alone does not name its function: only SHA-256 is ever meant.
    return calldata(proof.root) if (proof.tx_type, proof.root.hash_code) == (TX_TYPE, SHA2_256) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorTransaction:
    """What a chain says about a transaction.

    Attributes:
        succeeded: Whether it was executed without reverting.
        to: The contract called.
        data: Its input.
        time: Its block's time, in seconds since 1970.
    """

    succeeded: bool
    to: Address
    data: bytes
    time: int


class AnchorChain(Protocol):
    """A chain on which roots are written."""

    def transaction(self, chain_id: str, tx_hash: bytes) -> AnchorTransaction | None:
        """Return a transaction that is final.

        Args:
            chain_id: The chain, in CAIP-2 form.
            tx_hash: 32 bytes.

        Returns:
            The transaction, or ``None`` if this chain is another or has no such transaction.
        """


def check(event: TimeEvent, chain: AnchorChain, *, contract: Address | None = None) -> int:
    """Check that a time event's root is on chain.

    Args:
        event: The time event.
        chain: Whom to ask.
        contract: The anchor contract, if only it counts. Any call proves the time as well.

    Returns:
        When the event is proven to have existed, in milliseconds since 1970.

    Raises:
        VerificationFailed: The chain has no such transaction, or it does not hold the root.
    """
    name, proof = f"time event {event.cid}", event.proof
    found = chain.transaction(proof.chain_id, proof.tx_hash)
    if found is None or not found.succeeded:
        raise VerificationFailed(name, f"{proof.chain_id} has no transaction 0x{proof.tx_hash.hex()}")
    if found.data != _expected(proof):
        raise VerificationFailed(name, f"transaction 0x{proof.tx_hash.hex()} does not hold its root")
    if contract is not None and found.to.lower() != contract.lower():
        raise VerificationFailed(name, f"transaction 0x{proof.tx_hash.hex()} is not to {contract}")
    return 1000 * found.time


def anchored(
    times: Iterable[tuple[TimeEvent, int]], events: Iterable[SignedEvent | TimeEvent]
) -> dict[Cid, int]:
    """Return since when each event is known to exist.

    Args:
        times: Time events and when ``check`` says their transactions were.
        events: All events; what an anchored one builds on existed before it.

    Returns:
        The earliest proven time of each event that has one, in milliseconds since 1970.
    """
    before: dict[Cid, Cid] = {}
    for event in events:
        if isinstance(event, TimeEvent):
            before[event.cid] = event.prev
        elif isinstance(event.payload, DataPayload):
            before[event.cid] = event.payload.prev
    found: dict[Cid, int] = {}
    for event, time in times:
        at: Cid | None = event.cid
        before[event.cid] = event.prev
        # An earlier pass with an earlier time has been here and further back already.
        while at is not None and found.get(at, time + 1) > time:
            found[at] = time
            at = before.get(at)
    return found
