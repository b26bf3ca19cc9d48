"""Strategies: their bits, what no delta can do to them, and which of them price a delta exactly."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.aggregation import STRATEGIES, Combined, Context, Strategy, strategy_of
from federation.aggregation.krum import distances
from federation.aggregation.strategy import scaled
from federation.errors import ConfigError
from federation.fixedpoint import Ints
from tests.unit.federation import _reference_aggregation as reference
from tests.unit.federation import _vector_aggregation
from tests.unit.federation._reference import half_up
from tests.unit.federation._vector import text

VECTOR = json.loads(_vector_aggregation.PATH.read_text(encoding="utf-8"))
TRIED = [(name, p) for name, (_, tried) in reference.STRATEGIES.items() for p in tried]
EVERY = [*TRIED, ("gated", {})]
ROBUST = ["norm-cap", "trimmed-mean", "median", "krum", "multi-krum"]


def context(*, memory: tuple[Ints, ...] = (), worth: list[int] | None = None) -> Context:
    def valued(parts: Ints) -> list[int]:
        return worth if worth is not None else [int(part.sum()) for part in parts]

    return Context(memory=memory, quota_total=VECTOR["quota_total"], valued=valued)


def deltas_of(seed: int, n: int = 9, dim: int = 40, size: int = 1 << 18) -> Ints:
    return np.random.default_rng(seed).integers(-size, size, (n, dim))


def one(name: str) -> Strategy:
    return strategy_of(name, next(p for found, p in EVERY if found == name))


def same(found: Combined, expected: dict) -> bool:
    carried = None if found.carried is None else found.carried.tolist()
    memory = [vector.tolist() for vector in found.memory]
    return (found.parts.tolist(), carried, memory) == (
        expected["parts"],
        expected["carried"],
        expected["memory"],
    )


def test_every_strategy_has_a_reference_and_a_vector():
    assert {name for name, _ in EVERY} == set(STRATEGIES)
    assert {found["strategy"] for found in VECTOR["strategies"]} == set(STRATEGIES) - {"gated"}
    assert text(_vector_aggregation.vector()) + "\n" == _vector_aggregation.PATH.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", VECTOR["strategies"], ids=lambda case: case["strategy"])
def test_vector_is_reproduced_when_a_strategy_combines(case):
    strategy, memory = strategy_of(case["strategy"], case["parameters"]), ()
    for deltas, expected in zip(VECTOR["rounds"], case["decided"], strict=True):
        found = strategy.combine(np.array(deltas), context(memory=memory))
        assert same(found, expected)
        memory = found.memory


@pytest.mark.parametrize(("name", "parameters"), TRIED)
@pytest.mark.parametrize("size", [3, 1 << 18, 1 << 40])
def test_strategy_is_the_reference_when_deltas_are_random(name, parameters, size):
    memory, kept, strategy = (), [], strategy_of(name, parameters)
    for seed, n in enumerate((1, 2, 8, 5)):
        deltas = deltas_of(seed, n, 12, size)
        parts, carried, kept = reference.STRATEGIES[name][0](
            deltas.tolist(), kept, VECTOR["quota_total"], **parameters
        )
        found = strategy.combine(deltas, context(memory=memory))
        assert same(found, {"parts": parts, "carried": carried, "memory": kept})
        memory = found.memory


@given(
    st.lists(st.integers(-(1 << 62), 1 << 62), min_size=1, max_size=5),
    st.integers(0, 1 << 90),
    st.integers(1, 1 << 90),
)
def test_scaling_rounds_to_the_nearest_when_products_are_of_any_size(values, numerator, denominator):
    expected = [half_up(Fraction(v * numerator, denominator)) for v in values]
    if all(-(1 << 63) <= x < 1 << 63 for x in expected):
        assert scaled(np.array(values), numerator, denominator).tolist() == expected


@pytest.mark.parametrize(("name", "parameters"), EVERY)
def test_direction_is_the_sum_of_parts_and_carried_when_a_strategy_remembers(name, parameters):
    strategy, memory = strategy_of(name, parameters), ()
    for seed in range(3):
        found = strategy.combine(deltas_of(seed), context(memory=memory))
        carried = 0 if found.carried is None else found.carried
        assert found.parts.shape == (9, 40)
        assert (found.direction == found.parts.sum(axis=0) + carried).all()
        memory = found.memory


@pytest.mark.parametrize(("name", "parameters"), EVERY)
def test_zero_delta_has_no_part_when_others_have(name, parameters):
    deltas = deltas_of(3)
    deltas[4] = 0
    assert not strategy_of(name, parameters).combine(deltas, context()).parts[4].any()


@pytest.mark.parametrize("name", ["sum", "momentum"])
def test_part_is_linear_in_its_delta_when_the_price_is_exact(name):
    strategy, deltas, memory = one(name), deltas_of(1), (deltas_of(8)[0],)
    assert strategy.exact
    assert not strategy.lost
    before = strategy.combine(deltas, context(memory=memory))
    nudged = deltas.copy()
    nudged[2] += deltas_of(9)[0]
    after = strategy.combine(nudged, context(memory=memory))
    assert (after.parts - before.parts == nudged - deltas).all()
    assert (after.carried is None) or (after.carried == before.carried).all()


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - {"sum", "momentum"}))
def test_part_is_not_linear_in_the_deltas_when_the_price_is_not_exact(name):
    strategy, deltas = one(name), deltas_of(1)
    assert not strategy.exact
    assert strategy.lost
    first = strategy.combine(deltas, context()).parts
    for factor in (2, 50, -3):
        nudged = deltas.copy()
        nudged[2] *= factor
        if (strategy.combine(nudged, context()).parts - first != nudged - deltas).any():
            return
    pytest.fail("it is the sum")


@pytest.mark.parametrize("name", ROBUST)
def test_direction_is_bounded_when_one_delta_is_a_thousand_times_too_long(name):
    deltas = deltas_of(2)
    honest = np.linalg.norm(one("sum").combine(deltas, context()).direction)
    deltas[5] *= 1000
    attacked = np.linalg.norm(one(name).combine(deltas, context()).direction)
    assert attacked < 9 * np.linalg.norm(deltas[0]) * 1.5
    assert np.linalg.norm(one("sum").combine(deltas, context()).direction) > 100 * honest


@pytest.mark.parametrize("name", ["trimmed-mean", "median"])
def test_every_weight_lies_among_the_honest_when_a_few_lie(name):
    deltas = deltas_of(4)
    honest = deltas[1:].copy()
    deltas[0] = 1 << 40
    direction = one(name).combine(deltas, context()).direction
    assert (direction <= 9 * honest.max(axis=0)).all()
    assert (direction >= 9 * honest.min(axis=0)).all()


@pytest.mark.parametrize("name", ["norm-cap", "trimmed-mean", "median", "krum", "multi-krum", "adam"])
def test_parts_move_with_their_members_when_members_are_reordered(name):
    deltas, order = deltas_of(6), np.random.default_rng(0).permutation(9)
    strategy = one(name)
    parts = strategy.combine(deltas, context()).parts
    assert (strategy.combine(deltas[order], context()).parts == parts[order]).all()


def test_krum_chooses_one_of_the_crowd_when_others_are_far_off():
    deltas = deltas_of(7, size=100)
    deltas[[0, 8]] += 10_000
    taken = one("krum").combine(deltas, context()).parts.any(axis=1)
    assert taken.sum() == 1
    assert not taken[[0, 8]].any()
    many = strategy_of("multi-krum", {"faulty_milli": 230}).combine(deltas, context()).parts
    assert many.any(axis=1).tolist() == [False, *[True] * 7, False]


def test_earlier_member_is_taken_when_two_are_equally_near():
    deltas = np.array([[5, 5], [1, 1], [1, 1], [5, 5]])
    taken = strategy_of("krum", {"faulty_milli": 0}).combine(deltas, context()).parts.any(axis=1)
    assert taken.tolist() == [True, False, False, False]


@pytest.mark.parametrize("size", [1 << 20, 1 << 30, 1 << 40, 1 << 55])
def test_distances_are_exact_when_squares_leave_the_floats(size):
    deltas = deltas_of(1, 6, 30, size)
    rows = deltas.tolist()
    expected = [[sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for y in rows] for x in rows]
    assert [row.tolist() for row in distances(deltas)] == expected


def test_distances_are_the_same_when_they_come_in_blocks(monkeypatch):
    deltas = deltas_of(3, 11, 20)
    whole = [row.tolist() for row in distances(deltas)]
    monkeypatch.setattr("federation.aggregation.krum._BLOCK", 4)
    assert [row.tolist() for row in distances(deltas)] == whole


def test_norm_cap_leaves_short_deltas_alone_when_it_shortens_long_ones():
    deltas = deltas_of(2)
    deltas[5] *= 7
    parts = one("norm-cap").combine(deltas, context()).parts
    norms, before = np.linalg.norm(parts, axis=1), np.linalg.norm(deltas, axis=1)
    limit = np.sort(before)[4]
    assert (parts[before <= limit] == deltas[before <= limit]).all()
    assert (norms <= limit + np.sqrt(40)).all()
    cosine = parts[5] @ deltas[5] / norms[5] / before[5]
    assert cosine > 1 - 1e-9


def test_gate_leaves_out_whoever_is_worth_less_than_nothing():
    parts = one("gated").combine(deltas_of(1), context(worth=[3, -1, 0, 5, -9, 1, 1, 1, 1])).parts
    assert parts.any(axis=1).tolist() == [True, False, True, True, False, *[True] * 4]


def test_nothing_moves_when_the_gate_leaves_everybody_out():
    assert not one("gated").combine(deltas_of(1), context(worth=[-1] * 9)).direction.any()


def test_adam_keeps_the_length_of_the_first_sum_when_it_has_no_momentum():
    strategy = strategy_of("adam", {"beta1_milli": 0, "beta2_milli": 900, "floor_milli": 100})
    deltas = deltas_of(1)
    direction = strategy.combine(deltas, context()).direction
    assert np.linalg.norm(direction) == pytest.approx(np.linalg.norm(deltas.sum(axis=0)), rel=1e-4)
    assert (np.sign(direction) == np.sign(deltas.sum(axis=0))).mean() > 0.99


def test_adam_evens_weights_out_when_some_move_more_than_others():
    strategy = strategy_of("adam", {"beta1_milli": 0, "beta2_milli": 900, "floor_milli": 1})
    deltas = np.ones((3, 10), dtype=np.int64) << 16
    deltas[:, 0] *= 100
    direction = strategy.combine(deltas, context()).direction
    assert direction[0] < 1.1 * direction[1]


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("mean", {}, "no strategy named 'mean'"),
        ("sum", {"beta_milli": 5}, "the strategy sum takes no parameters"),
        ("momentum", {}, "the strategy momentum needs beta_milli"),
        ("krum", {"faulty_milli": 1, "trim_milli": 1}, "the strategy krum needs faulty_milli"),
    ],
)
def test_strategy_is_refused_when_it_or_its_parameters_are_unknown(name, parameters, message):
    with pytest.raises(ConfigError, match=message):
        strategy_of(name, parameters)


def slope(name: str, i: int, deltas: Ints) -> Ints:
    """How the direction moves with member i's share of its delta, where everybody takes part fully."""
    strategy, nudged = one(name), deltas.copy()
    nudged[i] += deltas[i] >> 12
    moved = strategy.combine(nudged, context()).direction - strategy.combine(deltas, context()).direction
    return moved << 12


@pytest.mark.parametrize("name", ["sum", "momentum", "trimmed-mean", "median", "krum", "multi-krum"])
def test_part_is_the_aumann_shapley_share_when_a_strategy_only_selects(name):
    deltas = deltas_of(12, size=1 << 34)
    parts = one(name).combine(deltas, context()).parts
    for i in range(len(deltas)):
        assert np.abs(slope(name, i, deltas) - parts[i]).max() <= 1 << 16


@pytest.mark.parametrize("name", ["norm-cap", "adam"])
def test_part_is_not_the_aumann_shapley_share_when_a_strategy_bends(name):
    deltas = deltas_of(12, size=1 << 34)
    parts = one(name).combine(deltas, context()).parts
    off = [np.abs(slope(name, i, deltas) - parts[i]).max() / np.abs(parts[i]).max() for i in range(9)]
    assert max(off) > 0.1
