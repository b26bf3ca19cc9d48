"""A member: what it refuses to train on, what it sends, and what never leaves it twice."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from ceramic_bridge.errors import StoreError
from ceramic_bridge.events import SignedEvent
from client.budget import set_budget
from client.identity import Session
from client.keys import Kdf
from client.member import Member, Terms
from client.trainer import LinearEngine
from client.vault import Vault
from client.watermark import VaultRolledBack
from federation.delta import delta_bytes, quantise
from federation.errors import ConfigError, IdentityError, PeerError, PrivacyBudgetExhausted
from federation.features import FeatureSpec, word_indices
from federation.hashing import Domain, commitment, did_hash, sha256
from federation.manifest import Manifest, SamplingSection
from federation.merkle import MerkleTree, leaf_hash
from federation.messages import Acknowledgement, CommitRequest, RevealRequest
from federation.models.linear import INTERCEPT_BOUND, Design, Examples
from federation.models.registry import Architecture
from federation.payloads import Contribution
from federation.privacy import spend
from federation.rounds import Base
from federation.types import Address, Hash32, Row
from tests.agreed import (
    AGGREGATOR,
    COMMUNITY,
    DIM,
    DOMAIN,
    MODELS,
    SILENT_SIGMA,
    SPEC,
    agreed,
    identity,
    private,
)
from tests.modules import module_section, with_module

MEAN = np.zeros(DIM, dtype=np.int64)
ROWS = [Row(text=f"alpha beta gamma{i}", label=i % 2 == 0) for i in range(12)]


@dataclass
class Chain:
    """What a member sees on chain."""

    bases: dict[tuple[int, int], Hash32] = field(default_factory=dict)
    roots: dict[tuple[int, int], Hash32] = field(default_factory=dict)
    time: int = 1_767_225_600

    def opened_at(self, epoch: int, round_: int) -> int:
        return self.time

    def base_hash(self, epoch: int, round_: int) -> Hash32:
        return self.bases.get((epoch, round_), Hash32(bytes(32)))

    def commit_root(self, epoch: int, round_: int) -> Hash32:
        return self.roots.get((epoch, round_), Hash32(bytes(32)))


class Counting:
    """Seeded entropy that counts what was drawn."""

    def __init__(self, counted) -> None:
        self.source, self.drawn = counted(b"noise"), 0

    def __call__(self, n: int, /) -> bytes:
        self.drawn += n
        return self.source(n)


class CountingEngine(LinearEngine):
    steps = 0

    def step(self, design, base, clip):
        self.steps += 1
        return super().step(design, base, clip)


@dataclass
class Scene:
    """A member with its surroundings."""

    vault: Vault
    chain: Chain
    entropy: Counting
    engine: CountingEngine
    terms: Terms
    member: Member

    def request(self, round_: int = 1, *, weight: int = 0, domain: Domain = DOMAIN) -> CommitRequest:
        """A request that the chain has recorded."""
        base = Base(weights=np.full(DIM, weight), intercept=5, beta_tenths=0, losses=())
        self.chain.bases[1, round_] = base.hash
        return CommitRequest(domain=domain, round=round_, base=base)

    def again(self) -> Member:
        """The member after a restart: the vault is all that stays."""
        return make_member(self.vault, self.terms, self.chain, self.engine, self.entropy)

    def reveal_request(self, event, round_: int = 1) -> RevealRequest:
        """Put the member's leaf between two others' on chain."""
        statement = Contribution.parse(event.payload.content, DOMAIN, round_)
        mine = leaf_hash(did_hash(self.member.did), statement.commitment)
        others = [leaf_hash(sha256(bytes([i]))) for i in range(2)]
        tree = MerkleTree.build([others[0], mine, others[1]], sort=False)
        self.chain.roots[1, round_] = tree.root
        return RevealRequest(domain=DOMAIN, round=round_, proof=tree.proof(1))


def make_member(vault, terms, chain, engine, entropy) -> Member:
    return Member(vault, Session(identity=identity("member")), terms, chain, engine=engine, entropy=entropy)


def make_terms(**changes) -> Terms:
    terms = Terms(
        manifest=agreed(),
        domain=DOMAIN,
        features=SPEC,
        mean=MEAN,
        contribution_model=MODELS["contribution"],
    )
    return replace(terms, **changes)


@pytest.fixture
def make(vault, counted):
    def scene(**changes) -> Scene:
        if not vault.count:
            vault.import_rows(ROWS)
        chain, entropy, engine, terms = Chain(), Counting(counted), CountingEngine(), make_terms(**changes)
        member = make_member(vault, terms, chain, engine, entropy)
        return Scene(vault, chain, entropy, engine, terms, member)

    return scene


@pytest.fixture
def scene(make) -> Scene:
    return make()


def test_contribution_says_what_was_committed_when_the_base_is_on_chain(scene):
    request = scene.request()
    event = scene.member.commit(request)
    assert event.signer == scene.member.did == identity("member").did
    statement = Contribution.parse(event.payload.content, DOMAIN, 1)
    assert statement.base_hash == request.base.hash
    reply = scene.member.reveal(scene.reveal_request(event))
    digest = commitment(
        DOMAIN,
        1,
        did=scene.member.did,
        base_hash=request.base.hash,
        delta_sha256=sha256(delta_bytes(reply.delta)),
        salt=reply.salt,
    )
    assert statement.commitment == digest


def test_delta_is_the_noised_step_when_noise_is_agreed(scene):
    request = scene.request()
    reply = scene.member.reveal(scene.reveal_request(scene.member.commit(request)))
    step = LinearEngine().step(Design.build(scene.member.examples(), MEAN), request.base, 0.25)
    noise = reply.delta - quantise(step)
    expected = scene.terms.manifest.privacy.sigma * 0.25 * 2**16
    assert 0.6 * expected < noise.std() < 1.5 * expected


def test_delta_is_the_bare_step_when_no_noise_is_agreed_and_accepted(make):
    bare = make(manifest=agreed(privacy=SILENT_SIGMA), unsafe_no_dp=True)
    request = bare.request()
    reply = bare.member.reveal(bare.reveal_request(bare.member.commit(request)))
    step = LinearEngine().step(Design.build(bare.member.examples(), MEAN), request.base, 1.0)
    assert np.array_equal(reply.delta, quantise(step))
    # Only the salt: no noise was asked for.
    assert bare.entropy.drawn == 32


def test_member_refuses_to_join_when_no_noise_is_agreed_and_it_did_not_accept(make):
    with pytest.raises(ConfigError, match="without differential privacy") as info:
        make(manifest=agreed(privacy=SILENT_SIGMA))
    assert "unsafe_no_dp" in info.value.hint


def test_member_refuses_to_join_when_the_rule_for_words_is_another(make):
    with pytest.raises(ConfigError, match="another rule for words"):
        make(features=FeatureSpec(dim=DIM, longest=39))


def test_ledger_books_the_sampled_steps_that_the_manifest_asks_for(make):
    sampling = SamplingSection(rate_milli=200, steps=8, eta_milli=1000)
    scene = make(manifest=Manifest.model_validate({**dict(agreed()), "sampling": sampling}))
    manifest = scene.terms.manifest
    for rounds in (1, 2):
        scene.member.commit(scene.request(rounds))
        assert scene.member.epsilon == manifest.history(rounds).epsilon(1e-5)
    assert scene.engine.steps == 16
    assert 0 < scene.member.epsilon < agreed().history(2).epsilon(1e-5)


def test_ledger_books_the_unit_that_the_manifest_protects(make):
    privacy = private().model_copy(update={"unit": "member", "sigma_e4": 2 * private().sigma_e4})
    scene = make(manifest=agreed(privacy=privacy))
    scene.member.commit(scene.request())
    # Clipped as a whole, a delta can turn by 2 C for one example.
    assert scene.member.epsilon == spend([privacy.sigma / 2], 1e-5).epsilon


def test_member_refuses_to_join_when_the_model_knows_other_words(make):
    section = module_section(Architecture(name="mlp", words=2 * DIM, hidden=2))
    manifest = with_module(agreed(), section)
    model = manifest.model.model_copy(update={"features_sha256": SPEC.digest.hex()})
    with pytest.raises(ConfigError, match="another number of words"):
        make(manifest=manifest.model_copy(update={"model": model}))


@pytest.mark.parametrize("recorded", [False, True])
def test_base_is_refused_when_the_chain_recorded_another_or_none(scene, recorded):
    request = scene.request(weight=1)
    scene.chain.bases.clear()
    if recorded:
        scene.request(weight=2)
    with pytest.raises(PeerError, match="not the one that the chain recorded"):
        scene.member.commit(request)
    assert (scene.engine.steps, scene.entropy.drawn) == (0, 0)
    assert scene.member.epsilon == 0


@pytest.mark.parametrize(
    "base",
    [
        Base(weights=np.zeros(DIM, dtype=np.int64), intercept=INTERCEPT_BOUND + 1, beta_tenths=0, losses=()),
        Base(weights=np.zeros(DIM, dtype=np.int64), intercept=-INTERCEPT_BOUND - 1, beta_tenths=0, losses=()),
        Base(weights=np.full(DIM, 1 << 62), intercept=0, beta_tenths=0, losses=()),
        Base(weights=np.full(DIM, -(1 << 63)), intercept=0, beta_tenths=0, losses=()),
    ],
)
def test_base_is_refused_before_any_example_is_seen_when_it_is_out_of_bounds(scene, base):
    scene.chain.bases[1, 1] = base.hash
    with pytest.raises(PeerError, match="out of bounds"):
        scene.member.commit(CommitRequest(domain=DOMAIN, round=1, base=base))
    assert (scene.engine.steps, scene.entropy.drawn, scene.member.epsilon) == (0, 0, 0)


def test_base_is_trainable_when_it_is_at_its_bounds():
    base = Base(weights=np.full(DIM, 1 << 20), intercept=INTERCEPT_BOUND, beta_tenths=0, losses=())
    LinearEngine().require(base)


@pytest.mark.parametrize(
    "domain",
    [
        replace(DOMAIN, epoch=2),
        replace(DOMAIN, chain_id=1),
        replace(DOMAIN, federation=Address("0x" + "cd" * 20)),
    ],
)
def test_request_is_refused_when_it_is_for_another_place(scene, domain):
    base = scene.request().base
    scene.chain.bases[2, 1] = base.hash
    with pytest.raises(PeerError, match="another federation or epoch"):
        scene.member.commit(CommitRequest(domain=domain, round=1, base=base))
    with pytest.raises(PeerError, match="another federation or epoch"):
        scene.member.reveal(RevealRequest(domain=domain, round=1, proof=()))
    assert scene.engine.steps == 0


def test_retry_sends_the_same_event_and_draws_nothing_when_asked_again(scene):
    request = scene.request()
    first = scene.member.commit(request)
    drawn, epsilon = scene.entropy.drawn, scene.member.epsilon
    assert drawn > 0
    for member in (scene.member, scene.again()):
        again = member.commit(request)
        assert (again.cid, again.payload_cid) == (first.cid, first.payload_cid)
    assert (scene.entropy.drawn, scene.engine.steps) == (drawn, 1)
    assert scene.member.epsilon == epsilon


def test_second_reveal_sends_the_same_delta_when_asked_again(scene):
    event = scene.member.commit(scene.request())
    request = scene.reveal_request(event)
    first = scene.member.reveal(request)
    again = scene.again().reveal(request)
    assert np.array_equal(first.delta, again.delta)
    assert first.salt == again.salt


def test_other_base_for_the_same_round_is_refused_when_one_was_trained_on(scene):
    scene.member.commit(scene.request(weight=1))
    other = scene.request(weight=2)
    with pytest.raises(IdentityError):
        scene.member.commit(other)
    assert scene.engine.steps == 1


def test_round_is_lost_when_its_delta_was_reserved_and_never_stored(scene):
    """A crash between the reservation and the store: the noise may have been drawn, so never again."""
    original = scene.engine.step
    request = scene.request()

    def crash(*args):
        raise RuntimeError("power cut")

    scene.engine.step = crash
    with pytest.raises(RuntimeError):
        scene.member.commit(request)
    spent = scene.member.epsilon
    assert spent > 0
    scene.engine.step = original
    with pytest.raises(PrivacyBudgetExhausted, match="one release already"):
        scene.again().commit(request)
    assert scene.member.epsilon == spent
    assert scene.again().commit(scene.request(2))


def test_cost_is_on_disk_before_anything_is_drawn_when_a_round_begins(scene, path):
    """An observer of the vault file sees the reservation while the noise is being drawn."""
    seen: list[int] = []
    source = scene.entropy.source

    def spying(n: int) -> bytes:
        with sqlite3.connect(path) as db:
            seen.append(db.execute("SELECT COUNT(*) FROM releases").fetchone()[0])
        db.close()
        return source(n)

    scene.entropy.source = spying
    scene.member.commit(scene.request())
    assert seen
    assert set(seen) == {1}


def test_budget_is_exhausted_when_one_more_round_would_overspend(scene):
    for round_ in (1, 2, 3):
        scene.member.commit(scene.request(round_))
    drawn, steps, epsilon = scene.entropy.drawn, scene.engine.steps, scene.member.epsilon
    assert 7.9 < epsilon <= 8.0
    with pytest.raises(PrivacyBudgetExhausted) as info:
        scene.member.commit(scene.request(4))
    assert info.value.exit_code == 7
    assert (scene.entropy.drawn, scene.engine.steps, scene.member.epsilon) == (drawn, steps, epsilon)
    with pytest.raises(PeerError, match="nothing was committed"):
        scene.member.reveal(RevealRequest(domain=DOMAIN, round=4, proof=()))


def test_budget_is_shared_when_the_same_data_joins_another_federation(scene):
    set_budget(scene.vault, scene.terms.manifest.privacy.budget)
    first = scene.again()
    for round_ in (1, 2, 3):
        first.commit(scene.request(round_))
    elsewhere = replace(scene.terms, domain=replace(DOMAIN, federation=Address("0x" + "cd" * 20)))
    member = make_member(scene.vault, elsewhere, scene.chain, scene.engine, scene.entropy)
    request = scene.request(domain=elsewhere.domain)
    with pytest.raises(PrivacyBudgetExhausted):
        member.commit(request)


def test_reveal_is_refused_when_nothing_was_committed(scene):
    with pytest.raises(PeerError, match="nothing was committed"):
        scene.member.reveal(RevealRequest(domain=DOMAIN, round=1, proof=()))


def test_reveal_is_refused_when_its_leaf_is_not_under_the_root(scene):
    event = scene.member.commit(scene.request())
    request = scene.reveal_request(event)
    wrong_roots = [Hash32(bytes(32)), sha256(b"another root")]
    for root in wrong_roots:
        scene.chain.roots[1, 1] = root
        with pytest.raises(PeerError, match="not under the commit root"):
            scene.member.reveal(request)
    scene.reveal_request(event)
    for proof in ((), request.proof[:1], (*request.proof, Hash32(bytes(32))), request.proof[::-1]):
        with pytest.raises(PeerError, match="not under the commit root"):
            scene.member.reveal(replace(request, proof=proof))
    assert len(scene.member.reveal(request).delta) == DIM


def acknowledgement(digest: Hash32, signer=AGGREGATOR, *, member=None) -> Acknowledgement:
    whom = did_hash(member or identity("member").did)
    signature = signer.sign(Acknowledgement.signed_bytes(DOMAIN, 1, whom, digest))
    return Acknowledgement(domain=DOMAIN, round=1, delta_sha256=digest, signature=signature)


@pytest.fixture
def revealed(scene) -> Hash32:
    """The hash of the delta that the scene's member revealed in round 1."""
    reply = scene.member.reveal(scene.reveal_request(scene.member.commit(scene.request())))
    return sha256(delta_bytes(reply.delta))


