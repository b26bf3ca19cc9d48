"""Sparse features: the dense ones' products, forwards and backwards."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from federation.models.linear import Design, Examples
from federation.models.module import dense
from federation.models.sparse import SparseFeatures
from tests.unit.federation._world import make_world


def designs() -> dict[str, Design]:
    world = make_world(11, dim=60)
    many = np.zeros(70_000, dtype=np.int64)
    many[[3, 65_536, 69_999]] = 700
    rows = [[3, 65_536], [65_535], [], [69_999], [0, 3, 65_536, 69_999]]
    return {
        "ordinary": world.shards[0],
        "more words than 16 bits number": Design.build(Examples.build(rows, [0, 1, 0, 1, 1]), many),
        "wordless": Design.build(Examples.build([[], []], [0, 1]), world.mean),
        "nobody": Design.build(Examples.build([], []), world.mean),
    }


@pytest.mark.parametrize("name", designs())
def test_products_are_those_of_dense_features(name):
    design, rng = designs()[name], np.random.default_rng(0)
    sparse, features = SparseFeatures.of(design), dense(design)
    weight = rng.standard_normal((3, len(design.mean)))
    errors = rng.standard_normal((len(design), 3))
    forward = sparse.times(torch.from_numpy(weight)).numpy()
    back = sparse.back(torch.from_numpy(errors)).numpy()
    assert forward.shape == (len(design), 3)
    assert np.allclose(forward, features @ weight.T, rtol=0, atol=1e-11)
    assert np.allclose(back, errors.T @ features, rtol=0, atol=1e-11)


def test_dense_features_are_the_centred_scaled_words():
    design = designs()["ordinary"]
    at, features = design.examples.offsets, dense(design)
    for i in range(len(design)):
        words = np.isin(np.arange(60), design.examples.words[at[i] : at[i + 1]])
        assert np.array_equal(features[i], design.scale[i] / 2**16 * (words - design.mean / 2**12))
        assert features[i] @ features[i] <= 1 + 1e-12
