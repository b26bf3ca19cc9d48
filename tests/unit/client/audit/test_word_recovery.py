"""Which words a member's messages hold, as whoever receives its delta can tell.

The attacker knows the base and the public mean. Without noise, every coordinate of a word that the
member does not have is the mean's times one unknown factor; the factor is the most common ratio, and
what differs from it is a word of the member. With noise it names the coordinates that differ most.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from client.budget import set_budget
from client.identity import Session
from client.keys import Kdf
from client.member import Member, Terms
from client.trainer import LinearEngine
from client.vault import Vault
from federation.features import FeatureSpec, word_indices
from federation.manifest import ModelSection, PrivacySection
from federation.messages import CommitRequest
from federation.models.linear import integer_mean
from federation.privacy import noise_multiplier
from federation.rounds import Base
from federation.types import Row
from tests.agreed import DOMAIN, MODELS, agreed, identity

DIM, ROUNDS, VOCABULARY, WORDS = 1 << 14, 20, 20_000, 60
SPEC = FeatureSpec(dim=DIM)
BASE = Base(weights=np.zeros(DIM, dtype=np.int64), intercept=0, beta_tenths=0, losses=())


def messages(count: int, seed: int) -> list[str]:
    """Messages whose words are as unequally frequent as a language's (Zipf)."""
    chance = 1 / np.arange(1, VOCABULARY + 1)
    rng = np.random.default_rng(seed)
    return [
        " ".join(f"w{i}" for i in rng.choice(VOCABULARY, size=WORDS, p=chance / chance.sum()))
        for _ in range(count)
    ]


def has(texts: list[str]) -> np.ndarray:
    """Which coordinates some text moves."""
    found = np.zeros(DIM, dtype=bool)
    for text in texts:
        found[list(word_indices(text, SPEC))] = True
    return found


def public_mean() -> np.ndarray:
    texts = messages(500, 1)
    counts = np.zeros(DIM, dtype=np.int64)
    for text in texts:
        counts[list(word_indices(text, SPEC))] += 1
    return integer_mean(counts, len(texts))


def privacy(epsilon: float) -> PrivacySection:
    if not epsilon:
        return PrivacySection(epsilon="inf", delta="1e-5", clip_milli=250, sigma_e4=0)
    noise = round(noise_multiplier(epsilon, 1e-5, ROUNDS) * 10_000)
    return PrivacySection(epsilon=f"{epsilon:g}", delta="1e-5", clip_milli=250, sigma_e4=noise)


MEAN = public_mean()


@pytest.fixture(scope="module")
def recovered(tmp_path_factory):
    """Deltas are trained and attacked; returns precision over that of a blind guess, and the blind guess."""
    texts = messages(80, 2)
    truth = has(texts)
    folder = tmp_path_factory.mktemp("member", numbered=True) / "own"

    def attack(delta: np.ndarray) -> float:
        known = MEAN > 0
        ratios = np.round(delta[known] / MEAN[known], 12)
        values, counts = np.unique(ratios, return_counts=True)
        # Noise leaves no ratio that many have; subtracting a wrong one only shows which words are common.
        factor = values[counts.argmax()] if counts.max() > known.sum() / 10 else 0.0
        rest = np.abs(delta - factor * MEAN)
        return float(truth[np.argsort(-rest)[: truth.sum()]].mean())

    def run(epsilon: float, releases: int = 5) -> tuple[float, float]:
        calls = [0]

        def entropy(n: int, /) -> bytes:
            calls[0] += 1
            return hashlib.shake_256(f"words/{epsilon}/{calls[0]}".encode()).digest(n)

        with Vault.create(folder / f"{epsilon}.db", b"words", kdf=Kdf.MINIMUM, entropy=entropy) as vault:
            vault.import_rows([Row(text=text, label=i % 3 == 0) for i, text in enumerate(texts)])
            set_budget(vault, privacy(epsilon).budget)
            manifest = agreed(rounds=ROUNDS, shards=ROUNDS, privacy=privacy(epsilon))
            section = ModelSection(dim=DIM, features_sha256=SPEC.digest.hex())
            terms = Terms(
                manifest=manifest.model_copy(update={"model": section}),
                domain=DOMAIN,
                features=SPEC,
                mean=MEAN,
                contribution_model=MODELS["contribution"],
                unsafe_no_dp=not epsilon,
            )
            member = Member(
                vault,
                Session(identity=identity("member")),
                terms,
                None,
                engine=LinearEngine(),
                entropy=entropy,
            )
            request = CommitRequest(domain=DOMAIN, round=1, base=BASE)
            found = np.mean([attack(member.train(request)) for _ in range(releases)])
        return float(found), float(truth.mean())

    return run


def test_words_are_recovered_when_there_is_no_noise(recovered):
    precision, _ = recovered(0.0, releases=1)
    assert precision >= 0.99


@pytest.mark.parametrize("epsilon", [1.0, 3.0, 8.0])
def test_words_are_guessed_no_better_than_blindly_when_there_is_noise(recovered, epsilon):
    precision, blind = recovered(epsilon)
    assert precision <= blind + 0.01
