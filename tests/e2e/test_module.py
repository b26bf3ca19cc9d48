"""A PyTorch federation from manifest to payment, verified within its tolerance, disputed by quorum."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from unittest import mock

import pytest
from click.testing import CliRunner

from aggregator.challenge.quorum import ballot_of, in_order, vote
from aggregator.cli import verify
from aggregator.settlement import propose
from aggregator.verify import verify_run
from contracts import deploy
from contracts.bindings.errors import TooFewVotes
from contracts.bindings.structs import Phase
from contracts.bindings.validator_quorum import ValidatorQuorum
from contracts.deploy import JUDGES, QUORUM_JUDGES
from examples.spam_detection import run as runner
from examples.spam_detection.run import Run
from examples.spam_detection.world import build_cast
from federation.errors import VerificationFailed
from federation.evaluation import Closed, Received, Start
from federation.models.registry import Architecture
from federation.rounds import Base, Measured, Status, finish
from federation.tolerance import ModuleEvaluation
from federation.trace import Position, decided_trace
from tests.contracts.disputes.court import refused
from tests.modules import MAILS, SETTINGS, VALIDATORS, execute_module, federating
from tests.world import Finished, Quiet, scratch

LARGER = Architecture(name="mlp", words=256, hidden=16)


@pytest.fixture(scope="module")
def run() -> Finished:
    return execute_module(scratch() / "module", LARGER)


def test_module_federation_trains_scores_and_pays_when_members_are_honest(run):
    reports = run.run.reports
    assert run.run.manifest.model.dim == LARGER.dim == 4112
    assert [len(r.committed) for r in reports] == [4, 4, 4]
    assert reports[0].outcome.eta > 0
    for report in reports:
        scored = sum(m.score for m in report.outcome.members) + report.outcome.withheld_projection
        assert scored == pytest.approx(report.outcome.gain, rel=1e-3, abs=1e-6 * 2**40)
        assert {m.status for m in report.outcome.members} <= {Status.ACCEPTED, Status.SUSPENDED}
    paid = sum(int(member["paid_wei"]) for member in run.summary["members"])
    assert 0 < paid == sum(run.run.settlement.due.values())
    assert run.summary["epsilon"] == 8.0


def test_verifier_says_yes_within_the_tolerance_when_the_run_is_honest(run):
    verdict = verify_run(run.out, expect=run.run.epoch.domain.federation)
    assert (verdict.rounds, verdict.members, verdict.tolerance) == (3, 4, "1e-6")
    done = CliRunner().invoke(verify, [str(run.out)])
    assert done.exit_code == 0
    assert "scores verified within tolerance 1e-6" in done.stdout
    told = json.loads(CliRunner().invoke(verify, [str(run.out), "--format", "json"]).stdout)
    assert told["data"]["tolerance"] == "1e-6"


def test_federation_has_only_the_judges_that_can_judge_it(run):
    judges = deploy.named_judges(run.run.deployment.federation.judges())
    assert list(judges) == list(QUORUM_JUDGES) == ["SettlementDisputes", "ValidatorQuorum"]
    quorum = ValidatorQuorum(run.run.chain, judges["ValidatorQuorum"])
    assert int(quorum.demands(), 16) == 0


def shifting(share: float) -> type[ModuleEvaluation]:
    """An aggregator that moves a share of all scores' magnitudes from one member to another, in round 2."""

    class Shifting(ModuleEvaluation):
        def close(self, start: Start, base: Base, received: Received, shard: Position) -> Closed:
            closed = super().close(start, base, received, shard)
            outcome = closed.outcome
            if outcome.round != 2:
                return closed
            scores = {m.did: m.score for m in outcome.members}
            off, (first, second, *_) = int(share * sum(map(abs, scores.values()))), sorted(scores)
            assert off > 10
            measured = Measured(
                eta=outcome.eta,
                scored_eta=outcome.scored_eta,
                losses=outcome.step_losses,
                step=outcome.step,
                gain=outcome.gain,
                scores={**scores, first: scores[first] + off, second: scores[second] - off},
                withheld=outcome.withheld_projection,
            )
            lied = finish(start.state, base, start.rules, absent=received.absent, measured=measured)
            trace = decided_trace(start.state, base, lied, rules=start.rules, deltas=received.deltas)
            return Closed(lied, trace)

    return Shifting


