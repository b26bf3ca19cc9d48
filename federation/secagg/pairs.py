"""What two neighbours agree on, and what they commit to of it."""

from __future__ import annotations

from federation.secagg.keys import agree, hiding, unseal
from federation.secagg.messages import Pledge, pieces
from federation.secagg.roll import Roll
from federation.secagg.shamir import SHARE_BYTES
from federation.secagg.terms import Terms
from federation.types import Did, Hash32

Edge = tuple[Did, Did]
"""Two neighbours, the smaller DID first."""


def edge_of(did: Did, other: Did) -> Edge:
    """Return the edge between two neighbours."""
    return (did, other) if did < other else (other, did)


def seed(terms: Terms, roll: Roll, did: Did, mask_secret: bytes, other: Did) -> bytes:
    """Return the seed of the mask that two neighbours share, from either's mask secret."""
    theirs = roll.keys[other].mask_key
    return agree(terms, mask_secret, theirs, label="pair-seed", pair=(did, other), roll=roll.digest)


def slot(roll: Roll, did: Did, other: Did) -> int:
    """Return which of its share keys a member keeps for a neighbour: the neighbour's place among all."""
    return roll.around[did].index(other)


def slot_key(roll: Roll, did: Did, other: Did) -> bytes:
    """Return the share key that a member keeps for a neighbour."""
    return pieces(roll.keys[did].share_keys, 32)[slot(roll, did, other)]


def channel(terms: Terms, roll: Roll, did: Did, slot_secret: bytes, other: Did) -> bytes:
    """Return the key that encrypts shares between two neighbours, from the secret of either's slot."""
    theirs = slot_key(roll, other, did)
    return agree(terms, slot_secret, theirs, label="pair-channel", pair=(did, other), roll=roll.digest)


def seed_commitment(terms: Terms, value: bytes) -> Hash32:
    """Return what both ends publish of a pairwise seed."""
    return hiding(terms, "pair-seed", value)


def self_commitment(terms: Terms, value: bytes, did: Did) -> Hash32:
    """Return what a member publishes of its self seed."""
    return hiding(terms, "self-seed", value, did)


def share_commitment(terms: Terms, label: str, share: bytes, dealer: Did, holder: Did) -> Hash32:
    """Return what a dealer publishes of one share (``self`` or ``key``)."""
    return hiding(terms, f"{label}-share", share, dealer, holder)


def about(roll: Roll, pledge: Pledge, field: bytes, other: Did) -> bytes:
    """Return what one field of a pledge says of a neighbour."""
    near = roll.around[pledge.did]
    size, at = len(field) // len(near), near.index(other)
    return field[size * at : size * (at + 1)]


def pledged_seed(roll: Roll, pledge: Pledge, other: Did) -> bytes:
    """Return the commitment to the seed of the mask shared with a neighbour."""
    return about(roll, pledge, pledge.seeds, other)


def shares_for(
    terms: Terms, roll: Roll, pledge: Pledge, holder: Did, channel_key: bytes
) -> tuple[bytes, bytes] | None:
    """Return the shares (self seed, mask secret) a pledge gives a neighbour; None if they are false."""
    sealed = about(roll, pledge, pledge.sealed, holder)
    both = unseal(terms, channel_key, pledge.did, holder, sealed)
    if both is None:
        return None
    own, key = both[:SHARE_BYTES], both[SHARE_BYTES:]
    true = share_commitment(terms, "self", own, pledge.did, holder) == about(
        roll, pledge, pledge.self_shares, holder
    ) and share_commitment(terms, "key", key, pledge.did, holder) == about(
        roll, pledge, pledge.key_shares, holder
    )
    return (own, key) if true else None


def sign_of(did: Did, other: Did) -> int:
    """Return with which sign a member adds the mask it shares with a neighbour."""
    return 1 if other > did else -1
