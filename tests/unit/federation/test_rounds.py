"""Whole rounds: the kernel against the plain-integer reference, and what each behaviour earns."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from federation.contribution import inner_products
from federation.delta import within_cap
from federation.fixedpoint import Ints, abs_sum, exact_dot
from federation.models.linear import MAX_SCALE, Design, fit_intercept, log_loss, model_hash
from federation.projection import project
from federation.reward import clip_limit
from federation.rounds import EpochState, RoundOutcome, Status, close_round, momentum, open_round, release
from federation.types import Did
from tests.unit.federation import _reference as reference
from tests.unit.federation import _vector
from tests.unit.federation._world import (
    RULES,
    TERMS,
    Sight,
    World,
    cap,
    did,
    honest,
    make_world,
    play,
    play_case,
    random_case,
)

VECTOR = json.loads(_vector.PATH.read_text(encoding="utf-8"))


def line(outcome: RoundOutcome, name: Did):
    return next(m for m in outcome.members if m.did == name)


def zero(sight: Sight) -> Ints:
    return np.zeros_like(sight.base.weights)


def constant(vector: Ints):
    return lambda _: vector


@pytest.mark.parametrize("seed", range(12))
def test_epoch_is_the_references_when_every_number_is_compared(seed):
    case = random_case(seed)
    assert play_case(case) == reference.play(case)


def test_cases_reach_every_branch_when_counted():
    decided = [(r, case) for seed in range(12) for case in [random_case(seed)] for r in reference.play(case)]
    assert {r["eta"] for r, _ in decided} >= {0, 1, 4, 8}
    assert len({r["beta_tenths"] for r, _ in decided}) > 2
    assert {r["improvement"] > 0 for r, _ in decided} == {True, False}
    assert any(r["suspended"] for r, _ in decided)
    members = [m for r, _ in decided for m in r["members"]]
    assert any(m["counted"] != m["score"] for m in members)
    assert any(m["credit"] == 0 > m["counted"] or m["credit"] == 0 < m["counted"] for m in members)


def test_vector_is_reproduced_when_kernel_and_reference_play_it():
    assert _vector.text(_vector.vector()) + "\n" == _vector.PATH.read_text(encoding="utf-8")
    assert play_case(VECTOR["case"]) == VECTOR["decided"]


def _without_momentum_upon_momentum(state: EpochState, beta_tenths: int) -> Ints:
    last = state.steps[0] if state.steps else 0 * state.weights
    return state.weights + (2 * beta_tenths * last + 10) // 20


def test_vector_is_missed_when_momentum_is_on_the_last_aggregate_only(monkeypatch):
    monkeypatch.setattr("federation.rounds.momentum", _without_momentum_upon_momentum)
    hashes = [[r["base_hash"] for r in decided] for decided in (play_case(VECTOR["case"]), VECTOR["decided"])]
    assert [a == b for a, b in zip(*hashes, strict=True)] == [True, True, True, False, False]


def test_vector_is_missed_when_scales_have_no_cap(monkeypatch):
    monkeypatch.setattr("federation.models.linear.MAX_SCALE", MAX_SCALE + 1)
    assert play_case(VECTOR["case"])[0]["trace_root"] != VECTOR["decided"][0]["trace_root"]


@pytest.mark.parametrize("what", ["bounty", "quota", "label", "delta"])
def test_vector_is_missed_when_one_input_changes(what):
    case = json.loads(json.dumps(VECTOR["case"]))
    if what == "bounty":
        case["terms"]["bounty"] *= 2
    elif what == "quota":
        case["quotas"][min(case["quotas"])] += 1
    elif what == "label":
        case["shards"][0][0][0] ^= 1
    else:
        next(d for d in case["rounds"][0].values() if isinstance(d, list))[0] += 1
    assert play_case(case)[0]["trace_root"] != VECTOR["decided"][0]["trace_root"]


def test_base_is_the_first_minimiser_when_momentum_is_searched():
    world = make_world(1)
    (_, first), (base, _) = play(world, rounds=2)
    known = Design.concat([world.public, world.shards[0]])
    losses = [log_loss(known, momentum(first.state, b)) for b in RULES.betas_tenths]
    assert base.losses == tuple(losses)
    assert base.beta_tenths == RULES.betas_tenths[losses.index(min(losses))]
    assert np.array_equal(base.weights, momentum(first.state, base.beta_tenths))
    assert base.intercept == fit_intercept(known.logits(base.weights), known.labels)
    assert base.hash == model_hash(base.weights, base.intercept)


def test_ties_go_to_the_smaller_step_when_nobody_moves_the_model():
    world = make_world(1)
    senders = dict.fromkeys(world.members, zero)
    (base, outcome), (again, _) = play(world, rounds=2, senders=senders)
    assert (outcome.eta, outcome.scored_eta) == (0, 1)
    assert len(set(outcome.step_losses)) == 1
    assert (base.beta_tenths, again.beta_tenths) == (0, 0)
    assert outcome.state.steps == ()


def test_momentum_rounds_halves_up_when_a_tenth_is_split():
    state = EpochState.first(initial=np.array([10, 10, 10, 10]), quotas={did(0): 1})
    moved = replace(state, steps=(np.array([70, 0, -7, 0]),), move=np.array([5, -5, 1, -1]))
    assert momentum(moved, 9).tolist() == [15, 6, 11, 9]
    assert momentum(moved, 1).tolist() == [11, 10, 10, 10]
    assert momentum(state, 9).tolist() == [10, 10, 10, 10]


def test_model_moves_by_the_step_when_eta_is_positive():
    for base, outcome in play(make_world(2)):
        assert outcome.eta > 0
        assert np.array_equal(outcome.state.weights, base.weights + outcome.step)
        assert np.array_equal(outcome.aggregate, outcome.step)
        assert outcome.state.steps[0] is outcome.step
        assert len(outcome.state.steps) == min(2, outcome.round)


def test_move_is_the_whole_difference_when_a_step_follows_momentum():
    world = make_world(9, members=8, shards=5)
    weights, with_momentum = np.zeros(world.dim, dtype=np.int64), 0
    for base, outcome in play(world):
        assert outcome.eta > 0
        assert np.array_equal(outcome.state.move, outcome.state.weights - weights)
        assert np.array_equal(outcome.state.move, outcome.step) == (base.beta_tenths == 0)
        with_momentum += base.beta_tenths > 0
        weights = outcome.state.weights
    assert with_momentum >= 2


def test_released_intercept_is_fitted_on_the_rounds_own_shard_when_it_is_known():
    world = make_world(2)
    ((_, outcome),) = play(world, rounds=1)
    known = Design.concat([world.public, world.shards[0]])
    weights, intercept = release(outcome.state, known)
    assert np.array_equal(weights, outcome.state.weights)
    assert intercept == fit_intercept(known.logits(weights), known.labels)
    assert intercept != release(outcome.state, world.public)[1]


def _public_directions(state: EpochState, base) -> list[Ints]:
    return [base.weights - state.initial, state.move, *state.steps]


def test_projected_gradient_is_orthogonal_to_all_that_is_public_when_it_was_rounded_once():
    world = make_world(9, members=8, shards=6)
    state, slanted = EpochState.first(initial=np.zeros(world.dim, dtype=np.int64), quotas=world.quotas), 0
    for base, outcome in play(world):
        for direction in _public_directions(state, base):
            # Rounding moves each coordinate by at most a half.
            assert 2 * abs(exact_dot(outcome.projection.projected, direction)) <= abs_sum(direction)
            slanted += 2 * abs(exact_dot(outcome.path.gradient, direction)) > abs_sum(direction)
        state = outcome.state
    assert slanted >= 4 * 4 + 3


def test_gradient_keeps_a_part_along_the_last_move_when_only_aggregates_are_projected_out():
    world = make_world(9, members=8, shards=6)
    before, (base, outcome) = [out.state for _, out in play(world)][-2], play(world)[-1]
    start, move, *steps = _public_directions(before, base)
    less = project(outcome.path.gradient, [start, *steps]).projected
    assert 2 * abs(exact_dot(less, move)) > abs_sum(move)


def _poisoned(world: World):
    """Everybody trains the wrong way: no positive step helps on known examples."""
    return {name: honest(sign=-1) for name in world.members}


def test_round_charges_but_never_pays_when_eta_is_zero():
    world = make_world(3)
    mixed = {**_poisoned(world), did(0): honest()}
    start = np.zeros(world.dim, dtype=np.int64)
    for base, outcome in play(world, rounds=2, senders=mixed):
        assert (outcome.eta, outcome.scored_eta) == (0, 1)
        assert outcome.improvement <= 0
        assert np.array_equal(outcome.state.weights, start)
        assert outcome.state.steps == ()
        assert not outcome.state.move.any()
        assert not outcome.aggregate.any()
        assert outcome.step.any()
        assert all(m.credit <= 0 for m in outcome.members)
        assert any(m.credit < 0 for m in outcome.members)
        assert line(outcome, did(0)).credit == 0 < line(outcome, did(0)).counted
        assert np.array_equal(base.weights, start)


def test_last_step_stays_known_when_a_later_round_takes_none():
    world = make_world(3)

    def turn(sight: Sight) -> Ints:
        return honest(sign=1 if sight.round == 1 else -1)(sight)

    (_, first), (_, second), *_ = play(world, rounds=2, senders=dict.fromkeys(world.members, turn))
    assert first.eta > 0 == second.eta
    assert second.state.steps[0] is first.step
    assert second.state.move is first.state.move
    assert second.state.move.any()


def test_positive_pays_stay_below_the_improvement_when_noise_is_high():
    world = make_world(4, members=8)
    senders = {name: honest(3.0, seed=i) for i, name in enumerate(world.members)}
    for _, outcome in play(world, senders=senders):
        paid = sum(m.credit for m in outcome.members if m.credit > 0)
        assert paid <= TERMS.bounty * max(outcome.improvement, 0) >> 40
        Q = sum(world.quotas.values())
        for m in outcome.members:
            limit = clip_limit(
                TERMS, improvement=outcome.improvement, quota=world.quotas[m.did], quota_total=Q
            )
            assert abs(m.counted) <= limit or outcome.eta == 0


def test_credits_and_scores_add_up_when_an_epoch_is_played():
    played = play(make_world(5), senders={did(1): honest(2.0), did(2): honest(sign=-1)})
    last = played[-1][1].state
    for name in last.quotas:
        lines = [line(outcome, name) for _, outcome in played]
        assert last.credits[name] == sum(m.credit for m in lines)
        assert last.scores[name] == sum(m.counted for m in lines)
    assert last.round == len(played) + 1


def test_zero_delta_earns_exactly_nothing_when_others_improve_the_model():
    for _, outcome in play(make_world(5), senders={did(3): zero}):
        member = line(outcome, did(3))
        assert member.status is Status.ACCEPTED
        assert (member.product, member.score, member.counted, member.credit) == (0, 0, 0, 0)
        assert outcome.improvement > 0


def test_outcome_follows_the_members_when_their_names_are_permuted():
    world = make_world(6, members=5)
    names = list(world.members)
    other = dict(zip(names, [names[2], names[0], names[4], names[1], names[3]], strict=True))
    sent = {name: honest(1.0, seed=i) for i, name in enumerate(names)}
    renamed = replace(world, members={other[n]: d for n, d in world.members.items()})
    first = play(world, senders=sent)
    second = play(renamed, senders={other[n]: honest(1.0, seed=i) for i, n in enumerate(names)})
    for (base, a), (again, b) in zip(first, second, strict=True):
        assert base.hash == again.hash
        assert (a.eta, a.improvement, a.withheld_projection) == (b.eta, b.improvement, b.withheld_projection)
        for name in names:
            assert line(a, name) == replace(line(b, other[name]), did=name)


def test_outcome_stays_when_examples_of_the_shard_are_permuted():
    world = make_world(6)
    shard = world.shards[0]
    order = np.random.default_rng(0).permutation(len(shard))
    at = shard.examples.offsets
    of = [shard.examples.words[at[i] : at[i + 1]].tolist() for i in order]
    shuffled = Design.build(type(shard.examples).build(of, shard.labels[order].tolist()), world.mean)
    (_, a), (_, b) = (play(w, rounds=1)[0] for w in (world, replace(world, shards=(shuffled,))))
    assert a.members == b.members
    assert np.array_equal(a.projection.projected, b.projection.projected)


def test_splitting_gains_no_score_when_data_and_quota_are_split():
    world = make_world(7, members=4)
    whole, quotas = did(0), world.quotas
    state = EpochState.first(initial=np.zeros(world.dim, dtype=np.int64), quotas=quotas)
    base = open_round(state, RULES, world.public)
    deltas = {
        n: honest(1.0, seed=i)(Sight(1, base, state, d)) for i, (n, d) in enumerate(world.members.items())
    }
    half = deltas[whole] // 2 + np.random.default_rng(7).integers(-(1 << 17), 1 << 17, world.dim)
    parts = {did(50): half, did(51): deltas[whole] - half}
    given = {"absent": {}, "known": world.public, "shard": world.shards[0], "norm_bound": 1 << 24}
    one = close_round(state, base, RULES, deltas=deltas, **given)
    split_quotas = {**quotas, did(50): 13, did(51): quotas[whole] - 13}
    del split_quotas[whole]
    split_state = EpochState.first(initial=state.initial, quotas=split_quotas)
    two = close_round(
        split_state, base, RULES, deltas={**{n: d for n, d in deltas.items() if n != whole}, **parts}, **given
    )
    assert np.array_equal(one.step, two.step)
    assert 0 <= line(one, whole).score - sum(line(two, n).score for n in parts) < len(parts)
    for name in quotas:
        if name != whole:
            assert line(one, name) == line(two, name)


def test_silence_costs_the_clip_limit_when_the_others_go_on():
    world = make_world(8)
    silent, refused = did(0), did(1)
    senders = {silent: lambda _: (Status.SILENT, ""), refused: lambda _: (Status.REJECTED, "over-cap")}
    Q = sum(world.quotas.values())
    played = play(world, rounds=2, senders=senders)
    for _, outcome in played:
        limit = clip_limit(TERMS, improvement=outcome.improvement, quota=world.quotas[silent], quota_total=Q)
        member = line(outcome, silent)
        assert (member.status, member.score, member.counted) == (Status.SILENT, 0, -limit)
        assert member.credit == -limit * TERMS.bounty >> 40
        assert member.credit < 0
        rejected = line(outcome, refused)
        assert (rejected.status, rejected.reason) == (Status.REJECTED, "over-cap")
        assert (rejected.counted, rejected.credit) == (0, 0)
    assert played[-1][1].state.suspended == {silent}


def test_round_leaves_everything_when_nobody_answers():
    world = make_world(8)
    senders = dict.fromkeys(world.members, lambda _: (Status.REJECTED, "late"))
    senders[did(0)] = lambda _: (Status.SILENT, "")
    (_, outcome), *_ = play(world, senders=senders)
    assert outcome.step is outcome.path is outcome.projection is None
    assert (outcome.eta, outcome.scored_eta, outcome.improvement, outcome.step_losses) == (0, 0, 0, ())
    assert all(m.credit == m.counted == 0 for m in outcome.members)
    assert outcome.state.round == 2
    assert not outcome.state.move.any()
    assert outcome.aggregate.tolist() == [0] * world.dim


def test_member_is_absent_when_nothing_is_said_of_it():
    world = make_world(8)
    state = EpochState.first(initial=np.zeros(world.dim, dtype=np.int64), quotas=world.quotas)
    base = open_round(state, RULES, world.public)
    delta = honest()(Sight(1, base, state, world.members[did(0)]))
    outcome = close_round(
        state,
        base,
        RULES,
        deltas={did(0): delta},
        absent={},
        known=world.public,
        shard=world.shards[0],
        norm_bound=1 << 24,
    )
    assert [m.status for m in outcome.members] == [Status.ACCEPTED] + [Status.ABSENT] * 5
    assert all(m.credit == 0 for m in outcome.members[1:])


def _stale(sight: Sight) -> Ints:
    """The last sum, scaled to the cap of an honest member."""
    return _at_cap(sight.state.steps[0] if sight.state.steps else sight.base.weights, sight)


def _model(sight: Sight) -> Ints:
    return _at_cap(sight.base.weights - sight.state.initial, sight)


def _move(sight: Sight) -> Ints:
    return _at_cap(sight.state.move, sight)


def _at_cap(vector: Ints, sight: Sight) -> Ints:
    norm = float(np.sqrt((vector.astype(float) ** 2).sum()))
    return (vector * (len(sight.design) * 65536 / norm)).astype(np.int64) if norm else vector


@pytest.mark.parametrize("cheat", [_stale, _model, _move])
def test_resending_earns_nothing_when_projected_though_it_would_earn_more_than_the_honest(cheat):
    world = make_world(9, members=8, shards=4)
    sent: dict[tuple[int, Did], Ints] = {}

    def kept(name: Did):
        def send(sight: Sight) -> Ints:
            sent[sight.round, name] = (cheat if name == did(0) else honest())(sight)
            return sent[sight.round, name]

        return send

    played = play(world, senders={name: kept(name) for name in world.members})
    total, compared = sum(world.quotas.values()), 0
    for _, outcome in played[1:]:
        vectors = {m.did: sent[outcome.round, m.did] for m in outcome.members if m.status is Status.ACCEPTED}
        if did(0) not in vectors:
            continue
        matrix = np.stack(list(vectors.values())).astype(float)
        products = inner_products(outcome.path.gradient, matrix, norm_bound=1 << 24)
        would = dict(zip(vectors, (-outcome.scored_eta * p / total for p in products), strict=True))
        cheated = would.pop(did(0))
        assert cheated > sum(would.values()) / len(would)
        rounding = outcome.scored_eta * abs_sum(sent[outcome.round, did(0)]) // (2 * total) + 1
        assert abs(line(outcome, did(0)).score) <= 2 * rounding < cheated / 100
        compared += 1
    assert compared == 3


def _flipped(rounds: int = 8):
    world = make_world(10, members=8, shards=rounds)
    senders = {name: honest(2.0, seed=i) for i, name in enumerate(world.members)}
    senders[did(0)] = honest(2.0, seed=99, sign=-1)
    no_suspension = replace(RULES, terms=replace(TERMS, suspension_from=rounds + 1))
    return play(world, senders=senders, rules=no_suspension)


def test_flipper_ends_below_zero_when_losses_are_carried_forward_though_a_floor_would_pay_it():
    pays = [line(outcome, did(0)).credit for _, outcome in _flipped()]
    assert sum(pays) < 0
    assert sum(max(0, p) for p in pays) > 0


def test_flipper_is_suspended_for_good_from_round_three_when_it_goes_on():
    world = make_world(11, members=8, shards=6)

    def filler(sight: Sight) -> Ints:
        return _at_cap(honest(sign=-1)(sight), sight)

    played = play(world, senders={did(0): filler})
    assert within_cap(filler(Sight(1, played[0][0], played[0][1].state, world.members[did(0)])), cap(30))
    states = [outcome.state.suspended for _, outcome in played]
    assert states[0] == frozenset()
    assert states[1] == {did(0)}
    assert all(did(0) in s for s in states[1:])
    for _, outcome in played[2:]:
        member = line(outcome, did(0))
        assert (member.status, member.credit) == (Status.SUSPENDED, 0)


def test_suspension_is_permanent_when_credit_would_recover():
    world = make_world(11)
    state = replace(
        EpochState.first(initial=np.zeros(world.dim, dtype=np.int64), quotas=world.quotas),
        suspended=frozenset({did(0)}),
        round=5,
    )
    base = open_round(state, RULES, world.public)
    outcome = close_round(
        state, base, RULES, deltas={}, absent={}, known=world.public, shard=world.shards[0], norm_bound=1
    )
    assert outcome.state.suspended == {did(0)}
