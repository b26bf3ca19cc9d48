"""How surely an audit finds too little noise, and how well losses tell a member's mails from others.

Power: whole audits of 1,000 canaries and 20 rounds at epsilon 3, each of a client with one small
defect. Membership inference: one member trains alone on 80 real mails for 20 rounds; the attacker
knows the model and guesses that what it fits well was trained on. Its AUC is compared with the most
that mu-GDP allows, Phi(mu / sqrt 2); it is told the step size that suits it best.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from statistics import NormalDist, mean

import numpy as np

from benchmarks.figure import Figure
from ceramic_bridge.did import Identity
from client.audit.trial import Chain, audit
from client.identity import Session
from client.member import Member, Terms
from client.noise import Entropy, gaussian
from client.trainer import LinearEngine
from client.vault import Vault
from examples.spam_detection.cleaning import Mail
from examples.spam_detection.corpus import load_corpus
from examples.spam_detection.settings import (
    DELTA,
    FEATURES,
    Settings,
    build_manifest,
    chain_section,
)
from examples.spam_detection.world import entropy_for
from federation.delta import quantise
from federation.features import word_indices
from federation.fixedpoint import Floats, Ints
from federation.manifest import Manifest, Parties
from federation.messages import CommitRequest
from federation.metrics import auc
from federation.models.linear import Design, Examples, Fit, integer_mean, log_losses
from federation.privacy import mu_of, noise_multiplier
from federation.rounds import Base
from federation.types import Address

DEFECTS = (
    ("noise too small by 1.5", 1.5, 1.0, 0.9),
    ("noise too small by 1.3", 1.3, 1.0, 0.5),
    ("sensitivity too large by 1.5", 1.0, 1.5, 0.9),
)
"""Name, noise divided by, steps multiplied by, and the share that should be found."""

RUNS, ROUNDS = 100, 20
MAILS, MEMBERS, PUBLIC = 80, 10, 1000
RATES = (4.0, 16.0, 64.0, 256.0)
CLIP = 0.25
EPSILONS = (math.inf, 8.0, 3.0, 1.0)


class _Quiet(Member):
    """A client whose noise is too small: it trains under another manifest than it agreed to."""

    factor = 1.0

    def train(self, request: CommitRequest) -> Ints:
        terms = self._terms
        privacy = terms.manifest.privacy
        weak = privacy.model_copy(update={"sigma_e4": round(privacy.sigma_e4 / self.factor)})
        self._terms = replace(terms, manifest=terms.manifest.model_copy(update={"privacy": weak}))
        try:
            return super().train(request)
        finally:
            self._terms = terms


class _Eager(LinearEngine):
    """Steps that are too large for their noise."""

    factor = 1.0

    def step(self, design: Design, base: Base, clip: float) -> Floats:
        return super().step(design, base, clip * self.factor)


def figures() -> Iterator[Figure]:
    """Measure the power against three defects, then membership inference at each epsilon."""
    for name, noise, sensitivity, target in DEFECTS:
        found = [_failed(seed, noise, sensitivity) for seed in range(RUNS)]
        gates = sorted({gate for failed in found for gate in failed})
        shares = ", ".join(f"{gate} {mean(gate in failed for failed in found):.2f}" for gate in gates)
        yield Figure(
            figure=f"share of audits that find {name}",
            value=mean(bool(failed) for failed in found),
            target=target,
            sense=">=",
            how=f"{RUNS} audits; by gate: {shares}",
        )
    yield from _inference()


def _failed(seed: int, noise: float, sensitivity: float) -> frozenset[str]:
    """Return the gates that one audit of a defective client fails."""

    def make(vault: Vault, identity: Identity, terms: Terms, reader: Chain, entropy: Entropy) -> Member:
        engine = _Eager()
        engine.factor = sensitivity
        session = Session(identity=identity)
        member = _Quiet(vault, session, terms, reader, engine=engine, entropy=entropy)
        member.factor = noise
        return member

    entropy = entropy_for(seed, f"power/{noise}/{sensitivity}")
    found = audit(_manifest(), entropy=entropy, make_member=make)
    return frozenset(gate.name for gate in found.gates if not gate.passed)


def _manifest() -> Manifest:
    identities = [Identity(bytes([i]) * 32) for i in range(5)]
    community, aggregator, *providers = (identity.did for identity in identities)
    accounts = [Address(f"0x{i + 1:040x}") for i in range(4)]
    return build_manifest(
        Settings(rounds=ROUNDS, epsilon=3.0),
        parties=Parties(community=community, aggregator=aggregator, providers=[*providers]),
        chain=chain_section(accounts[0], accounts[1:]),
        shards=ROUNDS,
    )


def _inference() -> Iterator[Figure]:
    mails = load_corpus(lambda text: print(text, file=sys.stderr))
    order = np.random.default_rng(0).permutation(len(mails))
    shuffled = [mails[i] for i in order]
    public = _examples(shuffled[:PUBLIC])
    mean_words = integer_mean(public.counts(FEATURES.dim), PUBLIC)
    for epsilon in EPSILONS:
        rows = []
        for member in range(MEMBERS):
            start = PUBLIC + 2 * MAILS * member
            inside, outside = (
                Design.build(_examples(shuffled[at : at + MAILS]), mean_words)
                for at in (start, start + MAILS)
            )
            noise = entropy_for(member, f"inference/{epsilon}")
            rows.append([_attack(inside, outside, epsilon, rate, noise) for rate in RATES])
        # One step size for all members: choosing for each would count luck as leakage.
        found = max(zip(*rows, strict=True), key=mean)
        private = math.isfinite(epsilon)
        name = f"at epsilon {epsilon:g}" if private else "without DP"
        limit = NormalDist().cdf(mu_of(epsilon, float(DELTA)) / math.sqrt(2)) if private else 0.8
        yield Figure(
            figure=f"loss-threshold membership inference, AUC {name}",
            value=mean(found),
            target=limit,
            sense="<=" if private else ">=",
            how=f"{MEMBERS} members of {MAILS} mails, {ROUNDS} rounds; {min(found):.3f} to {max(found):.3f}",
        )


def _examples(mails: list[Mail]) -> Examples:
    return Examples.build([word_indices(m.text, FEATURES) for m in mails], [int(m.label) for m in mails])


def _attack(inside: Design, outside: Design, epsilon: float, rate: float, noise: Entropy) -> float:
    """Train on one half and return how well losses tell it from the other."""
    sigma = noise_multiplier(epsilon, float(DELTA), ROUNDS)
    clip = CLIP if sigma else math.inf
    weights, intercept = np.zeros(FEATURES.dim, dtype=np.int64), 0
    for _ in range(ROUNDS):
        base = Base(weights=weights, intercept=intercept, beta_tenths=0, losses=())
        step = LinearEngine().step(inside, base, clip)
        drawn = gaussian(len(step), sigma * clip, noise) if sigma else 0.0
        weights = weights + quantise(rate * (step + drawn) / len(inside))
        intercept = Fit.of(inside, weights).intercept
    losses = [log_losses(half.logits(weights) + intercept, half.labels) for half in (inside, outside)]
    guesses = -np.concatenate(losses)
    return auc(guesses, np.repeat([1, 0], [len(inside), len(outside)]))
