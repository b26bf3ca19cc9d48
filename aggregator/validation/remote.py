"""A provider in a process of its own, as the aggregator meets it: through the mailbox."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from aggregator.provider import Committed, DrawReader, Proposal, shard_statement
from aggregator.validation import wire
from aggregator.validation.clearing import opened_on_chain
from aggregator.validation.mailbox import Mailbox
from aggregator.validation.messages import Commitment, parse_revealed, proposal_bytes
from aggregator.validation.standing import Tape
from ceramic_bridge.cid import StreamId
from ceramic_bridge.events import InitPayload, SignedEvent, decode
from ceramic_bridge.jwe import Reader
from contracts.accounts import consent_signer
from contracts.agreement import account
from contracts.bindings.federation import Federation
from contracts.chain import Reader as ChainReader
from federation.errors import FolkmootError, PeerError
from federation.fixedpoint import Ints
from federation.hashing import Domain, keccak256
from federation.manifest import Manifest
from federation.types import Address, Did, Hash32
from federation.validation import Index, Part

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the aggregator waits for a provider, in seconds.

    Attributes:
        opening: For the commitment, the consent and what is revealed at the end: people may be asked.
        round: For a preimage and for a drawn shard: then the provider is accused. A provider waits for
            confirmations of its own choice before it sends either, by default 12 blocks.
    """

    opening: float = 600
    round: float = 600


