"""Claims and facts: canonical, strict, and counted as the rules say."""

from __future__ import annotations

import pytest

from aggregator.summary import (
    Claims,
    RoundFacts,
    build_summary,
    compare_summary,
    epsilon_after,
    epsilons_after,
    summary_bytes,
)
from federation.errors import VerificationFailed
from federation.evaluation import LinearEvaluation
from federation.manifest import SecureSection
from federation.models.linear import brier_loss
from federation.rounds import Status
from federation.types import Did
from tests.agreed import SILENT_SIGMA, agreed, private, secured
from tests.unit.federation._world import did, make_world, play

CLAIMS = Claims(
    seed=3,
    names={Did("did:key:zA"): ("member-1", "honest"), Did("did:key:zB"): ("member-2", "other")},
    aucs=(0.5, 0.75),
    baselines={"central": 0.9},
    test_set="ab" * 32,
)


@pytest.mark.parametrize(
    "claims",
    [CLAIMS, Claims(seed=None, names={}, aucs=(), baselines={}, test_set=None)],
    ids=["full", "empty"],
)
def test_claims_come_back_when_they_are_parsed(claims):
    assert Claims.parse(claims.to_bytes()) == claims


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"\xff",
        CLAIMS.to_bytes() + b" ",
        CLAIMS.to_bytes().replace(b'"seed":3', b'"seed": 3'),
        CLAIMS.to_bytes().replace(b'"seed":3', b'"seed":"3"'),
        CLAIMS.to_bytes().replace(b"[0.5,0.75]", b'["0.5"]'),
        CLAIMS.to_bytes().replace(b"[0.5,0.75]", b'"ab"'),
        CLAIMS.to_bytes().replace(b'{"central":0.9}', b"[]"),
        CLAIMS.to_bytes().replace(b'{"central":0.9}', b'{"central":"good"}'),
        CLAIMS.to_bytes().replace(b'["member-1","honest"]', b'["member-1"]'),
        CLAIMS.to_bytes().replace(b'["member-1","honest"]', b'[1,"honest"]'),
        CLAIMS.to_bytes().replace(b"ab" * 32, b"ab"),
        CLAIMS.to_bytes().replace(b'"seed":3', b'"more":1,"seed":3'),
        CLAIMS.to_bytes().replace(b'"seed":3', b'"seed":3,"seed":3'),
    ],
)
def test_claims_are_refused_when_they_are_malformed(data):
    with pytest.raises(VerificationFailed) as info:
        Claims.parse(data)
    assert info.value.subject == "claims"


def test_epsilon_grows_to_the_budget_when_every_round_is_spent():
    manifest = agreed(privacy=private(8.0, rounds=3))
    spent = [epsilon_after(manifest, n) for n in range(4)]
    assert spent[0] == 0
    assert spent == sorted(set(spent))
    assert 7.9 < spent[3] <= 8.0
    assert epsilon_after(manifest, 4) > 8.0


def test_epsilon_is_none_when_there_is_no_noise():
    assert epsilon_after(agreed(privacy=SILENT_SIGMA), 3) is None


def test_three_epsilons_are_told_when_deltas_are_masked():
    manifest = secured(secure=SecureSection(minimum=8, colluders=2, budget="sum", score_noise_milli=1000))
    found = epsilons_after(manifest, 3)
    assert list(found) == ["sum", "transcript", "server"]
    assert found["sum"] == epsilon_after(manifest, 3) < found["transcript"] <= found["server"]
    one = RoundFacts(
        round=1,
        loss_before=0.2,
        loss_after=0.1,
        eta=1,
        shard=0,
        credited_wei=0,
        rejections=[],
        suspensions=[],
    )
    claims = Claims(seed=None, names={}, aucs=(0.5,), baselines={}, test_set=None)
    assert build_summary(manifest, claims, [one], [])["epsilons"] == epsilons_after(manifest, 1)
    assert "epsilons" not in build_summary(agreed(), claims, [one], [])
    assert set(epsilons_after(secured(privacy=SILENT_SIGMA), 3).values()) == {None}
    assert epsilons_after(agreed(), 3) is None


def test_facts_are_the_rounds_when_they_are_counted():
    world = make_world(1)
    senders = {
        did(0): lambda _: (Status.REJECTED, "over-cap"),
        did(1): lambda _: (Status.SILENT, ""),
        did(2): lambda _: (Status.SUSPENDED, ""),
    }
    base, outcome = play(world, rounds=1, senders=senders)[0]
    facts = RoundFacts.of(LinearEvaluation(world.dim), base, outcome, world.shards[0], 2)
    assert (facts.round, facts.shard, facts.eta) == (1, 2, outcome.eta)
    assert (facts.rejections, facts.suspensions) == (1, 1)
    assert facts.credited_wei == sum(m.credit for m in outcome.members if m.credit > 0)
    unit = len(world.shards[0]) * 2**48
    assert facts.loss_before == pytest.approx(brier_loss(world.shards[0], base.weights) / unit, abs=1e-9)
    assert facts.loss_before - facts.loss_after == pytest.approx(outcome.improvement / 2**40, abs=1e-8)


def summary(loss: float, *, credit: str = "7") -> dict[str, object]:
    return {"rounds": [{"loss_before": loss, "loss_after": 0.25, "credited_wei": credit}], "cpu_seconds": 1.5}


@pytest.mark.parametrize("loss", [0.2, 0.2 + 1.9e-7, 0.2 - 1.9e-7])
def test_measured_loss_is_taken_as_it_stands_when_it_is_within_the_tolerance(loss):
    compare_summary(summary(0.2), summary_bytes(summary(loss)), tolerance=1e-6)


@pytest.mark.parametrize("loss", [0.2 + 3e-7, 0.2 - 3e-7, float("inf"), 1])
def test_measured_loss_is_refused_when_it_is_not_within_the_tolerance(loss):
    with pytest.raises(VerificationFailed):
        compare_summary(summary(0.2), summary_bytes(summary(loss)), tolerance=1e-6)


def test_loss_must_be_exact_when_there_is_no_tolerance():
    with pytest.raises(VerificationFailed, match="loss_before"):
        compare_summary(summary(0.2), summary_bytes(summary(0.2 + 1e-9)))


def test_money_must_be_exact_whatever_the_tolerance():
    with pytest.raises(VerificationFailed, match="credited_wei"):
        compare_summary(summary(0.2), summary_bytes(summary(0.2, credit="8")), tolerance=1e-4)


@pytest.mark.parametrize("rounds", [[], [1], "none", [{"loss_before": None}], [{}, {}]])
def test_summary_of_another_shape_is_refused_whatever_the_tolerance(rounds):
    with pytest.raises(VerificationFailed):
        compare_summary(summary(0.2), summary_bytes({**summary(0.2), "rounds": rounds}), tolerance=1e-4)