class WrongBase(ModuleEvaluation):
    """An aggregator that changes one weight of the base of round 2."""

    def open(self, start: Start) -> Base:
        base = super().open(start)
        weights = base.weights.copy()
        weights[0] += start.state.round == 2
        return replace(base, weights=weights)


def test_verifier_refuses_a_score_when_it_is_off_by_more_than_the_tolerance(tmp_path):
    made = execute_module(tmp_path, liar=shifting(3e-6))
    with pytest.raises(VerificationFailed, match=r"score is .* not within 1e-6") as caught:
        verify_run(tmp_path)
    assert caught.value.subject == "round 2"
    assert caught.value.exit_code == 8
    member = min(made.run.epoch.roster.quotas)
    assert member in caught.value.message


def test_verifier_takes_a_score_as_recorded_when_it_is_within_the_tolerance(tmp_path):
    made = execute_module(tmp_path, liar=shifting(0.3e-6))
    assert verify_run(tmp_path).paid_wei == sum(made.run.settlement.due.values())


def test_verifier_refuses_a_federation_when_its_judges_are_those_of_another_kind(tmp_path):
    with mock.patch.object(deploy, "judges_of", return_value=JUDGES):
        execute_module(tmp_path)
    with pytest.raises(VerificationFailed, match="judges are for another kind of model"):
        verify_run(tmp_path)


def test_verifier_refuses_a_run_when_its_architecture_is_another_behind_the_same_name(run, monkeypatch):
    # A verifier whose "mlp" is another network: its description, hence its hash, differs.
    monkeypatch.setattr("federation.models.registry._INPUTS", {"mlp": "something else"})
    with pytest.raises(VerificationFailed, match="another architecture is meant by 'mlp'") as caught:
        verify_run(run.out)
    assert caught.value.subject == "federation.toml"


def test_verifier_refuses_a_base_when_it_does_not_follow(tmp_path):
    execute_module(tmp_path, liar=WrongBase)
    with pytest.raises(VerificationFailed, match="base model is not the one that the rules give") as caught:
        verify_run(tmp_path)
    assert caught.value.subject == "round 2"


class Stopped(Exception):
    """The proposal stands, its window is open."""


def test_proposal_is_void_without_a_quorum_and_stands_with_one(tmp_path):
    settings = replace(SETTINGS, out=tmp_path)
    with (
        federating(),
        mock.patch.object(runner, "finalize_and_claim", side_effect=Stopped),
        suppress(Stopped),
    ):
        run = Run(settings, build_cast(MAILS, settings), Quiet())
        run.execute()
    federation, token, chain = run.deployment.federation, run.deployment.token, run.chain
    judge = ValidatorQuorum(chain, deploy.named_judges(federation.judges())["ValidatorQuorum"])
    bond = int(run.manifest.bonds.challenger_wei)
    token.mint(run.community, run.relayer.address, 2 * bond)
    token.approve(run.relayer, judge.address, 2 * bond)

    # Nobody vouches: the proposal is void, and can be made anew.
    judge.call_quorum(run.relayer, federation.address)
    chain.advance_time(run.manifest.deadlines.answer + 1)
    judge.lapse_call(run.relayer, federation.address)
    assert federation.phase() == Phase.SETTLE
    settlement = runner.settlement_trace(
        run.epoch.admitted,
        credits=run.driver.state.credits,
        funds=run.epoch.terms.funds,
        forfeited=federation.forfeited(),
    )
    propose(run.deployment, settlement, run.epoch.domain, run.aggregator)

    # Two of three sign what they recomputed: it stands.
    judge.call_quorum(run.relayer, federation.address)
    ballot = ballot_of(federation.address, run.epoch.domain.epoch, federation.proposal())
    votes = [
        vote(VALIDATORS[place], ballot, place=place, chain_id=chain.chain_id, judge=judge.address)
        for place in (0, 2)
    ]
    with refused(TooFewVotes):
        judge.uphold(run.relayer, federation.address, votes[:1])
    judge.uphold(run.relayer, federation.address, in_order(votes))
    chain.advance_time(max(0, federation.deadline() - chain.timestamp))
    federation.finalize(run.relayer)
    assert (
        run.deployment.pool.root()
        == settlement.table(chain.chain_id, run.deployment.pool.address).tree().root
    )