class RemoteProvider:
    """One provider of a federation, in whatever epoch.

    What it sends wrongly is refused with a reason, and waited for again. Every method may be called
    again, also by another process: the mailbox remembers.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        manifest: Manifest,
        number: int,
        *,
        federation: Address,
        identity: Reader,
        patience: Patience | None = None,
        chain: ChainReader | None = None,
    ) -> None:
        """Name a provider.

        Args:
            mailbox: Where its items come in.
            manifest: The federation's.
            number: The provider's place in it, from 0.
            federation: The contract.
            identity: The aggregator's, to which the items are sealed.
            patience: How long to wait.
            chain: Shows what an accused provider opened there, and whether anything was recorded; without
                it only the mailbox counts.
        """
        self._mailbox, self._manifest, self._number = mailbox, manifest, number
        self._federation, self._identity = federation, identity
        self._patience = patience or Patience()
        self._contract = None if chain is None else Federation(chain, federation)
        self._known: tuple[Domain, Commitment] | None = None

    @property
    def did(self) -> Did:
        """The provider's DID."""
        return self._manifest.providers[self._number]

    @property
    def size(self) -> int:
        """How many examples it has committed."""
        return self._committed()[1].size

    def counts(self, dim: int) -> Ints:
        """Return the word counts that it has stated."""
        assert dim == self._manifest.words
        return self._committed()[1].counts

    def commit(self, domain: Domain, manifest: Manifest) -> Committed:
        """Wait for its commitment to an epoch.

        Raises:
            PeerError: None came in time, or none that holds.
        """
        assert manifest.hash == self._manifest.hash
        made = self._take(
            domain,
            wire.COMMIT,
            lambda content: Commitment.parse(content, domain, manifest, self._number),
            self._patience.opening,
        )
        self._known = domain, made
        return made.committed

    def decline(self, domain: Domain, reason: str) -> None:
        """Refuse its commitment, so that it may send another one."""
        body = self._mailbox.get(domain.epoch, self._number, wire.COMMIT)
        if body is not None:
            self._mailbox.refuse(domain.epoch, self._number, wire.COMMIT, body, reason)
        self._known = None

    def propose(self, domain: Domain, proposal: Proposal) -> None:
        """Show it what the epoch would promise."""
        self._mailbox.propose(domain.epoch, proposal_bytes(proposal))

    def consent(self, domain: Domain, agreed: Hash32) -> bytes:
        """Wait for its account's signature under an epoch's terms.

        Raises:
            PeerError: None came in time, or none by that account under these terms.
        """
        named = account(self._manifest.chain.providers[self._number])

        def check(signature: bytes) -> bytes:
            signer = consent_signer(
                signature,
                chain_id=domain.chain_id,
                federation=domain.federation,
                epoch=domain.epoch,
                terms_hash=agreed,
            )
            if signer != named:
                raise PeerError(f"it is not the consent of {named} to the terms that are proposed now")
            return signature

        return self._take(domain, wire.CONSENT, check, self._patience.opening)

    def preimage(self, round_: int) -> Hash32:
        """Wait for its hash chain's value for a round's draw.

        Raises:
            PeerError: None came in time that leads to its tip.
        """
        domain, commitment = self._committed()

        def check(content: bytes) -> Hash32:
            value = content
            for _ in range(round_):
                value = keccak256(value)
            if len(content) != 32 or value != commitment.committed.tip:
                raise PeerError(f"it is not the preimage of round {round_}")
            return Hash32(content)

        return self._take(domain, wire.preimage(round_), check, self._patience.round)

    def open(self, shard: int, round_: int, reader: DrawReader) -> bytes:  # noqa: ARG002 -- the provider reads the chain itself
        """Wait for its part of the shard that was drawn for a round.

        Raises:
            PeerError: None came in time that is what it committed.
        """
        domain, _ = self._committed()

        def check(content: bytes) -> bytes:
            self._part(content, shard)
            return content

        try:
            return self._take(domain, wire.part(round_), check, self._patience.round)
        except PeerError:
            # The judge has held this part against the commitment already.
            cleared = self._on_chain(domain.epoch, round_)
            if cleared is None:
                raise
            return check(cleared)

    def publish(self, shard: int, round_: int, reader: DrawReader, model: StreamId) -> SignedEvent:
        """Wait for the event that makes its part of a drawn shard public in its round.

        Raises:
            PeerError: None came in time that says what it opened.
        """
        domain, _ = self._committed()
        part = self._part(self.open(shard, round_, reader), shard)

        def check(content: bytes) -> SignedEvent:
            return self._require_statement(decode(content), part, model)

        return self._take(domain, wire.event(round_), check, self._patience.round)

    def reveal(self, reader: DrawReader, model: StreamId) -> list[tuple[bytes, SignedEvent]]:
        """Wait for every part that no round made public, each with the provider's event.

        Where no round was recorded a provider shows nothing, and none is waited for.

        Raises:
            PeerError: One did not come in time, or the examples are not those that it counted words of.
        """
        domain, commitment = self._committed()
        manifest, epoch = self._manifest, domain.epoch
        if not reader.rounds_over(epoch):
            raise PeerError("the validation set stays sealed until the epoch's rounds are over")
        if self._nothing_recorded(epoch):
            return []
        drawn = {r: reader.drawn_shard(epoch, r) for r in range(1, manifest.rounds + 1)}
        at_once = manifest.validation.reveal == "round"
        before = {shard: r for r, shard in drawn.items() if shard and at_once}
        counts, found = np.zeros(manifest.words, dtype=np.int64), []
        for shard in range(manifest.validation.shards + 1):
            if shard in before:
                part = self._part(self.open(shard, before[shard], reader), shard)
            else:
                data, event = self._take(
                    domain, wire.reveal(shard), self._revealed(shard, model), self._patience.opening
                )
                part = self._part(data, shard)
                found.append((data, event))
            counts += part.examples.counts(manifest.words)
        if not np.array_equal(counts, commitment.counts):
            raise PeerError(
                f"provider {self._number} stated other word counts than its examples have",
                hint="the committed mean is wrong by that: nobody can verify the epoch",
            )
        return found

    def _nothing_recorded(self, epoch: int) -> bool:
        if self._contract is None:
            return False
        found = Tape(self._contract, 1).read().epochs.get(epoch)
        return found is not None and not found.recorded

    def _on_chain(self, epoch: int, round_: int) -> bytes | None:
        if self._contract is None:
            return None
        return opened_on_chain(self._contract, epoch, round_, self._number)

    def _revealed(self, shard: int, model: StreamId) -> Callable[[bytes], tuple[bytes, SignedEvent]]:
        def check(content: bytes) -> tuple[bytes, SignedEvent]:
            data, event = parse_revealed(content)
            return data, self._require_statement(event, self._part(data, shard), model)

        return check

    def _part(self, data: bytes, shard: int) -> Part:
        domain, commitment = self._committed()
        index = Index(commitment.committed.entries)
        return index.open(data, shard=shard, provider=self._number, domain=domain, dim=self._manifest.words)

    def _require_statement(self, event: SignedEvent, part: Part, model: StreamId) -> SignedEvent:
        domain, _ = self._committed()
        payload, content = event.payload, shard_statement(domain, part).content()
        if not isinstance(payload, InitPayload) or (event.signer, payload.model, payload.content) != (
            self.did,
            model,
            content,
        ):
            raise PeerError(f"its event on shard {part.shard} does not say what it opened")
        return event

    def _committed(self) -> tuple[Domain, Commitment]:
        """Return the commitment of the epoch under way, after a restart from the mailbox."""
        if self._known is None:
            epoch = self._mailbox.latest(self._number, wire.COMMIT)
            if epoch is None:
                raise PeerError(f"provider {self._number} has not committed to any epoch")
            domain = Domain(chain_id=self._manifest.chain.chain_id, federation=self._federation, epoch=epoch)
            self.commit(domain, self._manifest)
        assert self._known is not None
        return self._known

    def _take(self, domain: Domain, item: str, check: Callable[[bytes], T], timeout: float) -> T:
        """Wait for an item that can be used; say of each other one why it cannot."""
        slip = wire.Slip(domain=domain, provider=self._number, item=item)
        deadline = time.monotonic() + timeout
        while True:
            left = max(0.0, deadline - time.monotonic())
            body = self._mailbox.wait(domain.epoch, self._number, item, timeout=left)
            try:
                return check(slip.unseal(body, self._identity))
            except FolkmootError as error:
                self._mailbox.refuse(domain.epoch, self._number, item, body, error.message)
