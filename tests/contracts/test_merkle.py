"""The kernel's Merkle trees are OpenZeppelin's, in JavaScript and in Solidity."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from federation.merkle import MerkleTree, leaf_hash, root_from_proof

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "merkle.json").read_text())["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: str(len(v["leaves"])))
def test_tree_is_openzeppelins_when_leaves_are_payouts(vector) -> None:
    leaves = [leaf_hash(int(c), pool, payee, int(wei)) for c, pool, payee, wei in vector["leaves"]]
    tree = MerkleTree.build(leaves)
    assert tree.root.hex() == vector["root"][2:]
    for shown in vector["proofs"]:
        proof = tree.proof(shown["leaf"])
        assert ["0x" + node.hex() for node in proof] == shown["proof"]
        assert root_from_proof(leaves[shown["leaf"]], proof) == tree.root
        other = leaf_hash(1, "0x" + "00" * 20, "0x" + "00" * 20, 1)
        assert root_from_proof(other, proof) != tree.root
