"""Each cheat does its one wrong thing, and what it sends is as large as the cap allows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from ceramic_bridge.events import InitPayload
from client.identity import Session
from client.keys import Kdf
from client.member import Member, Terms
from client.trainer import LinearEngine
from client.vault import Vault
from examples.spam_detection.cheats import (
    CHEATS,
    CapFiller,
    CapFlipper,
    Cheat,
    Copier,
    Flipper,
    ModelSender,
    NanSender,
    NoiseSender,
    Scaler,
    StaleSender,
    Tapped,
    Wiretap,
    ZeroSender,
)
from examples.spam_detection.settings import ROLES
from examples.spam_detection.world import SeededEntropy
from federation.delta import norm_cap, within_cap
from federation.hashing import did_hash
from federation.merkle import leaf_hash
from federation.messages import CommitRequest, RevealRequest
from federation.models.linear import Design
from federation.payloads import NOTHING, Contribution
from federation.rounds import Base
from federation.types import Hash32, Row
from tests.agreed import DIM, DOMAIN, MODELS, SPEC, agreed, identity

ROWS = [Row(text=f"alpha beta{i % 3} gamma{i}", label=i % 3 == 0) for i in range(15)]
MEAN = np.zeros(DIM, dtype=np.int64)
TERMS = Terms(
    manifest=agreed(),
    domain=DOMAIN,
    features=SPEC,
    mean=MEAN,
    contribution_model=MODELS["contribution"],
)
PRIVACY = TERMS.manifest.privacy
CAP = norm_cap(clip_milli=PRIVACY.clip_milli, sigma_e4=PRIVACY.sigma_e4, quota=len(ROWS), dim=DIM)


@dataclass
class Chain:
    base: Hash32 = NOTHING
    root: Hash32 = NOTHING

    def base_hash(self, epoch: int, round_: int) -> Hash32:
        return self.base

    def commit_root(self, epoch: int, round_: int) -> Hash32:
        return self.root


@pytest.fixture
def make(tmp_path):
    """Makes members of any behaviour, all with the same rows and the same noise."""
    vaults = []

    def build(behaviour: type[Member], name: str = "member") -> tuple[Member, Chain]:
        path = tmp_path / f"{name}{len(vaults)}" / "vault.db"
        vault = Vault.create(path, b"p", kdf=Kdf.MINIMUM, entropy=SeededEntropy(0, "vault"))
        vault.import_rows(ROWS)
        vaults.append(vault)
        chain = Chain()
        entropy = SeededEntropy(0, f"noise of {name}")
        return behaviour(
            vault, Session(identity=identity(name)), TERMS, chain, engine=LinearEngine(), entropy=entropy
        ), chain

    yield build
    for vault in vaults:
        vault.close()


def request(weights=None, *, round_: int = 1, chain: Chain | None = None) -> CommitRequest:
    values = np.zeros(DIM, dtype=np.int64) if weights is None else weights
    base = Base(weights=values, intercept=3, beta_tenths=0, losses=())
    if chain is not None:
        chain.base = base.hash
    return CommitRequest(domain=DOMAIN, round=round_, base=base)


def cosine(a, b) -> float:
    a, b = a.astype(float), b.astype(float)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def fills_the_cap(delta) -> bool:
    return within_cap(delta, CAP) and not within_cap(delta, int(0.98 * CAP))


def honest_step(member: Member):
    return LinearEngine().step(Design.build(Member.examples(member), MEAN), request().base, PRIVACY.clip)


WEIGHTS = np.random.default_rng(3).integers(-(1 << 16), 1 << 16, DIM)


def test_every_role_of_the_report_has_its_behaviour_when_listed():
    assert set(CHEATS) == {*ROLES, "flipcap"}
    assert all(issubclass(behaviour, Member) for behaviour in CHEATS.values())
    assert len(set(CHEATS.values())) == len(CHEATS)


def test_direction_fills_the_cap_and_never_exceeds_it_when_any_is_scaled(make):
    member, _ = make(Cheat)
    rng = np.random.default_rng(0)
    for scale in (1e-9, 1.0, 1e9):
        for _ in range(50):
            assert fills_the_cap(member.filled(scale * rng.standard_normal(DIM)))
    one_word = np.zeros(DIM)
    one_word[3] = 1.0
    assert fills_the_cap(member.filled(one_word))
    assert not member.filled(np.zeros(DIM)).any()


def test_flipper_has_every_label_wrong_when_it_reads_its_vault(make):
    member, _ = make(Flipper)
    assert member.examples().labels.tolist() == [1 - int(r.label) for r in ROWS]
    assert within_cap(member.train(request()), CAP)


def test_cap_fillers_send_the_bare_step_when_they_train(make):
    filler, flipper = make(CapFiller)[0], make(CapFlipper)[0]
    step = honest_step(filler)
    for member, sign in ((filler, 1), (flipper, -1)):
        delta = member.train(request())
        assert sign * cosine(delta, step) > 0.9999
        assert fills_the_cap(delta)


def test_noise_sender_sends_something_else_when_asked_again(make):
    member, _ = make(NoiseSender)
    first, second = member.train(request()), member.train(request())
    assert fills_the_cap(first)
    assert fills_the_cap(second)
    assert abs(cosine(first, second)) < 0.6


def test_zero_sender_sends_zeros_when_it_trains(make):
    delta = make(ZeroSender)[0].train(request(WEIGHTS))
    assert (delta.shape, delta.dtype, delta.any()) == ((DIM,), np.int64, False)


def test_stale_sender_resends_the_last_move_when_it_has_seen_two_bases(make):
    member, _ = make(StaleSender)
    assert not member.train(request(WEIGHTS)).any()
    move = np.random.default_rng(4).integers(-99, 99, DIM)
    delta = member.train(request(WEIGHTS + move, round_=2))
    assert cosine(delta, move) > 0.9999
    assert fills_the_cap(delta)


def test_model_sender_resends_the_base_when_there_is_one(make):
    member, _ = make(ModelSender)
    assert not member.train(request()).any()
    delta = member.train(request(WEIGHTS))
    assert cosine(delta, WEIGHTS) > 0.9999
    assert fills_the_cap(delta)


def test_scaler_sends_a_hundred_times_the_honest_delta_when_the_noise_is_the_same(make):
    honest, scaled = make(Member)[0].train(request()), make(Scaler)[0].train(request())
    assert np.array_equal(scaled, 100 * honest)
    assert within_cap(honest, CAP)
    assert not within_cap(scaled, CAP)


def committed(member: Member, chain: Chain):
    """Commit, and put the leaf on chain as the only one."""
    event = member.commit(request(chain=chain))
    assert isinstance(event.payload, InitPayload)
    statement = Contribution.parse(event.payload.content, DOMAIN, 1)
    chain.root = leaf_hash(did_hash(member.did), statement.commitment)
    return event, RevealRequest(domain=DOMAIN, round=1, proof=())


def test_nan_sender_sends_only_nan_when_it_reveals(make):
    member, chain = make(NanSender)
    _, ask = committed(member, chain)
    reply = member.reveal(ask)
    assert np.isnan(reply.delta).all()
    assert len(reply.delta) == DIM
    assert reply.salt == Member.reveal(member, ask).salt


def test_copier_signs_the_victims_commitment_when_it_overheard_it(make):
    victim, chain = make(Tapped, "victim")
    copier, _ = make(Copier, "copier")
    victim.tap = copier.tap = Wiretap()
    event, ask = committed(victim, chain)
    copied = copier.commit(request())
    assert copied.signer == copier.did != event.signer
    assert copied.payload.content == event.payload.content
    reply = victim.reveal(ask)
    stolen = copier.reveal(ask)
    assert np.array_equal(stolen.delta, reply.delta)
    assert stolen.salt == reply.salt


def test_copier_guesses_when_it_overheard_nothing(make):
    copier, chain = make(Copier)
    copier.tap = Wiretap()
    event, ask = committed(copier, chain)
    assert event.signer == copier.did
    assert not copier.reveal(ask).delta.any()
