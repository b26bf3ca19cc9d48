"""The list of an epoch's members, as a member of a secure round checks it once and keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ceramic_bridge.did import verify
from federation.errors import IdentityError, PeerError
from federation.hashing import sha256
from federation.roster import Roster
from federation.types import Did

if TYPE_CHECKING:
    from collections.abc import Mapping

    from client.attempts import Attempts
    from client.consent import SecureReader, Terms


class Admitted:
    """Who was admitted to one epoch of one federation."""

    def __init__(self, attempts: Attempts, terms: Terms, reader: SecureReader) -> None:
        """Take where the list is kept, and what it is checked against.

        Args:
            attempts: Keep it.
            terms: Name the epoch and the community.
            reader: The chain.
        """
        self._attempts, self._terms, self._reader = attempts, terms, reader
        self._found: Mapping[Did, int] | None = None

    def take(self, raw: bytes) -> None:
        """Check a list and keep it, once for the epoch.

        Raises:
            PeerError: It is not the one that the chain recorded, or the community did not sign it.
            VerificationFailed: It is malformed.
        """
        if sha256(raw) != self._reader.terms(self._terms.domain.epoch).roster_hash:
            raise PeerError("the list of members is not the one that the chain recorded")
        if self._found is not None:
            return
        self._found = self._read(raw)
        if self._attempts.roster() != raw:
            self._attempts.keep_roster(raw)

    def quotas(self) -> Mapping[Did, int]:
        """Return every admitted member's quota, after a restart from the list that was kept.

        Raises:
            PeerError: None was kept for this epoch.
        """
        if self._found is None:
            raw = self._attempts.roster()
            if raw is None:
                raise PeerError("the attempt has not begun here")
            self.take(raw)
        assert self._found is not None
        return self._found

    def _read(self, raw: bytes) -> Mapping[Did, int]:
        roster, terms = Roster.parse(raw), self._terms
        signed = Roster.signed_bytes(roster.quotas, terms.domain)
        try:
            verify(Did(terms.manifest.parties.community), signed, roster.signature)
        except IdentityError as error:
            raise PeerError("the community did not sign the list of members") from error
        return roster.quotas
