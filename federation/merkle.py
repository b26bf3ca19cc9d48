"""Merkle trees that OpenZeppelin's ``MerkleProof`` accepts.

Same bytes as ``StandardMerkleTree`` of ``@openzeppelin/merkle-tree`` 1.0: a leaf is
``keccak256(keccak256(abi.encode(values)))``, pairs are hashed in sorted order, the tree is a
complete binary tree laid out in an array, leaves last and reversed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from federation.errors import ConfigError
from federation.hashing import abi_words, keccak256
from federation.types import Hash32


def leaf_hash(*values: int | bytes | str) -> Hash32:
    """Return the double hash of one leaf's ABI-encoded values."""
    return keccak256(keccak256(abi_words(*values)))


def hash_pair(a: bytes, b: bytes) -> Hash32:
    """Return the parent of two nodes: the hash of both, the smaller first."""
    return keccak256(a + b if a < b else b + a)


@dataclass(frozen=True, slots=True)
class MerkleTree:
    """A tree over leaf hashes.

    Attributes:
        nodes: Array layout; the root is ``nodes[0]``.
        positions: Where the i-th leaf that was passed in stands in ``nodes``.
    """

    nodes: tuple[Hash32, ...]
    positions: tuple[int, ...]

    @classmethod
    def build(cls, leaves: Sequence[Hash32], *, sort: bool = True) -> MerkleTree:
        """Build a tree.

        Args:
            leaves: Leaf hashes (see ``leaf_hash``); at least one.
            sort: Order leaves by hash as StandardMerkleTree does; else keep the given order.

        Raises:
            ConfigError: There is no leaf.
        """
        if not leaves:
            raise ConfigError("a Merkle tree needs at least one leaf")
        n = len(leaves)
        order = sorted(range(n), key=lambda i: leaves[i]) if sort else list(range(n))
        size = 2 * n - 1
        nodes: list[Hash32] = [Hash32(b"")] * size
        positions = [0] * n
        for rank, i in enumerate(order):
            positions[i] = size - 1 - rank
            nodes[size - 1 - rank] = leaves[i]
        for k in range(n - 2, -1, -1):
            nodes[k] = hash_pair(nodes[2 * k + 1], nodes[2 * k + 2])
        return cls(tuple(nodes), tuple(positions))

    @property
    def root(self) -> Hash32:
        """The root hash."""
        return self.nodes[0]

    def proof(self, index: int) -> tuple[Hash32, ...]:
        """Return the siblings from the ``index``-th leaf up to the root."""
        k = self.positions[index]
        path = []
        while k:
            path.append(self.nodes[k - 1 if k % 2 == 0 else k + 1])
            k = (k - 1) // 2
        return tuple(path)


def root_from_proof(leaf: bytes, proof: Sequence[bytes]) -> Hash32:
    """Return the root that a leaf and its proof lead to."""
    node = Hash32(leaf)
    for sibling in proof:
        node = hash_pair(node, sibling)
    return node
