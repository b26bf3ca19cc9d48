"""A network's logits and their gradients: right, in any block size, and equal for equal examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from federation.models import module
from federation.models.linear import Design, Examples, fit_intercept
from federation.models.module import Network, dense
from federation.models.registry import Architecture
from tests.unit.federation._world import make_world

WORLD = make_world(5, dim=60)
DESIGN = WORLD.shards[0]
KINDS = [Architecture(name=name, words=60, hidden=3) for name in ("mlp", "embedding")]


def rows_of(design: Design) -> list[list[int]]:
    at = design.examples.offsets
    return [design.examples.words[at[i] : at[i + 1]].tolist() for i in range(len(design))]


def gelu(z):
    return z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))) / 2


def by_hand(architecture: Architecture, weights, design: Design):
    """Logits by the description, without torch."""
    at, parts = 0, []
    for p in architecture.parameters:
        parts.append((weights[at : at + p.size] / 2**16).reshape(p.shape))
        at += p.size
    if architecture.name == "mlp":
        inner, outer = parts
        return gelu(dense(design) @ inner.T) @ outer[0]
    vectors, outer = parts
    sums = [vectors[row].sum(axis=0) / np.sqrt(max(1, len(row))) for row in rows_of(design)]
    return gelu(np.array(sums)) @ outer[0]


@pytest.mark.parametrize("architecture", KINDS, ids=lambda a: a.name)
def test_logits_are_those_of_the_description(architecture):
    weights = architecture.initial()
    fit = Network.of(architecture).fit(weights, DESIGN)
    assert np.abs(fit.logits / 2**24 - by_hand(architecture, weights, DESIGN)).max() <= 2**-24
    assert fit.intercept == fit_intercept(fit.logits, DESIGN.labels)
    assert fit.labels is DESIGN.labels
    assert fit.weights is weights


@pytest.mark.parametrize("architecture", KINDS, ids=lambda a: a.name)
def test_pull_back_is_the_derivative_along_any_direction(architecture):
    rng = np.random.default_rng(1)
    weights, coefficients = architecture.initial(), rng.standard_normal(len(DESIGN))
    network = Network.of(architecture)
    gradient = network.pull_back([(weights, 1)], network.encode(DESIGN), lambda _: coefficients)
    for _ in range(3):
        direction = rng.integers(-64, 65, architecture.dim)
        ahead, behind = (
            float(coefficients @ by_hand(architecture, weights + s * direction, DESIGN)) for s in (1, -1)
        )
        assert gradient @ direction / 2**16 == pytest.approx((ahead - behind) / 2, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("architecture", KINDS, ids=lambda a: a.name)
@pytest.mark.parametrize("size", [1, 7, 24, 25])
def test_results_are_the_same_when_examples_come_in_blocks(architecture, size, monkeypatch):
    weights, coefficients = architecture.initial(), np.arange(len(DESIGN)) - 9.5
    whole = Network.of(architecture)
    fit = whole.fit(weights, DESIGN)
    gradient = whole.pull_back([(weights, 1)], whole.encode(DESIGN), lambda _: coefficients)
    blocks = Network.blocks
    monkeypatch.setattr(Network, "blocks", lambda self, design: blocks(self, design, size))
    network = Network.of(architecture)
    assert np.array_equal(network.fit(weights, DESIGN).logits, fit.logits)
    assert np.array_equal(network.fit(weights, network.encode(DESIGN)).logits, fit.logits)
    again = network.pull_back([(weights, 1)], network.encode(DESIGN), lambda _: coefficients)
    assert np.allclose(again, gradient, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("architecture", KINDS, ids=lambda a: a.name)
def test_equal_examples_have_equal_logits_wherever_they_stand(architecture):
    rng = np.random.default_rng(3)
    rows = [rows_of(DESIGN)[i] for i in rng.integers(0, 4, 600)]
    design = Design.build(Examples.build(rows, [0] * 300 + [1] * 300), WORLD.mean)
    logits = Network.of(architecture).fit(architecture.initial(), design).logits
    assert len(set(logits.tolist())) == len({tuple(row) for row in rows}) == 4


@pytest.mark.parametrize("architecture", KINDS, ids=lambda a: a.name)
def test_empty_and_missing_examples_are_no_trouble(architecture):
    network, weights = Network.of(architecture), architecture.initial()
    wordless = Design.build(Examples.build([[], [3]], [0, 1]), WORLD.mean)
    assert np.isfinite(
        network.pull_back([(weights, 1)], network.encode(wordless), lambda fit: np.ones(len(fit.logits)))
    ).all()
    nobody = Design.build(Examples.build([], []), WORLD.mean)
    assert len(network.fit(weights, nobody).logits) == 0
    assert not network.pull_back([(weights, 1)], network.encode(nobody), lambda _: np.zeros(0)).any()


def test_logits_are_bounded_when_weights_are_huge():
    architecture = KINDS[0]
    fit = Network.of(architecture).fit(np.full(architecture.dim, 1 << 60), DESIGN)
    assert np.abs(fit.logits).max() <= module._LARGEST_LOGIT << 24
    assert 0 <= fit.brier() <= len(DESIGN) << 48
