"""Rounds of a module: the scores are the improvement's shares, and a record counts if it is near."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch

from client.trainer_module import ModuleEngine
from federation.aggregation.section import AggregationSection
from federation.delta import quantise
from federation.errors import ConfigError, VerificationFailed
from federation.evaluation import Closed, Received, Start
from federation.fixedpoint import Ints
from federation.manifest import ModuleSection
from federation.models.linear import model_bytes, parse_model
from federation.models.module import Network
from federation.models.registry import Architecture
from federation.rounds import Base, EpochState, Measured, Status, finish
from federation.tolerance import ModuleEvaluation
from federation.trace import Op, Position, Trace, require_equal
from federation.types import Did, Hash32
from tests.modules import module_section
from tests.strategies import SECTIONS
from tests.unit.federation._world import RULES, did, make_world

WORLD = make_world(2, dim=40, members=4, each=40, shards=3, shard=40)
ARCHITECTURE = Architecture(name="mlp", words=40, hidden=3)
SECTION = module_section(ARCHITECTURE)
PUBLIC = Position(shard=0, design=WORLD.public)
ZERO = did(3)
SEED = Hash32(bytes(32))


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A round as the aggregator closed it."""

    start: Start
    base: Base
    received: Received
    shard: Position
    closed: Closed

    @property
    def base_bytes(self) -> bytes:
        return model_bytes(self.base.weights, self.base.intercept)

    def reclosed(self, trace: Trace, section: ModuleSection = SECTION) -> Closed:
        return ModuleEvaluation(section).reclose(
            self.start, self.base, self.received, self.shard, trace.to_bytes()
        )


@cache
def played(seed: int = 0, strategy: str = "sum") -> tuple[Played, ...]:
    """Three rounds: honest members with some noise, and one that sends zeros."""
    section = SECTIONS.get(strategy, AggregationSection())
    rules = replace(RULES, strategy=section.chosen)
    evaluation, engine = ModuleEvaluation(SECTION), ModuleEngine(lambda: Network.of(ARCHITECTURE))
    state = EpochState.first(initial=evaluation.initial(), quotas=WORLD.quotas)
    known, rounds, rng = [PUBLIC], [], np.random.default_rng(seed)
    for number, design in enumerate(WORLD.shards, 1):
        start = Start(state=state, rules=rules, known=tuple(known))
        base = evaluation.open(start)
        deltas: dict[Did, Ints] = {}
        for name, held in WORLD.members.items():
            noise = 0.3 * rng.standard_normal(ARCHITECTURE.dim)
            deltas[name] = quantise(engine.step(held, base, 1.0) + noise)
        deltas[ZERO] = np.zeros_like(deltas[ZERO])
        received = Received(deltas=deltas, absent={}, norm_bound=100 << 16, seed=SEED)
        shard = Position(shard=number, design=design)
        closed = evaluation.close(start, base, received, shard)
        rounds.append(Played(start=start, base=base, received=received, shard=shard, closed=closed))
        known.append(shard)
        state = closed.outcome.state
    return tuple(rounds)


def lied(trace: Trace, change: Callable[[Op, int, str, int], int]) -> Trace:
    """The trace with values changed by op, number and name."""
    return Trace(
        tuple(
            replace(
                r,
                values=tuple(
                    change(r.op, r.i, name, v) for name, v in zip(r.op.fields, r.values, strict=True)
                ),
            )
            for r in trace.records
        )
    )


def scores(closed: Closed) -> dict[Did, int]:
    return {m.did: m.score for m in closed.outcome.members}


@pytest.mark.parametrize("seed", range(4))
def test_scores_sum_to_the_improvement_before_projection(seed):
    for round_ in played(seed):
        outcome = round_.closed.outcome
        total = sum(scores(round_.closed).values()) + outcome.withheld_projection
        assert outcome.gain != 0
        assert abs(total - outcome.gain) <= 1e-3 * abs(outcome.gain) + 1e-6 * 2**40
        assert scores(round_.closed)[ZERO] == 0


