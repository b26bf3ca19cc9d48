"""The game of a round: the round's own arithmetic for every coalition, each evaluated once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from federation.contribution import aggregate, improvement_of
from federation.delta import quantise
from federation.errors import ConfigError
from federation.fixedpoint import FLOAT_EXACT
from federation.hashing import sha256
from federation.models.linear import Design, Examples, brier_loss
from federation.models.registry import Architecture
from federation.rounds import Base, EpochState, close_round
from federation.valuation import Game
from federation.valuation.lossmodel import LINEAR
from tests.unit.federation._world import RULES, World, did, make_world


def game(seed: int = 0, *, members: int = 6, dim: int = 60, eta: int = 4) -> Game:
    rng, world = np.random.default_rng(seed), make_world(seed, members=members, each=5, shards=1, dim=dim)
    return Game(
        dids=tuple(did(i) for i in range(members)),
        parts=quantise(rng.standard_normal((members, dim))),
        eta=eta,
        quota_total=5 * members,
        base=quantise(rng.standard_normal(dim)),
        shard=world.shards[0],
        seed=sha256(b"%d" % seed),
    )


def by_hand(of: Game, mask: int) -> int:
    chosen = [part for i, part in enumerate(of.parts) if mask >> i & 1]
    step = aggregate(chosen, eta=of.eta, quota_total=of.quota_total)
    lost = brier_loss(of.shard, of.base) - brier_loss(of.shard, of.base + step)
    return lost // (len(of.shard) << 8)


@pytest.mark.parametrize("seed", range(4))
def test_values_are_the_kernels_for_every_coalition(seed):
    played = game(seed)
    masks = list(range(1, 1 << 6))
    assert played.values(masks) == [by_hand(played, mask) for mask in masks]


@pytest.mark.parametrize("label", [0, 1])
def test_values_are_the_kernels_when_the_shard_has_one_class_and_examples_without_words(label):
    rows = [[], [3, 4], [5], [], [0, 59]]
    shard = Design.build(Examples.build(rows, [label] * 5), np.full(60, 100, dtype=np.int64))
    played = replace(game(1), shard=shard)
    assert played.values([1, 6, 63]) == [by_hand(played, mask) for mask in (1, 6, 63)]


def test_values_are_the_same_when_they_come_in_blocks(monkeypatch):
    whole = game(2).values(range(1, 64))
    monkeypatch.setattr("federation.valuation.lossmodel._BLOCK", 5 * 60)
    assert game(2).values(range(1, 64)) == whole


def test_everybody_is_worth_what_the_round_gains():
    world: World = make_world(3, shards=1)
    rng, state = (
        np.random.default_rng(3),
        EpochState.first(initial=np.zeros(180, dtype=np.int64), quotas=world.quotas),
    )
    deltas = {name: quantise(rng.standard_normal(180)) for name in world.members}
    base = Base(weights=quantise(rng.standard_normal(180)), intercept=0, beta_tenths=0, losses=())
    outcome = close_round(
        state,
        base,
        RULES,
        deltas=deltas,
        absent={},
        known=world.public,
        shard=world.shards[0],
        norm_bound=1 << 24,
    )
    played = Game(
        dids=tuple(sorted(deltas)),
        parts=np.stack([deltas[name] for name in sorted(deltas)]),
        eta=outcome.scored_eta,
        quota_total=state.quota_total,
        base=base.weights,
        shard=world.shards[0],
        seed=sha256(b""),
    )
    assert outcome.gain
    assert played.gain == outcome.gain == played.value(frozenset(range(6)))


def test_nobody_is_worth_nothing_and_a_coalition_is_evaluated_once(monkeypatch):
    played, asked = game(), []
    losses = type(LINEAR).losses

    def counted(self, shard, points):
        asked.append(len(points))
        return losses(self, shard, points)

    monkeypatch.setattr(type(LINEAR), "losses", counted)
    assert played.value(frozenset()) == 0
    assert asked == []
    once = played.values([5, 5, 3])
    assert played.calls == 2
    assert played.values([3, 5]) == [once[2], once[0]]
    assert played.value(frozenset({0, 2})) == once[0]
    # The base, then each of the two coalitions.
    assert sum(asked) == 3


def test_steps_are_exact_when_sums_leave_the_floats():
    parts = np.array([[(1 << 55) + 1, 7], [1 << 54, -9], [-(1 << 53) - 3, 1]])
    far = Game(
        dids=(did(0), did(1), did(2)),
        parts=parts,
        eta=1,
        quota_total=3,
        base=np.zeros(2, dtype=np.int64),
        shard=game(dim=60).shard,
        seed=sha256(b""),
    )
    assert far.peak * 3 >= FLOAT_EXACT
    expected = [
        aggregate([part for i, part in enumerate(parts) if mask >> i & 1], eta=1, quota_total=3)
        for mask in (1, 5, 7)
    ]
    assert np.array_equal(far.steps([1, 5, 7]), np.stack(expected))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eta": 0}, "positive step"),
        ({"quota_total": 0}, "positive quota"),
        ({"shard": Design.build(Examples.build([], []), np.zeros(60, dtype=np.int64))}, "an example"),
        ({"dids": (did(0),)}, "parts for 1 members"),
        ({"base": np.zeros(3, dtype=np.int64)}, "3 weights"),
        ({"parts": np.full((6, 60), 1 << 60)}, "an aggregate may reach"),
    ],
)
def test_game_is_refused_when_it_is_none(change, message):
    with pytest.raises(ConfigError, match=message):
        replace(game(), **change)


@pytest.mark.parametrize("place", [0, 59])
def test_coalition_is_refused_when_its_weights_leave_the_exact_range(place):
    played = game()
    parts = played.parts.copy()
    parts[2, place] = 1 << 40
    far = replace(played, parts=parts, quota_total=1)
    assert far.value(frozenset({1})) == by_hand(far, 2)
    with pytest.raises(ConfigError, match="a logit"):
        far.value(frozenset({1, 2}))


def test_values_are_the_kernels_when_weights_are_large_but_exact():
    played = game()
    parts = played.parts.copy()
    parts[2, 5] = 1 << 31
    large = replace(played, parts=parts, quota_total=6)
    assert large.values([4, 7]) == [by_hand(large, 4), by_hand(large, 7)]


def test_values_of_a_network_are_those_of_its_own_fits():
    from federation.models.module import Network
    from federation.valuation.lossmodel import ModuleLosses

    architecture = Architecture(name="mlp", words=60, hidden=3)
    network, rng = Network.of(architecture), np.random.default_rng(4)
    played = replace(
        game(),
        parts=quantise(rng.standard_normal((6, architecture.dim))),
        base=architecture.initial(),
        model=ModuleLosses(network),
    )
    step = aggregate(list(played.parts[1:3]), eta=4, quota_total=30)
    before, after = (network.fit(w, played.shard).brier() for w in (played.base, played.base + step))
    assert played.value(frozenset({1, 2})) == improvement_of(before, after, len(played.shard)) != 0
