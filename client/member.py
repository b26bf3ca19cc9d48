"""A member: its vault, session and ledger, and its duties of a round.

Nothing leaves here but a signed commitment, and then the noisy delta that it commits to; where the
manifest asks for secure aggregation, the masked one (:mod:`client.secure`).
"""

from __future__ import annotations

from ceramic_bridge.did import verify
from ceramic_bridge.events import SignedEvent
from client.consent import Keep, RoundReader, Terms
from client.contributing import Contributing
from client.ledger import Stored
from client.secure import SecureRounds
from federation.delta import delta_bytes, parse_delta
from federation.errors import PeerError
from federation.hashing import Domain, commitment, did_hash, sha256
from federation.merkle import leaf_hash, root_from_proof
from federation.messages import (
    Acknowledgement,
    CommitRequest,
    RevealReply,
    RevealRequest,
    SecureReply,
    SecureRequest,
)
from federation.types import Did, Hash32

__all__ = ["Keep", "Member", "RoundReader", "Terms"]


class Member(Contributing):
    """One member of one federation."""

    _secure: SecureRounds | None = None

    def commit(self, request: CommitRequest) -> SignedEvent:
        """Train once on the recorded base and sign the commitment to the delta.

        Raises:
            PeerError: The request is for another federation, its base is not the one on chain, or this
                federation aggregates securely.
            IdentityError: The wallet's authorisation does not hold; nothing was drawn.
            PrivacyBudgetExhausted: The round would overspend; nothing was drawn.
        """
        self._require_open(request.domain)
        self.require_trainable(request)
        stored = self.made(request.round, lambda: delta_bytes(self.train(request)) + self.secret())
        return self.statement(request.round, self._commitment(request.round, stored), stored.number)

    def reveal(self, request: RevealRequest) -> RevealReply:
        """Return the delta after checking that the member's own leaf is under the recorded root.

        Raises:
            PeerError: The leaf is not there, nothing was committed for the round, or this federation
                aggregates securely.
        """
        self._require_open(request.domain)
        stored = self.stored(request.round)
        leaf = leaf_hash(did_hash(self.did), self._commitment(request.round, stored))
        recorded = self._reader.commit_root(request.domain.epoch, request.round)
        if root_from_proof(leaf, request.proof) != recorded:
            raise PeerError("the commitment is not under the commit root on chain")
        self.let_out(request.round)
        delta, salt = _split(stored)
        return RevealReply(parse_delta(delta), salt)

    def acknowledged(self, receipt: Acknowledgement) -> None:
        """Check the aggregator's acknowledgement of this member's delta.

        Raises:
            PeerError: It is for another place or another delta, or this federation aggregates securely.
            IdentityError: The aggregator did not sign it.
        """
        self._require_open(receipt.domain)
        if sha256(_split(self.stored(receipt.round))[0]) != receipt.delta_sha256:
            raise PeerError("the acknowledgement is for another delta")
        signed = Acknowledgement.signed_bytes(
            receipt.domain, receipt.round, did_hash(self.did), receipt.delta_sha256
        )
        verify(Did(self._terms.manifest.parties.aggregator), signed, receipt.signature)

    def secure(self, request: SecureRequest) -> SecureReply:
        """Answer one stage of a secure round; see ``client.secure``.

        Raises:
            PeerError: It cannot be answered (yet), or this federation aggregates in the open.
            IdentityError: The wallet's authorisation does not hold; nothing was drawn.
            PrivacyBudgetExhausted: The round would overspend; nothing was drawn.
        """
        if self._secure is None:
            self._secure = SecureRounds(self._vault, self, self._reader)
        return self._secure.answer(request)

    def _require_open(self, domain: Domain) -> None:
        """Check the place of a plain request; where deltas are masked there is no such request."""
        if self._terms.manifest.secure:
            raise PeerError("this federation aggregates securely: no delta leaves without its masks")
        self.require_place(domain)

    def _commitment(self, round_: int, stored: Stored) -> Hash32:
        delta, salt = _split(stored)
        return commitment(
            self.domain,
            round_,
            did=self.did,
            base_hash=self.base_hash(round_),
            delta_sha256=sha256(delta),
            salt=salt,
        )


def _split(stored: Stored) -> tuple[bytes, Hash32]:
    """Return delta and salt of a stored payload."""
    return stored.payload[:-32], Hash32(stored.payload[-32:])
