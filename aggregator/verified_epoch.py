"""What stands around an epoch's rounds: its terms, roster, events and validation set, all checked.

Imports nothing of the round driver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aggregator.delegation import speaker
from aggregator.events import events_root
from aggregator.ground import Ground, Progress
from aggregator.public import BLOCKS
from aggregator.recorded import CLOSING, MODELS, Recorded, in_order
from aggregator.selection import Candidates, Selection
from aggregator.settlement import wanted_payees
from aggregator.sources import Unpublished, fetching
from aggregator.terms import admit, epoch_terms
from ceramic_bridge.did import verify
from ceramic_bridge.events import SignedEvent
from contracts.history import EpochHistory
from federation.errors import IdentityError, VerificationFailed
from federation.evaluation import evaluation_of
from federation.fixedpoint import Ints
from federation.hashing import Domain
from federation.models.linear import Design, Examples
from federation.roster import Roster
from federation.rostertree import Admitted
from federation.types import Did, Hash32
from federation.validation import (
    MINIMUM_SHARD,
    Index,
    Part,
    commitment_bytes,
    mean_bytes,
    parse_mean,
    parse_opening,
)


class VerifiedEpoch:
    """Everything around the rounds, read from public material and checked.

    Attributes:
        ground: Chain, contracts and manifest.
        public: Where its files are.
        past: What the chain says became of it.
        manifest: The rules.
        terms: What ``openEpoch`` recorded.
        domain: Chain, federation and epoch.
        roster: The admitted members.
        admitted: The same with caps and payees.
        events: The events that the chain recorded, by what did.
        dim: Number of weights.
        words: Number of words that the features know.
        evaluation: How its model is opened, scored and released.
        mean: The committed mean; its bytes are ``mean_blob``.
        index: The validation commitment.
        parts: The parts that are public, by (shard, provider).
        shards: The examples of every shard that is public whole; 0 is the public portion.
        complete: Whether the whole validation set is public, and so the mean could be checked.
    """

    def __init__(
        self,
        ground: Ground,
        past: EpochHistory,
        gather: Callable[[Domain, Roster], Recorded],
        progress: Progress,
    ) -> None:
        self.ground, self.public, self.past, self.progress = ground, ground.public, past, progress
        self.manifest, self.terms, self.view = ground.manifest, past.terms, ground.view
        self.domain = Domain(
            chain_id=ground.chain.chain_id,
            federation=ground.deployment.federation.address,
            epoch=past.number,
        )
        self.roster = self._read_roster()
        self.events = gather(self.domain, self.roster)
        progress(f"{len(self.events)} signed events verified")
        self.admitted = self._read_admitted()
        self.dim, self.words = self.manifest.model.dim, self.manifest.words
        self.evaluation = evaluation_of(self.manifest)
        self._read_validation()

    @classmethod
    def of_run(cls, ground: Ground, progress: Progress) -> VerifiedEpoch:
        """Read the one epoch of a run, whose log holds its events and no others."""
        if len(ground.epochs) != 1:
            raise VerificationFailed(BLOCKS, f"{len(ground.epochs)} epochs were opened, one was expected")
        (past,) = ground.epochs
        return cls(ground, past, lambda domain, _: in_order(ground, past, domain), progress)

    @classmethod
    def of_many(
        cls, ground: Ground, past: EpochHistory, found: Candidates, progress: Progress
    ) -> VerifiedEpoch:
        """Read an epoch whose events lie among others."""

        def gather(domain: Domain, roster: Roster) -> Recorded:
            return Selection(found, ground, past, domain, roster).selected()

        return cls(ground, past, gather, progress)

    def _read_admitted(self) -> tuple[Admitted, ...]:
        """Return the members with the payees agreed when the epoch opened, and check all of its terms."""
        imports = self.events.of_kind("1", "data")
        wanted = wanted_payees(event for event, _ in imports)
        payees = self.ground.payees_before(self.past.opened_in - 1, wanted)
        admitted = admit(self.manifest, self.roster, payees)
        terms = self.terms
        expected = epoch_terms(
            self.manifest,
            admitted,
            validation_root=terms.validation_root,
            mean_hash=terms.mean_hash,
            public_hash=terms.public_hash,
            roster_hash=terms.roster_hash,
            provider_tips=terms.provider_tips,
        )
        if terms.roster_root != expected.roster_root:
            raise VerificationFailed("epoch", "its members' caps or payees are not the agreed ones")
        if terms != expected:
            raise VerificationFailed("epoch", "it was opened on other terms than the manifest's")
        return admitted

    def _read_roster(self) -> Roster:
        roster = Roster.parse(self.public.blob(self.terms.roster_hash, "the roster"))
        signed = Roster.signed_bytes(roster.quotas, self.domain)
        try:
            verify(Did(self.manifest.parties.community), signed, roster.signature)
        except IdentityError as error:
            raise VerificationFailed("roster", "the community did not sign it") from error
        return roster

    def _read_validation(self) -> None:
        """Check the revealed validation set, all of it, against the commitment of the epoch's opening."""
        index, public, signatures = parse_opening(
            self.public.blob(self.terms.public_hash, "the public portion")
        )
        if index.root != self.terms.validation_root:
            raise VerificationFailed("validation index", "not the one that the epoch committed")
        providers, shards = self.manifest.providers, self.manifest.validation.shards
        expected = [(s, p) for s in range(shards + 1) for p in range(len(providers))]
        if [(e.shard, e.provider) for e in index.entries] != expected:
            raise VerificationFailed("validation index", "does not hold every shard of every provider")
        if index.smallest_shard() < MINIMUM_SHARD:
            raise VerificationFailed("validation index", f"a shard has fewer than {MINIMUM_SHARD} examples")
        self._check_commitments(index, public, signatures)
        self.index = index
        self.mean_blob = self.public.blob(self.terms.mean_hash, "the mean")
        self.mean: Ints = parse_mean(self.mean_blob, dim=self.words)
        self.parts = self._open_parts()
        missing = {(e.shard, e.provider) for e in index.entries} - self.parts.keys()
        for i, data in enumerate(public):
            if data != self.parts.setdefault((0, i), self._opened(data, 0, i)).to_bytes():
                raise VerificationFailed("public portion", f"provider {i} revealed another one later")
        self.shards = {
            shard: Design.build(
                Examples.concat([self.parts[shard, p].examples for p in range(len(providers))]), self.mean
            )
            for shard in range(shards + 1)
            if all((shard, p) in self.parts for p in range(len(providers)))
        }
        self.complete = len(self.shards) == shards + 1
        if missing and self.past.revealed is not None:
            raise VerificationFailed("validation set", f"part {min(missing)} was never revealed")
        if self.complete:
            self._check_mean()
        if self.past.revealed is not None and (
            events_root(self.events.groups[CLOSING]) != self.past.revealed.shards_hash
        ):
            raise VerificationFailed("closing events", "not those that the chain recorded")
        size = sum(map(len, self.shards.values()))
        which = "is the committed one" if self.complete else "are committed ones; the others are not public"
        self.progress(f"validation set of {size} examples {which}")

    def _check_mean(self) -> None:
        whole = Examples.concat([part.examples for part in self.parts.values()])
        if mean_bytes(whole.counts(self.words), len(whole)) != self.mean_blob:
            raise VerificationFailed("validation mean", "not the mean of the revealed validation set")

    def _check_commitments(self, index: Index, public: Sequence[bytes], signatures: Sequence[bytes]) -> None:
        """Check that every provider signed its own part of the commitment, and its place in the draws."""
        providers, tips = self.manifest.providers, self.terms.provider_tips
        if {len(providers)} != {len(public), len(signatures), len(tips)}:
            raise VerificationFailed("validation opening", "not one commitment per provider")
        for i, (did, signature, tip) in enumerate(zip(providers, signatures, tips, strict=True)):
            own = [entry for entry in index.entries if entry.provider == i]
            try:
                verify(did, commitment_bytes(self.domain, i, own, tip), signature)
            except IdentityError as error:
                raise VerificationFailed(f"provider {i}", "did not sign its commitment") from error

    def _open_parts(self) -> dict[tuple[int, int], Part]:
        """Return every part that an event published, each equal to its commitment."""
        parts: dict[tuple[int, int], Part] = {}
        groups = [group for group in self.events.groups if group != MODELS]
        published = [found for group in groups for found in self.events.of_kind(group, "validation-shard")]
        wanted = []
        for _, payload in published:
            digest, shard = Hash32(bytes.fromhex(str(payload.content["blob"]))), payload.content["shard"]
            wanted.append((digest, f"shard {int(str(shard))}"))
        with fetching(self.public, wanted) as blobs:
            for (event, payload), blob in zip(published, blobs, strict=True):
                self._open_part(parts, event, payload.content, blob)
        return parts

    def _open_part(
        self,
        parts: dict[tuple[int, int], Part],
        event: SignedEvent,
        content: Mapping[str, object],
        blob: Callable[[], bytes],
    ) -> None:
        shard, provider = int(str(content["shard"])), int(str(content["provider"]))
        if not 0 <= provider < len(self.manifest.providers):
            raise VerificationFailed(f"event {event.cid}", "names no provider of the manifest")
        if speaker(event) != self.manifest.providers[provider]:
            raise VerificationFailed(f"event {event.cid}", "is not signed by its provider")
        try:
            data = blob()
        except Unpublished:
            if self.past.ended or self.past.revealed is not None:
                raise
            return
        part = self._opened(data, shard, provider)
        if len(part.examples) != content["examples"] or (shard, provider) in parts:
            raise VerificationFailed(f"event {event.cid}", "is not the one reveal of its part")
        parts[shard, provider] = part

    def _opened(self, data: bytes, shard: int, provider: int) -> Part:
        return self.index.open(data, shard=shard, provider=provider, domain=self.domain, dim=self.words)
