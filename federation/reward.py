"""From scores to money: signed credits, suspension, and the cumulative payout table.

Money is integer wei and scores are signed integers with ``SCORE_BITS`` fractional bits; no float
comes near a payment. Always: the positive pays of a round sum to at most B times its improvement,
a zero delta earns exactly zero, and the pool never owes more than its funds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from federation.contribution import SCORE_BITS
from federation.merkle import MerkleTree, leaf_hash
from federation.types import Address, Hash32, Wei


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The reward terms of an epoch, as the manifest fixes them.

    Attributes:
        bounty: B, wei per whole unit of Brier loss.
        funds: F, wei that the epoch may pay at most.
        clip_milli: c in thousandths, 0 < c <= 1: the largest share of an improvement, per quota share.
        suspension_milli: g in thousandths.
        suspension_from: The first round in which a member can be suspended.
    """

    bounty: Wei
    funds: Wei
    clip_milli: int = 1000
    suspension_milli: int = 500
    suspension_from: int = 3


def clip_limit(terms: Terms, *, improvement: int, quota: int, quota_total: int) -> int:
    """Return ``floor(c * quota_i * |G| / Q)``, the largest magnitude of a counted score."""
    return terms.clip_milli * quota * abs(improvement) // (1000 * quota_total)


def clipped(score: int, limit: int) -> int:
    """Return the score clipped to ``+-limit``."""
    return max(-limit, min(limit, score))


def credit(terms: Terms, *, counted: int, improvement: int) -> Wei:
    """Return a round's signed pay for a clipped score, in wei.

    Args:
        terms: The epoch's terms.
        counted: a_i, the clipped score.
        improvement: G of the round as it counts; at most 0 for a round without a step.
    """
    pay = terms.bounty * counted >> SCORE_BITS
    return Wei(pay if improvement > 0 else min(0, pay))


def suspended(
    terms: Terms, *, round_: int, credit_so_far: int, quota: int, quota_total: int, moved: int
) -> bool:
    """Tell whether a member is left out of the sum from this round to the end of the epoch.

    True from round ``suspension_from`` on when the credit is below
    ``-g * B * quota_i / Q * sum over past rounds of |G|``.

    Args:
        terms: The epoch's terms.
        round_: The round that is about to open, from 1.
        credit_so_far: The member's credit in wei.
        quota: The member's quota.
        quota_total: Q.
        moved: The sum of |G| over past rounds, ``SCORE_BITS`` fractional bits.
    """
    if round_ < terms.suspension_from:
        return False
    threshold = terms.suspension_milli * terms.bounty * quota * moved
    return credit_so_far * 1000 * quota_total << SCORE_BITS < -threshold


@dataclass(frozen=True, slots=True)
class PayoutTable:
    """Cumulative wei per payee; its Merkle root is all that the chain needs.

    Attributes:
        chain_id: The chain the pool lives on.
        pool: The reward pool.
        rows: (payee, cumulative wei), sorted by payee, zero amounts left out.
    """

    chain_id: int
    pool: Address
    rows: tuple[tuple[Address, Wei], ...]

    @classmethod
    def build(cls, chain_id: int, pool: Address, amounts: Mapping[Address, int]) -> PayoutTable:
        """Build the table; payees that are owed nothing have no leaf."""
        rows = sorted((payee, Wei(wei)) for payee, wei in amounts.items() if wei)
        return cls(chain_id, pool, tuple(rows))

    @property
    def total(self) -> Wei:
        """The sum of all rows."""
        return Wei(sum(wei for _, wei in self.rows))

    def tree(self) -> MerkleTree:
        """Return the StandardMerkleTree over (chainId, pool, payee, cumulativeWei)."""
        return MerkleTree.build(self.leaves())

    def leaves(self) -> list[Hash32]:
        """Return the leaf hash of every row; an empty table has one leaf that pays nobody."""
        rows: Sequence[tuple[Address, int]] = self.rows or ((self.pool, 0),)
        return [leaf_hash(self.chain_id, self.pool, payee, wei) for payee, wei in rows]

    def to_bytes(self) -> bytes:
        """Return the table's canonical bytes: 20 bytes of payee and 32 of amount per row."""
        return b"FMP1" + b"".join(
            bytes.fromhex(payee.removeprefix("0x")) + wei.to_bytes(32, "big") for payee, wei in self.rows
        )
