"""The admitted list of an epoch: each member's quota, snapshotted by ``openEpoch``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from federation.errors import VerificationFailed
from federation.hashing import sha256
from federation.types import Did, Hash32


@dataclass(frozen=True, slots=True)
class Roster:
    """Quota by member, in examples.

    Attributes:
        quotas: Positive quota of each admitted DID.
    """

    quotas: Mapping[Did, int]

    def to_bytes(self) -> bytes:
        """Return canonical JSON: sorted by DID, no spaces."""
        return json.dumps(dict(self.quotas), sort_keys=True, separators=(",", ":")).encode()

    @property
    def hash(self) -> Hash32:
        """SHA-256 of the canonical bytes, as ``openEpoch`` records it."""
        return sha256(self.to_bytes())

    @classmethod
    def parse(cls, data: bytes) -> Roster:
        """Return the roster that canonical bytes hold.

        Raises:
            VerificationFailed: The bytes are not a canonical roster.
        """
        try:
            quotas = json.loads(data)
        except ValueError as error:
            raise VerificationFailed("roster", "not JSON") from error
        well_formed = isinstance(quotas, dict) and all(type(q) is int and q > 0 for q in quotas.values())
        if not well_formed or not quotas:
            raise VerificationFailed("roster", "not a table of quotas")
        roster = cls({Did(d): q for d, q in quotas.items()})
        if roster.to_bytes() != data:
            raise VerificationFailed("roster", "not in canonical form")
        return roster
