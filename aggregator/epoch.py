"""Opening an epoch: the validation commitment, the roster and the money, before the first round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aggregator.provider import Proposal, ProviderPort
from aggregator.public import MANIFEST, PublicDirectory
from aggregator.terms import admit, epoch_terms, terms_hash
from ceramic_bridge.cid import StreamId
from ceramic_bridge.dagcbor import decode, encode
from ceramic_bridge.did import verify
from contracts.bindings.structs import EpochTerms
from contracts.chain import Signer
from contracts.deploy import Deployment
from federation.errors import ConfigError, PeerError, VerificationFailed
from federation.fixedpoint import Ints
from federation.hashing import Domain, sha256
from federation.manifest import Manifest
from federation.models.linear import Design, Examples
from federation.roster import Roster
from federation.rostertree import Admitted
from federation.secagg.setup import secure_terms
from federation.types import Address, Did, Hash32
from federation.validation import (
    MINIMUM_SHARD,
    Index,
    mean_bytes,
    opening_bytes,
    parse_mean,
    parse_opening,
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What an epoch opens with: all of it is fixed before the transaction that opens it.

    Attributes:
        roster: Quotas of the admitted members, signed by the community.
        payees: Agreed payees.
        mean: Canonical bytes of the mean of the words.
        commitments: Canonical bytes of the index, the public portion and the providers' signatures.
        tips: The tips of the providers' hash chains.
        consents: The providers' signatures under the terms.
    """

    roster: Roster
    payees: Mapping[Did, Address]
    mean: bytes
    commitments: bytes
    tips: tuple[Hash32, ...]
    consents: tuple[bytes, ...] = ()

    @property
    def blobs(self) -> tuple[bytes, bytes, bytes]:
        """What everybody must see of it."""
        return self.mean, self.commitments, self.roster.to_bytes()

    def terms(self, manifest: Manifest) -> EpochTerms:
        """Return what ``openEpoch`` is told."""
        return epoch_terms(
            manifest,
            admit(manifest, self.roster, self.payees),
            validation_root=parse_opening(self.commitments)[0].root,
            mean_hash=sha256(self.mean),
            public_hash=sha256(self.commitments),
            roster_hash=self.roster.hash,
            provider_tips=self.tips,
        )

    def opened(self, manifest: Manifest, domain: Domain, models: Mapping[str, StreamId]) -> OpenEpoch:
        """Return the epoch that it opens."""
        mean = parse_mean(self.mean, dim=manifest.words)
        index, public, _ = parse_opening(self.commitments)
        return OpenEpoch(
            manifest=manifest,
            domain=domain,
            roster=self.roster,
            admitted=admit(manifest, self.roster, self.payees),
            terms=self.terms(manifest),
            consents=self.consents,
            index=index,
            mean=mean,
            public=open_shard(index, public, 0, domain=domain, mean=mean),
            models=models,
        )

    def to_bytes(self) -> bytes:
        """Return canonical bytes."""
        return encode(
            {
                "roster": self.roster.to_bytes(),
                "payees": {str(did): str(payee) for did, payee in self.payees.items()},
                "mean": self.mean,
                "commitments": self.commitments,
                "tips": [bytes(tip) for tip in self.tips],
                "consents": list(self.consents),
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Opening:
        """Read canonical bytes.

        Raises:
            ConfigError: They are none.
        """
        match decode(data, max_bytes=len(data)):
            case {
                "roster": bytes() as roster,
                "payees": dict() as payees,
                "mean": bytes() as mean,
                "commitments": bytes() as commitments,
                "tips": list() as tips,
                "consents": list() as consents,
            }:
                return cls(
                    roster=Roster.parse(roster),
                    payees={Did(did): Address(str(payee)) for did, payee in payees.items()},
                    mean=mean,
                    commitments=commitments,
                    tips=tuple(Hash32(tip) for tip in tips if isinstance(tip, bytes)),
                    consents=tuple(consent for consent in consents if isinstance(consent, bytes)),
                )
        raise ConfigError("an epoch's opening in the journal is damaged")


def prepare_epoch(
    manifest: Manifest,
    domain: Domain,
    roster: Roster,
    providers: Sequence[ProviderPort],
    payees: Mapping[Did, Address],
    *,
    models: Mapping[str, StreamId],
) -> Opening:
    """Collect what the next epoch opens with.

    Args:
        manifest: What the community agreed.
        domain: The federation and the epoch.
        roster: The admitted members, signed by the community.
        providers: In the manifest's order.
        payees: Agreed payees (``settlement.agreed_payees``); a member without one earns nothing.
        models: StreamIDs of the event models, by kind.

    Raises:
        ConfigError: The providers are not those of the manifest, or these members cannot aggregate securely
            as it says.
        IdentityError: The community did not sign the roster.
        PeerError: A provider does not answer, or they have too few examples: they may commit again.
    """
    if [p.did for p in providers] != list(manifest.providers):
        raise ConfigError("the providers are not those of the manifest, in its order")
    verify(Did(manifest.parties.community), Roster.signed_bytes(roster.quotas, domain), roster.signature)
    if manifest.secure is not None:
        secure_terms(manifest, roster.quotas, domain, 1)  # too few members, or sums too large, are seen now
    committed = [p.commit(domain, manifest) for p in providers]
    index = Index(
        tuple(sorted((e for c in committed for e in c.entries), key=lambda e: (e.shard, e.provider)))
    )
    if index.smallest_shard() < MINIMUM_SHARD:
        reason = f"a shard has {index.smallest_shard()} examples, fewer than {MINIMUM_SHARD}"
        for provider in providers:
            provider.decline(domain, f"{reason}: add examples")
        raise PeerError(reason, hint="the providers must find more validation examples")
    counts = np.sum([p.counts(manifest.words) for p in providers], axis=0)
    opening = Opening(
        roster=roster,
        payees=payees,
        mean=mean_bytes(counts, sum(p.size for p in providers)),
        commitments=opening_bytes(index, [c.public for c in committed], [c.signature for c in committed]),
        tips=tuple(c.tip for c in committed),
    )
    terms = opening.terms(manifest)
    agreed, proposal = terms_hash(terms), Proposal(terms=terms, index=index, models=models)
    for provider in providers:
        provider.propose(domain, proposal)
    return replace(opening, consents=tuple(p.consent(domain, agreed) for p in providers))


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
        payees: As for ``prepare_epoch``.
        sender: Signs transactions as the aggregator.
        public: Takes what everybody must see.
        models: StreamIDs of the event models, by kind.
        chain_id: The chain's id.

    Raises:
        ConfigError: As for ``prepare_epoch``.
        IdentityError: The community did not sign the roster.
        Reverted: The contract refuses, e.g. because the pool is not funded.
    """
    federation = deployment.federation
    domain = Domain(chain_id=chain_id, federation=federation.address, epoch=federation.epoch() + 1)
    opening = prepare_epoch(manifest, domain, roster, providers, payees, models=models)
    public.write(MANIFEST, manifest.to_toml().encode())
    for blob in opening.blobs:
        public.put(blob)
    federation.open_epoch(sender, opening.terms(manifest))
    if federation.epoch() != domain.epoch:
        raise VerificationFailed("epoch", "another epoch was opened meanwhile")
    return opening.opened(manifest, domain, models)
