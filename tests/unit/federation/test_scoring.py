"""Rounds by other rules than the default ones: what they pay, what they keep, what they state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from aggregator.snapshot import parse_state, state_bytes
from federation.aggregation import STRATEGIES, strategy_of
from federation.contribution import path_gradient
from federation.epochstate import EpochState, Rules
from federation.fixedpoint import Ints, exact_dot
from federation.hashing import sha256
from federation.models.linear import Design, Examples
from federation.reward import clip_limit
from federation.rounds import RoundOutcome, Status, close_round, open_round
from federation.steps import prices
from federation.trace import Op, Trace, decided_trace, vector_root
from federation.trace.vectors import hash_value
from federation.types import Did, Hash32
from federation.valuation import METHODS
from tests.unit.federation._reference_aggregation import STRATEGIES as TRIED
from tests.unit.federation._world import RULES, Sight, did, honest, make_world, play

WORLD = make_world(11, members=7, shards=4)
PARAMETERS = {name: tried[0] for name, (_, tried) in TRIED.items()} | {"gated": {}}
OTHERS = sorted(set(STRATEGIES) - {"sum"})
PAID = sorted(set(METHODS) - {"aumann-shapley"})


def rules(name: str = "sum", method: str = "aumann-shapley", base: Rules = RULES) -> Rules:
    return replace(base, strategy=strategy_of(name, PARAMETERS[name]), method=method)


def flipper(sight: Sight) -> Ints:
    return -3 * honest()(sight)


def relabelled(design: Design) -> Design:
    found = design.examples
    return replace(design, examples=Examples(found.words, found.offsets, 1 - found.labels))


def line(outcome: RoundOutcome, name: Did):
    return next(m for m in outcome.members if m.did == name)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_scores_sum_to_the_gain_when_what_was_carried_is_added(name):
    state_before = None
    for base, outcome in play(WORLD, rules=rules(name), senders={did(1): flipper}):
        state, Q = outcome.state, outcome.state.quota_total
        scored = sum(m.score for m in outcome.members) + outcome.withheld_projection
        carried = 0
        if state_before is not None and state_before.memory and outcome.parts:
            path = path_gradient(WORLD.shards[outcome.round - 1], base.weights, outcome.step)
            whole = outcome.step - _aggregate(outcome.parts, outcome.scored_eta, Q)
            carried = -exact_dot(path.gradient, whole)
        slack = 1e-3 * max(abs(outcome.gain), sum(abs(m.score) for m in outcome.members)) + 2**20
        assert scored + carried == pytest.approx(outcome.gain, abs=slack), outcome.round
        state_before = state


def _aggregate(parts: Mapping[Did, Ints], eta: int, Q: int) -> Ints:
    return (2 * eta * np.sum(list(parts.values()), axis=0) + Q) // (2 * Q)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_zero_delta_earns_nothing_when_any_strategy_combines(name):
    def nothing(sight: Sight) -> Ints:
        return np.zeros_like(sight.base.weights)

    for _, outcome in play(WORLD, rules=rules(name), senders={did(2): nothing}):
        assert line(outcome, did(2)).score == line(outcome, did(2)).credit == 0
        assert line(outcome, did(2)).status is Status.ACCEPTED


@pytest.mark.parametrize("name", sorted(STRATEGIES))
@pytest.mark.parametrize("method", ["aumann-shapley", "leave-one-out", "cosine"])
def test_positive_pay_is_within_the_gain_whatever_the_rules_are(name, method):
    chosen = rules(name, method)
    for _, outcome in play(WORLD, rules=chosen, senders={did(1): flipper}, rounds=3):
        pays = [m.credit for m in outcome.members if m.credit > 0]
        assert sum(pays) <= max(0, chosen.terms.bounty * outcome.improvement >> 40)
        for member in outcome.members:
            quota, Q = WORLD.quotas[member.did], outcome.state.quota_total
            limit = clip_limit(chosen.terms, improvement=outcome.gain, quota=quota, quota_total=Q)
            assert abs(member.counted) <= limit


@pytest.mark.parametrize("method", PAID)
def test_scores_are_the_methods_when_the_manifest_names_one(method):
    (_, first), *_ = play(WORLD, rules=rules(method=method), rounds=1)
    (_, default), *_ = play(WORLD, rounds=1)
    assert (first.eta, first.gain) == (default.eta, default.gain)
    assert (first.state.weights == default.state.weights).all()
    assert [m.score for m in first.members] != [m.score for m in default.members]
    assert first.withheld_projection == 0


def closed(chosen: Rules, *, seed: bytes = bytes(32)) -> RoundOutcome:
    """One round with seven honest deltas, noised by its members."""
    state = EpochState.first(initial=np.zeros(WORLD.dim, dtype=np.int64), quotas=WORLD.quotas)
    base = open_round(state, chosen, WORLD.public)
    deltas = {
        name: honest(0.3, seed=i)(Sight(1, base, state, design))
        for i, (name, design) in enumerate(WORLD.members.items())
    }
    return close_round(
        state,
        base,
        chosen,
        deltas=deltas,
        absent={},
        known=WORLD.public,
        shard=WORLD.shards[0],
        norm_bound=1 << 30,
        seed=Hash32(seed),
    )


def test_scores_turn_with_the_draws_seed_when_the_method_takes_chances():
    scores = [
        [m.score for m in closed(rules(method="market-order"), seed=seed).members]
        for seed in (bytes(32), bytes(32), b"\x01" * 32)
    ]
    assert scores[0] == scores[1] != scores[2]


def test_default_scores_stay_when_the_draws_seed_turns():
    first, second = (closed(RULES, seed=seed).members for seed in (bytes(32), b"\x01" * 32))
    assert first == second


def test_prices_are_the_same_when_products_leave_the_floats():
    rng = np.random.default_rng(1)
    gradient, parts = rng.integers(-(1 << 24), 1 << 24, 50), rng.integers(-(1 << 20), 1 << 20, (4, 50))
    small = prices(gradient, parts, eta=3, quota_total=7)
    assert small == [-(3 * exact_dot(part, gradient)) // 7 for part in parts]
    large = prices(gradient, parts << 40, eta=3, quota_total=7)
    assert large == [-(3 * exact_dot(part, gradient) << 40) // 7 for part in parts]


def test_gate_leaves_a_flipper_out_and_neither_pays_nor_charges_it():
    gated = play(WORLD, rules=rules("gated"), senders={did(1): flipper})
    summed = play(WORLD, senders={did(1): flipper})
    for (_, outcome), (_, other) in zip(gated, summed, strict=True):
        if did(1) not in other.state.suspended:
            assert line(outcome, did(1)).credit == 0
    assert not gated[0][1].parts[did(1)].any()
    assert line(summed[0][1], did(1)).credit < 0
    assert gated[0][1].gain > summed[0][1].gain


def test_gate_looks_at_known_examples_alone_when_the_shard_says_otherwise():
    # The shard that pays has every label turned: what helped on it would be the flipper.
    turned = replace(WORLD, shards=tuple(map(relabelled, WORLD.shards)))
    (_, first), *_ = play(turned, rules=rules("gated"), senders={did(1): flipper}, rounds=1)
    assert not first.parts[did(1)].any()
    assert first.gain < 0


def test_momentum_moves_on_when_nobody_sends_anything_new():
    def only_first(sight: Sight) -> Ints:
        return honest()(sight) if sight.round == 1 else np.zeros_like(sight.base.weights)

    chosen = replace(rules("momentum"), betas_tenths=(0,))
    played = play(WORLD, rules=chosen, senders=dict.fromkeys(WORLD.members, only_first), rounds=2)
    (_, first), (_, second) = played
    assert first.eta > 0
    assert second.step.any()
    assert {m.score for m in second.members} == {0}


def test_resending_what_is_carried_earns_nothing_when_momentum_remembers_it():
    def resend(sight: Sight) -> Ints:
        return sight.state.memory[0] if sight.state.memory else np.zeros_like(sight.base.weights)

    shares = []
    for _, outcome in play(WORLD, rules=rules("momentum"), senders={did(2): resend}):
        scale = max(abs(m.score) for m in outcome.members)
        shares.append(abs(line(outcome, did(2)).score) / scale)
    assert max(shares) < 1e-3


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_memory_stays_when_the_model_does_not_move(name):
    spoil = dict.fromkeys(WORLD.members, lambda s: honest()(s) * (1 if s.round == 1 else -4))
    played = play(WORLD, rules=rules(name), senders=spoil, rounds=2)
    (_, first), (_, second) = played
    assert first.eta > 0 == second.eta
    assert len(first.state.memory) == (1 if name == "momentum" else 2)
    assert all((a == b).all() for a, b in zip(first.state.memory, second.state.memory, strict=True))


def test_nothing_is_remembered_when_the_rules_are_the_default_ones():
    assert all(o.state.memory == () and not o.parts for _, o in play(WORLD))


# The trace


def traced(name: str) -> tuple[Trace, RoundOutcome, EpochState]:
    """The trace of the second round."""
    chosen, sent = rules(name), {}

    def watch(sight: Sight) -> Ints:
        return sent.setdefault((sight.round, id(sight.design)), honest()(sight))

    played = play(WORLD, rules=chosen, senders=dict.fromkeys(WORLD.members, watch), rounds=2)
    (_, first), (base, second) = played
    deltas = {n: sent[2, id(design)] for n, design in WORLD.members.items()}
    return decided_trace(first.state, base, second, rules=chosen, deltas=deltas), second, first.state


@pytest.mark.parametrize("name", OTHERS)
def test_trace_states_rules_parts_and_memory_when_they_are_not_the_default(name):
    trace, outcome, before = traced(name)
    stated = trace.find(Op.RULES)
    assert stated.value("strategy") == hash_value(sha256(name.encode()))
    assert stated.value("method") == hash_value(sha256(b"aumann-shapley"))
    assert stated.value("exact") == (name == "momentum")
    for i, member in enumerate(outcome.members):
        root = vector_root(outcome.parts[member.did])
        assert trace.find(Op.PART, i).value("part") == hash_value(root)
    for k, (old, new) in enumerate(zip(before.memory, outcome.state.memory, strict=True)):
        assert trace.find(Op.MEMORY, k).value("before") == hash_value(vector_root(old))
        assert trace.find(Op.MEMORY, k).value("after") == hash_value(vector_root(new))
    kinds = {record.op for record in trace.records}
    points = {Op.POINT, Op.SUMS, Op.NODE, Op.GRADIENT, Op.PROJECTED, Op.EXAMPLES}
    assert not kinds & points
    assert {m.product for m in outcome.members} == {0}
    assert Trace.parse(trace.to_bytes()).records == trace.records


def test_trace_has_no_such_records_when_the_rules_are_the_default_ones():
    kinds = {record.op for record in traced("sum")[0].records}
    assert not kinds & {Op.RULES, Op.PART, Op.MEMORY}


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_caveat_says_what_a_price_leaves_out_when_it_is_not_exact(name):
    chosen = rules(name)
    assert chosen.exact is (name in {"sum", "momentum"})
    assert (chosen.caveat == "") is (name == "sum")
    assert ("leaves out" in chosen.caveat) is not chosen.exact
    assert not rules(name, "cosine").exact
    assert "cosine" in rules(name, "cosine").caveat


@pytest.mark.parametrize("name", ["momentum", "adam", "median"])
def test_memory_survives_a_restart_when_the_journal_keeps_the_state(name):
    state = play(WORLD, rules=rules(name), rounds=2)[-1][1].state
    again = parse_state(state_bytes(state))
    assert len(again.memory) == len(state.memory)
    assert all((a == b).all() for a, b in zip(again.memory, state.memory, strict=True))