def test_acknowledgement_is_taken_when_the_aggregator_signed_it(scene, revealed):
    scene.member.acknowledged(acknowledgement(revealed))
    scene.again().acknowledged(acknowledgement(revealed))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda digest: acknowledgement(digest, COMMUNITY),
        lambda digest: acknowledgement(digest, member=identity("another member").did),
        lambda digest: replace(acknowledgement(digest), signature=bytes(64)),
    ],
)
def test_acknowledgement_is_refused_when_the_aggregator_did_not_sign_it(scene, revealed, wrong):
    with pytest.raises(IdentityError):
        scene.member.acknowledged(wrong(revealed))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda digest: acknowledgement(sha256(b"another delta")),
        lambda digest: replace(acknowledgement(digest), round=2),
        lambda digest: replace(acknowledgement(digest), domain=replace(DOMAIN, epoch=2)),
    ],
)
def test_acknowledgement_is_refused_when_it_is_for_something_else(scene, revealed, wrong):
    with pytest.raises(PeerError):
        scene.member.acknowledged(wrong(revealed))


def test_examples_are_the_vaults_rows_when_read_twice_and_after_an_import(scene):
    def words(examples: Examples) -> list[list[int]]:
        at = examples.offsets
        return [examples.words[at[i] : at[i + 1]].tolist() for i in range(len(examples))]

    expected = [sorted(set(word_indices(r.text, SPEC))) for r in ROWS]
    assert words(scene.member.examples()) == words(scene.member.examples()) == expected
    assert scene.member.examples().labels.tolist() == [int(r.label) for r in ROWS]
    scene.vault.import_rows([Row(text="something new", label=True)])
    assert len(scene.member.examples()) == len(ROWS) + 1


