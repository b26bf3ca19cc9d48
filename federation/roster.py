"""The admitted list of an epoch: each member's quota, signed by the community."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from federation.canonical import parse_table
from federation.errors import VerificationFailed
from federation.hashing import Domain, sha256
from federation.types import Did, Hash32


@dataclass(frozen=True, slots=True)
class Roster:
    """Quota by member, in examples.

    Attributes:
        quotas: Positive quota of each admitted DID.
        signature: The community's ed25519 signature over ``signed_bytes``; 64 bytes.
    """

    quotas: Mapping[Did, int]
    signature: bytes

    @staticmethod
    def signed_bytes(quotas: Mapping[Did, int], domain: Domain) -> bytes:
        """Return what the community signs: the list, for one federation and epoch."""
        return domain.digest("roster", 0, sha256(_encode({str(did): quota for did, quota in quotas.items()})))

    def to_bytes(self) -> bytes:
        """Return canonical JSON: sorted keys, no spaces. ``openEpoch`` records its SHA-256."""
        return _encode({"quotas": dict(self.quotas), "signature": self.signature.hex()})

    @property
    def hash(self) -> Hash32:
        """SHA-256 of the canonical bytes."""
        return sha256(self.to_bytes())

    @classmethod
    def parse(cls, data: bytes) -> Roster:
        """Return the roster that canonical bytes hold; its signature is the caller's to check.

        Raises:
            VerificationFailed: The bytes are not a canonical roster.
        """
        try:
            table = parse_table(data)
            listed, signature = table["quotas"], table["signature"]
            if not isinstance(listed, dict) or not isinstance(signature, str):
                raise VerificationFailed("roster", "not a table of quotas with a signature")
            quotas = {Did(did): quota for did, quota in listed.items()}
            roster = cls(quotas, bytes.fromhex(signature))
        except (ValueError, KeyError) as error:
            raise VerificationFailed("roster", "not a table of quotas with a signature") from error
        if not quotas or not all(type(q) is int and q > 0 for q in quotas.values()):
            raise VerificationFailed("roster", "a quota is not a positive number")
        if roster.to_bytes() != data:
            raise VerificationFailed("roster", "not in canonical form")
        return roster


def _encode(table: Mapping[str, object]) -> bytes:
    return json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
