"""A community's manifest as its contracts are deployed with it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Final

from contracts.abi import to_address, to_bytes
from contracts.bindings.structs import Config, EpochTerms
from federation.errors import VerificationFailed
from federation.types import Address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.manifest import Manifest
    from federation.types import Hash32

_LONGEST_LOCK: Final = 365 * 86_400
_PHASES_OF_A_ROUND: Final = 5


def account(text: str) -> Address:
    """Return an address of a manifest with its checksum (EIP-55)."""
    return to_address(to_bytes(Address(text)))


def federation_config(
    manifest: Manifest, *, token: Address, randomness: Address, judges: Sequence[Address]
) -> Config:
    """Return what a federation is deployed with.

    Args:
        manifest: What the community agreed.
        token: The ERC-20 token of its rewards and bonds.
        randomness: The source of the draws.
        judges: The contracts that may convict, in the order of ``contracts.deploy.JUDGES``.
    """
    deadlines, bonds, validators = manifest.deadlines, manifest.bonds, manifest.validators
    return Config(
        manifest_hash=manifest.hash,
        aggregator=account(manifest.chain.aggregator),
        token=token,
        randomness=randomness,
        draw_delay=manifest.chain.draw_delay,
        phase_duration=deadlines.phase,
        settle_duration=deadlines.settle,
        challenge_window=deadlines.challenge,
        answer_window=deadlines.answer,
        aggregator_bond=int(bonds.aggregator_wei),
        provider_bond=int(bonds.provider_wei),
        challenger_bond=int(bonds.challenger_wei),
        validator_bond=int(validators.bond_wei),
        quorum=validators.quorum,
        validators=tuple(account(a) for a in validators.accounts),
        judges=tuple(judges),
    )


def agreed_terms(
    manifest: Manifest,
    *,
    validation_root: Hash32,
    mean_hash: Hash32,
    public_hash: Hash32,
    roster_hash: Hash32,
    roster_root: Hash32,
    members: int,
    quota_total: int,
    provider_tips: Sequence[Hash32],
) -> EpochTerms:
    """Return what an epoch promises: its own commitments, and all else by the manifest."""
    rules = manifest.rules
    return EpochTerms(
        validation_root=validation_root,
        mean_hash=mean_hash,
        public_hash=public_hash,
        roster_hash=roster_hash,
        roster_root=roster_root,
        dim=manifest.model.dim,
        members=members,
        quota_total=quota_total,
        shards=manifest.validation.shards,
        rounds=manifest.rounds,
        bounty=rules.terms.bounty,
        funds=rules.terms.funds,
        clip_milli=rules.terms.clip_milli,
        suspension_milli=rules.terms.suspension_milli,
        suspension_from=rules.terms.suspension_from,
        etas=rules.etas,
        betas_tenths=rules.betas_tenths,
        provider_tips=tuple(provider_tips),
        providers=tuple(account(a) for a in manifest.chain.providers),
    )


def require_agreed(manifest: Manifest, terms: EpochTerms) -> None:
    """Refuse an epoch that was opened on other terms than the manifest's.

    Raises:
        VerificationFailed: It was.
    """
    agreed = agreed_terms(
        manifest,
        validation_root=terms.validation_root,
        mean_hash=terms.mean_hash,
        public_hash=terms.public_hash,
        roster_hash=terms.roster_hash,
        roster_root=terms.roster_root,
        members=terms.members,
        quota_total=terms.quota_total,
        provider_tips=terms.provider_tips,
    )
    for field in fields(agreed):
        if getattr(terms, field.name) != getattr(agreed, field.name):
            raise VerificationFailed("epoch", f"its {field.name} is not the one of the manifest")


def stake_lock(manifest: Manifest) -> int:
    """Return how many seconds a stake stays locked: more than an epoch takes, but at most a year."""
    deadlines = manifest.deadlines
    rounds = manifest.rounds * _PHASES_OF_A_ROUND * deadlines.phase
    return min(rounds + 2 * deadlines.settle + deadlines.challenge + deadlines.answer, _LONGEST_LOCK)