def test_salts_differ_when_two_members_hold_the_same_rows(scene, tmp_path, counted):
    with Vault.create(tmp_path / "other" / "v.db", b"p", kdf=Kdf.MINIMUM, entropy=counted(b"o")) as other:
        set_budget(other, scene.terms.manifest.privacy.budget)
        other.import_rows(ROWS)
        twin = Member(
            other,
            Session(identity=identity("twin")),
            scene.terms,
            scene.chain,
            engine=LinearEngine(),
            entropy=counted(b"2"),
        )
        request = scene.request()
        mine, theirs = scene.member.commit(request), twin.commit(request)
    assert mine.payload.content["commitment"] != theirs.payload.content["commitment"]
    assert mine.payload.unique != theirs.payload.unique


def test_contributions_count_releases_of_the_dataset_when_two_federations_take_turns(scene):
    elsewhere = replace(scene.terms, domain=replace(DOMAIN, federation=Address("0x" + "cd" * 20)))
    other = make_member(scene.vault, elsewhere, scene.chain, scene.engine, scene.entropy)
    events = [
        scene.member.commit(scene.request(1)),
        other.commit(scene.request(1, domain=elsewhere.domain)),
        scene.member.commit(scene.request(2)),
        scene.member.commit(scene.request(1)),
    ]
    assert [event.payload.content["release"] for event in events] == [1, 2, 3, 1]


