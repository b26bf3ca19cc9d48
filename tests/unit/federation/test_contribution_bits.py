"""The canonical score has one value: any order of examples and words, any thread count, NumPy or torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from federation.contribution import NODE_WEIGHTS, NODES, inner_products, path_gradient
from federation.fixedpoint import Ints
from federation.models.linear import ONE, Design
from tests.unit.federation import _reference as reference
from tests.unit.federation._world import examples, rows

ROOT = Path(__file__).parents[3]
BOUND = 1 << 26


def test_path_stays_when_examples_are_permuted_and_words_renamed():
    rng = np.random.default_rng(8)
    of = rows(rng, 24, 60)
    mean, base, step = (
        rng.integers(low, 1 << bits, 60) for low, bits in ((0, 9), (-(1 << 17), 17), (-(1 << 17), 17))
    )
    relabel = rng.permutation(60)
    renamed = [(of[i][0], sorted(relabel[of[i][1]].tolist())) for i in rng.permutation(24)]
    back = np.argsort(relabel)
    first = path_gradient(Design.build(examples(of), mean), base, step)
    second = path_gradient(Design.build(examples(renamed), mean[back]), base[back], step[back])
    assert np.array_equal(first.gradient[back], second.gradient)
    assert first.improvement == second.improvement
    assert not np.array_equal(first.gradient, second.gradient)


def _torch_gradient(torch, of, mean: Ints, base: Ints, step: Ints):
    """The path's gradient in torch: dense integer rows, its own table look-up, its own sums."""
    slow = reference.Set(of, mean.tolist())
    x, scale, y = (torch.tensor(v, dtype=torch.int64) for v in (slow.x, slow.scale, slow.labels))
    table = torch.tensor(reference.SIGMOID)

    def p(z):
        m = z.abs().clamp(max=2048 << 17)
        k = (m >> 17).clamp(max=2047)
        high = table[k] + ((table[k + 1] - table[k]) * (m - (k << 17)) >> 17)
        return torch.where(z >= 0, high, ONE - high)

    averaged = torch.zeros(len(y), dtype=torch.int64)
    for u, share in zip(NODES, NODE_WEIGHTS, strict=True):
        w = torch.from_numpy(base + ((step * u + (1 << 23)) >> 24))
        inner = (x.double() @ w.double()).long()
        logits = (scale * inner) >> 20
        low, high = -16 << 24, 16 << 24
        while high - low > 1:
            c = (low + high) // 2
            low, high = (c, high) if int(p(logits + c).sum()) <= int(y.sum()) << 24 else (low, c)
        q = p(logits + low)
        h = (q * (ONE - q)) >> 24
        r = (2 * (q - (y << 24)) * h) >> 24
        averaged += share * (r - torch.div(h * r.sum(), h.sum(), rounding_mode="floor"))
    total = x.T @ (((averaged + (1 << 23)) >> 24) * scale)
    n = len(y) << 28
    return torch.div(2 * total + n, 2 * n, rounding_mode="floor")


@pytest.mark.parametrize("threads", [1, 2])
def test_scores_have_the_same_bits_when_torch_computes_them(threads):
    import torch

    rng = np.random.default_rng(9)
    of, mean = rows(rng, 26, 300), rng.integers(0, 500, 300)
    base, step = (rng.integers(-(1 << 17), 1 << 17, 300) for _ in range(2))
    deltas = rng.integers(-(1 << 17), 1 << 17, (64, 300)).astype(np.float64)
    fast = path_gradient(Design.build(examples(of), mean), base, step).gradient
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        slow = _torch_gradient(torch, of, mean, base, step)
        products = (torch.from_numpy(deltas) @ slow.double()).long()
    finally:
        torch.set_num_threads(before)
    assert fast.tolist() == slow.tolist()
    assert inner_products(fast, deltas, norm_bound=BOUND) == products.tolist()


_SCRIPT = """
import hashlib, json
import numpy as np
from federation.contribution import inner_products
from tests.unit.federation._world import make_world, play
rng = np.random.default_rng(1)
deltas = rng.integers(-2**19, 2**19, (256, 4096)).astype(float)
wide = inner_products(rng.integers(-2**20, 2**20, 4096), deltas, norm_bound=2**26)
outcomes = [out for _, out in play(make_world(2))]
played = [[m.product for m in out.members] + out.projection.projected.tolist() for out in outcomes]
print(hashlib.sha256(json.dumps([wide, played]).encode()).hexdigest())
"""


def test_scores_have_the_same_bits_when_one_or_two_threads_compute_them():
    digests = set()
    for threads in ("1", "2"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, **dict.fromkeys(names, threads)},
        )
        digests.add(done.stdout)
    assert len(digests) == 1