def test_epoch_learns_and_uses_momentum_when_members_are_honest():
    rounds = played()
    assert [r.closed.outcome.eta > 0 for r in rounds].count(True) >= 2
    losses = [ModuleEvaluation(SECTION).brier(r.base.weights, WORLD.public) for r in rounds]
    assert losses[-1] < losses[0]
    assert any(r.base.beta_tenths for r in rounds)


def test_gain_is_the_brier_loss_of_the_base_less_that_of_the_moved_one():
    evaluation = ModuleEvaluation(SECTION)
    for r in played():
        moved = r.base.weights + r.closed.outcome.step
        gain = evaluation.brier(r.base.weights, r.shard.design) - evaluation.brier(moved, r.shard.design)
        assert r.closed.outcome.gain == pytest.approx(gain * 2**40, abs=1)


def test_round_recomputes_to_the_same_when_nothing_was_changed():
    for r in played():
        again = r.reclosed(r.closed.trace)
        assert again.trace == r.closed.trace
        assert again.outcome.members == r.closed.outcome.members
        base = ModuleEvaluation(SECTION).reopen(r.start, r.base_bytes)
        assert (base.hash, base.beta_tenths) == (r.base.hash, r.base.beta_tenths)


def scale(r: Played) -> int:
    return sum(abs(s) for s in scores(r.closed).values())


@pytest.mark.parametrize("share", [0.4, -0.4])
def test_score_counts_as_recorded_when_it_is_within_the_tolerance(share):
    r = played()[0]
    off = round(share * 1e-6 * scale(r))
    assert off
    trace = lied(r.closed.trace, lambda op, i, name, v: v + off * ((op, i, name) == (Op.MEMBER, 1, "score")))
    found = r.reclosed(trace)
    member = sorted(WORLD.quotas)[1]
    assert scores(found)[member] == scores(r.closed)[member] + off
    # Money follows from what was recorded, by the same rules as always.
    expected = finish(
        r.start.state,
        r.base,
        RULES,
        absent={},
        measured=replace(_measured(r), scores=scores(found)),
    )
    assert found.outcome.members == expected.members


def _measured(r: Played) -> Measured:
    outcome = r.closed.outcome
    return Measured(
        eta=outcome.eta,
        scored_eta=outcome.scored_eta,
        losses=outcome.step_losses,
        step=outcome.step,
        gain=outcome.gain,
        scores=scores(r.closed),
        withheld=outcome.withheld_projection,
    )


@pytest.mark.parametrize("share", [1.5, -1.5, 1e3, 1e6])
@pytest.mark.parametrize("member", [0, 3])
def test_score_is_refused_when_it_is_off_by_more_than_the_tolerance(share, member):
    r = played()[0]
    off = round(share * 1e-6 * scale(r)) + (2 if share > 0 else -2)
    changed = lied(
        r.closed.trace, lambda op, i, name, v: v + off * ((op, i, name) == (Op.MEMBER, member, "score"))
    )
    who = sorted(WORLD.quotas)[member]
    with pytest.raises(VerificationFailed, match=rf"{who}'s score is -?\d+, recomputed .* within 1e-6"):
        r.reclosed(changed)


def test_same_score_is_accepted_when_the_manifest_states_a_wider_tolerance():
    r = played()[0]
    off = round(50e-6 * scale(r))
    changed = lied(
        r.closed.trace, lambda op, i, name, v: v + off * ((op, i, name) == (Op.MEMBER, 0, "score"))
    )
    r.reclosed(changed, module_section(ARCHITECTURE, tolerance="1e-4"))
    with pytest.raises(VerificationFailed, match="score"):
        r.reclosed(changed, module_section(ARCHITECTURE, tolerance="1e-5"))


def test_improvement_is_refused_when_it_is_off_by_more_than_the_tolerance():
    r = played()[0]
    off = round(3e-6 * scale(r))
    changed = lied(r.closed.trace, lambda op, _, name, v: v + off * ((op, name) == (Op.IMPROVEMENT, "gain")))
    with pytest.raises(VerificationFailed, match="the improvement is"):
        r.reclosed(changed)


