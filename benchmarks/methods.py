"""Contribution methods: a network's scores against the loop over deltas; the methods on the demo's rounds.

CPU time of one thread (set OMP_NUM_THREADS=1, as make bench does). The loop evaluates every delta in turn, on
examples that were made dense once for both sides.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.demo import run_demo
from benchmarks.figure import Figure
from benchmarks.scoring import cpu, made_up
from federation.contribution import aggregate
from federation.fixedpoint import Ints
from federation.hashing import sha256
from federation.models.linear import WEIGHT_BITS, Design
from federation.models.module import Network
from federation.models.registry import Architecture
from federation.types import Did
from federation.valuation import METHODS, Game
from federation.valuation.lossmodel import ModuleLosses

DELTAS, HIDDEN, ETA = 128, 16, 8
QUOTA = 100 * DELTAS


def figures() -> Iterator[Figure]:
    """Measure the speed-up on an MLP, then compare all methods on a run of the demo."""
    yield from _network()
    yield from _demo()


def _network() -> Iterator[Figure]:
    shard, _, _ = made_up()
    architecture = Architecture(name="mlp", words=len(shard.mean), hidden=HIDDEN)
    rng, base = np.random.default_rng(1), architecture.initial()
    deltas = np.rint(rng.normal(0, 0.05, (DELTAS, architecture.dim)) * 2**WEIGHT_BITS).astype(np.int64)
    network = Network.of(architecture)
    game = Game(
        dids=tuple(Did(f"did:key:z{i:03}") for i in range(DELTAS)),
        parts=deltas,
        eta=ETA,
        quota_total=QUOTA,
        base=base,
        shard=shard,
        seed=sha256(b"benchmark"),
        model=ModuleLosses(network),
    )
    ours = cpu(lambda: METHODS["aumann-shapley"](game), 5)
    size = f"{DELTAS} x {architecture.dim} weights, {len(shard)} examples, one thread, CPU time"
    yield Figure(
        figure="scoring an MLP: speed-up over the same loss of each delta in turn",
        value=cpu(_loop(network, shard, base, deltas), 2) / ours,
        target=10,
        sense=">=",
        how=f"{size}; ours {ours * 1e3:.0f} ms",
    )
    yield Figure(
        figure="scoring an MLP: speed-up over a bare forward pass of each delta",
        value=cpu(_bare_loop(network, shard, base, deltas), 2) / ours,
        target=5,
        sense=">=",
        how="the same deltas; torch.sigmoid, no intercept refit, nothing exact, one thread, CPU time",
    )


def _loop(network: Network, shard: Design, base: Ints, deltas: Ints) -> Callable[[], list[int]]:
    def loop() -> list[int]:
        encoded = network.encode(shard)
        steps = (aggregate([delta], eta=ETA, quota_total=QUOTA) for delta in deltas)
        return [network.fit(base + step, encoded).brier() for step in steps]

    return loop


def _bare_loop(network: Network, shard: Design, base: Ints, deltas: Ints) -> Callable[[], list[float]]:
    """Return the cheapest loop there is: no fitted intercept, no integers from the logits on."""
    import torch

    labels = torch.from_numpy(shard.labels.astype(np.float64))

    def loop() -> list[float]:
        encoded, found = network.encode(shard), []
        with torch.no_grad():
            for delta in deltas:
                network.load(base + (ETA * delta) // QUOTA)
                logits = torch.cat([network.module(*inputs)[:, 0] for inputs in encoded.blocks])
                found.append(float(((torch.sigmoid(logits) - labels) ** 2).mean()))
        return found

    return loop


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
                    f"{row.calls} coalitions",
                    f"{(row.cpu_seconds or 0) * 1e3:.0f} ms CPU",
                ]
            ),
        )
