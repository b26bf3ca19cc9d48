"""Aumann-Shapley scoring against evaluating every delta in turn: 1,024 deltas, 4,096 weights, 1,000 examples.

CPU time of one thread (set OMP_NUM_THREADS=1, as make bench does).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.figure import Figure
from federation.contribution import aggregate, inner_products, path_gradient, score_of
from federation.fixedpoint import Floats, Ints, norm_squared
from federation.models.linear import Design, Examples, brier_loss, integer_mean
from federation.projection import project

DELTAS, DIM, EXAMPLES, WORDS = 1024, 4096, 1000, 100


def cpu(work: Callable[[], object], repeat: int) -> float:
    best = float("inf")
    for _ in range(repeat):
        start = time.thread_time()
        work()
        best = min(best, time.thread_time() - start)
    return best


def made_up() -> tuple[Design, Ints, Floats]:
    rng = np.random.default_rng(0)
    rows = [np.sort(rng.choice(DIM, WORDS, replace=False)).tolist() for _ in range(EXAMPLES)]
    examples = Examples.build(rows, (rng.random(EXAMPLES) < 0.3).astype(int).tolist())
    design = Design.build(examples, integer_mean(examples.counts(DIM), EXAMPLES))
    base = np.rint(rng.normal(0, 0.3, DIM) * 2**16).astype(np.int64)
    deltas = np.rint(rng.normal(0, 0.7, (DELTAS, DIM)) * 2**16)
    return design, base, deltas


def figures() -> Iterator[Figure]:
    """Measure the speed-ups over the canonical loop and over a float32 torch loop."""
    design, base, deltas = made_up()
    integers = deltas.astype(np.int64)
    quota = 100 * DELTAS
    bound = int(np.sqrt(max(norm_squared(row) for row in integers))) + 1
    step = aggregate(list(integers), eta=8, quota_total=quota)
    known = [base, step]

    def aumann_shapley() -> list[int]:
        path = path_gradient(design, base, step)
        projected = project(path.gradient, known).projected
        products = inner_products(projected, deltas, norm_bound=bound)
        return [score_of(product, eta=8, quota_total=quota) for product in products]

    def loop() -> list[int]:
        before = brier_loss(design, base)
        return [before - brier_loss(design, base + (8 * delta) // quota) for delta in integers]

    ours = cpu(aumann_shapley, 5)
    yield Figure(
        figure="scoring speed-up over the canonical loss of each delta in turn",
        value=cpu(loop, 1) / ours,
        target=100,
        sense=">=",
        how=f"{DELTAS} x {DIM} weights, {EXAMPLES} examples, one thread, CPU time; ours {ours * 1e3:.1f} ms",
    )
    yield Figure(
        figure="scoring speed-up over a float32 torch loop",
        value=cpu(_torch_loop(design, base, deltas), 1) / ours,
        target=1,
        sense=">=",
        how="the same deltas, dense features, torch.sigmoid, no intercept refit, one thread, CPU time",
    )


def _torch_loop(design: Design, base: Ints, deltas: Floats) -> Callable[[], list[float]]:
    import torch

    torch.set_num_threads(1)
    dense = np.zeros((EXAMPLES, DIM), dtype=np.float32)
    for i in range(EXAMPLES):
        words = design.examples.words[design.examples.offsets[i] : design.examples.offsets[i + 1]]
        dense[i, words] = 1
    dense = (dense - (design.mean / 4096).astype(np.float32)) * (design.scale / 65536).astype(np.float32)[
        :, None
    ]
    features, labels = torch.from_numpy(dense), torch.from_numpy(design.labels.astype(np.float32))
    weights = torch.from_numpy((base / 65536).astype(np.float32))
    steps = torch.from_numpy((deltas * (8 / (100 * DELTAS) / 65536)).astype(np.float32))

    def loop() -> list[float]:
        with torch.no_grad():
            return [
                float(((torch.sigmoid(features @ (weights + delta)) - labels) ** 2).mean()) for delta in steps
            ]

    return loop