def test_step_is_refused_when_another_one_is_better():
    r = played()[0]
    chosen = r.closed.trace.find(Op.CHOICE).value("step")
    other = 1 if chosen != 1 else 2
    changed = lied(r.closed.trace, lambda op, _, name, v: other if (op, name) == (Op.CHOICE, "step") else v)
    with pytest.raises(VerificationFailed, match="is not the best within 1e-6"):
        r.reclosed(changed)


@pytest.mark.parametrize("place", [-1, len(RULES.etas), 1 << 200])
def test_step_is_refused_when_it_is_not_on_the_grid(place):
    r = played()[0]
    changed = lied(r.closed.trace, lambda op, _, name, v: place if (op, name) == (Op.CHOICE, "step") else v)
    with pytest.raises(VerificationFailed, match="the grid has"):
        r.reclosed(changed)


@pytest.mark.parametrize("gone", [Op.CHOICE, Op.IMPROVEMENT, Op.MEMBER])
def test_trace_is_refused_when_a_record_is_missing(gone):
    r = played()[0]
    with pytest.raises(VerificationFailed, match="has no"):
        r.reclosed(Trace(tuple(record for record in r.closed.trace.records if record.op is not gone)))


def test_clipped_score_and_credit_do_not_follow_when_they_alone_are_changed():
    # They are no part of what is taken over: the recomputed trace keeps the right ones.
    r = played()[0]
    changed = lied(r.closed.trace, lambda op, _, name, v: v + (op is Op.MEMBER and name == "credit"))
    assert r.reclosed(changed).trace == r.closed.trace != changed


def test_base_is_refused_when_its_weights_are_no_candidate():
    r = played()[1]
    weights = r.base.weights.copy()
    weights[0] += 1
    with pytest.raises(VerificationFailed, match="not the one that the rules give"):
        ModuleEvaluation(SECTION).reopen(r.start, model_bytes(weights, r.base.intercept))


def test_base_is_refused_when_another_candidate_is_better():
    r = next(r for r in played() if len(r.base.losses) > 1)
    other = 0 if r.base.beta_tenths else -1
    evaluation = ModuleEvaluation(SECTION)
    fits, losses = evaluation._candidates(evaluation._momenta(r.start), r.start.design)
    assert losses[other] > min(losses) * (1 + 1e-6)
    with pytest.raises(VerificationFailed, match="not the one that the rules give"):
        evaluation.reopen(r.start, model_bytes(fits[other].weights, fits[other].intercept))


@pytest.mark.parametrize("off", [8, -8])
def test_base_counts_as_recorded_when_its_intercept_is_within_the_tolerance(off):
    r = played()[1]
    base = ModuleEvaluation(SECTION).reopen(r.start, model_bytes(r.base.weights, r.base.intercept + off))
    assert base.intercept == r.base.intercept + off


@pytest.mark.parametrize("data", [b"", b"FMM1", None])
def test_base_is_refused_when_its_intercept_is_off_or_it_is_no_model(data):
    r = played()[1]
    with pytest.raises(VerificationFailed, match="not the one that the rules give"):
        ModuleEvaluation(SECTION).reopen(
            r.start, model_bytes(r.base.weights, r.base.intercept + 40) if data is None else data
        )


def test_released_intercept_counts_when_it_is_near_and_else_the_fitted_one_does():
    r, evaluation = played()[0], ModuleEvaluation(SECTION)
    state, known = r.closed.outcome.state, [*r.start.known, r.shard]
    right = evaluation.released(state, known)
    weights, intercept = parse_model(right)
    assert np.array_equal(weights, state.weights)
    for published, expected in (
        (model_bytes(weights, intercept + 9), intercept + 9),
        (model_bytes(weights, intercept + 40), intercept),
        (model_bytes(weights + 1, intercept), intercept),
        (b"nonsense", intercept),
    ):
        assert evaluation.rereleased(state, known, published) == model_bytes(weights, expected)


