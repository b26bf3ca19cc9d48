"""A sound client passes its audit; each way to break one's promise is caught."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import count
from typing import ClassVar

import numpy as np
import pytest

from ceramic_bridge.did import Identity
from client.audit.canaries import Canaries
from client.audit.report import check_report, lines, sign_report
from client.audit.stage import Stage
from client.audit.trial import audit
from client.identity import Session
from client.member import Member
from client.noise import gaussian
from client.trainer import LinearEngine, engine_of
from client.trainer_module import ModuleEngine
from federation.delta import quantise
from federation.errors import ConfigError, VerificationFailed
from federation.features import FeatureSpec
from federation.hashing import sha256
from federation.manifest import ModelSection, PrivacySection, SamplingSection
from federation.models.linear import Design, Examples
from federation.models.module import Network
from federation.models.registry import Architecture
from federation.privacy import noise_multiplier
from tests.agreed import SILENT_SIGMA, agreed
from tests.modules import module_section, with_module

ROUNDS, DIM = 20, 4096


def manifest(epsilon: float = 3.0):
    """The example's size and noise."""
    privacy = PrivacySection(
        epsilon=f"{epsilon:g}",
        delta="1e-5",
        clip_milli=250,
        sigma_e4=round(noise_multiplier(epsilon, 1e-5, ROUNDS) * 10_000),
    )
    made = agreed(rounds=ROUNDS, shards=ROUNDS, privacy=privacy)
    spec = FeatureSpec(dim=DIM)
    return made.model_copy(update={"model": ModelSection(dim=DIM, features_sha256=spec.digest.hex())})


def seeded(seed: int):
    """Entropy that repeats."""
    calls = [0]

    def entropy(n: int, /) -> bytes:
        calls[0] += 1
        return hashlib.shake_256(f"audit/{seed}/{calls[0]}".encode()).digest(n)

    return entropy


class Defective(Member):
    """A client with one defect, in the noise unless said otherwise."""

    def train(self, request):
        privacy, design = self._terms.manifest.privacy, Design.build(self.examples(), self._terms.mean)
        step = self._engine.step(design, request.base, self.clip(privacy))
        std = privacy.sigma * privacy.clip
        return quantise(step + self.noise(step, std, request))

    def clip(self, privacy):
        return privacy.clip

    def noise(self, step, std, request):
        return gaussian(len(step), std, self._entropy)


class Halved(Defective):
    def noise(self, step, std, request):
        return gaussian(len(step), std / 2, self._entropy)


class OverRounds(Defective):
    def noise(self, step, std, request):
        return gaussian(len(step), std / np.sqrt(ROUNDS), self._entropy)


class Without(Defective):
    def noise(self, step, std, request):
        return 0.0


class Unclipped(Defective):
    def clip(self, privacy):
        return 1000.0


class OnlyTouched(Defective):
    def noise(self, step, std, request):
        return np.where(step != 0, gaussian(len(step), std, self._entropy), 0.0)


class Reused(Defective):
    def noise(self, step, std, request):
        return gaussian(len(step), std, lambda n: hashlib.shake_256(b"one key").digest(n))


class WrongSensitivity(Defective):
    def clip(self, privacy):
        return 1.5 * privacy.clip


class Redrawn(Member):
    """Draws anew whenever it is asked, and books each draw as if it cost nothing."""

    asked: ClassVar[Counter[int]] = Counter()

    def commit(self, request):
        self.asked[request.round] += 1
        return super().commit(request)

    def _release(self, round_):
        made = super()._release(round_)
        return replace(made, round=round_ + 1000 * self.times(round_), sigma=1e6)

    def times(self, round_):
        return self.asked[round_]


class Restarted(Redrawn):
    """Remembers what it drew until it ends."""

    lives = count()

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.life = next(self.lives)

    def times(self, round_):
        return self.life


DEFECTS = {
    "noise halved": (Halved, {"auc", "noise"}),
    "noise over the root of the rounds": (OverRounds, {"auc", "noise", "epsilon-lower-bound"}),
    "no noise": (Without, {"auc", "noise", "epsilon-lower-bound"}),
    "clipping off": (Unclipped, {"auc", "epsilon-lower-bound"}),
    "noise on touched coordinates only": (OnlyTouched, {"noise"}),
    "one key for all noise": (Reused, {"shared-noise"}),
    "sensitivity wrong by half": (WrongSensitivity, {"auc"}),
    "drawn anew on a retry": (Redrawn, {"retry"}),
    "drawn anew after a restart": (Restarted, {"retry"}),
}


def with_defect(kind, vault, identity, terms, reader, entropy):
    return kind(vault, Session(identity=identity), terms, reader, engine=LinearEngine(), entropy=entropy)


def failed(findings):
    return {gate.name for gate in findings.gates if not gate.passed}


@pytest.mark.parametrize("epsilon", [1.0, 3.0, 8.0])
def test_audit_passes_when_the_client_is_sound(epsilon):
    findings = audit(manifest(epsilon), entropy=seeded(0))
    assert findings.passed
    assert findings.epsilon == pytest.approx(epsilon, rel=1e-3)


@pytest.mark.parametrize("name", DEFECTS)
def test_audit_fails_when_the_client_has_a_defect(name):
    kind, gates = DEFECTS[name]
    findings = audit(manifest(), entropy=seeded(0), make_member=lambda *args: with_defect(kind, *args))
    assert failed(findings) >= gates


def test_audit_is_refused_when_no_privacy_is_promised():
    with pytest.raises(ConfigError, match="promises no privacy"):
        audit(agreed(privacy=SILENT_SIGMA))


