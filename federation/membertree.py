"""The tree of one value per member: commitments under the commit root, deltas under the reveal root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from federation.hashing import did_hash, purpose
from federation.merkle import MerkleTree, leaf_hash
from federation.types import Did, Hash32

_NOBODY: Final = leaf_hash(purpose("nobody"))


@dataclass(frozen=True, slots=True)
class MemberTree:
    """Leaves (didHash, value), sorted by didHash; a single fixed leaf if there is no member.

    Attributes:
        order: The members, in leaf order.
        tree: The Merkle tree.
    """

    order: tuple[Did, ...]
    tree: MerkleTree

    @classmethod
    def build(cls, values: Mapping[Did, Hash32]) -> MemberTree:
        """Build the tree of some members' values."""
        order = tuple(sorted(values, key=did_hash))
        leaves = [leaf_hash(did_hash(did), values[did]) for did in order] or [_NOBODY]
        return cls(order, MerkleTree.build(leaves, sort=False))

    @property
    def root(self) -> Hash32:
        """The root that the chain records."""
        return self.tree.root

    def proofs(self) -> dict[Did, tuple[Hash32, ...]]:
        """Return every member's proof of its own leaf."""
        return {did: self.tree.proof(i) for i, did in enumerate(self.order)}
