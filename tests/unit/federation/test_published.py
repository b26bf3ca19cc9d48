"""What published examples say at a base, and that saying it again earns nothing in secure rounds."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from federation.contribution import GRADIENT_BITS
from federation.delta import quantise
from federation.models.linear import MEAN_BITS, SCALE_BITS, WEIGHT_BITS, Design, Examples, integer_mean
from federation.projection import project
from federation.published import published_directions
from federation.rounds import EpochState, Status, close_round, open_round
from federation.types import Did
from tests.unit.federation import _reference as reference
from tests.unit.federation.test_rounds import RULES

DIM = 40
QUOTAS = (Did("did:key:a"), Did("did:key:b"))


def make_designs(sizes, seed=0, dim=DIM):
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 1, dim)
    rows, labels = [], []
    for _ in range(sum(sizes)):
        row = np.sort(rng.choice(dim, 6, replace=False))
        rows.append(row.tolist())
        labels.append(int(truth[row].sum() + rng.normal(0, 1) > 0))
    examples = Examples.build(rows, labels)
    whole = Design.build(examples, integer_mean(examples.counts(dim), len(labels)))
    edges = np.cumsum([0, *sizes]).tolist()
    return [whole.rows(a, b) for a, b in itertools.pairwise(edges)]


def first(dim=DIM):
    return EpochState.first(initial=np.zeros(dim, dtype=np.int64), quotas=dict.fromkeys(QUOTAS, 100))


def dense(design):
    """Features as floats; shape (n, dim)."""
    features = np.zeros((len(design), len(design.mean)))
    for e in range(len(design)):
        start, stop = design.examples.offsets[e : e + 2]
        features[e, design.examples.words[start:stop]] = 1 << MEAN_BITS
    return (features - design.mean) * design.scale[:, None] / 2.0 ** (SCALE_BITS + MEAN_BITS)


def losses(design, weights):
    """Summed logarithmic and Brier loss in floats, the intercept fitted by Newton's method."""
    z, y, c = dense(design) @ weights, design.labels, 0.0
    for _ in range(60):
        p = 1 / (1 + np.exp(-z - c))
        c -= (p - y).sum() / (p * (1 - p)).sum()
    p = 1 / (1 + np.exp(-z - c))
    return np.array([-(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(), ((p - y) ** 2).sum()])


@pytest.mark.parametrize("sizes", [(30,), (30, 12), (200, 90, 15)])
def test_directions_are_both_losses_gradients_of_all_parts_and_of_the_last(sizes):
    parts = make_designs(sizes)
    base = quantise(np.random.default_rng(1).normal(0, 0.5, DIM))
    found = published_directions(first(), base, parts)
    weights, h = np.ldexp(base.astype(float), -WEIGHT_BITS), 1e-4
    for pair, design in ((found[:2], Design.concat(parts)), (found[2:4], parts[-1])):
        for j in range(0, DIM, 7):
            unit = np.eye(DIM)[j] * h
            slopes = (losses(design, weights + unit) - losses(design, weights - unit)) / (2 * h)
            assert np.ldexp([float(d[j]) for d in pair], -GRADIENT_BITS) == pytest.approx(slopes, abs=2e-4)


def rows_of(design):
    edges = zip(design.examples.offsets, design.examples.offsets[1:], strict=False)
    words = [set(design.examples.words[a:b].tolist()) for a, b in edges]
    return list(zip(design.labels.tolist(), words, strict=True))


@pytest.mark.parametrize("sizes", [(25,), (20, 30), (270, 8, 25)])
def test_directions_are_the_protocols_bit_by_bit_when_blocks_and_parts_are_several(sizes):
    parts = make_designs(sizes, seed=3, dim=12)
    rng = np.random.default_rng(4)
    base, weights, step = (quantise(rng.normal(0, 0.5, 12)) for _ in range(3))
    moved = replace(first(12), weights=weights, steps=(step,))
    rows, mean = [rows_of(part) for part in parts], parts[0].mean.tolist()
    for state, last in ((first(12), np.zeros_like(step)), (moved, step)):
        wanted = reference.published(state.weights.tolist(), base.tolist(), last.tolist(), rows, mean)
        assert [d.tolist() for d in published_directions(state, base, parts)] == wanted


def test_last_part_adds_no_direction_when_it_is_the_only_one():
    (part,) = make_designs([30])
    found = published_directions(first(), quantise(np.full(DIM, 0.1)), [part])
    assert np.array_equal(found[0], found[2])
    assert np.array_equal(found[1], found[3])
    gradient = np.random.default_rng(2).integers(-(1 << 20), 1 << 20, DIM)
    assert np.array_equal(project(gradient, found).projected, project(gradient, found[:2]).projected)


def test_directions_stay_exact_when_examples_are_many_and_their_features_large():
    """One word each, of two: every scale is the largest, every residual near 1."""
    n = 5000
    labels = np.arange(n) % 2
    examples = Examples.build([[int(1 - label)] for label in labels], labels.tolist())
    design = Design.build(examples, integer_mean(examples.counts(2), n))
    base = quantise(np.array([-20.0, 20.0]))
    (log, *_) = published_directions(first(2), base, [design])
    residual = np.where(labels == 1, -1.0, 1.0)
    assert np.ldexp(log.astype(float), -GRADIENT_BITS) == pytest.approx(dense(design).T @ residual, rel=1e-6)


def scored(sent, *, published):
    """Score a round in which the second member sends a direction at ten times the honest length."""
    public, shard, *members = make_designs([300, 300, 100, 100])
    known = [public]
    state = first()
    base = open_round(state, RULES, public)
    own, *_ = published_directions(state, base.weights, [members[0]])
    honest = -np.ldexp(own.astype(float), -GRADIENT_BITS)
    free = sent(base, known)
    deltas = {
        QUOTAS[0]: quantise(honest),
        QUOTAS[1]: quantise(free * 10 * np.linalg.norm(honest) / np.linalg.norm(free)),
    }
    outcome = close_round(
        state,
        base,
        RULES,
        deltas=deltas,
        absent={},
        known=public,
        shard=shard,
        norm_bound=1 << 30,
        published=published_directions(state, base.weights, known) if published else (),
    )
    assert {line.status for line in outcome.members} == {Status.ACCEPTED}
    return [line.score for line in outcome.members]


@pytest.mark.parametrize("loss", [0, 1])
def test_published_gradient_earns_nothing_when_it_is_sent_back(loss):
    def sent(base, known):
        return -published_directions(first(), base.weights, known)[loss].astype(float)

    honest, free = scored(sent, published=False)
    assert free > honest > 0
    honest, free = scored(sent, published=True)
    assert honest > 0
    assert abs(free) < honest / 1000


def test_last_direction_is_the_last_gradient_when_that_round_moved_the_model():
    public, shard, member = make_designs([300, 300, 100])
    state = first()
    base = open_round(state, RULES, public)
    delta = -published_directions(state, base.weights, [member])[0] >> (GRADIENT_BITS - WEIGHT_BITS)
    outcome = close_round(
        state,
        base,
        RULES,
        deltas={QUOTAS[0]: delta},
        absent={},
        known=public,
        shard=shard,
        norm_bound=1 << 30,
    )
    assert outcome.eta
    opened = open_round(outcome.state, RULES, Design.concat([public, shard]))
    assert not published_directions(state, base.weights, [public])[-1].any()
    found = published_directions(outcome.state, opened.weights, [public, shard])[-1]
    assert np.array_equal(found, outcome.path.gradient)


def test_rules_project_published_gradients_only_when_rounds_are_secure():
    from federation.evaluation import Start
    from federation.trace import Position

    public, shard = make_designs([60, 20])
    state = first()
    known = [Position(shard=i, design=design) for i, design in enumerate((public, shard))]
    base = open_round(state, RULES, Design.concat([public, shard])).weights
    assert Start(state=state, rules=RULES, known=known).published(base) == ()
    found = Start(state=state, rules=replace(RULES, secure=True), known=known).published(base)
    wanted = published_directions(state, base, [public, shard])
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