@pytest.mark.parametrize(
    "changes",
    [
        {"sampling": SamplingSection(rate_milli=100, steps=5, eta_milli=1000)},
        {"privacy": manifest().privacy.model_copy(update={"unit": "member"})},
    ],
    ids=["sampling", "unit"],
)
def test_audit_is_refused_when_its_canaries_would_not_show_what_is_promised(changes):
    with pytest.raises(ConfigError, match="protect one example"):
        audit(manifest().model_copy(update=changes))


@pytest.mark.parametrize("count", [99, DIM // 2 + 1])
def test_audit_is_refused_when_the_number_of_canaries_says_nothing(count):
    with pytest.raises(ConfigError, match="canaries"):
        audit(manifest(), canaries=count)


def test_audit_is_refused_when_the_model_is_too_small_for_one():
    with pytest.raises(ConfigError, match="no room"):
        Canaries.draw(100, FeatureSpec(dim=64), seeded(1))


def test_canaries_have_directions_of_their_own():
    spec = FeatureSpec(dim=512)
    drawn = Canaries.draw(256, spec, seeded(1))
    assert len(set(drawn.indices.tolist())) == 256
    silent = set(drawn.silent(512).tolist())
    assert silent.isdisjoint(drawn.indices[drawn.inserted == 1].tolist())
    assert len(silent) == 512 - len(drawn.rows())


@pytest.fixture(scope="module")
def signed():
    findings = audit(manifest(), canaries=200, entropy=seeded(0))
    who = Identity(sha256(b"auditor"))
    return findings, who, sign_report(findings, who, version="1.2.3", time=5)


def test_report_says_what_was_found_when_it_is_checked(signed):
    findings, who, data = signed
    did, report = check_report(data)
    assert did == who.did
    assert report["epsilon"] == findings.epsilon
    assert [gate["name"] for gate in report["gates"]] == [gate.name for gate in findings.gates]
    assert len(lines(findings)) == 1 + len(findings.gates)


@pytest.mark.parametrize("field", ["epsilon", "passed", "canaries", "time"])
def test_report_is_refused_when_a_field_is_changed(signed, field):
    table = json.loads(signed[2])
    table["report"][field] = 0
    changed = json.dumps(table, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(VerificationFailed, match="signature"):
        check_report(changed)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"report":{},"did":"x","signature":"zz"}', b"\xff"])
def test_report_is_refused_when_it_is_none(data):
    with pytest.raises(VerificationFailed):
        check_report(data)


@pytest.mark.slow
def test_sound_clients_rarely_fail_when_many_are_audited():
    alarms = sum(not audit(manifest(), entropy=seeded(seed)).passed for seed in range(100))
    # One in 350 is expected; five or more of a hundred would come by chance once in 70,000.
    assert alarms < 5


# Networks: the same gates through Opacus' hooks and ghost norms


class FaintEngine(ModuleEngine):
    """Forgets to clip."""

    def step(self, design, base, clip):
        return super().step(design, base, 10 * clip)


def module_manifest(name: str):
    """An architecture of 512 words, twelve rounds of noise for epsilon 3."""
    privacy = PrivacySection(
        epsilon="3", delta="1e-5", clip_milli=250, sigma_e4=round(noise_multiplier(3.0, 1e-5, 12) * 10_000)
    )
    made = agreed(rounds=12, shards=12, privacy=privacy)
    return with_module(made, module_section(Architecture(name=name, words=512, hidden=4)))


def of_module(kind, engine=ModuleEngine):
    def make(vault, identity, terms, reader, entropy):
        made = engine(partial(Network.of, terms.manifest.module.architecture))
        return kind(vault, Session(identity=identity), terms, reader, engine=made, entropy=entropy)

    return make


@pytest.mark.parametrize("name", [None, "embedding", "mlp"])
def test_a_canary_has_its_whole_clipping_norm_in_its_own_direction(name):
    asked = manifest() if name is None else module_manifest(name)
    stage, spec = Stage.of(asked), FeatureSpec(dim=asked.words)
    drawn = Canaries.draw(100, spec, seeded(3))
    rows = drawn.rows()
    examples = Examples.build([spec.indices(row) for row in rows], [1] * len(rows))
    design = Design.build(examples, np.zeros(spec.dim, dtype=np.int64))
    step = engine_of(asked).step(design, stage.base, asked.privacy.clip)
    along = stage.along(step[None, :], drawn.indices)[0]
    assert along == pytest.approx(asked.privacy.clip * drawn.inserted, abs=1e-6)


@pytest.mark.parametrize("name", ["embedding", "mlp"])
def test_audit_passes_when_a_network_is_trained_soundly(name):
    findings = audit(module_manifest(name), canaries=256, entropy=seeded(0))
    assert failed(findings) == set()
    assert {gate.name: gate.measured for gate in findings.gates}["auc"] > 0.58, "the attack must see canaries"


@pytest.mark.parametrize("name", ["embedding", "mlp"])
@pytest.mark.parametrize(
    ("make", "gate"),
    [
        (of_module(Halved), "noise"),
        (of_module(Without), "epsilon-lower-bound"),
        (of_module(Member, FaintEngine), "auc"),
        (of_module(Redrawn), "retry"),
    ],
    ids=["halved", "without", "unclipped", "redrawn"],
)
def test_audit_fails_when_a_network_is_trained_with_a_defect(name, make, gate):
    assert gate in failed(audit(module_manifest(name), canaries=256, entropy=seeded(0), make_member=make))
