"""One tree of one value per member: any order of members, one root, a proof for each."""

from __future__ import annotations

import pytest
from eth_hash.auto import keccak

from federation.hashing import did_hash, purpose, sha256
from federation.membertree import MemberTree
from federation.types import Did
from tests.unit.federation._reference_trace import merkle_root
from tests.unit.federation._world import did

VALUES = {did(i): sha256(bytes([i])) for i in range(7)}


def _leaf(*words: bytes) -> bytes:
    return keccak(keccak(b"".join(words)))


def _climb(leaf: bytes, proof) -> bytes:
    for sibling in proof:
        leaf = keccak(b"".join(sorted((leaf, sibling))))
    return leaf


def _pairs(values) -> list[tuple[bytes, bytes]]:
    return sorted((did_hash(Did(d)), v) for d, v in values.items())


@pytest.mark.parametrize("n", range(1, 8))
def test_root_is_the_references_when_members_come_in_any_order(n):
    values = dict(list(VALUES.items())[:n])
    root = MemberTree.build(values).root
    assert root == merkle_root([_leaf(*pair) for pair in _pairs(values)])
    assert MemberTree.build(dict(reversed(values.items()))).root == root


@pytest.mark.parametrize("n", range(1, 8))
def test_every_member_proves_its_own_value_and_no_other(n):
    tree = MemberTree.build(dict(list(VALUES.items())[:n]))
    for name, proof in tree.proofs().items():
        assert _climb(_leaf(did_hash(name), VALUES[name]), proof) == tree.root
        assert _climb(_leaf(did_hash(name), sha256(b"other")), proof) != tree.root
        assert _climb(_leaf(did_hash(did(9)), VALUES[name]), proof) != tree.root


def test_root_is_a_fixed_leaf_when_there_is_no_member():
    assert MemberTree.build({}).root == _leaf(purpose("nobody"))
    assert MemberTree.build({}).proofs() == {}
