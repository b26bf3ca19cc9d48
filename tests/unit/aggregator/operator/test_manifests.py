"""A manifest by hand is told all its faults; a good one is told in words."""

from __future__ import annotations

import pytest

from aggregator.operator.manifests import manifest_of, meaning, read_manifest
from aggregator.operator.wizard import Answers, provider_of
from federation.errors import ConfigError, UsageError
from federation.manifest import Manifest, PrivacySection
from federation.secureprivacy import epsilons
from federation.types import Address
from tests.agreed import AGGREGATOR, COMMUNITY, PROVIDERS, SILENT_SIGMA, agreed, secured

GOOD = agreed().to_toml()
ACCOUNTS = [Address(f"0x{i:040x}") for i in range(1, 5)]


def answers(**changes):
    given = {
        "name": "small",
        "chain_id": 31337,
        "community": COMMUNITY.did,
        "aggregator": AGGREGATOR.did,
        "account": ACCOUNTS[3],
        "providers": [(p.did, a) for p, a in zip(PROVIDERS, ACCOUNTS, strict=False)],
        "rounds": 20,
        "dim": 4096,
        "epsilon": "8",
        "bounty": "1000",
        "funds": "12.5",
        "aggregator_bond": "100",
        "provider_bond": "10",
        "phase_hours": 24,
    }
    return Answers(**given | changes)


def refusal(text):
    with pytest.raises(ConfigError) as caught:
        read_manifest(text)
    return caught.value


def test_manifest_is_the_same_when_it_was_written_by_hand():
    assert read_manifest("# by hand\n" + GOOD) == agreed()


def test_all_faults_are_told_with_their_sections_when_several_are_wrong():
    text = GOOD.replace("phase = 86400\n", "").replace('name = "small"', "name = 3") + "\n[tea]\nsugar = 2\n"
    error = refusal(text)
    starts = {line.split(": ")[0] for line in error.hint.splitlines()}
    assert starts == {"name", "[deadlines] phase", "tea"}
    assert all(line.count(": ") >= 2 for line in error.hint.splitlines())


def test_hint_says_the_noise_that_keeps_the_budget_when_there_is_too_little():
    needed = agreed().privacy.sigma_e4
    error = refusal(GOOD.replace(f"sigma_e4 = {needed}", "sigma_e4 = 5"))
    assert f"sigma_e4 = {needed} keeps 3 rounds within epsilon 8" in error.hint
    assert read_manifest(GOOD).privacy.sigma_e4 == needed


def test_hint_says_the_noise_when_the_unit_is_a_member():
    section = agreed().privacy
    changed = GOOD.replace('unit = "example"', 'unit = "member"')
    error = refusal(changed)
    (sigma,) = [int(word) for word in error.hint.split() if word.isdecimal() and int(word) > 100]
    assert sigma == pytest.approx(2 * section.sigma_e4, abs=2)
    assert read_manifest(changed.replace(f"sigma_e4 = {section.sigma_e4}", f"sigma_e4 = {sigma}"))


def test_manifest_is_refused_when_nobody_has_its_rule_for_texts():
    features = agreed().model.features_sha256
    error = refusal(GOOD.replace(features, "ab" * 32))
    assert "[model] features_sha256" in error.message
    assert features in error.hint


def test_words_say_cost_shards_and_stakes():
    told = "\n".join(meaning(read_manifest(GOOD)))
    for part in (
        "3 rounds",
        "64 words",
        f"a round tells epsilon {agreed().history(1).epsilon(1e-5):.3g} about one message, an epoch 8\n",
        "3 sealed shards",
        "1000 tokens an epoch",
        "lost by whoever",
    ):
        assert part in told
    # three shards of twenty, a tenth is public, two more of each provider
    assert "need at least 73\n" in told


def test_words_warn_when_there_is_no_noise():
    assert "NONE" in "\n".join(meaning(agreed(privacy=SILENT_SIGMA)))


def test_words_say_three_epsilons_when_deltas_are_masked():
    manifest = secured(budget="sum")
    told = "\n".join(meaning(manifest))
    found = epsilons(manifest, 3)
    assert f"sums tell {found.sum:.3g}, all that is public {found.transcript:.3g}," in told
    assert "all that is public" not in "\n".join(meaning(agreed()))


def test_hint_says_which_noise_keeps_the_transcript_when_that_binds():
    manifest = secured(budget="sum")
    text = manifest.to_toml().replace('budget = "sum"', 'budget = "transcript"')
    error = refusal(text)
    needed = 2 * manifest.privacy.sigma_e4
    assert f"sigma_e4 = {needed} keeps 3 rounds within epsilon 8" in error.hint
    kept = read_manifest(text.replace(f"sigma_e4 = {needed // 2}", f"sigma_e4 = {needed}"))
    assert kept.history(3).epsilon(1e-5) <= 8


def test_answers_make_a_manifest_when_they_are_plain():
    manifest = manifest_of(answers().table())
    assert Manifest.from_toml(manifest.to_toml()) == manifest
    assert manifest.history(20).epsilon(1e-5) <= 8
    assert manifest.reward.funds_wei == str(125 * 10**17)
    assert manifest.deadlines.answer < manifest.deadlines.settle


def test_answers_make_a_manifest_without_noise_when_that_is_wanted():
    assert manifest_of(answers(epsilon="inf").table()).privacy == PrivacySection(
        epsilon="inf", delta="1e-5", clip_milli=1000, sigma_e4=0
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"epsilon": "much"},
        {"funds": "-1"},
        {"funds": "1e-19"},
        {"bounty": "NaN"},
        {"bounty": "tea"},
        {"bounty": "1e3"},
        {"providers": []},
        {"account": ACCOUNTS[0]},
        {"epsilon": "-1"},
    ],
)
def test_answers_are_refused_when_they_make_no_manifest(changes):
    with pytest.raises((UsageError, ConfigError)):
        manifest_of(answers(**changes).table())


@pytest.mark.parametrize(
    "text", ["", "did:key:zA", "did:key:zA=0x12", "0x" + "11" * 20, "did:web:x=0x" + "11" * 20]
)
def test_provider_is_refused_when_it_is_not_did_and_account(text):
    with pytest.raises(UsageError):
        provider_of(text)
