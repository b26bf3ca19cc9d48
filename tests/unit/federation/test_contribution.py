"""The price of a delta: efficient, fair, blind to names and order, and worth nothing without innovation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from client.trainer import LinearEngine
from federation.contribution import (
    NODE_WEIGHTS,
    NODES,
    SCORE_BITS,
    aggregate,
    inner_products,
    path_gradient,
    score_of,
)
from federation.delta import quantise
from federation.errors import ConfigError
from federation.fixedpoint import Ints, abs_sum, round_shift, sigmoid
from federation.models.linear import ONE, Design, brier_loss, fit_intercept
from federation.projection import project
from federation.rounds import Base
from tests.unit.federation import _reference as reference
from tests.unit.federation._world import World, examples, make_world, rows

BOUND = 1 << 26


def _deltas(world: World, weights: Ints, *, sigma: float = 0.0, seed: int = 0) -> list[Ints]:
    rng = np.random.default_rng(seed)
    base = Base(
        weights=weights,
        intercept=fit_intercept(world.public.logits(weights), world.public.labels),
        beta_tenths=0,
        losses=(),
    )
    return [
        quantise(LinearEngine().step(d, base, 1.0) + sigma * rng.standard_normal(world.dim))
        for d in world.members.values()
    ]


def _scores(gradient: Ints, deltas: list[Ints], *, eta: int, total: int) -> list[int]:
    products = inner_products(gradient, np.stack(deltas).astype(float), norm_bound=BOUND)
    return [score_of(product, eta=eta, quota_total=total) for product in products]


def _rounding(gradient: Ints, step: Ints, n: int) -> int:
    """The stated rounding of the sum of scores against G.

    Half a unit of each weight of Delta and of each coordinate of gbar, one of each score, and the
    tables: a linear piece is off by at most (1/128)^2 max|p''| / 8, twice in each of two losses.
    """
    return (abs_sum(gradient) + abs_sum(step)) // 2 + n + int(4 * 7.4e-7 * 2**SCORE_BITS)


WORLDS = [(seed, eta, sigma) for seed in range(6) for eta, sigma in ((1, 0.0), (4, 0.5), (8, 2.0))]


@pytest.mark.parametrize(("seed", "eta", "sigma"), WORLDS)
def test_scores_sum_to_the_improvement_when_nothing_is_projected(seed, eta, sigma):
    world = make_world(seed, shards=1)
    weights = quantise(np.random.default_rng(seed).standard_normal(world.dim))
    deltas = _deltas(world, weights, sigma=sigma, seed=seed)
    total = sum(world.quotas.values())
    step = aggregate(deltas, eta=eta, quota_total=total)
    path = path_gradient(world.shards[0], weights, step)
    priced = sum(_scores(path.gradient, deltas, eta=eta, total=total))
    tolerance = abs(path.improvement) // 1000 + _rounding(path.gradient, step, len(deltas))
    assert abs(priced - path.improvement) <= tolerance
    assert path.improvement == (path.loss_before - path.loss_after) // (len(world.shards[0]) << 8)


def test_scores_miss_the_improvement_when_the_intercepts_term_is_left_out():
    missed = []
    for seed, eta, sigma in WORLDS:
        world = make_world(seed, shards=1)
        weights = quantise(np.random.default_rng(seed).standard_normal(world.dim))
        deltas, total = _deltas(world, weights, sigma=sigma, seed=seed), sum(world.quotas.values())
        step = aggregate(deltas, eta=eta, quota_total=total)
        shard = world.shards[0]
        path = path_gradient(shard, weights, step)
        plain = np.zeros(len(shard), dtype=np.int64)
        for node, share in zip(path.nodes, NODE_WEIGHTS, strict=True):
            p = sigmoid(node.fit.logits + node.fit.intercept)
            plain += share * ((2 * (p - shard.labels * ONE) * (p * (ONE - p) >> 24)) >> 24)
        gradient = shard.weighted_sum(round_shift(plain, 24)) // (len(shard) << 28)
        priced = sum(_scores(gradient, deltas, eta=eta, total=total))
        tolerance = abs(path.improvement) // 1000 + _rounding(gradient, step, len(deltas))
        missed.append(abs(priced - path.improvement) > tolerance)
    assert sum(missed) > len(missed) / 2


@pytest.mark.parametrize("seed", range(3))
def test_ranks_are_those_of_exact_shapley_when_eight_members_play(seed):
    world = make_world(seed, members=8, each=20, shards=1, dim=90)
    shard, total, eta = world.shards[0], sum(world.quotas.values()), 4
    weights = np.zeros(world.dim, dtype=np.int64)
    deltas = _deltas(world, weights, sigma=0.5, seed=seed)
    deltas[0] = -deltas[0]
    before = brier_loss(shard, weights)
    worth = {}
    for mask in range(1 << 8):
        chosen = [d for i, d in enumerate(deltas) if mask >> i & 1]
        after = weights + aggregate(chosen, eta=eta, quota_total=total) if chosen else weights
        worth[mask] = before - brier_loss(shard, after)
    shapley = [0.0] * 8
    for i, mask in itertools.product(range(8), range(1 << 8)):
        if not mask >> i & 1:
            k = mask.bit_count()
            share = math.factorial(k) * math.factorial(7 - k) / math.factorial(8)
            shapley[i] += share * (worth[mask | 1 << i] - worth[mask])
    step = aggregate(deltas, eta=eta, quota_total=total)
    path = path_gradient(shard, weights, step)
    priced = _scores(path.gradient, deltas, eta=eta, total=total)
    assert spearmanr(priced, shapley).statistic >= 0.98
    in_scores = [v / (len(shard) << 8) for v in shapley]
    assert max(abs(a - b) for a, b in zip(priced, in_scores, strict=True)) < 1e-3 * max(map(abs, in_scores))


def test_noise_is_worth_nothing_on_average_when_200_are_drawn():
    world = make_world(3, shards=1)
    shard, total, eta = world.shards[0], sum(world.quotas.values()), 1
    weights = np.zeros(world.dim, dtype=np.int64)
    honest = _deltas(world, weights)[1:]
    rng = np.random.default_rng(3)
    drawn = []
    for _ in range(200):
        noise = quantise(rng.standard_normal(world.dim))
        step = aggregate([noise, *honest], eta=eta, quota_total=total)
        gradient = path_gradient(shard, weights, step).gradient
        drawn.append(_scores(gradient, [noise], eta=eta, total=total)[0])
    assert abs(np.mean(drawn)) < 3 * np.std(drawn) / math.sqrt(200)
    assert np.std(drawn) > 0.1 * abs(_scores(gradient, honest, eta=eta, total=total)[0])


def test_zero_delta_scores_exactly_zero_when_others_move_the_model():
    world = make_world(4, shards=1)
    weights = np.zeros(world.dim, dtype=np.int64)
    deltas = [*_deltas(world, weights)[1:], np.zeros(world.dim, dtype=np.int64)]
    gradient = path_gradient(world.shards[0], weights, aggregate(deltas, eta=4, quota_total=180)).gradient
    *others, last = _scores(gradient, deltas, eta=4, total=180)
    assert last == 0
    assert all(others)


@pytest.mark.parametrize("pieces", [2, 5])
def test_scores_of_identities_sum_to_the_whole_when_a_member_splits(pieces):
    world = make_world(5, shards=1)
    weights = np.zeros(world.dim, dtype=np.int64)
    deltas = _deltas(world, weights, sigma=1.0)
    rng = np.random.default_rng(5)
    parts = [rng.integers(-(1 << 18), 1 << 18, world.dim) for _ in range(pieces - 1)]
    split = [*parts, deltas[0] - sum(parts), *deltas[1:]]
    step = aggregate(deltas, eta=4, quota_total=180)
    assert np.array_equal(step, aggregate(split, eta=4, quota_total=180))
    gradient = path_gradient(world.shards[0], weights, step).gradient
    whole = _scores(gradient, deltas, eta=4, total=180)
    cut = _scores(gradient, split, eta=4, total=180)
    assert cut[pieces:] == whole[1:]
    assert 0 <= whole[0] - sum(cut[:pieces]) < pieces


def _public(world: World) -> tuple[Ints, list[Ints], list[Ints]]:
    """A base after two steps, the public directions, and the round's honest deltas."""
    weights, steps = np.zeros(world.dim, dtype=np.int64), []
    for _ in range(2):
        step = aggregate(_deltas(world, weights), eta=8, quota_total=sum(world.quotas.values()))
        weights, steps = weights + step, [step, *steps]
    return weights, [weights + steps[0] // 2, *steps], _deltas(world, weights)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_resending_what_is_public_earns_nothing_when_projected_though_it_paid_before(which):
    world = make_world(6, shards=1, members=8)
    weights, known, honest = _public(world)
    total, eta = sum(world.quotas.values()), 4
    resent = known[which] * 30 * 65536 // math.isqrt(int((known[which].astype(object) ** 2).sum()))
    deltas = [resent, *honest]
    step = aggregate(deltas, eta=eta, quota_total=total)
    gradient = path_gradient(world.shards[0], weights, step).gradient
    paid, *others = _scores(gradient, deltas, eta=eta, total=total)
    assert paid > sum(others) / len(others) > 0
    projected = project(gradient, known).projected
    (now,) = _scores(projected, [resent], eta=eta, total=total)
    rounding = eta * (abs_sum(resent) + world.dim) // (2 * total) + 1
    residue = abs_sum(gradient) * world.dim // total + 1
    assert abs(now) <= rounding + residue
    assert abs(now) < paid // 1000


def test_innovation_keeps_its_score_when_what_is_public_is_projected_out():
    world = make_world(6, shards=1, members=8)
    weights, known, honest = _public(world)
    step = aggregate(honest, eta=4, quota_total=240)
    gradient = path_gradient(world.shards[0], weights, step).gradient
    new = project(honest[0], known).projected
    (before,), (after,) = (
        inner_products(g, new[None].astype(float), norm_bound=BOUND)
        for g in (gradient, project(gradient, known).projected)
    )
    assert abs(before - after) <= abs_sum(new) + abs_sum(gradient)
    assert abs(before) > 100 * (abs_sum(new) + abs_sum(gradient))


def test_nodes_are_gauss_legendres_when_computed_to_40_digits():
    assert list(NODES) == reference.NODES
    assert list(NODE_WEIGHTS) == reference.NODE_WEIGHTS
    assert sum(NODE_WEIGHTS) == 1 << 24


@pytest.mark.parametrize("seed", range(3))
def test_path_is_the_references_when_every_step_is_compared(seed):
    rng = np.random.default_rng(seed)
    of = rows(rng, 9, 24)
    mean = rng.integers(0, 800, 24)
    base, step = (rng.integers(-(1 << 18), 1 << 18, 24) for _ in range(2))
    fast = path_gradient(Design.build(examples(of), mean), base, step)
    slow = reference.path(reference.Set(of, mean.tolist()), base.tolist(), step.tolist())
    assert fast.gradient.tolist() == slow["gradient"]
    assert (fast.loss_before, fast.loss_after, fast.improvement) == (slow["before"], slow["after"], slow["G"])
    for node, expected in zip(fast.nodes, slow["nodes"], strict=True):
        assert (node.fit.intercept, node.residual_sum, node.curvature_sum) == (
            expected["c"],
            expected["R"],
            expected["H"],
        )
        assert node.fit.logits.tolist() == expected["z"]
        assert node.coefficients.tolist() == expected["t"]


def test_gradient_is_zero_when_no_example_can_move():
    # One class: the intercept runs into its bound and the table is flat there.
    of = [(1, [0, 1]), (1, [2])]
    design = Design.build(examples(of), np.zeros(4, dtype=np.int64))
    weights = np.full(4, 1 << 20)
    path = path_gradient(design, weights, np.ones(4, dtype=np.int64))
    assert path.improvement == 0
    assert [n.curvature_sum for n in path.nodes] == [
        reference.node(reference.Set(of, [0] * 4), [1 << 20] * 4)["H"]
    ] * 4
    assert path.gradient.tolist() == [0] * 4


@pytest.mark.parametrize("bits", [10, 20, 26])
def test_products_are_pythons_when_they_pass_53_bits(bits):
    rng = np.random.default_rng(bits)
    gradient = rng.integers(-(1 << bits), 1 << bits, 50)
    deltas = rng.integers(-(1 << 30), 1 << 30, (5, 50))
    norm = math.isqrt(50 << 60) + 1
    expected = [sum(int(a) * int(b) for a, b in zip(gradient, d, strict=True)) for d in deltas]
    assert inner_products(gradient, deltas.astype(np.float64), norm_bound=norm) == expected
    assert inner_products(gradient, deltas, norm_bound=norm) == expected
    if bits == 26:
        assert [int(v) for v in deltas.astype(float) @ gradient.astype(float)] != expected


def test_products_are_none_when_nobody_sent_a_delta():
    assert inner_products(np.array([1]), np.zeros((0, 1)), norm_bound=1) == []


@pytest.mark.parametrize(
    ("g", "norm"), [(1 << 31, (1 << 32) - 1), ((1 << 31) - 1, 1 << 32), (1, (1 << 53) + 1)]
)
def test_products_are_exact_when_the_bound_is_just_below_64_bits(g, norm):
    deltas = np.array([[min(norm, 1 << 53)], [-min(norm, 1 << 53)]], dtype=np.float64)
    expected = [g * min(norm, 1 << 53), -g * min(norm, 1 << 53)]
    assert inner_products(np.array([g]), deltas, norm_bound=norm) == expected
    if g > 1:
        with pytest.raises(ConfigError, match="a score's inner product"):
            inner_products(np.array([g + 1]), deltas, norm_bound=norm + 1)


def test_products_are_exact_when_the_bound_is_just_above_53_bits():
    g, d = (1 << 26) + 1, (1 << 27) + 1
    assert inner_products(np.array([g]), np.array([[float(d)]]), norm_bound=d) == [g * d]
    assert int(float(g) * float(d)) != g * d


def test_products_are_refused_when_a_norm_could_leave_the_exact_range():
    with pytest.raises(ConfigError, match="a score's inner product"):
        inner_products(np.full(4, 1 << 40), np.zeros((1, 4)), norm_bound=1 << 50)


def test_score_is_rounded_down_when_it_does_not_divide():
    gradient, deltas = np.array([1]), np.array([[1.0], [-1.0], [7.0], [-7.0]])
    products = inner_products(gradient, deltas, norm_bound=7)
    assert [score_of(product, eta=1, quota_total=3) for product in products] == [-1, 0, -3, 2]


def test_aggregate_rounds_halves_up_when_the_quota_does_not_divide():
    deltas = [np.array([1, -1, 3, 5]), np.array([0, 0, 0, -2])]
    assert aggregate(deltas, eta=1, quota_total=2).tolist() == [1, 0, 2, 2]
    assert aggregate(deltas, eta=0, quota_total=2).tolist() == [0, 0, 0, 0]


def test_path_is_refused_when_a_step_times_a_node_could_leave_64_bits():
    design = Design.build(examples([(0, [0]), (1, [1])]), np.zeros(4, dtype=np.int64))
    step = np.array([0, 0, 0, 1 << 39])
    with pytest.raises(ConfigError, match="a path point"):
        path_gradient(design, 0 * step, step)
    with pytest.raises(ConfigError, match="a logit may reach"):
        path_gradient(design, 0 * step, step - (step > 0))


def _four() -> Design:
    return Design.build(examples([(0, [0]), (1, [1]), (1, [0, 3]), (0, [2])]), np.array([900, 7, 0, 4096]))


def test_path_is_the_references_when_its_step_is_the_largest_that_is_not_refused():
    base, step = np.zeros(4, dtype=np.int64), np.array([0, (1 << 35) - 2, 0, 0])
    fast = path_gradient(_four(), base, step)
    slow = reference.path(
        reference.Set([(0, [0]), (1, [1]), (1, [0, 3]), (0, [2])], [900, 7, 0, 4096]), [0] * 4, step.tolist()
    )
    assert fast.gradient.tolist() == slow["gradient"]
    assert fast.improvement == slow["G"]
    with pytest.raises(ConfigError, match="a logit may reach"):
        path_gradient(_four(), base, step + (step > 0))


def test_aggregate_is_refused_when_it_could_leave_64_bits():
    with pytest.raises(ConfigError, match="an aggregate"):
        aggregate([np.array([1 << 60])], eta=4, quota_total=3)
