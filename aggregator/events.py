"""Which events belong to a round, and the root under which the chain records them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ceramic_bridge.events import SignedEvent
from federation.hashing import sha256
from federation.merkle import MerkleTree, leaf_hash
from federation.types import Hash32


def event_leaf(event: SignedEvent) -> Hash32:
    """Return the leaf of an event: its stream and its payload, never its envelope.

    A payload can be signed again under another envelope; what counts is (stream, payload CID).
    """
    stream, payload = event_key(event)
    return leaf_hash(stream, payload)


def event_key(event: SignedEvent) -> tuple[Hash32, Hash32]:
    """Return the two digests by which ``Federation.eventInRound`` knows an event."""
    return sha256(event.stream_id.to_bytes()), Hash32(event.payload_cid.digest)


def events_tree(events: Sequence[SignedEvent]) -> MerkleTree:
    """Return the tree over a round's events; its root goes into ``recordRound``."""
    return MerkleTree.build([event_leaf(e) for e in events])


def events_root(events: Iterable[SignedEvent]) -> Hash32:
    """Return the root of ``events_tree``."""
    return events_tree(list(events)).root
