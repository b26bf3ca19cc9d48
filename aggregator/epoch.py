"""Opening an epoch: the validation commitment, the roster and the money, before the first round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from aggregator.provider import Proposal, ProviderPort
from aggregator.public import MANIFEST, PublicDirectory
from aggregator.terms import admit, epoch_terms, terms_hash
from ceramic_bridge.cid import StreamId
from ceramic_bridge.did import verify
from contracts.bindings.structs import EpochTerms
from contracts.chain import Signer
from contracts.deploy import Deployment
from federation.errors import ConfigError, VerificationFailed
from federation.fixedpoint import Ints
from federation.hashing import Domain
from federation.manifest import Manifest
from federation.models.linear import Design, Examples
from federation.roster import Roster
from federation.rostertree import Admitted
from federation.types import Address, Did
from federation.validation import MINIMUM_SHARD, Index, mean_bytes, opening_bytes, parse_mean


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenEpoch:
    """What everybody knows once an epoch is open.

    Attributes:
        manifest: The rules.
        domain: The federation's chain, contract and epoch.
        roster: Quotas of the admitted members.
        admitted: The same members with caps and payees, in the order that numbers them.
        terms: What ``openEpoch`` was told.
        consents: The providers' signatures under the terms, which put their bonds at stake.
        index: The validation commitment.
        mean: The committed mean of the words.
        public: The public portion.
        models: StreamIDs of the event models, by kind.
    """

    manifest: Manifest
    domain: Domain
    roster: Roster
    admitted: tuple[Admitted, ...]
    terms: EpochTerms
    consents: tuple[bytes, ...]
    index: Index
    mean: Ints
    public: Design
    models: Mapping[str, StreamId]

    def cap(self, did: Did) -> int:
        """Return the largest norm of a member's delta."""
        return self.manifest.cap(self.roster.quotas[did])

    @property
    def norm_bound(self) -> int:
        """The largest cap of any member."""
        return self.manifest.norm_bound(self.roster.quotas)

    def shard(self, parts: Sequence[bytes], number: int) -> Design:
        """Return a shard's examples after checking every part against the commitment.

        Args:
            parts: The opened parts, in provider order.
            number: The drawn shard.

        Raises:
            VerificationFailed: A part is not what was committed.
        """
        return open_shard(self.index, parts, number, domain=self.domain, mean=self.mean)


def open_shard(index: Index, parts: Sequence[bytes], number: int, *, domain: Domain, mean: Ints) -> Design:
    """Check and join the parts of one shard, given in provider order."""
    opened = [
        index.open(data, shard=number, provider=i, domain=domain, dim=len(mean))
        for i, data in enumerate(parts)
    ]
    return Design.build(Examples.concat([part.examples for part in opened]), mean)


def open_epoch(
    deployment: Deployment,
    manifest: Manifest,
    roster: Roster,
    providers: Sequence[ProviderPort],
    *,
    payees: Mapping[Did, Address],
    sender: Signer,
    public: PublicDirectory,
    models: Mapping[str, StreamId],
    chain_id: int,
) -> OpenEpoch:
    """Collect the providers' commitments and open the next epoch on chain.

    Args:
        deployment: The federation's contracts.
        manifest: What the community agreed.
        roster: The admitted members, signed by the community.
        providers: In the manifest's order.
        payees: Agreed payees (``settlement.agreed_payees``); a member without one earns nothing.
        sender: Signs transactions as the aggregator.
        public: Takes what everybody must see.
        models: StreamIDs of the event models, by kind.
        chain_id: The chain's id.

    Raises:
        ConfigError: The providers are not those of the manifest, or a shard is too small.
        PeerError: A provider does not answer.
        IdentityError: The community did not sign the roster.
        Reverted: The contract refuses, e.g. because the pool is not funded.
    """
    if [p.did for p in providers] != list(manifest.providers):
        raise ConfigError("the providers are not those of the manifest, in its order")
    federation = deployment.federation
    domain = Domain(chain_id=chain_id, federation=federation.address, epoch=federation.epoch() + 1)
    verify(Did(manifest.parties.community), Roster.signed_bytes(roster.quotas, domain), roster.signature)
    words = manifest.words
    committed = [p.commit(domain, manifest) for p in providers]
    index = Index(
        tuple(sorted((e for c in committed for e in c.entries), key=lambda e: (e.shard, e.provider)))
    )
    if index.smallest_shard() < MINIMUM_SHARD:
        raise ConfigError(
            f"a shard has {index.smallest_shard()} examples, fewer than {MINIMUM_SHARD}",
            hint="run fewer rounds, or find more validation examples",
        )
    counts = np.sum([p.counts(words) for p in providers], axis=0)
    mean_blob = mean_bytes(counts, sum(p.size for p in providers))
    opening = opening_bytes(index, [c.public for c in committed], [c.signature for c in committed])
    public.write(MANIFEST, manifest.to_toml().encode())
    admitted = admit(manifest, roster, payees)
    terms = epoch_terms(
        manifest,
        admitted,
        validation_root=index.root,
        mean_hash=public.put(mean_blob),
        public_hash=public.put(opening),
        roster_hash=public.put(roster.to_bytes()),
        provider_tips=[c.tip for c in committed],
    )
    proposal = Proposal(terms=terms, index=index, models=models)
    for provider in providers:
        provider.propose(domain, proposal)
    consents = tuple(p.consent(domain, terms_hash(terms)) for p in providers)
    federation.open_epoch(sender, terms)
    if federation.epoch() != domain.epoch:
        raise VerificationFailed("epoch", "another epoch was opened meanwhile")
    mean = parse_mean(mean_blob, dim=words)
    return OpenEpoch(
        manifest=manifest,
        domain=domain,
        roster=roster,
        admitted=admitted,
        terms=terms,
        consents=consents,
        index=index,
        mean=mean,
        public=open_shard(index, [c.public for c in committed], 0, domain=domain, mean=mean),
        models=models,
    )
