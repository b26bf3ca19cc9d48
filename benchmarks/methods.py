"""Contribution methods: a network's scores against loops over the deltas; the methods on the demo's rounds.

CPU time of one thread (set OMP_NUM_THREADS=1, as make bench does). The step is given: the model moves by it
anyway.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.demo import run_demo
from benchmarks.figure import Figure
from benchmarks.scoring import cpu, made_up
from federation.contribution import aggregate, inner_products, score_of
from federation.fixedpoint import Ints, norm_squared
from federation.hashing import sha256
from federation.models.linear import WEIGHT_BITS, Design
from federation.models.module import Network, dense
from federation.models.pathgradient import EXTRA_BITS, module_path_gradient
from federation.models.registry import Architecture
from federation.types import Did
from federation.valuation import METHODS, Game

DELTAS, HIDDEN, ETA = 128, 16, 8
QUOTA = 100 * DELTAS

_QUICK = ("aumann-shapley", "leave-one-out", "market-order", "cosine", "monte-carlo-shapley")
_AT = {100: (*_QUICK, "gtg-shapley"), 1000: _QUICK}
"""GTG plays a thousand orders of a thousand members: up to a million evaluations."""


def figures() -> Iterator[Figure]:
    """Measure the speed-up on an MLP, then compare all methods on a run of the demo."""
    yield from _network()
    yield from _many()
    yield from _demo()


def _network() -> Iterator[Figure]:
    shard, _, _ = made_up()
    architecture = Architecture(name="mlp", words=len(shard.mean), hidden=HIDDEN)
    rng, base = np.random.default_rng(1), architecture.initial()
    deltas = np.rint(rng.normal(0, 0.05, (DELTAS, architecture.dim)) * 2**WEIGHT_BITS).astype(np.int64)
    network = Network.of(architecture)
    step = aggregate(list(deltas), eta=ETA, quota_total=QUOTA)
    bound = math.isqrt(max(norm_squared(delta) for delta in deltas)) + 1

    def aumann_shapley() -> list[int]:
        gradient = module_path_gradient(network, network.encode(shard), base, step)
        products = inner_products(gradient, deltas, norm_bound=bound)
        return [score_of(x, eta=ETA, quota_total=QUOTA << EXTRA_BITS) for x in products]

    ours = cpu(aumann_shapley, 9)
    size = f"{DELTAS} x {architecture.dim} weights, {len(shard)} examples, one thread, CPU time"
    yield Figure(
        figure="scoring an MLP: speed-up over a PyTorch loop",
        value=cpu(_plain_loop(network, shard, base, deltas), 2) / ours,
        target=10,
        sense=">=",
        how=f"{size}; dense features given, torch.sigmoid, no intercept refit; ours {ours * 1e3:.1f} ms",
    )
    yield Figure(
        figure="scoring an MLP: speed-up over its own loss of each delta in turn",
        value=cpu(_loop(network, shard, base, deltas), 2) / ours,
        target=5,
        sense=">=",
        how="the same deltas; sparse features made once, intercepts fitted, one thread, CPU time",
    )


def _loop(network: Network, shard: Design, base: Ints, deltas: Ints) -> Callable[[], list[int]]:
    """Return the loop over this project's own evaluation, as fast as its product with sparse features."""

    def loop() -> list[int]:
        encoded = network.encode(shard)
        return [network.fit(base + (ETA * delta) // QUOTA, encoded).brier() for delta in deltas]

    return loop


def _plain_loop(network: Network, shard: Design, base: Ints, deltas: Ints) -> Callable[[], list[float]]:
    """Return the loop as one writes it in PyTorch: dense features, no fitted intercept, nothing exact."""
    import torch

    features = torch.from_numpy(dense(shard))
    labels = torch.from_numpy(shard.labels.astype(np.float64))

    def loop() -> list[float]:
        found = []
        with torch.no_grad():
            for delta in deltas:
                network.load(base + (ETA * delta) // QUOTA)
                probabilities = torch.sigmoid(network.module(features)[:, 0])
                found.append(float(((probabilities - labels) ** 2).mean()))
        return found

    return loop


def _many() -> Iterator[Figure]:
    shard, base, deltas = made_up()
    few = shard.rows(0, 28)
    for n in (100, 1000):
        game = Game(
            dids=tuple(Did(f"did:key:z{i:04}") for i in range(n)),
            parts=deltas[:n].astype(np.int64),
            eta=ETA,
            quota_total=100 * n,
            base=base,
            shard=few,
            seed=sha256(b"benchmark"),
        )
        spent = {}
        for name in _AT[n]:
            played = replace(game)
            spent[name] = (cpu(partial(METHODS[name], played), 1), played.calls)
        seconds, calls = spent.pop("monte-carlo-shapley")
        others = (f"{name} {used:.3f} s, {evaluated}" for name, (used, evaluated) in spent.items())
        yield Figure(
            figure=f"Monte-Carlo Shapley of {n} members: CPU seconds",
            value=seconds,
            target=n / 20,
            sense="<=",
            how=f"{calls} coalitions, 28 examples, 4096 weights; with coalitions: {'; '.join(others)}",
        )


def _demo() -> Iterator[Figure]:
    from aggregator.compare import compare_run

    with tempfile.TemporaryDirectory() as folder:
        run_demo(0, Path(folder) / "run")
        found = compare_run(Path(folder) / "run", round_=None, methods=None)
    rows = {row.method: row for row in found.rows}
    ours, many = rows["aumann-shapley"], rows["monte-carlo-shapley"]
    where = f"{len(found.rounds)} rounds of the demo, up to {found.members} members"
    yield Figure(
        figure="Aumann-Shapley's rank correlation with Shapley's value",
        value=ours.spearman or 0.0,
        target=0.98,
        sense=">=",
        how=f"Spearman, mean of {where}; the value is known to {100 * found.error:.2g} % of its spread",
    )
    yield Figure(
        figure="Monte-Carlo Shapley's CPU time over Aumann-Shapley's",
        value=(many.cpu_seconds or 0.0) / (ours.cpu_seconds or 1.0),
        target=10,
        sense=">=",
        how=f"64 orders a round, {many.calls} coalitions; {where}",
    )
    for row in found.rows:
        yield Figure(
            figure=f"{row.method}: sum of scores off the improvement",
            value=row.missed or 0.0,
            target=1,
            sense="<=",
            how=", ".join(
                [
                    f"spearman {row.spearman or 0:.3f}",
                    f"kendall {row.kendall or 0:.3f}",
                    f"detection {row.detection or 0:.3f}",
                    *([] if row.calls is None else [f"{row.calls} coalitions"]),
                    *([] if row.cpu_seconds is None else [f"{row.cpu_seconds * 1e3:.0f} ms CPU"]),
                    *(f"{role} {share:.2f}" for role, share in row.roles.items()),
                ]
            ),
        )
