"""Merkle trees in given order (tests/contracts compares sorted ones with OpenZeppelin's)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import ConfigError
from federation.merkle import MerkleTree, hash_pair, leaf_hash, root_from_proof
from tests.unit.federation import _reference_trace as reference


def _leaves(n: int):
    return [leaf_hash(i, 7) for i in range(n)]


@given(st.integers(1, 20), st.booleans(), st.data())
def test_proof_leads_to_the_root_when_it_is_that_leafs(n, sort, data):
    tree = MerkleTree.build(_leaves(n), sort=sort)
    i = data.draw(st.integers(0, n - 1))
    assert root_from_proof(_leaves(n)[i], tree.proof(i)) == tree.root
    if n > 1:
        j = data.draw(st.integers(0, n - 1).filter(lambda j: j != i))
        assert root_from_proof(_leaves(n)[j], tree.proof(i)) != tree.root


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13])
def test_tree_is_the_references_when_order_is_given(n):
    assert MerkleTree.build(_leaves(n), sort=False).root == reference.merkle_root(_leaves(n))


def test_root_stays_when_sorted_leaves_come_in_another_order():
    leaves = _leaves(7)
    assert MerkleTree.build(leaves).root == MerkleTree.build(leaves[::-1]).root
    assert MerkleTree.build(leaves, sort=False).root != MerkleTree.build(leaves[::-1], sort=False).root


def test_root_changes_when_one_leaf_does():
    leaves = _leaves(6)
    roots = {MerkleTree.build(leaves, sort=False).root}
    for i in range(6):
        changed = [*leaves[:i], leaf_hash(99, 7), *leaves[i + 1 :]]
        roots.add(MerkleTree.build(changed, sort=False).root)
    assert len(roots) == 7


def test_inner_node_is_no_leaf_when_values_are_hashed_twice():
    a, b = _leaves(2)
    assert hash_pair(a, b) == hash_pair(b, a)
    assert leaf_hash(a, b) != hash_pair(a, b)


def test_tree_is_refused_when_it_has_no_leaf():
    with pytest.raises(ConfigError, match="at least one leaf"):
        MerkleTree.build([])
