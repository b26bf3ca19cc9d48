"""A member: its vault, session and ledger, and the three duties of a round.

Nothing leaves here but a signed commitment, and then the noisy delta that it commits to. The
ledger row is on disk before noise is drawn, and the stored delta is resent on a retry.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ceramic_bridge.cid import StreamId
from ceramic_bridge.did import verify
from ceramic_bridge.events import SignedEvent
from client.identity import Session
from client.ledger import PrivacyLedger, Stored
from client.mechanism import noised_delta, secure_delta
from client.noise import Entropy, draw
from client.release import Release, release_of
from client.trainer import Engine
from client.vault import Vault
from federation.delta import delta_bytes, parse_delta, quantise
from federation.errors import ConfigError, PeerError
from federation.features import TextPipeline
from federation.fixedpoint import Ints
from federation.hashing import Domain, commitment, did_hash, sha256
from federation.manifest import Manifest
from federation.merkle import leaf_hash, root_from_proof
from federation.messages import Acknowledgement, CommitRequest, RevealReply, RevealRequest
from federation.models.linear import Design, Examples
from federation.payloads import Contribution
from federation.types import Did, Hash32
from federation.validation import examples_bytes, parse_examples

_logger = logging.getLogger(__name__)

Keep: TypeAlias = Callable[[SignedEvent], None]
"""Keeps an event that the member signed."""


class RoundReader(Protocol):
    """What a member must see on chain before it trains and before it sends."""

    def base_hash(self, epoch: int, round_: int) -> Hash32:
        """Return the base model that ``openRound`` recorded."""
        ...

    def commit_root(self, epoch: int, round_: int) -> Hash32:
        """Return the commit root that ``closeCommits`` recorded."""
        ...

    def opened_at(self, epoch: int, round_: int) -> int:
        """Return the Unix seconds of the block that opened a round."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a member consented to when it joined.

    Attributes:
        manifest: The community's manifest.
        domain: The federation's chain, contract and epoch.
        features: The rule from text to words that the manifest names.
        mean: The committed mean of the validation set, ``MEAN_BITS`` fractional bits.
        contribution_model: StreamID of the contribution model.
        unsafe_no_dp: Whether a federation without differential privacy is acceptable.
    """

    manifest: Manifest
    domain: Domain
    features: TextPipeline
    mean: Ints
    contribution_model: StreamId
    unsafe_no_dp: bool = False


def require_acceptable(manifest: Manifest, features: TextPipeline, *, unsafe_no_dp: bool) -> None:
    """Refuse a federation that this client does not take part in.

    Raises:
        ConfigError: It trains without privacy, or on words this software does not know.
    """
    if not manifest.privacy.sigma_e4 and not unsafe_no_dp:
        raise ConfigError(
            "this federation trains without differential privacy",
            hint="join another one, or accept that deltas show your words with unsafe_no_dp",
        )
    if manifest.model.features_sha256 != features.digest.hex():
        raise ConfigError("the manifest names another rule for words than this client has")
    if manifest.words != features.dim:
        raise ConfigError("the manifest's model knows another number of words than its rule for them")


class Member:
    """One member of one federation."""

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
            reader: The chain.
            engine: Trains.
            entropy: Where noise and salts come from.
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
    def epsilon(self) -> float:
        """The epsilon that the dataset has spent, over all federations."""
        return self._ledger.spent().epsilon

    def examples(self) -> Examples:
        """Return the vault's examples as words, from the encrypted cache where it is current."""
        spec = self._terms.features

        def build() -> bytes:
            rows = list(self._vault.rows())
            found = Examples.build([spec.indices(r.text) for r in rows], [int(r.label) for r in rows])
            return examples_bytes(found)

        return parse_examples(self._vault.cached(spec.digest, build), dim=spec.dim)

    def commit(self, request: CommitRequest) -> SignedEvent:
        """Train once on the recorded base and sign the commitment to the delta.

        Raises:
            PeerError: The request is for another federation, or its base is not the one on chain.
            IdentityError: The wallet's authorisation does not hold; nothing was drawn.
            PrivacyBudgetExhausted: The round would overspend; nothing was drawn.
        """
        self._require_place(request.domain)
        self._engine.require(request.base)
        base_hash = request.base.hash
        if base_hash != self._reader.base_hash(request.domain.epoch, request.round):
            raise PeerError("the base model is not the one that the chain recorded for this round")
        self._require_authority(request.round)
        release = self._release(request.round, base_hash)
        stored = self._ledger.stored(release)
        if stored is None:
            reservation = self._ledger.reserve(release, self._terms.manifest.privacy.budget)
            payload = delta_bytes(self.train(request)) + draw(self._entropy, 32)
            self._ledger.store(reservation, payload)
            stored = Stored(reservation.number, payload)
        delta, salt = _split(stored)
        digest = self._commitment(request.round, base_hash, sha256(delta), salt)
        statement = Contribution(
            domain=request.domain,
            round=request.round,
            base_hash=base_hash,
            commitment=digest,
            release=stored.number,
        )
        event = self._session.sign(
            statement.content(), model=self._terms.contribution_model, unique=digest[:12]
        )
        if self._keep is not None:
            self._keep(event)
        return event

    def train(self, request: CommitRequest) -> Ints:
        """Return the clipped, noised and quantised step; the caller has reserved its cost."""
        design = Design.build(self.examples(), self._terms.mean)
        manifest = self._terms.manifest
        if manifest.secure:
            return secure_delta(self._engine, design, request.base, manifest, self._entropy)
        return quantise(noised_delta(self._engine, design, request.base, manifest, self._entropy))

    def reveal(self, request: RevealRequest) -> RevealReply:
        """Return the delta after checking that the member's own leaf is under the recorded root.

        Raises:
            PeerError: The leaf is not there, or nothing was committed for the round.
        """
        self._require_place(request.domain)
        epoch = request.domain.epoch
        base_hash = self._reader.base_hash(epoch, request.round)
        release = self._release(request.round, base_hash)
        stored = self._ledger.stored(release)
        if stored is None:
            raise PeerError("nothing was committed for this round")
        delta, salt = _split(stored)
        digest = self._commitment(request.round, base_hash, sha256(delta), salt)
        leaf = leaf_hash(did_hash(self.did), digest)
        if root_from_proof(leaf, request.proof) != self._reader.commit_root(epoch, request.round):
            raise PeerError("the commitment is not under the commit root on chain")
        self._ledger.release(release)
        return RevealReply(parse_delta(delta), salt)

    def acknowledged(self, receipt: Acknowledgement) -> None:
        """Check the aggregator's acknowledgement of this member's delta.

        Raises:
            PeerError: It is for another place or another delta.
            IdentityError: The aggregator did not sign it.
        """
        self._require_place(receipt.domain)
        base_hash = self._reader.base_hash(receipt.domain.epoch, receipt.round)
        stored = self._ledger.stored(self._release(receipt.round, base_hash))
        if stored is None or sha256(_split(stored)[0]) != receipt.delta_sha256:
            raise PeerError("the acknowledgement is for another delta")
        signed = Acknowledgement.signed_bytes(
            receipt.domain, receipt.round, did_hash(self.did), receipt.delta_sha256
        )
        verify(Did(self._terms.manifest.parties.aggregator), signed, receipt.signature)

    def require_current(self, published: int) -> None:
        """Refuse to take part with an older copy of the vault; see ``PrivacyLedger.require_current``."""
        self._ledger.require_current(published)

    def _require_authority(self, round_: int) -> None:
        """Refuse before anything is spent on a signature that nobody would accept; warn of one's end."""
        if self._session.capability is None:
            return
        opened_at = self._reader.opened_at(self._terms.domain.epoch, round_)
        self._session.require_authority(opened_at)
        shortfall = self._session.shortfall(self._terms.manifest, round_, opened_at)
        if shortfall is not None and not self._warned:
            _logger.warning("%s", shortfall)
            self._warned = True

    def _require_place(self, domain: Domain) -> None:
        if domain != self._terms.domain:
            raise PeerError("the request is for another federation or epoch")

    def _release(self, round_: int, base_hash: Hash32) -> Release:
        return release_of(self._terms.manifest, self._terms.domain, round_, base_hash)

    def _commitment(self, round_: int, base_hash: Hash32, delta_sha256: Hash32, salt: Hash32) -> Hash32:
        return commitment(
            self._terms.domain,
            round_,
            did=self.did,
            base_hash=base_hash,
            delta_sha256=delta_sha256,
            salt=salt,
        )


def _split(stored: Stored) -> tuple[bytes, Hash32]:
    """Return delta and salt of a stored payload."""
    return stored.payload[:-32], Hash32(stored.payload[-32:])
