"""A provider of validation data: commits salted examples, opens a shard only after its draw.

It holds two secrets: the examples with their salts, and a hash chain whose values feed the draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, Self

from aggregator.dealing import PUBLIC, Dealt, require_committed
from ceramic_bridge.cid import StreamId
from ceramic_bridge.did import Identity
from ceramic_bridge.events import SignedEvent, create_init
from contracts.accounts import Account
from contracts.bindings.structs import EpochTerms
from federation.errors import IdentityError, PeerError
from federation.fixedpoint import Ints
from federation.hashing import Domain, sha256
from federation.manifest import Manifest
from federation.models.linear import Examples
from federation.payloads import ShardReveal
from federation.types import Did, Hash32
from federation.validation import Entry, Index, Part

__all__ = ["PUBLIC", "Committed", "DrawReader", "Proposal", "Provider", "ProviderPort", "shard_statement"]


class DrawReader(Protocol):
    """What a provider must see on chain before it opens anything."""

    def drawn_shard(self, epoch: int, round_: int) -> int:
        """Return the shard drawn for a round; 0 before the draw."""
        ...

    def rounds_over(self, epoch: int) -> bool:
        """Tell whether every round of the epoch is recorded."""
        ...


@dataclass(frozen=True, slots=True)
class Committed:
    """What a provider publishes when the epoch opens.

    Attributes:
        entries: One index entry per part, the public portion's first.
        tip: The tip of its hash chain.
        public: The public portion's bytes.
        signature: The provider's signature over entries and tip.
    """

    entries: tuple[Entry, ...]
    tip: Hash32
    public: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What an epoch would promise, shown to the providers before they consent.

    Attributes:
        terms: What ``openEpoch`` will be told.
        index: The commitment to all providers' parts.
        models: StreamIDs of the event models, by kind.
    """

    terms: EpochTerms
    index: Index
    models: Mapping[str, StreamId]


class ProviderPort(Protocol):
    """A provider as the aggregator meets it: in this process, or somewhere else behind a mailbox."""

    @property
    def did(self) -> Did:
        """The provider's DID."""
        ...

    @property
    def size(self) -> int:
        """How many examples it holds."""
        ...

    def counts(self, dim: int) -> Ints:
        """Return its word counts, of which the committed mean is made."""
        ...

    def commit(self, domain: Domain, manifest: Manifest) -> Committed:
        """Commit the examples for an epoch."""
        ...

    def decline(self, domain: Domain, reason: str) -> None:
        """Be told that no epoch can open with its commitment; it may make another one."""
        ...

    def propose(self, domain: Domain, proposal: Proposal) -> None:
        """Be shown what the epoch would promise, before being asked to consent to it.

        Raises:
            VerificationFailed: It holds another commitment than this provider's.
        """
        ...

    def consent(self, domain: Domain, agreed: Hash32) -> bytes:
        """Sign that the provider's bond stands for its duties in an epoch on these terms."""
        ...

    def preimage(self, round_: int) -> Hash32:
        """Return the hash chain's value for a round's draw."""
        ...

    def open(self, shard: int, round_: int, reader: DrawReader) -> bytes:
        """Return the provider's part of a shard that the chain has drawn.

        Raises:
            PeerError: It does not open.
        """
        ...

    def publish(self, shard: int, round_: int, reader: DrawReader, model: StreamId) -> SignedEvent:
        """Sign the event that makes the provider's part of a drawn shard public in its round.

        Raises:
            PeerError: It does not.
        """
        ...

    def reveal(self, reader: DrawReader, model: StreamId) -> list[tuple[bytes, SignedEvent]]:
        """Publish every part that no round made public, each with the provider's signed event.

        Raises:
            PeerError: It does not.
        """
        ...


