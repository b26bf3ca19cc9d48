"""Secure mode at the member: its share of the noise, what the ledger books for it, and what is shown."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from client import asking
from client.asking import Offer, secure_values
from client.budget import set_budget
from client.discrete import discrete_gaussian
from client.forecast import forecast
from client.ledger import PrivacyLedger
from client.mechanism import clipped_step, secure_delta
from client.release import Release, release_of
from client.trainer import LinearEngine
from client.vault import Vault
from federation.delta import quantise, within_cap
from federation.errors import ConfigError, PrivacyBudgetExhausted
from federation.manifest import Manifest, PrivacySection, SecureSection
from federation.models.linear import Design, Examples
from federation.privacy import Budget
from federation.rounds import Base
from federation.secureprivacy import booked_sigma, epsilons, noise_share, score_noise
from federation.types import Hash32
from tests.agreed import DIM, DOMAIN, SILENT_SIGMA, agreed, private, secured

PASSPHRASE = b"correct horse"
BASE = Base(weights=np.zeros(DIM, dtype=np.int64), intercept=0, beta_tenths=0, losses=())
ENGINE = LinearEngine()
HASH = Hash32(b"b" * 32)


def design(n: int) -> Design:
    rng = np.random.default_rng(n)
    sets = [np.sort(rng.choice(DIM, 4, replace=False)).tolist() for _ in range(n)]
    return Design.build(Examples.build(sets, [1] * n), np.zeros(DIM, dtype=np.int64))


def on(budget: str, *, epsilon: float = 8.0) -> Manifest:
    """A manifest whose sums cost epsilon 8, and whose promise is as wide as what binds."""
    made = secured(epsilon=epsilon, budget="sum")
    privacy = made.privacy.model_copy(update={"epsilon": "30.0" if budget == "transcript" else "8.0"})
    section = made.secure.model_copy(update={"budget": budget})
    return Manifest.model_validate({**dict(made), "privacy": privacy, "secure": section})


def asked(manifest: Manifest, round_: int) -> Release:
    return release_of(manifest, DOMAIN, round_, HASH)


# What is sent


def test_delta_is_the_rounded_step_and_a_share_of_noise(counted):
    manifest = secured()
    delta = secure_delta(ENGINE, design(9), BASE, manifest, counted(b"n"))
    step = quantise(clipped_step(ENGINE, design(9), BASE, manifest.privacy))
    assert np.array_equal(delta - step, discrete_gaussian(DIM, noise_share(manifest), counted(b"n")))
    assert delta.dtype == np.int64
    assert within_cap(delta, manifest.cap(9))


def test_sum_of_the_fewest_carries_what_the_manifest_names(counted):
    manifest = secured()
    nobody, entropy = design(0), counted(b"n")
    sums = [
        sum(secure_delta(ENGINE, nobody, BASE, manifest, entropy) for _ in range(manifest.secure.minimum))
        for _ in range(60)
    ]
    whole = manifest.privacy.sigma * (manifest.privacy.clip * 65536 + math.sqrt(DIM))
    assert np.std(sums) == pytest.approx(whole, rel=4 / math.sqrt(2 * 60 * DIM))


def test_last_entry_is_noise_alone_when_scores_are_covered(counted):
    manifest = secured(secure=SecureSection(minimum=4, budget="sum", score_noise_milli=3000))
    entropy = counted(b"n")
    last = [secure_delta(ENGINE, design(3), BASE, manifest, entropy)[DIM:] for _ in range(400)]
    assert {entry.shape for entry in last} == {(1,)}
    assert np.std(last) == pytest.approx(score_noise(manifest), rel=4 / math.sqrt(800))
    assert score_noise(manifest) == 3 * noise_share(manifest)


def test_no_entropy_is_drawn_when_no_noise_is_agreed():
    def nothing(n: int) -> bytes:
        raise AssertionError(n)

    manifest = secured(privacy=SILENT_SIGMA)
    delta = secure_delta(ENGINE, design(9), BASE, manifest, nothing)
    assert np.array_equal(delta, quantise(ENGINE.step(design(9), BASE, 1.0)))


def test_one_example_moves_the_rounded_sum_by_no_more_than_the_sensitivity():
    manifest = secured()
    limit = manifest.privacy.clip * 65536 + math.sqrt(DIM)
    examples = [np.sort(np.random.default_rng(i).choice(DIM, 4, replace=False)).tolist() for i in range(40)]
    mean = np.zeros(DIM, dtype=np.int64)
    steps = [
        quantise(
            clipped_step(
                ENGINE, Design.build(Examples.build(examples[:n], [1] * n), mean), BASE, manifest.privacy
            )
        )
        for n in range(41)
    ]
    moved = [np.linalg.norm(after - before) for before, after in pairwise(steps)]
    assert 0.9 * manifest.privacy.clip * 65536 < max(moved) <= limit


# What it costs


def test_ledger_books_what_binds(vault):
    set_budget(vault, Budget(epsilon=100.0, delta=1e-5))
    for budget, view in (("transcript", "transcript"), ("sum", "sum")):
        manifest = on(budget)
        release = asked(manifest, 1)
        assert release.sigma == booked_sigma(manifest)
        ledger = PrivacyLedger(vault)
        before = ledger.spent().mu_squared
        ledger.reserve(Release(**{**_fields(release), "federation": f"1:{budget}"}), manifest.privacy.budget)
        one = getattr(epsilons(manifest, 1), view)
        assert PrivacyLedger(vault).history(f"1:{budget}").epsilon(1e-5) == pytest.approx(one, rel=1e-9)
        assert ledger.spent().mu_squared > before


def _fields(release: Release) -> dict[str, object]:
    return {name: getattr(release, name) for name in Release.__slots__}


def test_transcript_is_refused_by_a_dataset_that_the_sum_would_suit(vault):
    set_budget(vault, Budget(epsilon=8.0, delta=1e-5))
    ledger = PrivacyLedger(vault)
    on_all, on_sum = on("transcript"), on("sum")
    assert forecast(vault, on_sum, DOMAIN.federation).affordable == 3
    few = forecast(vault, on_all, DOMAIN.federation).affordable
    assert few < 3
    for round_ in range(1, few + 1):
        ledger.reserve(asked(on_all, round_), on_all.privacy.budget)
    with pytest.raises(PrivacyBudgetExhausted):
        ledger.reserve(asked(on_all, few + 1), on_all.privacy.budget)


def test_restart_gives_nothing_back_when_the_transcript_has_spent_the_budget(vault, path):
    manifest = on("transcript")
    budget = epsilons(manifest, 1).transcript
    set_budget(vault, Budget(epsilon=budget * 1.0001, delta=1e-5))
    PrivacyLedger(vault).reserve(asked(manifest, 1), manifest.privacy.budget)
    vault.close()
    for _ in range(2):
        with Vault.open(path, PASSPHRASE) as again:
            ledger = PrivacyLedger(again)
            assert ledger.spent().epsilon == pytest.approx(budget, rel=1e-9)
            with pytest.raises(PrivacyBudgetExhausted):
                ledger.reserve(asked(manifest, 2), manifest.privacy.budget)
            with pytest.raises(PrivacyBudgetExhausted, match="one release already"):
                ledger.reserve(asked(manifest, 1), manifest.privacy.budget)


# What is shown


class _Joined:
    """As much of a membership as an offer reads for its lines on privacy."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest


