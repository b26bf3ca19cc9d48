"""What every round takes of a member, whoever may see what it gives: spend, train, store, sign.

The ledger row is on disk before noise is drawn, and what is stored is sent again on a retry.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ceramic_bridge.events import SignedEvent
from client.consent import Keep, RoundReader, Terms, require_acceptable
from client.identity import Session
from client.ledger import PrivacyLedger, Stored
from client.mechanism import noised_delta, secure_delta
from client.noise import Entropy, draw
from client.release import Release, release_of
from client.trainer import Engine
from client.vault import Vault
from federation.delta import quantise
from federation.errors import PeerError
from federation.fixedpoint import Ints
from federation.hashing import Domain
from federation.messages import CommitRequest
from federation.models.linear import Design, Examples
from federation.payloads import Contribution
from federation.types import Did, Hash32
from federation.validation import examples_bytes, parse_examples

_logger = logging.getLogger(__name__)


class Contributing:
    """A member's vault, key and ledger at work for one epoch of one federation."""

    def __init__(
        self,
        vault: Vault,
        session: Session,
        terms: Terms,
        reader: RoundReader,
        *,
        engine: Engine,
        entropy: Entropy,
        keep: Keep | None = None,
    ) -> None:
        """Check that the member can do what it consented to.

        Args:
            vault: Its rows, keys and ledger.
            session: Who signs.
            terms: What it consented to.
            reader: The chain; a ``SecureReader`` where the manifest asks for secure aggregation.
            engine: Trains.
            entropy: Where noise, salts and secrets come from.
            keep: Given each signed contribution before it is sent, so that an older copy of the vault
                shows.

        Raises:
            ConfigError: The federation trains without privacy, or on words this software does not know.
        """
        require_acceptable(terms.manifest, terms.features, unsafe_no_dp=terms.unsafe_no_dp)
        self._vault, self._session, self._terms, self._reader = vault, session, terms, reader
        self._engine, self._entropy, self._keep = engine, entropy, keep
        self._ledger = PrivacyLedger(vault)
        self._warned = False

    @property
    def did(self) -> Did:
        """The member's DID: an account's, if its wallet authorised the key that signs."""
        return self._session.did

    @property
    def domain(self) -> Domain:
        """The federation's chain, contract and epoch."""
        return self._terms.domain

    @property
    def terms(self) -> Terms:
        """What the member consented to."""
        return self._terms

    @property
    def epsilon(self) -> float:
        """The epsilon that the dataset has spent, over all federations."""
        return self._ledger.spent().epsilon

    def require_current(self, published: int) -> None:
        """Refuse to take part with an older copy of the vault; see ``PrivacyLedger.require_current``."""
        self._ledger.require_current(published)

    def secret(self) -> bytes:
        """Return 32 fresh bytes that nobody can predict."""
        return draw(self._entropy, 32)

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign a digest that names its own purpose and place; see ``Session.sign_digest``."""
        return self._session.sign_digest(digest)

    def examples(self) -> Examples:
        """Return the vault's examples as words, from the encrypted cache where it is current."""
        spec = self._terms.features

        def build() -> bytes:
            rows = list(self._vault.rows())
            found = Examples.build([spec.indices(r.text) for r in rows], [int(r.label) for r in rows])
            return examples_bytes(found)

        return parse_examples(self._vault.cached(spec.digest, build), dim=spec.dim)

    def train(self, request: CommitRequest) -> Ints:
        """Return the clipped, noised and quantised step; the caller has reserved its cost."""
        design = Design.build(self.examples(), self._terms.mean)
        manifest = self._terms.manifest
        if manifest.secure:
            return secure_delta(self._engine, design, request.base, manifest, self._entropy)
        return quantise(noised_delta(self._engine, design, request.base, manifest, self._entropy))

    def require_place(self, domain: Domain) -> None:
        """Check that a request is for this federation and epoch.

        Raises:
            PeerError: It is not.
        """
        if domain != self._terms.domain:
            raise PeerError("the request is for another federation or epoch")

    def require_trainable(self, request: CommitRequest) -> None:
        """Check that a base is the one to train from, and that the signature of a commitment would count.

        Raises:
            PeerError: It is not the one that the chain recorded.
            IdentityError: The wallet's authorisation does not hold.
        """
        self._engine.require(request.base)
        if request.base.hash != self.base_hash(request.round):
            raise PeerError("the base model is not the one that the chain recorded for this round")
        self.require_authority(request.round)

    def require_authority(self, round_: int) -> None:
        """Refuse before anything is spent on a signature that nobody would accept; warn of one's end.

        Raises:
            IdentityError: The wallet's authorisation does not hold.
        """
        if self._session.capability is None:
            return
        opened_at = self._reader.opened_at(self._terms.domain.epoch, round_)
        self._session.require_authority(opened_at)
        shortfall = self._session.shortfall(self._terms.manifest, round_, opened_at)
        if shortfall is not None and not self._warned:
            _logger.warning("%s", shortfall)
            self._warned = True

    def base_hash(self, round_: int) -> Hash32:
        """Return the hash of a round's base model, from the chain."""
        return self._reader.base_hash(self._terms.domain.epoch, round_)

    def let_out(self, round_: int) -> None:
        """Note that what is stored for a round is sent."""
        self._ledger.release(self._release(round_))

    def made(self, round_: int, make: Callable[[], bytes]) -> Stored:
        """Return what is stored for a round, or spend for it, make it and store it.

        Raises:
            PrivacyBudgetExhausted: The round would overspend; nothing was made.
        """
        release = self._release(round_)
        stored = self._ledger.stored(release)
        if stored is not None:
            return stored
        reservation = self._ledger.reserve(release, self._terms.manifest.privacy.budget)
        payload = make()
        self._ledger.store(reservation, payload)
        return Stored(reservation.number, payload)

    def stored(self, round_: int) -> Stored:
        """Return what is stored for a round.

        Raises:
            PeerError: Nothing is.
        """
        stored = self._ledger.stored(self._release(round_))
        if stored is None:
            raise PeerError("nothing was committed for this round")
        return stored

    def statement(self, round_: int, commitment: Hash32, number: int) -> SignedEvent:
        """Sign a contribution and keep it.

        Args:
            round_: The round.
            commitment: To what is released.
            number: Of the release.
        """
        statement = Contribution(
            domain=self._terms.domain,
            round=round_,
            base_hash=self.base_hash(round_),
            commitment=commitment,
            release=number,
        )
        event = self._session.sign(
            statement.content(), model=self._terms.contribution_model, unique=commitment[:12]
        )
        if self._keep is not None:
            self._keep(event)
        return event

    def _release(self, round_: int) -> Release:
        return release_of(self._terms.manifest, self._terms.domain, round_, self.base_hash(round_))