class Provider:
    """One provider of one epoch."""

    def __init__(
        self, identity: Identity, account: Account | None, examples: Examples, entropy: Callable[[int], bytes]
    ) -> None:
        """Hold the secrets of one provider.

        Args:
            identity: Signs its commitment and its events.
            account: The account whose bond stands for it; not needed for anything but consent.
            examples: Its part of the validation set.
            entropy: Where its salts and its hash chain come from.
        """
        self._identity, self._account = identity, account
        self._examples, self._entropy = examples, entropy
        self._dealt: Dealt | None = None

    @classmethod
    def restore(cls, identity: Identity, account: Account | None, dealt: Dealt) -> Self:
        """Return a provider that has committed before, from what it kept of the epoch."""
        made = cls(identity, account, dealt.examples, _no_entropy)
        made._dealt = dealt
        return made

    @property
    def did(self) -> Did:
        """The provider's DID."""
        return self._identity.did

    @property
    def size(self) -> int:
        """How many examples it holds."""
        return len(self._examples)

    @property
    def dealt(self) -> Dealt:
        """Its secrets of the epoch that it committed to; to be kept for ``restore``."""
        assert self._dealt is not None
        return self._dealt

    def counts(self, dim: int) -> Ints:
        """Return its word counts, of which the committed mean is made."""
        return self._examples.counts(dim)

    def commit(self, domain: Domain, manifest: Manifest) -> Committed:
        """Deal, salt and commit the examples for an epoch.

        Args:
            domain: The federation and epoch.
            manifest: Says how many shards there are and which provider this is.
        """
        self._dealt = Dealt.deal(self._examples, domain, manifest, self.did, self._entropy)
        return self.committed()

    def committed(self) -> Committed:
        """Return the commitment again; always the same bytes."""
        dealt = self.dealt
        return Committed(
            dealt.entries, dealt.tip, dealt.parts[PUBLIC].to_bytes(), self._identity.sign(dealt.commitment)
        )

    def decline(self, domain: Domain, reason: str) -> None:
        """Do nothing: it would commit to the same examples again."""

    def propose(self, domain: Domain, proposal: Proposal) -> None:
        """Be shown what the epoch would promise.

        Raises:
            VerificationFailed: It holds another commitment than this provider's.
        """
        assert self.dealt.domain == domain
        require_committed(self.dealt, proposal.index, proposal.terms.provider_tips)

    def consent(self, domain: Domain, agreed: Hash32) -> bytes:
        """Sign that the provider's bond stands for its duties in an epoch on these terms.

        Args:
            domain: The federation and epoch.
            agreed: The hash of the epoch's terms, its own commitment among them.

        Raises:
            IdentityError: The account's key is not at hand.
        """
        if self._account is None:
            raise IdentityError("consent is signed by the provider's account, whose key is not open")
        return self._account.sign_consent(
            chain_id=domain.chain_id, federation=domain.federation, epoch=domain.epoch, terms_hash=agreed
        )

    def part(self, shard: int) -> Part:
        """Return the provider's own part of a shard; for its eyes only until it is opened."""
        return self.dealt.parts[shard]

    def preimage(self, round_: int) -> Hash32:
        """Return the hash chain's value for a round's draw; each round uncovers one more."""
        return self.dealt.preimage(round_)

    def open(self, shard: int, round_: int, reader: DrawReader) -> bytes:
        """Return the provider's part of a shard that the chain has drawn.

        Raises:
            PeerError: Another shard was drawn for that round, or none yet.
        """
        drawn = reader.drawn_shard(self.dealt.domain.epoch, round_)
        if not drawn or drawn != shard:
            raise PeerError(f"shard {shard} was not drawn for round {round_}")
        return self.part(shard).to_bytes()

    def publish(self, shard: int, round_: int, reader: DrawReader, model: StreamId) -> SignedEvent:
        """Sign the event that makes the provider's part of a drawn shard public in its round.

        Raises:
            PeerError: Another shard was drawn for that round, or none yet, or the manifest keeps
                drawn shards from the public until the epoch ends.
        """
        if not self.dealt.at_once:
            raise PeerError(f"shard {shard} stays sealed until the epoch's rounds are over")
        self.open(shard, round_, reader)
        return self._statement(self.part(shard), model)

    def reveal(self, reader: DrawReader, model: StreamId) -> list[tuple[bytes, SignedEvent]]:
        """Publish every part that no round made public, each with the provider's signed event.

        Raises:
            PeerError: The epoch's rounds are not over.
        """
        shards = unrevealed(self.dealt, reader)
        return [(self.part(s).to_bytes(), self._statement(self.part(s), model)) for s in shards]

    def _statement(self, part: Part, model: StreamId) -> SignedEvent:
        statement = shard_statement(self.dealt.domain, part)
        return create_init(
            self._identity, model=model, content=statement.content(), unique=statement.blob[:12]
        )


def unrevealed(dealt: Dealt, reader: DrawReader) -> list[int]:
    """Return the shards that a provider publishes at an epoch's end: those that no round made public.

    Raises:
        PeerError: The epoch's rounds are not over.
    """
    epoch = dealt.domain.epoch
    if not reader.rounds_over(epoch):
        raise PeerError("the validation set stays sealed until the epoch's rounds are over")
    rounds = range(1, len(dealt.chain)) if dealt.at_once else ()
    before = {reader.drawn_shard(epoch, round_) for round_ in rounds} - {0}
    return [part.shard for part in dealt.parts if part.shard not in before]


def shard_statement(domain: Domain, part: Part) -> ShardReveal:
    """Return what a provider's event says of a part that it makes public."""
    return ShardReveal(
        domain=domain,
        shard=part.shard,
        provider=part.provider,
        blob=sha256(part.to_bytes()),
        examples=len(part.examples),
    )


def _no_entropy(_: int) -> bytes:
    raise AssertionError("a restored provider has dealt already")
