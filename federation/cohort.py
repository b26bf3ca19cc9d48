"""Who is asked in a round: a sample that nobody chooses, as a pure function of what the chain shows."""

from __future__ import annotations

from collections.abc import Iterable

from federation.hashing import Domain, did_hash
from federation.types import Did, Hash32


def cohort(
    members: Iterable[Did], *, size: int | None, domain: Domain, round_: int, beacon: Hash32
) -> frozenset[Did]:
    """Return the members that a round asks.

    Each member's rank is ``keccak256(abi.encode(purpose("cohort"), chainId, federation, epoch, round,
    beacon, didHash))``; the lowest ``size`` are asked, all if there are no more.

    Args:
        members: The admitted members that are not suspended.
        size: How many are asked; None asks all.
        domain: The federation and epoch.
        round_: The round.
        beacon: What nobody could choose before the round opened (``contracts.view``).
    """
    found = sorted(members)
    if size is None or len(found) <= size:
        return frozenset(found)
    ranked = sorted(found, key=lambda did: domain.digest("cohort", round_, beacon, did_hash(did)))
    return frozenset(ranked[:size])


def enough(committed: int, minimum: int) -> bool:
    """Tell whether a round goes on with so many commitments; if not, it admits none of them."""
    return committed >= minimum
