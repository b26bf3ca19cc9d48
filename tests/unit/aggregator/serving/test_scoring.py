"""An answer is what the kernel computes from the model's bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.serving.scoring import LinearScorer, ModuleScorer, scorer_of
from federation.errors import ConfigError
from federation.fixedpoint import sigmoid
from federation.models.linear import Design, Examples, integer_mean, model_bytes, parse_model
from federation.models.module import Network
from federation.models.registry import Architecture
from tests.serving import made_up

DIM = 12


def kernel(weights, intercept, mean, rows):
    design = Design.build(Examples.build(rows, [0] * len(rows)), mean)
    logits = design.logits(weights) + intercept
    return list(zip(logits.tolist(), sigmoid(logits).tolist(), strict=True))


def pairs(answers):
    return [(a.logit, a.chance) for a in answers]


@given(
    st.lists(st.integers(-(1 << 30), 1 << 30), min_size=DIM, max_size=DIM),
    st.lists(st.integers(0, 50), min_size=DIM, max_size=DIM),
    st.integers(-(1 << 29), 1 << 29),
    st.lists(st.sets(st.integers(0, DIM - 1)).map(sorted), min_size=1, max_size=5),
)
def test_linear_answer_equals_the_kernels_when_model_and_words_are_any(weights, counts, intercept, rows):
    weights, mean = np.array(weights, dtype=np.int64), integer_mean(np.array(counts, dtype=np.int64), 50)
    scorer = LinearScorer(model_bytes(weights, intercept), mean)
    expected = kernel(weights, intercept, mean, rows)
    assert pairs(scorer.score_all(rows)) == expected
    assert pairs([scorer.score(row) for row in rows]) == expected


def test_linear_answer_says_nothing_of_the_words_when_an_example_equals_the_mean():
    counts = np.array([10, 10, 0, 0], dtype=np.int64)
    scorer = LinearScorer(model_bytes(np.array([7, 9, 1, 2]) << 16, 5), integer_mean(counts, 10))
    assert scorer.score([0, 1]).logit == 5


def test_linear_answer_equals_the_kernels_when_words_are_10_000_of_a_million():
    rng = np.random.default_rng(1)
    dim = 1 << 20
    weights = rng.integers(-1000, 1000, dim)
    mean = integer_mean(rng.integers(0, 5, dim), 100)
    row = np.sort(rng.choice(dim, 10_000, replace=False)).tolist()
    scorer = LinearScorer(model_bytes(weights, -3), mean)
    assert pairs([scorer.score(row)]) == kernel(weights, -3, mean, [row])


def test_model_is_refused_when_no_exact_arithmetic_carries_its_weights():
    with pytest.raises(ConfigError, match="exact range"):
        LinearScorer(model_bytes(np.array([1 << 40]), 0), np.zeros(1, dtype=np.int64))


@pytest.mark.parametrize("name", ["mlp", "embedding"])
def test_network_answers_with_the_released_intercept_when_asked(name):
    architecture = Architecture(name=name, words=16, hidden=3)
    release = made_up(architecture=architecture)
    scorer = scorer_of(release.manifest, release.model, release.mean)
    assert isinstance(scorer, ModuleScorer)
    rows = [[], [0, 5], list(range(16))]
    weights, intercept = parse_model(release.model)
    design = Design.build(Examples.build(rows, [0, 1, 0]), release.mean)
    logits = Network.of(architecture).fit(weights, design).logits + intercept
    assert pairs(scorer.score_all(rows)) == list(zip(logits.tolist(), sigmoid(logits).tolist(), strict=True))
    alone = [scorer.score(row).logit for row in rows]
    assert np.abs(np.array(alone) - logits).max() <= 1


@pytest.mark.parametrize("architecture", [None, Architecture(name="mlp", words=16, hidden=3)])
def test_model_is_refused_when_it_is_of_another_size(architecture):
    release = made_up(architecture=architecture)
    other = model_bytes(np.zeros(5, dtype=np.int64), 0)
    with pytest.raises(ConfigError, match="5"):
        scorer_of(release.manifest, other, release.mean)
