"""Rank correlations: scipy's, ties included."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from aggregator.ranks import kendall, ranks, spearman


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("values", [3, 1000])
def test_correlations_are_scipys_with_and_without_ties(seed, values):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, values, (2, 23)).tolist()
    assert ranks(a).tolist() == stats.rankdata(a).tolist()
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)
    assert kendall(a, b) == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)


@pytest.mark.parametrize("correlation", [spearman, kendall])
def test_correlation_is_one_or_minus_one_when_orders_agree_or_oppose(correlation):
    assert correlation([1, 5, 9], [-(10**15), 0, 10**15]) == pytest.approx(1)
    assert correlation([1, 5, 9], [3, 2, 1]) == pytest.approx(-1)


@pytest.mark.parametrize("correlation", [spearman, kendall])
@pytest.mark.parametrize(("a", "b"), [([], []), ([1], [2]), ([4, 4, 4], [1, 2, 3]), ([1, 2, 3], [0, 0, 0])])
def test_correlation_is_unknown_when_one_side_has_no_order(correlation, a, b):
    assert correlation(a, b) is None
