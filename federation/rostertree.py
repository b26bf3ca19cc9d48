"""The tree of an epoch's members as its terms commit them: quota, cap and payee, by place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from federation.hashing import did_hash
from federation.merkle import MerkleTree, leaf_hash
from federation.types import Address, Did, Hash32

NO_PAYEE: Final = Address("0x" + "00" * 20)
"""Of a member whose account is not agreed when the epoch opens: it earns nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """One admitted member.

    Attributes:
        did: Who.
        quota: How many examples it may contribute.
        cap: The largest norm of its delta, in units of 2^-16.
        payee: The account that both the member and the account itself agreed to; ``NO_PAYEE`` if none.
    """

    did: Did
    quota: int
    cap: int
    payee: Address

    @property
    def paid(self) -> bool:
        """Whether there is an account to pay."""
        return self.payee != NO_PAYEE

    def leaf(self, i: int) -> Hash32:
        """Return the leaf of the i-th member."""
        return leaf_hash(i, did_hash(self.did), self.quota, self.cap, self.payee)


def in_order(entries: Sequence[Admitted]) -> list[Admitted]:
    """Return the members in the order of their DIDs' text, which numbers them in every trace."""
    return sorted(entries, key=lambda entry: entry.did)


def roster_tree(entries: Sequence[Admitted]) -> MerkleTree:
    """Return the tree whose root is ``rosterRoot``: a leaf per member, by DID, unsorted.

    Raises:
        ConfigError: There is no member.
    """
    return MerkleTree.build([entry.leaf(i) for i, entry in enumerate(in_order(entries))], sort=False)
