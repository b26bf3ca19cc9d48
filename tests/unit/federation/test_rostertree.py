"""The tree of an epoch's members."""

from __future__ import annotations

from dataclasses import replace

import pytest

from federation.errors import ConfigError
from federation.hashing import did_hash
from federation.merkle import leaf_hash, root_from_proof
from federation.rostertree import NO_PAYEE, Admitted, in_order, roster_tree
from federation.types import Address, Did

PAYEE = Address("0x" + "5c" * 20)
ENTRIES = [
    Admitted(did=Did(f"did:key:z{name}"), quota=3 + k, cap=100 * k, payee=PAYEE if k else NO_PAYEE)
    for k, name in enumerate("BAC")
]


def test_leaves_stand_in_the_order_of_dids_when_built():
    tree = roster_tree(ENTRIES)
    for i, e in enumerate(sorted(ENTRIES, key=lambda e: e.did)):
        leaf = leaf_hash(i, did_hash(e.did), e.quota, e.cap, e.payee)
        assert root_from_proof(leaf, tree.proof(i)) == tree.root
    assert [e.did[-1] for e in in_order(ENTRIES)] == ["A", "B", "C"]
    assert roster_tree(ENTRIES[::-1]).root == tree.root
    assert [e.paid for e in ENTRIES] == [False, True, True]


def test_root_changes_when_a_member_does():
    changes = ({"quota": 9}, {"cap": 9}, {"payee": Address("0x" + "01" * 20)}, {"did": Did("did:key:zCC")})
    roots = {roster_tree([*ENTRIES[:2], replace(ENTRIES[2], **change)]).root for change in changes}
    assert len(roots | {roster_tree(ENTRIES).root, roster_tree(ENTRIES[:2]).root}) == 6


def test_tree_is_refused_when_there_is_no_member():
    with pytest.raises(ConfigError, match="at least one leaf"):
        roster_tree([])
