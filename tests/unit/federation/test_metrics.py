"""AUC by the definition: the share of pairs that are in order, ties counting half."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.metrics import auc, model_auc
from federation.models.linear import Design, integer_mean
from tests.unit.federation._world import examples, rows


def by_pairs(logits: list[int], labels: list[int]) -> float:
    pairs = [
        (p, n)
        for p, y in zip(logits, labels, strict=True)
        if y
        for n, z in zip(logits, labels, strict=True)
        if not z
    ]
    return sum(1.0 if p > n else 0.5 if p == n else 0.0 for p, n in pairs) / len(pairs) if pairs else 0.5


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 1)), min_size=1, max_size=40))
def test_auc_is_the_share_of_ordered_pairs_when_there_are_ties(scored):
    logits, labels = [s for s, _ in scored], [y for _, y in scored]
    assert auc(np.array(logits), np.array(labels)) == pytest.approx(by_pairs(logits, labels), abs=1e-12)


@pytest.mark.parametrize(
    ("logits", "labels", "expected"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1], 1.0),
        ([4, 3, 2, 1], [0, 0, 1, 1], 0.0),
        ([7, 7, 7, 7], [0, 0, 1, 1], 0.5),
        ([1, 2], [1, 1], 0.5),
        ([1, 2], [0, 0], 0.5),
        ([-(1 << 62), 1 << 62], [0, 1], 1.0),
    ],
)
def test_auc_is_exact_when_the_order_is_plain(logits, labels, expected):
    assert auc(np.array(logits), np.array(labels)) == expected


def test_models_auc_is_that_of_its_logits_when_rounded():
    sets = examples(rows(np.random.default_rng(3), 60, 30))
    design = Design.build(sets, integer_mean(sets.counts(30), len(sets)))
    weights = np.random.default_rng(4).integers(-(1 << 16), 1 << 16, 30)
    expected = by_pairs(design.logits(weights).tolist(), design.labels.tolist())
    assert model_auc(design, weights) == round(expected, 6)
    assert model_auc(design, -weights) == round(1 - expected, 6)
