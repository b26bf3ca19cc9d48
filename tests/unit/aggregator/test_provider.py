"""A provider opens what was drawn, when it was drawn, and everything only at the end."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from aggregator.provider import PUBLIC, Provider
from ceramic_bridge.did import verify
from ceramic_bridge.events import InitPayload
from contracts.accounts import Account
from examples.spam_detection.world import SeededEntropy
from federation.errors import IdentityError, PeerError
from federation.hashing import keccak256, sha256
from federation.validation import Index, commitment_bytes
from tests.agreed import DIM, DOMAIN, MODELS, PROVIDERS, agreed
from tests.unit.federation._world import examples, rows

EXAMPLES = examples(rows(np.random.default_rng(5), 60, DIM))
MANIFEST = agreed(rounds=3, shards=3)


@dataclass
class Chain:
    drawn: dict[tuple[int, int], int] = field(default_factory=dict)
    over: set[int] = field(default_factory=set)

    def drawn_shard(self, epoch: int, round_: int) -> int:
        return self.drawn.get((epoch, round_), 0)

    def rounds_over(self, epoch: int) -> bool:
        return epoch in self.over


def provider(number: int = 1) -> Provider:
    account = Account(sha256(f"account {number}".encode()))
    return Provider(PROVIDERS[number], account, EXAMPLES, SeededEntropy(0, f"provider {number}"))


@pytest.fixture
def opened() -> Provider:
    made = provider()
    made.commit(DOMAIN, MANIFEST)
    return made


def test_commitment_covers_every_example_once_when_it_is_dealt():
    made = provider()
    committed = made.commit(DOMAIN, MANIFEST)
    assert [(e.shard, e.provider) for e in committed.entries] == [(s, 1) for s in range(4)]
    assert sum(e.count for e in committed.entries) == made.size == 60
    assert made.counts(DIM).tolist() == EXAMPLES.counts(DIM).tolist()
    parts = [made.part(s).examples for s in range(4)]
    assert (
        sum((p.counts(DIM) for p in parts), np.zeros(DIM, dtype=np.int64)).tolist()
        == made.counts(DIM).tolist()
    )
    index = Index(committed.entries)
    index.open(committed.public, shard=PUBLIC, provider=1, domain=DOMAIN, dim=DIM)


def test_commitment_is_signed_by_its_provider_when_it_is_made():
    committed = provider().commit(DOMAIN, MANIFEST)
    signed = commitment_bytes(DOMAIN, 1, committed.entries, committed.tip)
    verify(PROVIDERS[1].did, signed, committed.signature)
    with pytest.raises(IdentityError):
        verify(PROVIDERS[0].did, signed, committed.signature)


def test_preimages_hash_back_to_the_tip_when_round_follows_round():
    made = provider()
    value = made.commit(DOMAIN, MANIFEST).tip
    for round_ in (1, 2, 3):
        assert keccak256(made.preimage(round_)) == value
        value = made.preimage(round_)


def test_shard_is_opened_when_it_was_drawn_for_the_round(opened):
    chain = Chain(drawn={(1, 2): 3})
    assert opened.open(3, 2, chain) == opened.part(3).to_bytes()


@pytest.mark.parametrize(("shard", "round_"), [(1, 2), (3, 1), (3, 3), (2, 2), (PUBLIC, 1), (PUBLIC, 2)])
def test_shard_stays_sealed_when_it_was_not_drawn_for_the_round(opened, shard, round_):
    chain = Chain(drawn={(1, 2): 3, (2, 1): 3})
    with pytest.raises(PeerError, match="was not drawn"):
        opened.open(shard, round_, chain)


def test_set_stays_sealed_when_rounds_are_left(opened):
    with pytest.raises(PeerError, match="stays sealed"):
        opened.reveal(Chain(drawn={(1, 1): 1}, over={2}), MODELS["validation-shard"])


def test_set_is_published_with_signed_events_when_the_rounds_are_over(opened):
    published = opened.reveal(Chain(over={1}), MODELS["validation-shard"])
    assert len(published) == 4
    for shard, (data, event) in enumerate(published):
        assert event.signer == PROVIDERS[1].did
        assert isinstance(event.payload, InitPayload)
        content = event.payload.content
        assert (content["shard"], content["provider"], content["examples"]) == (
            shard,
            1,
            len(opened.part(shard).examples),
        )
        assert content["blob"] == sha256(data).hex()
        assert data == opened.part(shard).to_bytes()


def test_salts_and_chains_differ_when_epochs_do(opened):
    again = provider(2)
    mine, theirs = opened.commit(DOMAIN, MANIFEST), again.commit(DOMAIN, MANIFEST)
    assert mine.tip != theirs.tip
    assert not {e.root for e in mine.entries} & {e.root for e in theirs.entries}
    salts = [salt for s in range(4) for salt in opened.part(s).salts]
    assert len(set(salts)) == 60


def at_once() -> Provider:
    made = provider()
    validation = MANIFEST.validation.model_copy(update={"reveal": "round"})
    made.commit(DOMAIN, MANIFEST.model_copy(update={"validation": validation}))
    return made


def test_shard_is_published_in_its_round_when_the_manifest_says_so():
    made, chain = at_once(), Chain(drawn={(1, 2): 3})
    event = made.publish(3, 2, chain, MODELS["validation-shard"])
    assert isinstance(event.payload, InitPayload)
    assert event.payload.content["blob"] == sha256(made.open(3, 2, chain)).hex()


@pytest.mark.parametrize(("shard", "round_"), [(1, 2), (3, 1), (3, 3), (PUBLIC, 1)])
def test_shard_is_not_published_when_it_was_not_drawn_for_the_round(shard, round_):
    with pytest.raises(PeerError, match="was not drawn"):
        at_once().publish(shard, round_, Chain(drawn={(1, 2): 3, (2, 1): 3}), MODELS["validation-shard"])


def test_shard_is_not_published_in_its_round_when_the_manifest_seals_the_epoch(opened):
    with pytest.raises(PeerError, match="stays sealed"):
        opened.publish(3, 2, Chain(drawn={(1, 2): 3}), MODELS["validation-shard"])


def test_only_the_rest_is_published_at_the_end_when_rounds_published_theirs(opened):
    # The third round never drew a shard.
    chain = Chain(drawn={(1, 1): 2, (1, 2): 3}, over={1})
    rest = at_once().reveal(chain, MODELS["validation-shard"])
    whole = opened.reveal(chain, MODELS["validation-shard"])
    assert rest == [whole[PUBLIC], whole[1]]
