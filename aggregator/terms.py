"""What an epoch promises under a manifest: built alike by the aggregator and by the verifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ceramic_bridge import pkh
from contracts import abi
from contracts.agreement import agreed_terms
from contracts.bindings.structs import EpochTerms
from federation.errors import IdentityError
from federation.hashing import keccak256
from federation.manifest import Manifest
from federation.roster import Roster
from federation.rostertree import NO_PAYEE, Admitted, in_order, roster_tree
from federation.types import Address, Did, Hash32


def admit(manifest: Manifest, roster: Roster, payees: Mapping[Did, Address]) -> tuple[Admitted, ...]:
    """Return the members with their caps and payees, in the order that numbers them.

    Raises:
        IdentityError: An account's DID is not in its one form (lower case), in which alone it
            controls streams: in two spellings an account would be two members.
    """
    for did in roster.quotas:
        if did.startswith("did:pkh:") and pkh.Account.parse(did).did != did:
            raise IdentityError(
                f"{did} is not an account's DID in its one form", hint="write it in lower case"
            )
    return tuple(
        in_order(
            [
                Admitted(did=did, quota=quota, cap=manifest.cap(quota), payee=payees.get(did, NO_PAYEE))
                for did, quota in roster.quotas.items()
            ]
        )
    )


def epoch_terms(
    manifest: Manifest,
    admitted: Sequence[Admitted],
    *,
    validation_root: Hash32,
    mean_hash: Hash32,
    public_hash: Hash32,
    roster_hash: Hash32,
    provider_tips: Sequence[Hash32],
) -> EpochTerms:
    """Return what an epoch promises under a manifest; the verifier builds the same and compares."""
    return agreed_terms(
        manifest,
        validation_root=validation_root,
        mean_hash=mean_hash,
        public_hash=public_hash,
        roster_hash=roster_hash,
        roster_root=roster_tree(admitted).root,
        members=len(admitted),
        quota_total=sum(member.quota for member in admitted),
        provider_tips=provider_tips,
    )


def terms_hash(terms: EpochTerms) -> Hash32:
    """Return what the contract stores of an epoch's terms: keccak-256 of their ABI encoding."""
    return keccak256(abi.encode((terms.ABI,), (terms.to_abi(),)))