def test_round_without_deltas_recomputes_without_any_tolerance():
    r, evaluation = played()[0], ModuleEvaluation(SECTION)
    absent = dict.fromkeys(WORLD.quotas, (Status.SILENT, ""))
    received = Received(deltas={}, absent=absent, norm_bound=1, seed=SEED)
    closed = evaluation.close(r.start, r.base, received, r.shard)
    assert closed.trace.find(Op.CHOICE).value("step") == -1
    assert (closed.outcome.gain, {m.credit for m in closed.outcome.members}) == (0, {0})
    again = evaluation.reclose(r.start, r.base, received, r.shard, b"whatever was published")
    assert again.trace == closed.trace


NETWORKS = sorted(SECTIONS.keys() - {"gated"})


@pytest.mark.parametrize("strategy", NETWORKS)
def test_round_recomputes_within_the_tolerance_when_a_strategy_combines(strategy):
    for r in played(0, strategy):
        again = r.reclosed(r.closed.trace)
        assert again.trace == r.closed.trace
        assert again.outcome.members == r.closed.outcome.members
        assert r.closed.trace.find(Op.RULES).value("exact") == (strategy == "momentum")
        assert scores(r.closed)[ZERO] == 0
        assert r.closed.outcome.parts.keys() == WORLD.quotas.keys()


@pytest.mark.parametrize("strategy", ["median", "momentum"])
def test_part_is_refused_when_a_networks_trace_states_another(strategy):
    r = played(0, strategy)[1]
    lie = lied(r.closed.trace, lambda op, i, name, v: v + (op is Op.PART and i == 1))
    with pytest.raises(VerificationFailed, match=r"part\[1,0\] part should be"):
        require_equal(r.reclosed(lie).trace, lie.to_bytes())


def test_networks_scores_sum_to_the_gain_when_a_strategy_has_no_memory():
    for r in played(0, "trimmed-mean"):
        total = sum(scores(r.closed).values()) + r.closed.outcome.withheld_projection
        assert abs(total - r.closed.outcome.gain) <= 1e-3 * abs(r.closed.outcome.gain) + 1e-6 * 2**40


def test_gate_is_refused_when_the_model_is_a_network():
    r = played()[0]
    start = replace(r.start, rules=replace(RULES, strategy=SECTIONS["gated"].chosen))
    with pytest.raises(ConfigError, match="cannot be decided in floating point"):
        ModuleEvaluation(SECTION).close(start, r.base, r.received, r.shard)


def test_auc_is_measured_on_the_modules_logits():
    evaluation = ModuleEvaluation(SECTION)
    first, last = played()[0].base.weights, played()[-1].closed.outcome.state.weights
    assert 0.5 < evaluation.auc(last, WORLD.public) <= 1
    assert evaluation.auc(last, WORLD.public) > evaluation.auc(first, WORLD.public)


def on_another_machine(monkeypatch, size: float) -> None:
    """Let every parameter be off by that share of itself, as another order of sums would have it."""
    load, rng = Network.load, np.random.default_rng(0)

    def loaded(self, weights):
        load(self, weights)
        with torch.no_grad():
            for parameter in self.module.parameters():
                noise = torch.from_numpy(rng.uniform(-size, size, tuple(parameter.shape)))
                parameter.mul_(1 + noise)

    monkeypatch.setattr(Network, "load", loaded)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [1e-14, 1e-11, 1e-9])
def test_round_is_accepted_when_another_machine_differs_in_the_last_digits(monkeypatch, seed, size):
    rounds, evaluation = played(seed), ModuleEvaluation(SECTION)
    after = [(r.closed.outcome.state, [*r.start.known, r.shard]) for r in rounds]
    models = [evaluation.released(state, known) for state, known in after]
    on_another_machine(monkeypatch, size)
    for r, (state, known), model in zip(rounds, after, models, strict=True):
        assert evaluation.reopen(r.start, r.base_bytes).hash == r.base.hash
        assert r.reclosed(r.closed.trace).trace == r.closed.trace
        assert evaluation.rereleased(state, known, model) == model


def test_round_is_refused_when_another_machine_computes_something_else(monkeypatch):
    rounds = played()
    on_another_machine(monkeypatch, 1e-3)
    for r in rounds:
        with pytest.raises(VerificationFailed, match="not within 1e-6"):
            r.reclosed(r.closed.trace)
