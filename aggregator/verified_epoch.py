"""A run's public material around its rounds: blocks, contracts, manifest, events, validation set.

Every block is executed again from genesis and logs are taken only from there. Imports nothing of
the round driver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from aggregator.delegation import (
    authority_at,
    require_authority,
    require_revocation,
    speaker,
)
from aggregator.events import events_root
from aggregator.public import BLOCKS, EVENTS, GENESIS, MANIFEST, PublicReader
from aggregator.settlement import agreed_payees, wanted_payees
from aggregator.terms import admit, epoch_terms
from ceramic_bridge.admission import UNDATED
from ceramic_bridge.authority import is_revocation
from ceramic_bridge.did import verify
from ceramic_bridge.events import DataPayload, InitPayload, SignedEvent
from ceramic_bridge.log import EventLog
from ceramic_bridge.models import kind_of, model_ids
from contracts.agreement import federation_config
from contracts.bindings.contributor_registry import ContributorRegistry
from contracts.bindings.federation import EpochOpened, EpochRevealed
from contracts.bindings.structs import EpochTerms
from contracts.deploy import Deployment, check_code, check_creation
from contracts.replay import ReplayedChain, replay
from contracts.view import FederationView
from federation.errors import FolkmootError, IdentityError, PeerError, VerificationFailed
from federation.evaluation import evaluation_of
from federation.hashing import Domain
from federation.manifest import Manifest
from federation.models.linear import Design, Examples
from federation.payloads import require_place
from federation.roster import Roster
from federation.rostertree import Admitted
from federation.types import Address, Did, Hash32
from federation.validation import (
    MINIMUM_SHARD,
    Index,
    Part,
    commitment_bytes,
    mean_bytes,
    parse_mean,
    parse_opening,
)

Progress = Callable[[str], None]


class VerifiedEpoch:
    """Everything around the rounds, read from a public directory and checked.

    Attributes:
        public: The directory.
        chain: Its blocks, executed again.
        deployment: The contracts found there.
        manifest: The rules.
        terms: What ``openEpoch`` recorded.
        domain: Chain, federation and epoch.
        log: All signed events.
        roster: The admitted members.
        admitted: The same with caps and payees.
        dim: Number of weights.
        words: Number of words that the features know.
        evaluation: How its model is opened, scored and released.
        mean: The committed mean.
        shards: Every shard's examples; 0 is the public portion.
        cards: The versions of the model card.
        imports: Each member's signed import of its data.
    """

    def __init__(self, public: PublicReader, expect: Address | None, progress: Progress) -> None:
        self.public, self.progress = public, progress
        self.chain = replay(public.file(GENESIS), public.file(BLOCKS))
        progress(f"{self.chain.block_number} blocks executed again from genesis")
        self.deployment = self._find_contracts(self.chain, expect)
        progress(f"federation {self.deployment.federation.address} runs the committed code")
        self.manifest = self._read_manifest()
        self.terms, self.domain, self._opened_in = self._read_epoch()
        self._before = authority_at(self.chain.block_time(self._opened_in - 1))
        # Whether capabilities held is judged below, event by event, at the time that the chain gives it.
        self.log = EventLog.from_bytes(public.file(EVENTS), authority=UNDATED)
        self.cards: list[SignedEvent] = []
        self.imports: dict[Did, InitPayload] = {}
        self._opened_in_round = self._read_draws()
        self._ids = model_ids(self.log, publisher=Did(self.manifest.parties.community))
        self.by_round = self._sort_events()
        progress(f"{len(self.log)} signed events verified")
        self.roster = self._read_roster()
        self.admitted = self._read_admitted()
        self.dim, self.words = self.manifest.model.dim, self.manifest.words
        self.evaluation = evaluation_of(self.manifest)
        self._read_validation()

    @staticmethod
    def _find_contracts(chain: ReplayedChain, expect: Address | None) -> Deployment:
        def deployed(name: str) -> list[Address]:
            found = []
            for address in chain.created:
                try:
                    check_code(chain, address, name)
                except VerificationFailed:
                    continue
                found.append(address)
            return found

        federations, registries = deployed("Federation"), deployed("ContributorRegistry")
        if expect is not None:
            federations = [a for a in federations if a.lower() == expect.lower()]
        if len(federations) != 1 or len(registries) != 1:
            wanted = f"federation {expect}" if expect else "one federation and one registry"
            raise VerificationFailed(BLOCKS, f"{wanted} with the committed code is not deployed there")
        deployment = Deployment.at(chain, federations[0], registries[0])
        for name, address, arguments in deployment.creations():
            check_creation(chain.created.get(address, b""), address, name, arguments)
        return deployment

    def _read_manifest(self) -> Manifest:
        data = self.public.file(MANIFEST)
        try:
            manifest = Manifest.from_toml(data.decode())
        except (UnicodeDecodeError, FolkmootError) as error:
            raise VerificationFailed(MANIFEST, str(error)) from error
        if manifest.to_toml().encode() != data:
            raise VerificationFailed(MANIFEST, "not in canonical form")
        if manifest.hash != self.deployment.federation.manifest_hash():
            raise VerificationFailed(MANIFEST, "not the manifest that the contract was deployed with")
        config = self.deployment.federation.config()
        agreed = federation_config(
            manifest, token=config.token, randomness=config.randomness, judges=config.judges
        )
        if config != agreed or self.chain.chain_id != manifest.chain.chain_id:
            raise VerificationFailed("federation", "it was deployed on other terms than the manifest's")
        self.deployment.check_judges(manifest)
        return manifest

    def _read_epoch(self) -> tuple[EpochTerms, Domain, int]:
        federation = self.deployment.federation
        opened = EpochOpened.decode_logs(federation.logs())
        if len(opened) != 1:
            raise VerificationFailed(BLOCKS, f"{len(opened)} epochs were opened, one was expected")
        domain = Domain(chain_id=self.chain.chain_id, federation=federation.address, epoch=opened[0].epoch)
        return opened[0].terms, domain, opened[0].log.block_number

    def _read_draws(self) -> Mapping[int, int]:
        """Return the rounds whose drawn shards are made public there and then, by shard."""
        if self.manifest.validation.reveal == "epoch":
            return {}
        view = FederationView(self.deployment.federation)
        rounds = range(1, self.manifest.rounds + 1)
        drawn = {view.drawn_shard(self.domain.epoch, round_): round_ for round_ in rounds}
        return {shard: round_ for shard, round_ in drawn.items() if shard}

    def _read_admitted(self) -> tuple[Admitted, ...]:
        """Return the members with the payees agreed when the epoch opened, and check all of its terms."""
        before = ContributorRegistry(self.chain.after(self._opened_in - 1), self.deployment.registry.address)
        wanted = wanted_payees(event for event, _ in self.of_kind("1", "data"))
        admitted = admit(self.manifest, self.roster, agreed_payees(before, wanted))
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

    def _sort_events(self) -> Mapping[str, list[SignedEvent]]:
        """Group events by what records them: "models", a round's number, or "closing"."""
        rounds = self.manifest.rounds
        groups: dict[str, list[SignedEvent]] = {"models": [], "closing": []}
        groups.update({str(r): [] for r in range(1, rounds + 1)})
        for event in self.log:
            payload = event.payload
            if isinstance(payload, DataPayload):
                if not self.cards or event.stream_id != self.cards[0].stream_id:
                    raise VerificationFailed(f"event {event.cid}", "changes a stream that never changes")
                if event.capability is not None:
                    raise VerificationFailed(f"event {event.cid}", "needs no capability")
                self.cards.append(event)
            else:
                try:
                    self._place_event(event, payload, groups)
                except (PeerError, IdentityError) as error:
                    raise VerificationFailed(f"event {event.cid}", error.message) from error
        if len(self.cards) != rounds + 1:
            raise VerificationFailed(
                EVENTS, f"{len(self.cards)} versions of the model card, not {rounds + 1}"
            )
        for i, card in enumerate(self.cards):
            groups[str(i + 1) if i < rounds else "closing"].append(card)
        return groups

    def _place_event(
        self, event: SignedEvent, payload: InitPayload, groups: dict[str, list[SignedEvent]]
    ) -> None:
        content, did = payload.content, speaker(event)
        if event.stream_id in self._ids.values():
            groups["models"].append(event)
            return
        if is_revocation(event):
            require_revocation(event, self._ids.values())
            if len(self.cards) >= self.manifest.rounds:
                raise PeerError("is a revocation that comes after the rounds")
            groups[str(len(self.cards) + 1)].append(event)
            return
        kind = kind_of(payload, self._ids)
        if kind == "model-card":
            require_place(content, self.domain, 1)
            if self.cards or did != self.manifest.parties.aggregator:
                raise PeerError("is not the one model card, signed by the aggregator")
            self.cards.append(event)
        elif kind == "validation-shard":
            require_place({**content, "round": 0}, self.domain, 0)
            groups[self._place_shard(content["shard"])].append(event)
        elif kind == "data":
            if content["federation"] != self.domain.federation or did in self.imports:
                raise PeerError("is not a member's one import for this federation")
            require_authority(event, self._before)
            self.imports[did] = payload
            groups["1"].append(event)
        else:
            round_ = content["round"]
            if str(round_) not in groups or not isinstance(round_, int):
                raise PeerError(f"belongs to no round: {round_!r}")
            require_place(content, self.domain, round_)
            groups[str(round_)].append(event)

    def _place_shard(self, shard: object) -> str:
        """Return the group to which a shard's publication belongs, now that the log has come this far."""
        round_ = self._opened_in_round.get(shard) if isinstance(shard, int) else None
        closed = self.manifest.rounds if round_ is None else round_ - 1
        # Each round ends with a version of the model card.
        if len(self.cards) != closed:
            when = "before" if len(self.cards) < closed else "after"
            raise PeerError(f"publishes shard {shard} {when} its time")
        return "closing" if round_ is None else str(round_)

    def of_kind(self, group: str, kind: str) -> list[tuple[SignedEvent, InitPayload]]:
        """Return a group's documents of one kind; groups are "models", a round's number, "closing"."""
        return [
            (event, event.payload)
            for event in self.by_round[group]
            if isinstance(event.payload, InitPayload)
            and not is_revocation(event)
            and kind_of(event.payload, self._ids) == kind
        ]

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
        mean_blob = self.public.blob(self.terms.mean_hash, "the mean")
        self.mean = parse_mean(mean_blob, dim=self.words)
        parts = self._open_parts(index)
        for i, data in enumerate(public):
            if data != parts[0, i].to_bytes():
                raise VerificationFailed("public portion", f"provider {i} revealed another one later")
        whole = Examples.concat([part.examples for part in parts.values()])
        if mean_bytes(whole.counts(self.words), len(whole)) != mean_blob:
            raise VerificationFailed("validation mean", "not the mean of the revealed validation set")
        self.shards = {
            shard: Design.build(
                Examples.concat([parts[shard, p].examples for p in range(len(providers))]), self.mean
            )
            for shard in range(shards + 1)
        }
        revealed = EpochRevealed.decode_logs(self.deployment.federation.logs())
        if len(revealed) != 1 or events_root(self.by_round["closing"]) != revealed[0].shards_hash:
            raise VerificationFailed("closing events", "not those that the chain recorded")
        self.progress(f"validation set of {len(whole)} examples is the committed one")

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

    def _open_parts(self, index: Index) -> dict[tuple[int, int], Part]:
        parts: dict[tuple[int, int], Part] = {}
        groups = [group for group in self.by_round if group != "models"]
        published = [found for group in groups for found in self.of_kind(group, "validation-shard")]
        for event, payload in published:
            content = payload.content
            shard, provider = int(str(content["shard"])), int(str(content["provider"]))
            if not 0 <= provider < len(self.manifest.providers):
                raise VerificationFailed(f"event {event.cid}", "names no provider of the manifest")
            if speaker(event) != self.manifest.providers[provider]:
                raise VerificationFailed(f"event {event.cid}", "is not signed by its provider")
            data = self.public.blob(Hash32(bytes.fromhex(str(content["blob"]))), f"shard {shard}")
            part = index.open(data, shard=shard, provider=provider, domain=self.domain, dim=self.words)
            if len(part.examples) != content["examples"] or (shard, provider) in parts:
                raise VerificationFailed(f"event {event.cid}", "is not the one reveal of its part")
            parts[shard, provider] = part
        missing = {(e.shard, e.provider) for e in index.entries} - parts.keys()
        if missing:
            raise VerificationFailed("validation set", f"part {min(missing)} was never revealed")
        return parts
