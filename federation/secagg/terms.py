"""What a secure round is agreed on, and how one is refused, spoilt or too small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, Never

from federation.errors import ConfigError, PeerError
from federation.fixedpoint import require_below
from federation.hashing import Domain, sha256
from federation.types import Did, Hash32

RING_EXACT: Final = 1 << 62
"""A sum or an inner product below this in magnitude is read back exactly from the ring Z_2^64."""

NORM_SLACK: Final = 4
"""No delta so many times longer than its cap passes the norm check."""

MOST_DIM: Final = 1 << 28
MOST_MEMBERS: Final = 1 << 16

Sign = Callable[[bytes], bytes]
"""Signs a digest with the member's identity."""

Verify = Callable[[Did, bytes, bytes], None]
"""Checks a member's signature of a digest; raises an error of the project's tree."""


class Reason(StrEnum):
    """Why a message was refused, or what a member was caught at."""

    MALFORMED = "malformed"
    BAD_SIGNATURE = "bad-signature"
    WEAK_KEY = "weak-key"
    NOT_ADMITTED = "not-admitted"
    NOT_SORTED = "not-sorted"
    OWN_MESSAGE_CHANGED = "own-message-changed"
    OTHER_KEY_LIST = "other-key-list"
    OTHER_PLEDGE_LIST = "other-pledge-list"
    OTHER_ROOT = "other-root"
    SECOND_REQUEST = "second-request"
    OUT_OF_ORDER = "out-of-order"
    ENDED = "ended"
    OVER_BOUND = "over-bound"
    NOT_COMMITTED = "not-committed"
    NO_CONFLICT = "no-conflict"
    FALSE_SEED_COMMITMENT = "false-seed-commitment"
    FALSE_SHARE = "false-share"
    FALSE_COMPLAINT = "false-complaint"
    FALSE_SECRET = "false-secret"  # noqa: S105 - the name of a fault
    FALSE_SCALAR = "false-scalar"
    OVER_NORM = "over-norm"


class SecureRefused(PeerError):
    """A message of a secure round cannot be used.

    Attributes:
        reason: Why, as docs/secure-aggregation.md lists it.
    """

    code = "secure-refused"

    def __init__(self, reason: Reason, *, hint: str | None = None) -> None:
        super().__init__(f"refused in secure aggregation: {reason}", hint=hint)
        self.reason = reason


def refuse(reason: Reason) -> Never:
    """Refuse a message."""
    raise SecureRefused(reason)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A member, and what it was caught at."""

    culprit: Did
    reason: Reason


class SecureSpoilt(PeerError):
    """Members spoilt this round's sum: it does not count, and they are out until the epoch ends.

    Attributes:
        findings: Who, and what they did.
    """

    code = "secure-spoilt"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        named = ", ".join(f"{found.culprit} ({found.reason})" for found in findings)
        super().__init__(
            f"spoilt by {named}", hint="it does not count, and they are out until the epoch ends"
        )
        self.findings = findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What all parties of one attempt of a round know beforehand.

    Attributes:
        domain: Chain, federation, epoch.
        round: The round.
        attempt: 0, and one more each time the round is run again with fresh masks.
        dim: Weights in a delta.
        caps: For each admitted member the largest L2 norm of its delta.
        minimum: The fewest members whose sum may be opened; at least 2.
        value_bound: Largest magnitude of a coordinate of a delta (C_inf).
        gradient_bound: Largest L2 norm of a gradient.
        degree: Neighbours of a member, where there are more members than that; even.
        threshold_percent: More than this share of a member's neighbours restores its secrets.
        projections: Scalars of the norm check.
        colluders: While no more members work with the server, no honest member and no part of them opens.
    """

    domain: Domain
    round: int
    attempt: int = 0
    dim: int
    caps: Mapping[Did, int]
    minimum: int
    value_bound: int
    gradient_bound: int
    degree: int = 20
    threshold_percent: int = 50
    projections: int = 16
    colluders: int = 0

    def __post_init__(self) -> None:
        fits = (
            1 <= self.dim <= MOST_DIM
            and 2 <= self.minimum <= len(self.caps) <= MOST_MEMBERS
            and 2 <= self.degree <= 256
            and self.degree % 2 == 0
            and 0 < self.threshold_percent < 100
            and 1 <= self.projections <= 64
            and self.attempt >= 0
            and 0 <= self.colluders <= self.minimum - 2
            and self.colluders < self.threshold(min(self.degree, self.minimum - 1))
        )
        if not fits:
            raise ConfigError(
                "the numbers of secure aggregation are out of range",
                hint="2 members or more, an even degree to 256, a threshold in 1..99 %, 1..64 projections, "
                "fewer colluders than shares restore a secret and than the minimum without one",
            )
        require_below(len(self.caps) * self.value_bound, RING_EXACT, "a sum of deltas")
        # By Cauchy and Schwarz; the norm check lets a delta up to three times its cap pass now and then.
        longest = NORM_SLACK * max(self.caps.values())
        require_below(longest * self.gradient_bound, RING_EXACT, "an inner product")
        # The norm check reads one delta times entries in {-1, 0, 1}.
        require_below(self.dim * self.value_bound, RING_EXACT, "a projection")

    @property
    def slots(self) -> int:
        """How many neighbours a member may have at most: it has one share key for each."""
        return min(self.degree, len(self.caps) - 1)

    def threshold(self, neighbours: int) -> int:
        """Return how many of a member's shares restore its secrets."""
        return neighbours * self.threshold_percent // 100 + 1

    def digest(self, content: Hash32) -> Hash32:
        """Return the hash that is valid in this attempt only: what members sign and lists are named by."""
        return sha256(_place(self.domain, self.round, self.attempt) + content)


@lru_cache(maxsize=64)
def _place(domain: Domain, round_: int, attempt: int) -> Hash32:
    return domain.digest("secure-message", round_, attempt)
