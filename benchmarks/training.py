"""One private training step of the linear model: the closed form against Opacus' hooks.

Both clip the same 500 examples of 4,096 words and give the same sum. CPU time of one thread, the two
in turn; Opacus gets its dense features for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import numpy as np

from benchmarks.figure import Figure
from client.trainer import LinearEngine
from client.trainer_module import ModuleEngine
from federation.fixedpoint import Floats
from federation.models.linear import Design, Examples
from federation.models.module import Network, encode_dense
from federation.rounds import Base

EXAMPLES, DIM, WORDS, CLIP = 500, 4096, 64, 0.25
TURNS = 15


def _cpu(work: Callable[[], Floats]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start


def _world() -> tuple[Design, Base]:
    rng = np.random.default_rng(0)
    rows = [np.sort(rng.choice(DIM, WORDS, replace=False)).tolist() for _ in range(EXAMPLES)]
    examples = Examples.build(rows, (rng.random(EXAMPLES) < 0.3).astype(int).tolist())
    # About a zero mean 64 words have a norm of exactly 1, where clipping a residual is clipping a gradient.
    design = Design.build(examples, np.zeros(DIM, dtype=np.int64))
    weights = np.rint(rng.normal(0, 0.3, DIM) * 2**16).astype(np.int64)
    return design, Base(weights=weights, intercept=1 << 22, beta_tenths=0, losses=())


def figures() -> Iterator[Figure]:
    """Measure the speed-up, and how far the two results are apart."""
    from torch import nn

    design, base = _world()
    blocks = {len(part): encode_dense(part) for part in (design.rows(0, 64), design.rows(448, EXAMPLES))}
    hooks, exact = (
        ModuleEngine(partial(Network, nn.Linear(DIM, 1, bias=False), encode))
        for encode in (lambda part: blocks[len(part)], encode_dense)
    )
    closed = LinearEngine()

    def ours() -> Floats:
        return closed.step(design, base, CLIP)

    def theirs() -> Floats:
        return hooks.step(design, base, CLIP)

    theirs(), ours()
    pairs = [(_cpu(theirs), _cpu(ours)) for _ in range(TURNS)]
    yield Figure(
        figure="closed-form training step over Opacus hooks",
        value=median(slow / fast for slow, fast in pairs),
        target=15,
        sense=">=",
        how=f"{EXAMPLES} x {DIM}, one thread, CPU time, median of {TURNS} turns; "
        f"ours {median(fast for _, fast in pairs) * 1e3:.2f} ms",
    )
    reference = exact.step(design, base, CLIP)
    yield Figure(
        figure="closed-form training step less Opacus hooks, parts per million",
        value=1e6 * float(np.linalg.norm(ours() - reference) / np.linalg.norm(reference)),
        target=1,
        sense="<=",
        how="L2 norm of the difference over that of the step, noise off",
    )
