"""The audit of ``unit = "member"``: a canary is then a whole member, not one of its examples.

What is protected is everything that a member holds, against its replacement by anything else. So each
canary is a throw-away member whose data are, by a fair coin, one set of messages or the set that pulls
exactly the other way: no two data sets can be further apart than twice the clipping norm. Each goes
through the real vault, ledger, clipping and noise, in a federation of its own; the attacker knows both
sets, and asks which one it was.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from client.audit.statistics import noise_scale, one_run, separation
from client.budget import set_budget
from client.identity import Session
from client.member import Member, Terms
from client.trainer import LinearEngine
from federation.features import word_indices
from federation.manifest import PrivacySection
from federation.messages import CommitRequest
from federation.models.linear import Design, Examples
from federation.privacy import Budget, noise_multiplier
from federation.rounds import Base
from federation.types import Address, Row
from tests.agreed import DIM, DOMAIN, MODELS, SPEC, agreed, identity

CANARIES, MESSAGES, EPSILON = 300, 8, 3.0
MEAN = np.zeros(DIM, dtype=np.int64)
BASE = Base(weights=np.zeros(DIM, dtype=np.int64), intercept=0, beta_tenths=0, losses=())
TEXTS = [f"alpha beta w{i}" for i in range(MESSAGES)]

# Replacing a member's data moves the sum by two clipping norms.
PRIVACY = PrivacySection(
    unit="member",
    epsilon=f"{EPSILON:g}",
    delta="1e-5",
    clip_milli=250,
    sigma_e4=round(2 * noise_multiplier(EPSILON, 1e-5, 1) * 10_000) + 1,
)
MANIFEST = agreed(rounds=1, privacy=PRIVACY)


class Defective(Member):
    """Trains under another section of privacy than it agreed to."""

    changes: dict[str, object] = {}  # noqa: RUF012 -- never written to

    def train(self, request):
        terms = self._terms
        manifest = terms.manifest
        changed = manifest.privacy.model_copy(update=self.changes)
        self._terms = replace(terms, manifest=manifest.model_copy(update={"privacy": changed}))
        try:
            return super().train(request)
        finally:
            self._terms = terms


class Halved(Defective):
    changes = {"sigma_e4": PRIVACY.sigma_e4 // 2}  # noqa: RUF012 -- as above


class EachExample(Defective):
    """Clips each example and not their sum."""

    changes = {"unit": "example"}  # noqa: RUF012 -- as above


def gates(vault, kind, counted):
    """Return the gates by name for one kind of member."""
    set_budget(vault, Budget(epsilon=math.inf, delta=1e-5))
    coins = np.random.default_rng(3).integers(0, 2, CANARIES)
    released, entropy = [], counted(b"member unit")

    class Recorded(kind):
        def train(self, request):
            released.append(super().train(request))
            return released[-1]

    class Chain:
        def base_hash(self, epoch, round_):
            return BASE.hash

    # Those with the same coin take their turn on the same messages, one after the other.
    for coin in (0, 1):
        vault.forget(range(1 + MESSAGES * (coin - 1), 1 + MESSAGES * coin) if coin else [])
        vault.import_rows([Row(text=text, label=bool(coin)) for text in TEXTS])
        for canary in np.flatnonzero(coins == coin):
            domain = replace(DOMAIN, federation=Address(f"0x{int(canary) + 1:040x}"))
            terms = Terms(
                manifest=MANIFEST,
                domain=domain,
                features=SPEC,
                mean=MEAN,
                contribution_model=MODELS["contribution"],
            )
            session, engine = Session(identity=identity("member")), LinearEngine()
            member = Recorded(vault, session, terms, Chain(), engine=engine, entropy=entropy)
            member.commit(CommitRequest(domain=domain, round=1, base=BASE))
    deltas, inserted = np.array(released, dtype=np.float64), np.sort(coins)
    spam = Examples.build([word_indices(text, SPEC) for text in TEXTS], [1] * MESSAGES)
    step = LinearEngine().step(Design.build(spam, MEAN), BASE, math.inf)
    assert np.linalg.norm(step) > PRIVACY.clip, "the sum must be clipped"
    unit = np.ldexp(PRIVACY.clip, 16)
    scores = deltas @ (step / np.linalg.norm(step)) / unit
    history = MANIFEST.history(1)
    epsilon = history.epsilon(1e-5)
    assert epsilon == pytest.approx(EPSILON, rel=1e-3)
    found = (
        separation(scores, inserted, math.sqrt(history.mu_squared)),
        one_run(scores, inserted, epsilon=epsilon, delta=1e-5),
        noise_scale(deltas[:, step == 0] / (unit * PRIVACY.sigma)),
    )
    return {gate.name: gate for gate in found}


def test_audit_passes_when_the_whole_sum_is_clipped(vault, counted):
    found = gates(vault, Member, counted)
    assert all(gate.passed for gate in found.values())
    assert found["auc"].measured > 0.6, "the attack must see members"


@pytest.mark.parametrize(("kind", "caught"), [(Halved, {"auc", "noise"}), (EachExample, {"auc"})])
def test_audit_fails_when_a_member_unit_has_a_defect(vault, counted, kind, caught):
    found = gates(vault, kind, counted)
    assert {name for name, gate in found.items() if not gate.passed} >= caught