def test_member_is_refused_when_its_vault_is_older_than_what_it_published(scene):
    scene.member.commit(scene.request(1))
    scene.member.require_current(1)
    with pytest.raises(VaultRolledBack):
        scene.member.require_current(2)


def test_one_federation_has_one_release_when_its_address_is_written_in_two_ways(scene):
    request = scene.request()
    scene.member.commit(request)
    drawn = scene.entropy.drawn
    shouted = replace(DOMAIN, federation=Address("0x" + DOMAIN.federation[2:].upper()))
    twin = make_member(
        scene.vault, replace(scene.terms, domain=shouted), scene.chain, scene.engine, scene.entropy
    )
    twin.commit(replace(request, domain=shouted))
    assert (scene.entropy.drawn, scene.engine.steps) == (drawn, 1)


def test_round_gets_no_second_draw_when_the_chain_replaces_its_base(scene):
    """A reorganisation: the round is opened again from another base, also before the reveal."""
    event = scene.member.commit(scene.request(weight=1))
    reveal = scene.reveal_request(event)
    other = scene.request(weight=2)
    for member in (scene.member, scene.again()):
        with pytest.raises(IdentityError, match="another base"):
            member.commit(other)
        with pytest.raises(IdentityError, match="another base"):
            member.reveal(reveal)
    assert scene.engine.steps == 1
    back = scene.request(weight=1)
    assert scene.again().commit(back).cid == event.cid


def keeping(scene, keep) -> Member:
    return Member(
        scene.vault,
        Session(identity=identity("member")),
        scene.terms,
        scene.chain,
        engine=scene.engine,
        entropy=scene.entropy,
        keep=keep,
    )


def test_contribution_is_kept_before_it_is_sent_and_the_same_when_asked_again(scene):
    kept: list[SignedEvent] = []
    member = keeping(scene, kept.append)
    request = scene.request()
    assert [member.commit(request), member.commit(request)] == kept
    assert kept[0].cid == kept[1].cid


def test_nothing_is_sent_when_a_contribution_cannot_be_kept(scene):
    def full(event: SignedEvent) -> None:
        raise StoreError("the disk is full")

    request = scene.request()
    with pytest.raises(StoreError):
        keeping(scene, full).commit(request)
    # It was drawn once; what is sent later is the same.
    drawn = scene.entropy.drawn
    assert scene.again().commit(request).signer == scene.member.did
    assert scene.entropy.drawn == drawn
