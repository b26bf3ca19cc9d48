"""A provider of validation data: commits salted examples, opens a shard only after its draw.

It holds two secrets: the examples with their salts, and a hash chain whose values feed the draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from ceramic_bridge.cid import StreamId
from ceramic_bridge.did import Identity
from ceramic_bridge.events import SignedEvent, create_init
from contracts.accounts import Account
from federation.errors import PeerError
from federation.fixedpoint import Ints
from federation.hashing import Domain, keccak256, sha256
from federation.manifest import Manifest
from federation.models.linear import Examples
from federation.payloads import ShardReveal
from federation.types import Did, Hash32
from federation.validation import Entry, Part, commitment_bytes, deal

PUBLIC: Final = 0
"""The public portion's shard number."""


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
        self, identity: Identity, account: Account, examples: Examples, entropy: Callable[[int], bytes]
    ) -> None:
        """Hold the secrets of one provider.

        Args:
            identity: Signs its commitment and its events.
            account: The account whose bond stands for it.
            examples: Its part of the validation set.
            entropy: Where its salts and its hash chain come from.
        """
        self._identity, self._account = identity, account
        self._examples, self._entropy = examples, entropy
        self._number = -1
        self._parts: tuple[Part, ...] = ()
        self._chain: tuple[Hash32, ...] = ()
        self._domain: Domain | None = None
        self._at_once = False

    @property
    def did(self) -> Did:
        """The provider's DID."""
        return self._identity.did

    @property
    def size(self) -> int:
        """How many examples it holds."""
        return len(self._examples)

    def counts(self, dim: int) -> Ints:
        """Return its word counts, of which the committed mean is made."""
        return self._examples.counts(dim)

    def commit(self, domain: Domain, manifest: Manifest) -> Committed:
        """Deal, salt and commit the examples for an epoch.

        Args:
            domain: The federation and epoch.
            manifest: Says how many shards there are and which provider this is.
        """
        self._domain = domain
        self._number = manifest.providers.index(self.did)
        self._at_once = manifest.validation.reveal == "round"
        seed = int.from_bytes(self._entropy(32), "big")
        generator = np.random.Generator(np.random.PCG64(seed))

        def shuffle(positions: list[int]) -> None:
            generator.shuffle(positions)

        hands = deal(
            self._examples.labels.tolist(),
            shards=manifest.validation.shards,
            public_milli=manifest.validation.public_milli,
            shuffle=shuffle,
            start=self._number * manifest.validation.shards // len(manifest.providers),
        )
        self._parts = tuple(self._part(shard, hand) for shard, hand in enumerate(hands))
        chain = [Hash32(self._entropy(32))]
        for _ in range(manifest.rounds):
            chain.append(keccak256(chain[-1]))
        self._chain = tuple(chain)
        entries = tuple(Entry(p.shard, p.provider, len(p.examples), p.root(domain)) for p in self._parts)
        signature = self._identity.sign(commitment_bytes(domain, self._number, entries, self._chain[-1]))
        return Committed(entries, self._chain[-1], self._parts[PUBLIC].to_bytes(), signature)

    def consent(self, domain: Domain, agreed: Hash32) -> bytes:
        """Sign that the provider's bond stands for its duties in an epoch on these terms.

        Args:
            domain: The federation and epoch.
            agreed: The hash of the epoch's terms, its own commitment among them.
        """
        return self._account.sign_consent(
            chain_id=domain.chain_id, federation=domain.federation, epoch=domain.epoch, terms_hash=agreed
        )

    def part(self, shard: int) -> Part:
        """Return the provider's own part of a shard; for its eyes only until it is opened."""
        return self._parts[shard]

    def _part(self, shard: int, hand: list[int]) -> Part:
        words = self._examples.words
        offsets = self._examples.offsets
        rows = [words[offsets[i] : offsets[i + 1]].tolist() for i in hand]
        labels = [int(self._examples.labels[i]) for i in hand]
        salts = tuple(self._entropy(32) for _ in hand)
        return Part(shard=shard, provider=self._number, salts=salts, examples=Examples.build(rows, labels))

    def preimage(self, round_: int) -> Hash32:
        """Return the hash chain's value for a round's draw; each round uncovers one more."""
        return self._chain[-1 - round_]

    def open(self, shard: int, round_: int, reader: DrawReader) -> bytes:
        """Return the provider's part of a shard that the chain has drawn.

        Raises:
            PeerError: Another shard was drawn for that round, or none yet.
        """
        assert self._domain is not None
        drawn = reader.drawn_shard(self._domain.epoch, round_)
        if not drawn or drawn != shard:
            raise PeerError(f"shard {shard} was not drawn for round {round_}")
        return self._parts[shard].to_bytes()

    def publish(self, shard: int, round_: int, reader: DrawReader, model: StreamId) -> SignedEvent:
        """Sign the event that makes the provider's part of a drawn shard public in its round.

        Raises:
            PeerError: Another shard was drawn for that round, or none yet, or the manifest keeps
                drawn shards from the public until the epoch ends.
        """
        if not self._at_once:
            raise PeerError(f"shard {shard} stays sealed until the epoch's rounds are over")
        self.open(shard, round_, reader)
        return self._statement(self._parts[shard], model)

    def reveal(self, reader: DrawReader, model: StreamId) -> list[tuple[bytes, SignedEvent]]:
        """Publish every part that no round made public, each with the provider's signed event.

        Raises:
            PeerError: The epoch's rounds are not over.
        """
        assert self._domain is not None
        if not reader.rounds_over(self._domain.epoch):
            raise PeerError("the validation set stays sealed until the epoch's rounds are over")
        rounds = range(1, len(self._chain)) if self._at_once else ()
        before = {reader.drawn_shard(self._domain.epoch, round_) for round_ in rounds} - {0}
        rest = [part for part in self._parts if part.shard not in before]
        return [(part.to_bytes(), self._statement(part, model)) for part in rest]

    def _statement(self, part: Part, model: StreamId) -> SignedEvent:
        assert self._domain is not None
        blob = sha256(part.to_bytes())
        statement = ShardReveal(
            domain=self._domain,
            shard=part.shard,
            provider=part.provider,
            blob=blob,
            examples=len(part.examples),
        )
        return create_init(self._identity, model=model, content=statement.content(), unique=blob[:12])
