"""The aggregator takes from the mailbox what it would take from a provider in its process, nothing else."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aggregator.provider import ProviderPort
from aggregator.terms import terms_hash
from aggregator.validation import wire
from aggregator.validation.messages import (
    Commitment,
    parse_proposal,
    parse_revealed,
    proposal_bytes,
    revealed_bytes,
)
from aggregator.validation.remote import Patience, RemoteProvider
from ceramic_bridge.events import decode, encode
from contracts.accounts import consent_signer
from federation.errors import FolkmootError, PeerError
from tests.agreed import AGGREGATOR, DIM, DOMAIN, MODELS
from tests.unit.aggregator.validation.scene import ACCOUNTS, MODEL, Scene

QUICK = Patience(opening=0.2, round=0.2)


@dataclass
class Chain:
    drawn: dict[int, int] = field(default_factory=dict)
    over: bool = False

    def drawn_shard(self, epoch: int, round_: int) -> int:
        return self.drawn.get(round_, 0) if epoch == DOMAIN.epoch else 0

    def rounds_over(self, epoch: int) -> bool:
        return self.over


@pytest.fixture
def scene(tmp_path):
    return Scene.make(tmp_path)


def remote(scene: Scene) -> RemoteProvider:
    return RemoteProvider(
        scene.mailbox,
        scene.manifest,
        scene.number,
        federation=DOMAIN.federation,
        identity=AGGREGATOR,
        patience=QUICK,
    )


@pytest.fixture
def provider(scene):
    """A remote provider whose commitment has come."""
    scene.send(wire.COMMIT, scene.commitment().to_bytes())
    made = remote(scene)
    made.commit(DOMAIN, scene.manifest)
    return made


def refusal(scene: Scene, item: str) -> str:
    found = scene.mailbox.held(DOMAIN.epoch, scene.number)[item].refusal
    assert found is not None
    return found


def test_commitment_is_the_providers_own_when_it_comes(scene):
    scene.send(wire.COMMIT, scene.commitment().to_bytes())
    found: ProviderPort = remote(scene)
    assert found.commit(DOMAIN, scene.manifest) == scene.committed[scene.number]
    assert found.did == scene.provider.did
    assert found.size == scene.provider.size
    assert found.counts(DIM).tolist() == scene.provider.counts(DIM).tolist()


def test_commitment_is_known_when_the_aggregator_was_started_again(scene, provider):
    again = remote(scene)
    assert again.size == 60
    scene.send(wire.preimage(1), scene.provider.preimage(1))
    assert again.preimage(1) == scene.provider.preimage(1)


def test_nothing_is_known_when_no_commitment_came(scene):
    with pytest.raises(PeerError, match="has not committed"):
        remote(scene).preimage(1)


def counts_off(scene, made):
    counts = made.counts.copy()
    counts[3] = 61
    return replace(made, counts=counts)


def counts_short(scene, made):
    return replace(made, counts=made.counts[:-1])


def counts_below(scene, made):
    return replace(made, counts=made.counts * 0)


def part_missing(scene, made):
    return replace(made, committed=replace(made.committed, entries=made.committed.entries[:-1]))


def others(scene, made):
    return replace(made, committed=scene.committed[0])


def forged(scene, made):
    return replace(made, committed=replace(made.committed, signature=bytes(64)))


def public_other(scene, made):
    return replace(made, committed=replace(made.committed, public=scene.provider.part(1).to_bytes()))


def tip_other(scene, made):
    return replace(made, committed=replace(made.committed, tip=scene.provider.preimage(1)))


@pytest.mark.parametrize(
    "change",
    [counts_off, counts_short, counts_below, part_missing, others, forged, public_other, tip_other],
)
def test_commitment_is_refused_and_may_be_sent_again_when_it_is_wrong(scene, change):
    scene.send(wire.COMMIT, change(scene, scene.commitment()).to_bytes())
    with pytest.raises(PeerError, match="the last one was refused"):
        remote(scene).commit(DOMAIN, scene.manifest)
    assert refusal(scene, wire.COMMIT)
    scene.send(wire.COMMIT, scene.commitment().to_bytes())
    assert remote(scene).commit(DOMAIN, scene.manifest) == scene.committed[scene.number]


def test_item_is_refused_when_it_is_no_item_at_all(scene):
    scene.mailbox.put(DOMAIN.epoch, scene.number, wire.COMMIT, b"nonsense")
    with pytest.raises(PeerError, match="in time"):
        remote(scene).commit(DOMAIN, scene.manifest)
    assert refusal(scene, wire.COMMIT)


def test_proposal_is_shown_as_it_is_when_the_epoch_is_about_to_open(scene, provider):
    proposal = scene.proposal()
    provider.propose(DOMAIN, proposal)
    shown = scene.mailbox.proposal(DOMAIN.epoch)
    assert shown is not None
    assert parse_proposal(shown) == proposal
    assert dict(parse_proposal(shown).models) == MODELS


@pytest.mark.parametrize("data", [b"", b"{}", b'{"terms":"00","index":"00","models":{}}', b"[" * 99])
def test_proposal_is_refused_when_it_is_malformed(data):
    with pytest.raises(PeerError, match="malformed"):
        parse_proposal(data)


def test_consent_is_taken_when_it_is_the_accounts_to_these_terms(scene, provider):
    agreed = terms_hash(scene.proposal().terms)
    scene.send(wire.CONSENT, scene.provider.consent(DOMAIN, agreed))
    assert provider.consent(DOMAIN, agreed) == scene.provider.consent(DOMAIN, agreed)


@pytest.mark.parametrize("whose", ["other account", "other terms", "other epoch", "garbage"])
def test_consent_is_refused_when_it_binds_nobody(scene, provider, whose):
    agreed = terms_hash(scene.proposal().terms)
    other = replace(scene.proposal().terms, funds=1)
    signature = {
        "other account": scene.providers[0].consent(DOMAIN, agreed),
        "other terms": scene.provider.consent(DOMAIN, terms_hash(other)),
        "other epoch": scene.provider.consent(replace(DOMAIN, epoch=2), agreed),
        "garbage": b"\1" * 64,
    }[whose]
    scene.send(wire.CONSENT, signature)
    with pytest.raises(PeerError, match="was refused"):
        provider.consent(DOMAIN, agreed)
    assert ACCOUNTS[scene.number].address  # the one that would have been taken


def test_preimage_is_taken_when_it_leads_to_the_tip(scene, provider):
    for round_ in (1, 2, 3):
        scene.send(wire.preimage(round_), scene.provider.preimage(round_))
        assert provider.preimage(round_) == scene.provider.preimage(round_)


def test_preimage_is_refused_when_it_is_another_rounds(scene, provider):
    scene.send(wire.preimage(1), scene.provider.preimage(2))
    with pytest.raises(PeerError, match="not the preimage of round 1"):
        provider.preimage(1)


def test_part_is_taken_when_it_is_what_was_committed(scene, provider):
    scene.send(wire.part(2), scene.provider.part(3).to_bytes())
    assert provider.open(3, 2, Chain({2: 3})) == scene.provider.part(3).to_bytes()


def test_part_is_refused_and_may_be_sent_again_when_it_is_anothers(scene, provider):
    scene.send(wire.part(2), scene.provider.part(1).to_bytes())
    with pytest.raises(PeerError, match="was refused"):
        provider.open(3, 2, Chain({2: 3}))
    scene.send(wire.part(2), scene.providers[0].part(3).to_bytes())
    with pytest.raises(PeerError, match="was refused"):
        provider.open(3, 2, Chain({2: 3}))
    scene.send(wire.part(2), scene.provider.part(3).to_bytes())
    assert provider.open(3, 2, Chain({2: 3}))


def send_rest(scene: Scene, shards: range | list[int]) -> None:
    published = dict(enumerate(scene.provider.reveal(Chain(over=True), MODEL)))
    for shard in shards:
        scene.send(wire.reveal(shard), revealed_bytes(*published[shard]))


def test_set_is_published_as_by_a_provider_in_the_process_when_the_rounds_are_over(scene, provider):
    send_rest(scene, range(4))
    chain = Chain({1: 1, 2: 2, 3: 3}, over=True)
    assert provider.reveal(chain, MODEL) == scene.provider.reveal(chain, MODEL)


def test_set_is_not_asked_for_when_rounds_are_left(scene, provider):
    with pytest.raises(PeerError, match="stays sealed"):
        provider.reveal(Chain({1: 1}), MODEL)


def test_revealed_part_is_refused_when_its_event_is_for_another(scene, provider):
    published = scene.provider.reveal(Chain(over=True), MODEL)
    send_rest(scene, [0, 2, 3])
    scene.send(wire.reveal(1), revealed_bytes(published[1][0], published[2][1]))
    with pytest.raises(PeerError, match="does not say what it opened"):
        provider.reveal(Chain(over=True), MODEL)


def test_lie_about_word_counts_is_named_when_the_set_is_revealed(scene):
    made = scene.commitment()
    counts = made.counts.copy()
    counts[0] += 1
    scene.send(wire.COMMIT, replace(made, counts=counts).to_bytes())
    provider = remote(scene)
    provider.commit(DOMAIN, scene.manifest)
    send_rest(scene, range(4))
    with pytest.raises(PeerError, match="provider 1 stated other word counts"):
        provider.reveal(Chain(over=True), MODEL)


def test_shard_is_published_in_its_round_when_the_manifest_says_so(tmp_path):
    scene = Scene.make(tmp_path, reveal="round")
    scene.send(wire.COMMIT, scene.commitment().to_bytes())
    provider, chain = remote(scene), Chain({1: 2}, over=True)
    event = scene.provider.publish(2, 1, chain, MODEL)
    scene.send(wire.part(1), scene.provider.part(2).to_bytes())
    scene.send(wire.event(1), encode(event))
    assert provider.publish(2, 1, chain, MODEL) == event
    rest = dict(zip([0, 1, 3], scene.provider.reveal(chain, MODEL), strict=True))
    for shard, (data, statement) in rest.items():
        scene.send(wire.reveal(shard), revealed_bytes(data, statement))
    assert provider.reveal(chain, MODEL) == scene.provider.reveal(chain, MODEL)


def test_event_is_refused_when_it_is_on_another_shard(tmp_path):
    scene = Scene.make(tmp_path, reveal="round")
    scene.send(wire.COMMIT, scene.commitment().to_bytes())
    scene.send(wire.part(1), scene.provider.part(2).to_bytes())
    scene.send(wire.event(1), encode(scene.provider.publish(1, 2, Chain({2: 1}), MODEL)))
    with pytest.raises(PeerError, match="does not say what it opened"):
        remote(scene).publish(2, 1, Chain({1: 2}), MODEL)


def test_proposal_bytes_are_canonical_when_they_are_made_twice(scene):
    assert proposal_bytes(scene.proposal()) == proposal_bytes(scene.proposal())


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_but_an_error_of_ours_comes_of_it_when_a_content_is_damaged(scene, data):
    proposal, chain = scene.proposal(), Chain(over=True)
    part, event = scene.provider.reveal(chain, MODEL)[1]
    contents = {
        "commit": scene.commitment().to_bytes(),
        "event": encode(event),
        "reveal": revealed_bytes(part, event),
        "proposal": proposal_bytes(proposal),
        "consent": scene.provider.consent(DOMAIN, terms_hash(proposal.terms)),
    }
    kind = data.draw(st.sampled_from(sorted(contents)))
    damaged = bytearray(contents[kind])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 8))] = data.draw(st.binary(max_size=8))
    content = bytes(damaged)
    readers = {
        "commit": lambda: Commitment.parse(content, DOMAIN, scene.manifest, scene.number),
        "event": lambda: decode(content),
        "reveal": lambda: parse_revealed(content),
        "proposal": lambda: parse_proposal(content),
        "consent": lambda: consent_signer(
            content,
            chain_id=DOMAIN.chain_id,
            federation=DOMAIN.federation,
            epoch=1,
            terms_hash=terms_hash(proposal.terms),
        ),
    }
    with suppress(FolkmootError):
        readers[kind]()