def offer(vault: Vault, manifest: Manifest) -> Offer:
    return Offer(
        membership=_Joined(manifest),
        did=DOMAIN.federation,
        rows=3,
        forecast=forecast(vault, manifest, DOMAIN.federation),
        token=DOMAIN.federation,
        symbol="T",
        replaces=None,
    )


@pytest.mark.parametrize("budget", ["transcript", "sum"])
def test_offer_says_three_epsilons_and_what_binds(vault, budget):
    manifest = on(budget)
    told = "\n".join(offer(vault, manifest)._privacy())
    one, whole = epsilons(manifest, 1), epsilons(manifest, 3)
    for each, all_ in zip(one, whole, strict=True):
        assert f"epsilon {each:.3g} a round, {all_:.3g} in all rounds" in told
    assert ("LESS THAN WHAT EVERYBODY SEES" in told) == (budget == "sum")
    sent = "\n".join(offer(vault, manifest)._leaves())
    assert "masked" in sent
    assert "17 numbers about your list" in sent
    assert "to the aggregator at once" not in sent


def test_offer_says_one_epsilon_when_deltas_are_sent_openly(vault):
    told = offer(vault, agreed())
    assert "who looks" not in "\n".join(told._privacy())
    assert "to the aggregator at once" in "\n".join(told._leaves())
    assert secure_values(agreed(), told.forecast) is None


def test_json_has_null_for_a_bound_that_is_none(vault):
    manifest = secured(privacy=PrivacySection(epsilon="inf", delta="1e-5", clip_milli=1000, sigma_e4=0))
    values = secure_values(manifest, forecast(vault, manifest, DOMAIN.federation))
    assert values == {"sum": None, "transcript": None, "server": None, "colluders": 0, "budget": "sum"}
    assert "who looks" not in "\n".join(offer(vault, manifest)._privacy())
    assert asking.finite(math.inf) is None


def test_audit_is_refused_when_deltas_are_masked():
    from client.audit.trial import audit

    with pytest.raises(ConfigError, match="sent openly"):
        audit(secured(privacy=private(8.0, rounds=3)))
