"""An epoch opens on the manifest's providers, a signed roster and shards that measure enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aggregator.epoch import open_epoch
from aggregator.provider import Provider
from aggregator.public import PublicDirectory
from aggregator.terms import admit
from ceramic_bridge.did import Identity
from contracts.accounts import Account
from federation.errors import ConfigError, IdentityError, PeerError
from federation.hashing import did_hash, keccak256
from federation.merkle import MerkleTree, leaf_hash
from federation.models.linear import Examples
from federation.roster import Roster
from federation.rostertree import NO_PAYEE
from federation.types import Address
from tests.agreed import COMMUNITY, DIM, DOMAIN, MODELS, PROVIDERS, agreed, identity

ACCOUNT = Account(keccak256(b"account of a provider"))

MEMBER = identity("member")
QUOTAS = {MEMBER.did: 10}


class Federation:
    """Records what was opened."""

    address = DOMAIN.federation

    def __init__(self) -> None:
        self.opened: list[object] = []

    def epoch(self) -> int:
        return len(self.opened)

    def open_epoch(self, _sender: object, terms: object) -> None:
        self.opened.append(terms)


class Deployed:
    def __init__(self) -> None:
        self.federation = Federation()


def providers(size: int = 30, identities: list[Identity] = PROVIDERS) -> list[Provider]:
    rng = np.random.default_rng(1)

    def entropy(n: int) -> bytes:
        return rng.bytes(n)

    rows = [sorted(rng.choice(DIM, 5, replace=False).tolist()) for _ in range(size)]
    examples = Examples.build(rows, [i % 2 for i in range(size)])
    return [Provider(who, ACCOUNT, examples, entropy) for who in identities]


def signed(signer: Identity = COMMUNITY) -> Roster:
    return Roster(QUOTAS, signer.sign(Roster.signed_bytes(QUOTAS, DOMAIN)))


@pytest.fixture
def opening(tmp_path):
    def open_(*, given=None, roster=None, payees=None):
        deployed = Deployed()
        epoch = open_epoch(
            deployed,
            agreed(),
            signed() if roster is None else roster,
            providers() if given is None else given,
            payees={} if payees is None else payees,
            sender=None,
            public=PublicDirectory(tmp_path / "public"),
            models=MODELS,
            chain_id=DOMAIN.chain_id,
        )
        return deployed, epoch

    return open_


def test_epoch_opens_on_what_was_committed_when_all_parties_signed(opening):
    deployed, epoch = opening()
    (terms,) = deployed.federation.opened
    assert terms.validation_root == epoch.index.root
    assert terms.roster_hash == signed().hash
    assert (terms.shards, terms.rounds, len(terms.provider_tips)) == (3, 3, 3)
    assert terms == epoch.terms
    assert len(epoch.public) == sum(e.count for e in epoch.index.entries if e.shard == 0)


def test_terms_are_the_manifests_and_the_rosters_when_the_epoch_opens(opening):
    payee = Address("0x" + "77" * 20)
    deployed, epoch = opening(payees={MEMBER.did: payee})
    (terms,) = deployed.federation.opened
    manifest = agreed()
    assert (terms.dim, terms.members, terms.quota_total) == (DIM, 1, 10)
    assert (terms.bounty, terms.funds) == (10**21, 10**21)
    assert (terms.clip_milli, terms.suspension_milli, terms.suspension_from) == (1000, 500, 3)
    assert list(terms.etas) == manifest.search.etas
    assert list(terms.betas_tenths) == manifest.search.betas_tenths
    assert [a.lower() for a in terms.providers] == manifest.chain.providers
    leaf = leaf_hash(0, did_hash(MEMBER.did), 10, manifest.cap(10), payee)
    assert terms.roster_root == MerkleTree.build([leaf], sort=False).root
    assert [m.payee for m in epoch.admitted] == [payee]


def test_member_has_no_payee_when_none_is_agreed(opening):
    deployed, epoch = opening()
    (terms,) = deployed.federation.opened
    assert [(m.payee, m.paid) for m in epoch.admitted] == [(NO_PAYEE, False)]
    assert terms.roster_root != opening(payees={MEMBER.did: Address("0x" + "77" * 20)})[1].terms.roster_root


def test_members_are_numbered_by_their_did_when_they_are_admitted():
    roster = Roster({identity(name).did: i + 1 for i, name in enumerate("dcba")}, bytes(64))
    admitted = admit(agreed(), roster, {})
    assert [m.did for m in admitted] == sorted(roster.quotas)
    assert [m.quota for m in admitted] == [roster.quotas[m.did] for m in admitted]
    assert [m.cap for m in admitted] == [agreed().cap(m.quota) for m in admitted]


def test_epoch_stays_closed_when_providers_stand_in_another_order(opening):
    with pytest.raises(ConfigError, match="providers"):
        opening(given=providers()[::-1])
    with pytest.raises(ConfigError, match="providers"):
        opening(given=providers()[:2])


def test_epoch_stays_closed_when_the_community_did_not_sign_the_roster(opening):
    for roster in (signed(MEMBER), replace(signed(), quotas={MEMBER.did: 11}), Roster(QUOTAS, bytes(64))):
        with pytest.raises(IdentityError):
            opening(roster=roster)


def test_epoch_stays_closed_when_a_shard_is_too_small(opening):
    with pytest.raises(PeerError, match="fewer than 20"):
        opening(given=providers(size=21))
