"""Epochs by every strategy, and by other methods: they settle, verify, and no lie about them passes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import ClassVar
from unittest import mock

import pytest
from click.testing import CliRunner

from aggregator.cli import verify
from aggregator.verify import verify_run
from contracts import deploy
from contracts.bindings.federation import ShardDrawn
from contracts.deploy import JUDGES, QUORUM_JUDGES
from federation.aggregation import STRATEGIES
from federation.errors import VerificationFailed
from federation.evaluation import Closed, LinearEvaluation, Received, Start
from federation.rounds import Base, Measured, finish
from federation.trace import Position, decided_trace
from federation.types import Hash32, Wei
from tests.strategies import FLIPPER, SECTIONS, execute_rules


def test_every_strategy_is_run():
    assert SECTIONS.keys() == STRATEGIES.keys() - {"sum"}


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_epoch_settles_and_verifies_when_a_strategy_combines(tmp_path, name):
    made = execute_rules(tmp_path, strategy=name)
    manifest = made.run.manifest
    assert manifest.rules.strategy.name == name
    named = deploy.named_judges(made.run.deployment.federation.judges())
    assert list(named) == list(QUORUM_JUDGES)
    paid = sum(made.run.settlement.due.values())
    assert paid > 0
    verdict = verify_run(tmp_path, expect=made.run.epoch.domain.federation)
    assert (verdict.paid_wei, verdict.tolerance) == (paid, None)
    assert verify_run(tmp_path, jobs=2) == verdict
    assert verdict.caveat == manifest.rules.caveat != ""
    earned = {m["name"]: int(m["paid_wei"]) for m in made.summary["members"]}
    assert earned[FLIPPER] == 0


@pytest.mark.parametrize("method", ["monte-carlo-shapley", "cosine"])
def test_epoch_settles_and_verifies_when_another_method_scores(tmp_path, method):
    made = execute_rules(tmp_path, method=method)
    done = CliRunner().invoke(verify, [str(tmp_path)])
    assert done.exit_code == 0
    assert f"deltas are combined by sum and scored by {method}" in done.stdout
    told = json.loads(CliRunner().invoke(verify, [str(tmp_path), "--format", "json"]).stdout)
    assert told["data"]["caveat"] == made.run.manifest.rules.caveat


def test_method_draws_from_the_seed_on_chain_when_it_takes_chances(tmp_path):
    class Watching(LinearEvaluation):
        seeds: ClassVar[list[Hash32]] = []

        def close(self, start: Start, base: Base, received: Received, shard: Position) -> Closed:
            self.seeds.append(received.seed)
            return super().close(start, base, received, shard)

    made = execute_rules(tmp_path, method="market-order", liar=Watching)
    drawn = ShardDrawn.decode_logs(made.run.deployment.federation.logs())
    assert Watching.seeds == [event.seed for event in drawn]
    assert len(set(Watching.seeds)) == 2
    verify_run(tmp_path)


class Shifting(LinearEvaluation):
    """An aggregator that gives one unit of the first member's score to the second, in round 2."""

    def close(self, start: Start, base: Base, received: Received, shard: Position) -> Closed:
        closed = super().close(start, base, received, shard)
        outcome = closed.outcome
        if outcome.round != 2:
            return closed
        scores = {m.did: m.score for m in outcome.members}
        first, second, *_ = sorted(scores)
        measured = Measured(
            eta=outcome.eta,
            scored_eta=outcome.scored_eta,
            losses=outcome.step_losses,
            step=outcome.step,
            gain=outcome.gain,
            scores={**scores, first: scores[first] - 1, second: scores[second] + 1},
            withheld=outcome.withheld_projection,
        )
        lied = finish(start.state, base, start.rules, absent=received.absent, measured=measured)
        lied = replace(lied, parts=outcome.parts)
        trace = decided_trace(start.state, base, lied, rules=start.rules, deltas=received.deltas)
        return Closed(lied, trace)


class Summing(LinearEvaluation):
    """An aggregator that adds deltas up, whatever was agreed."""

    def close(self, start: Start, base: Base, received: Received, shard: Position) -> Closed:
        rules = replace(start.rules, strategy=STRATEGIES["sum"]())
        return super().close(replace(start, rules=rules), base, received, shard)


class Forgetting(LinearEvaluation):
    """An aggregator that begins round 2 without the momentum of round 1."""

    def close(self, start: Start, base: Base, received: Received, shard: Position) -> Closed:
        state = replace(start.state, memory=())
        return super().close(replace(start, state=state), base, received, shard)


@pytest.mark.parametrize(
    ("strategy", "liar", "wrong"),
    [
        ("median", Shifting, r"member\[[0-5],0\] score should be"),
        ("median", Summing, r"rules\[0,0\] is missing"),
        ("momentum", Forgetting, r"memory\[0,0\] before should be"),
    ],
)
def test_verifier_names_what_is_wrong_when_the_aggregator_lies(tmp_path, strategy, liar, wrong):
    execute_rules(tmp_path, strategy=strategy, liar=liar)
    with pytest.raises(VerificationFailed, match=wrong) as caught:
        verify_run(tmp_path)
    assert (caught.value.subject, caught.value.exit_code) == ("trace", 8)


class Flattering(LinearEvaluation):
    """An aggregator whose receipt credits a member with a wei that its trace does not."""

    def close(self, start: Start, base: Base, received: Received, shard: Position) -> Closed:
        closed = super().close(start, base, received, shard)
        first, *others = closed.outcome.members
        members = (replace(first, credit=Wei(first.credit + 1)), *others)
        return Closed(replace(closed.outcome, members=members), closed.trace)


def test_verifier_refuses_a_receipt_when_it_is_not_what_the_trace_gives(tmp_path):
    execute_rules(tmp_path, strategy="multi-krum", liar=Flattering)
    with pytest.raises(VerificationFailed, match="the receipt's credits is not the recomputed one") as caught:
        verify_run(tmp_path)
    assert caught.value.subject == "round 1"


def test_verifier_refuses_a_federation_when_its_judges_know_the_sum_only(tmp_path):
    with mock.patch.object(deploy, "judges_of", return_value=JUDGES):
        execute_rules(tmp_path, strategy="median")
    with pytest.raises(VerificationFailed, match="judges are for another kind of model"):
        verify_run(tmp_path)
