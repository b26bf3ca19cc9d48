"""Time events: proof that an event existed when a chain's transaction did (CIP-110, CIP-168).

A transaction holds the root of a tree of events; a time event holds the way from that root down
to one of them. Whether the transaction exists is for ``anchor.check`` to ask a chain; everything
else is checked here, from the bytes alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ceramic_bridge import car
from ceramic_bridge.car import Block
from ceramic_bridge.cid import DAG_CBOR, ETH_TX, KECCAK_256, MID, Cid, StreamId
from ceramic_bridge.dagcbor import MalformedData, Value, decode, encode
from federation.errors import VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

TX_TYPE: Final = "f(bytes32)"
"""A transaction that calls a function with the root's digest as its only argument."""

OLD_TX_TYPE: Final = "raw"
"""A transaction whose input is the root's CID, as the network's first anchors were."""

MAX_PATH: Final = 64
"""Steps from the root to an event."""

_CHAIN: Final = re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}")
_PATH: Final = re.compile(r"(?:[01](?:/[01])*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorProof:
    """Where a root was written.

    Attributes:
        cid: CID of the block.
        block: The DAG-CBOR block.
        chain_id: The chain, in CAIP-2 form: ``eip155:<number>``.
        root: Root of the tree; the transaction holds its digest.
        tx_hash: Hash of the transaction, 32 bytes.
        tx_type: How the transaction holds it; ``TX_TYPE`` or ``OLD_TX_TYPE`` if it can be checked.
    """

    cid: Cid
    block: bytes
    chain_id: str
    root: Cid
    tx_hash: bytes
    tx_type: str

    @classmethod
    def of(cls, *, chain: int, root: Cid, tx_hash: bytes) -> AnchorProof:
        """Return the proof block of a transaction on an EIP-155 chain.

        Raises:
            MalformedData: The hash has not 32 bytes.
        """
        tx = Cid(codec=ETH_TX, hash_code=KECCAK_256, digest=tx_hash)
        return cls.read(encode({"chainId": f"eip155:{chain}", "root": root, "txHash": tx, "txType": TX_TYPE}))

    @classmethod
    def read(cls, block: bytes) -> AnchorProof:
        """Read a proof block.

        Raises:
            MalformedData: It is not the one encoding of one.
        """
        match decode(block):
            # Some anchors name the hash's codec and function wrongly; the digest is what counts.
            case {
                "chainId": str() as chain_id,
                "root": Cid() as root,
                "txHash": Cid(digest=tx_hash),
                "txType": str() as tx_type,
                **rest,
            } if not rest and len(tx_hash) == 32 and _CHAIN.fullmatch(chain_id):
                cid = Cid.of(DAG_CBOR, block)
                return cls(
                    cid=cid, block=block, chain_id=chain_id, root=root, tx_hash=tx_hash, tx_type=tx_type
                )
        raise MalformedData("a proof block must hold chainId, root, txHash and txType")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeEvent:
    """A time event whose way from root to event holds.

    Attributes:
        cid: CID of the block.
        block: The DAG-CBOR block.
        init: Init event of the stream.
        prev: The event that is shown to have existed.
        path: Which branch to take at each node, from the root on.
        proof: Where the root was written.
        witness: The nodes on the way, the root first; none if the root is the event.
    """

    cid: Cid
    block: bytes
    init: Cid
    prev: Cid
    path: tuple[int, ...]
    proof: AnchorProof
    witness: tuple[Block, ...]

    @property
    def stream_id(self) -> StreamId:
        """The stream, taken to be a document; a model can be anchored, but never changes."""
        return StreamId(type=MID, cid=self.init)

    def blocks(self) -> tuple[Block, ...]:
        """Return the blocks in the order of files: event, proof, nodes from the root on."""
        proof = Block(cid=self.proof.cid, data=self.proof.block)
        return (Block(cid=self.cid, data=self.block), proof, *self.witness)

    def steps(self) -> tuple[tuple[bytes, bytes], ...]:
        """Return what surrounds each digest on the way up, for a check on chain.

        Starting with the digest of ``prev``, each pair gives the next digest as the SHA-256 of
        its first part, the digest and its second part; the last is that of the root.
        """
        steps: list[tuple[bytes, bytes]] = []
        child = self.prev
        for block, branch in zip(reversed(self.witness), reversed(self.path), strict=True):
            # Both branches may hold the same event: look behind the ones before.
            at = block.data.index(child.digest, len(encode(_node(block)[:branch])))
            steps.append((block.data[:at], block.data[at + len(child.digest) :]))
            child = block.cid
        return tuple(steps)

    @classmethod
    def create(
        cls, *, init: Cid, prev: Cid, path: Sequence[int], proof: AnchorProof, witness: Sequence[Block]
    ) -> TimeEvent:
        """Return the time event of one leaf of an anchored tree.

        Raises:
            MalformedData: The path is too long.
            VerificationFailed: It does not lead from the root to the event.
        """
        text = "/".join(str(branch) for branch in path)
        block = encode({"id": init, "prev": prev, "proof": proof.cid, "path": text})
        own = Block(cid=proof.cid, data=proof.block)
        return cls.from_blocks(block, [own, *witness])

    @classmethod
    def from_blocks(cls, block: bytes, others: Sequence[Block]) -> TimeEvent:
        """Verify a time event from its blocks.

        Args:
            block: The time event.
            others: Its proof and the nodes on the way, in any order, each with its own CID.

        Raises:
            MalformedData: A block is malformed, missing or surplus.
            VerificationFailed: The path does not lead from the root to the event.
        """
        match decode(block):
            case {
                "id": Cid() as init,
                "prev": Cid() as prev,
                "proof": Cid() as proof_cid,
                "path": str() as text,
                **rest,
            } if not rest and _PATH.fullmatch(text) and len(text) < 2 * MAX_PATH:
                pass
            case _:
                raise MalformedData("a time event must hold id, prev, proof and a path of 0 and 1")
        path = tuple(int(branch) for branch in text.split("/") if branch)
        known = {other.cid: other for other in others}
        if len(known) != len(others) or len(others) != len(path) + 1 or proof_cid not in known:
            raise MalformedData("a time event must come with its proof and one node for each step")
        proof = AnchorProof.read(known.pop(proof_cid).data)
        cid, at, witness = Cid.of(DAG_CBOR, block), proof.root, []
        for branch in path:
            if at not in known:
                raise VerificationFailed(f"time event {cid}", f"node {at} of its path is missing")
            node = known[at]
            witness.append(node)
            child = _node(node)[branch]
            if not isinstance(child, Cid):
                raise VerificationFailed(f"time event {cid}", f"node {at} has nothing at branch {branch}")
            at = child
        if at != prev:
            raise VerificationFailed(f"time event {cid}", f"its path leads to {at}, not to {prev}")
        return cls(cid=cid, block=block, init=init, prev=prev, path=path, proof=proof, witness=tuple(witness))


def _node(block: Block) -> list[Value]:
    value = decode(block.data)
    # Older trees have a third entry, which is null or describes the tree.
    if block.cid != Cid.of(DAG_CBOR, block.data) or not isinstance(value, list) or len(value) not in (2, 3):
        raise MalformedData(f"block {block.cid} is not a node of an anchor tree")
    return value


def encode_time_event(event: TimeEvent) -> bytes:
    """Return the event as a CAR: the event, its proof, the nodes from the root on."""
    return car.write(event.cid, event.blocks())


def decode_time_event(data: bytes) -> TimeEvent:
    """Read a time event's CAR and verify everything but the transaction.

    Raises:
        MalformedData: The CAR or a block is malformed, too large, missing or surplus.
        VerificationFailed: A block does not have its hash, or the path leads elsewhere.
    """
    root, blocks = car.read(data)
    own = [block for block in blocks if block.cid == root]
    if len(own) != 1:
        raise MalformedData("a time event's CAR must hold its root once")
    return TimeEvent.from_blocks(own[0].data, [block for block in blocks if block.cid != root])
