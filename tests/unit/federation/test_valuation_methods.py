"""Contribution methods: the axioms each has, and the games in which it lacks the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from federation.delta import quantise
from federation.errors import ConfigError
from federation.fixedpoint import Ints
from federation.hashing import sha256
from federation.models.linear import Design, Examples
from federation.models.registry import Architecture
from federation.types import Hash32
from federation.valuation import DEFAULT, METHODS, Game
from federation.valuation.gtg_shapley import DEFAULT_GUIDE, Guide, guided
from federation.valuation.monte_carlo import PAIRS, estimate, marginals
from federation.valuation.permutations import Draws
from tests.unit.federation import _vector_valuation as made
from tests.unit.federation._world import did
from tests.unit.federation.test_valuation_game import game

VECTOR = json.loads(made.PATH.read_text(encoding="utf-8"))
UNIT = 24 << 8
"""What a loss has to differ by for a value to differ by one, on a shard of 24 examples."""


def of_case(case) -> Game:
    examples = Examples.build([words for _, words in case["shard"]], [label for label, _ in case["shard"]])
    return Game(
        dids=tuple(did(i) for i in range(len(case["parts"]))),
        parts=np.array(case["parts"], dtype=np.int64),
        eta=case["eta"],
        quota_total=case["quota_total"],
        base=np.array(case["base"], dtype=np.int64),
        shard=Design.build(examples, np.array(case["mean"], dtype=np.int64)),
        seed=Hash32(bytes.fromhex(case["seed"])),
    )


class Made:
    """A loss that is a made-up function of the step: coordinates say who is there."""

    def __init__(self, worth: Callable[[Ints], int]) -> None:
        self.worth = worth

    def losses(self, shard: Design, points: Ints) -> list[int]:
        assert len(shard) == 24
        return [(1 << 40) * UNIT - self.worth(point) * UNIT for point in points]

    def path_gradient(self, shard: Design, base: Ints, step: Ints) -> tuple[Ints, int]:
        raise AssertionError("only losses are asked for")


def made_game(worth: Callable[[Ints], int], *, members: int = 5, seed: bytes = b"") -> Game:
    """A game in which v(S) = worth(who), ``who`` being ones for the members of S."""
    return Game(
        dids=tuple(did(i) for i in range(members)),
        parts=np.eye(members, dtype=np.int64),
        eta=1,
        quota_total=1,
        base=np.zeros(members, dtype=np.int64),
        shard=game().shard,
        seed=sha256(seed),
        model=Made(worth),
    )


def fresh(of: Game, name: str) -> tuple[int, ...]:
    return METHODS[name](replace(of))


def with_part(of: Game, i: int, part: Ints) -> Game:
    parts = of.parts.copy()
    parts[i] = part
    return replace(of, parts=parts)


@pytest.mark.parametrize(
    "case", VECTOR["cases"], ids=lambda c: f"{len(c['case']['parts'])}-{c['case']['eta']}"
)
@pytest.mark.parametrize("name", METHODS)
def test_scores_are_the_references_in_the_vectors_games(name, case):
    assert list(fresh(of_case(case["case"]), name)) == case["scores"][name]


def test_vector_knows_every_method():
    assert all(case["scores"].keys() == METHODS.keys() for case in VECTOR["cases"])
    assert DEFAULT in METHODS


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("members", [0, 1])
def test_one_member_gets_the_gain_and_nobody_nothing(name, members):
    played = game()
    few = replace(played, dids=played.dids[:members], parts=played.parts[:members])
    scores = fresh(few, name)
    assert len(scores) == members
    for score in scores:
        assert abs(score - few.gain) <= abs(few.gain) // 1000 + (1 << 20)


# Efficiency


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("name", "share", "roundings"),
    [
        ("aumann-shapley", 1e-3, 1 << 20),
        ("exact-shapley", 0, 6),
        ("monte-carlo-shapley", 0, 6),
        ("gtg-shapley", DEFAULT_GUIDE.within / 1e6, 6),
        ("market-order", 0, 0),
    ],
)
def test_scores_sum_to_the_gain_when_the_method_is_efficient(name, share, roundings, seed):
    played = game(seed)
    assert abs(sum(fresh(played, name)) - played.gain) <= share * abs(played.gain) + roundings


def test_leave_one_out_pays_too_little_when_parts_overlap_and_too_much_when_they_complement():
    overlap = made_game(lambda who: 100 * bool(who.any()))
    both = made_game(lambda who: 100 * bool(who.all()))
    assert fresh(overlap, "leave-one-out") == (0,) * 5
    assert sum(fresh(both, "leave-one-out")) == 500
    for name in ("exact-shapley", "monte-carlo-shapley", "market-order"):
        assert 95 <= sum(fresh(overlap, name)) <= 100
        assert 95 <= sum(fresh(both, name)) <= 100


def test_cosine_shares_the_gain_when_all_point_its_way_and_less_when_some_do_not():
    played = game()
    same = replace(played, parts=np.abs(played.parts))
    assert 0 <= same.gain - sum(fresh(same, "cosine")) <= 6 or same.gain < 0
    opposed = with_part(same, 0, -same.parts[0])
    scores = fresh(opposed, "cosine")
    assert scores[0] * opposed.gain < 0
    assert abs(sum(scores)) < abs(opposed.gain)


# Symmetry


@pytest.mark.parametrize("name", ["aumann-shapley", "exact-shapley", "leave-one-out", "cosine"])
@pytest.mark.parametrize("seed", range(3))
def test_copies_earn_the_same_when_the_method_is_symmetric(name, seed):
    played = game(seed)
    scores = fresh(with_part(played, 4, played.parts[1]), name)
    assert scores[1] == scores[4] != 0


def test_copies_earn_alike_on_average_only_when_orders_are_drawn():
    overlap = made_game(lambda who: 100 * bool(who[0] or who[1]))
    first, second, *rest = fresh(overlap, "market-order")
    assert {first, second} == {0, 100}
    assert not any(rest)
    first, second, *_ = fresh(overlap, "monte-carlo-shapley")
    assert (first, second) == (50, 50)


@pytest.mark.parametrize("name", ["aumann-shapley", "exact-shapley", "leave-one-out", "cosine"])
def test_scores_follow_their_members_when_these_are_numbered_otherwise(name):
    played, order = game(5), [3, 0, 5, 1, 4, 2]
    scores = fresh(played, name)
    assert fresh(replace(played, parts=played.parts[order]), name) == tuple(scores[i] for i in order)


# Null player


def _beside(of: Game) -> Game:
    """The same game on one word more, which no example has, and a part that speaks of nothing else."""
    shard = Design(of.shard.examples, np.append(of.shard.mean, 0), of.shard.scale)
    parts = np.column_stack([of.parts, np.zeros(len(of.parts), dtype=np.int64)])
    parts[2] = 0
    parts[2, -1] = 50 << 16
    return replace(of, parts=parts, base=np.append(of.base, 0), shard=shard)


@pytest.mark.parametrize("name", METHODS)
def test_zeros_earn_nothing(name):
    played = with_part(game(), 3, np.zeros(60, dtype=np.int64))
    assert fresh(played, name)[3] == 0


@pytest.mark.parametrize("name", sorted(METHODS.keys() - {"cosine"}))
def test_who_adds_nothing_to_anybody_earns_nothing(name):
    scores = fresh(_beside(game()), name)
    assert scores[2] == 0
    assert any(scores)


def test_cosine_pays_who_adds_nothing_when_it_makes_up_the_sum():
    played = _beside(game())
    assert fresh(played, "cosine")[2] * played.gain > 0


# Additivity


@pytest.mark.parametrize(
    ("name", "roundings"),
    [("exact-shapley", 1), ("monte-carlo-shapley", 1), ("market-order", 0), ("leave-one-out", 0)],
)
def test_scores_of_two_games_add_up_when_the_games_do(name, roundings):
    rng = np.random.default_rng(6)
    one, two = rng.integers(-1000, 1000, (2, 32))

    def at(table: Ints) -> Callable[[Ints], int]:
        return lambda who: int(table[int(who @ [1, 2, 4, 8, 16])]) * bool(who.any())

    parts = [fresh(made_game(at(table)), name) for table in (one, two)]
    whole = fresh(made_game(at(one + two)), name)
    for a, b, both in zip(*parts, whole, strict=True):
        assert 0 <= both - a - b <= roundings


# Shapley's value, exact and estimated


def test_exact_shapley_is_the_textbooks_in_the_glove_game():
    gloves = made_game(lambda who: 600 * min(int(who[0] + who[1]), int(who[2])), members=3)
    assert fresh(gloves, "exact-shapley") == (100, 100, 400)


def test_exact_shapley_refuses_when_there_are_17_members():
    many = made_game(lambda who: int(who.sum()), members=17)
    with pytest.raises(ConfigError, match="at most 16 members") as refused:
        fresh(many, "exact-shapley")
    assert refused.value.hint == "use monte-carlo-shapley"


def test_exact_shapley_plays_when_there_are_16_members():
    most = made_game(lambda who: int(who.sum()) ** 2, members=16)
    assert fresh(most, "exact-shapley") == (16,) * 16


@pytest.mark.parametrize("seed", range(5))
def test_estimate_is_within_its_own_error_of_the_exact_value(seed):
    rng = np.random.default_rng(seed)
    table = rng.integers(-10_000, 10_000, 64)
    played = made_game(
        lambda who: int(table[int(who @ (1 << np.arange(6)))]) * bool(who.any()), members=6, seed=b"%d" % seed
    )
    exact, found = fresh(played, "exact-shapley"), estimate(played, pairs=200)
    for value, score, error in zip(exact, found.scores, found.errors, strict=True):
        assert abs(score - value) <= 4.5 * error + 1
    assert max(found.errors) < max(estimate(replace(played), pairs=20).errors)


def test_reversed_orders_leave_no_error_when_the_game_is_quadratic():
    weights = np.array([3, -1, 4, 1, -5])
    played = made_game(lambda who: 1000 * int(who @ weights) ** 2)
    found = estimate(played, pairs=2)
    assert found.errors == (0,) * 5
    assert found.scores == fresh(played, "exact-shapley")
    alone = [marginals(played, [i, *(j for j in range(5) if j != i)])[i] for i in range(5)]
    assert tuple(alone) != found.scores


def test_estimate_refuses_when_one_pair_leaves_no_error():
    with pytest.raises(ConfigError, match="2 pairs"):
        estimate(game(), pairs=1)


def test_monte_carlo_plays_the_drawn_orders_and_their_reverses():
    played, draws = game(7), Draws(game(7).seed, "valuation.monte-carlo")
    orders = [draws.permutation(6) for _ in range(PAIRS)]
    both = [marginals(played, way) for order in orders for way in (order, order[::-1])]
    assert fresh(played, "monte-carlo-shapley") == tuple(
        sum(column) // (2 * PAIRS) for column in zip(*both, strict=True)
    )


@pytest.mark.parametrize("name", ["monte-carlo-shapley", "gtg-shapley", "market-order"])
def test_scores_depend_on_the_seed_alone_when_orders_are_drawn(name):
    played = game(8)
    assert fresh(played, name) == fresh(played, name)
    others = {fresh(replace(played, seed=sha256(b"%d" % i)), name) for i in range(5)}
    assert len(others) == 5


# GTG


def _calls(of: Game, guide: Guide) -> int:
    played = replace(of)
    guided(played, guide)
    return played.calls


def test_gtg_saves_evaluations_when_late_members_hardly_matter():
    heavy = made_game(lambda who: 10**9 * (int(who.sum()) >= 2) + int(who.sum()), members=8)
    eager = _calls(heavy, replace(DEFAULT_GUIDE, within=0))
    assert _calls(heavy, DEFAULT_GUIDE) < eager / 2
    saved, whole = (
        guided(replace(heavy), DEFAULT_GUIDE),
        guided(replace(heavy), replace(DEFAULT_GUIDE, within=0)),
    )
    assert saved == pytest.approx(whole, rel=0.02)


def test_gtg_scores_nobody_when_the_round_gains_next_to_nothing():
    small = made_game(lambda who: DEFAULT_GUIDE.between // 5 * int(who.sum()))
    assert small.gain >= DEFAULT_GUIDE.between - 5
    assert _calls(small, replace(DEFAULT_GUIDE, between=small.gain + 1)) == 1
    assert guided(small, replace(DEFAULT_GUIDE, between=small.gain + 1)) == (0,) * 5
    assert all(guided(small, replace(DEFAULT_GUIDE, between=small.gain)))


def test_gtg_stops_when_its_means_have_settled_and_goes_on_while_they_have_not():
    rng = np.random.default_rng(9)
    table = rng.integers(-(10**9), 10**9, 1 << 7)
    worth = made_game(lambda who: int(table[int(who @ (1 << np.arange(7)))]) * bool(who.any()), members=7)
    sweeps, draw = [], Draws.permutation
    for settled in (10**6, 50_000, 0):
        played, count = replace(worth), []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Draws, "permutation", lambda self, n, count=count: count.append(1) or draw(self, n))
            guided(played, replace(DEFAULT_GUIDE, settled=settled, between=0, within=0))
        sweeps.append(len(count) // 7)
    # 30 orders are the least: five sweeps of seven; without mercy, all sixteen.
    assert sweeps[0] == 5
    assert sweeps[0] <= sweeps[1] <= sweeps[2] == DEFAULT_GUIDE.sweeps


def test_every_member_leads_as_often_as_any_other_in_gtg():
    first = made_game(lambda who: 1000 if who.any() else 0, members=5)
    # Whoever leads takes all: only with equal turns is it equal.
    assert guided(first, replace(DEFAULT_GUIDE, between=0)) == (200,) * 5


# A network


def test_aumann_shapley_of_a_network_sums_to_its_gain():
    from federation.models.module import Network
    from federation.valuation.lossmodel import ModuleLosses

    architecture = Architecture(name="mlp", words=60, hidden=3)
    rng = np.random.default_rng(10)
    played = replace(
        game(),
        parts=quantise(rng.standard_normal((6, architecture.dim))),
        base=architecture.initial(),
        model=ModuleLosses(Network.of(architecture)),
    )
    scores = fresh(played, "aumann-shapley")
    assert abs(sum(scores) - played.gain) <= 1e-3 * abs(played.gain) + (1 << 20)
    exact = fresh(played, "exact-shapley")
    assert np.argsort(scores).tolist() == np.argsort(exact).tolist()
