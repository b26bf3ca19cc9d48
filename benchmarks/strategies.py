"""How strategies and contribution methods fare on the spam example, with cheats and without.

The kernel's arithmetic and the client's trainer and noise at epsilon 8, without vault, messages and
chain. A cheat holds a copy of the median honest member's mails. Pay is what the epoch's credits come to.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from benchmarks.figure import Figure
from examples.spam_detection.corpus import load_corpus
from examples.spam_detection.freeriders import filled
from examples.spam_detection.settings import Settings, privacy_section
from examples.spam_detection.simulate import Seen, Sender, World, simulate
from examples.spam_detection.world import build_cast, entropy_for, found_world
from federation.aggregation import STRATEGIES, Context, Strategy, strategy_of
from federation.epochstate import Rules
from federation.fixedpoint import Floats
from federation.metrics import model_auc
from federation.models.linear import Design, Examples
from federation.valuation import METHODS

MANY, DIM = 1000, 4096
MEMBERS, ROUNDS, EPSILON, SEEDS = 12, 12, 8.0, (0, 1)
PARAMETERS: Final[Mapping[str, Mapping[str, int]]] = {
    "momentum": {"beta_milli": 500},
    "adam": {"beta1_milli": 500, "beta2_milli": 900, "floor_milli": 1000},
    "norm-cap": {"norm_milli": 1000},
    "trimmed-mean": {"trim_milli": 200},
    "krum": {"faulty_milli": 250},
    "multi-krum": {"faulty_milli": 250},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One epoch in numbers.

    Attributes:
        auc: On the test split.
        share: The honest members' part of all pay.
        paid: The share of honest members that are paid.
        suspended: The share of honest members that were suspended.
    """

    auc: float
    share: float
    paid: float
    suspended: float


def _scaler(step: Floats, noise: Floats, cap: float, _seen: Seen, /) -> Floats:
    return filled(step + noise, cap)


def _filler(step: Floats, _noise: Floats, cap: float, _seen: Seen, /) -> Floats:
    return filled(step, cap)


def _flipping_filler(step: Floats, _noise: Floats, cap: float, _seen: Seen, /) -> Floats:
    return filled(-step, cap)


def flipped(design: Design) -> Design:
    """Return the examples with the wrong labels."""
    found = design.examples
    return replace(design, examples=Examples(found.words, found.offsets, 1 - found.labels))


def casts(world: World) -> Mapping[str, tuple[World, Mapping[int, Sender]]]:
    """Return the honest members alone, with three who want more pay, and with five who want a worse model.

    The greedy: one fills its cap with its noised delta, two with their signal alone. The hostile: three
    train on wrong labels, two fill their caps against their own signal.
    """
    median = sorted(world.members, key=len)[len(world.members) // 2]
    first = len(world.members)

    def joined(*data: Design) -> World:
        return replace(world, members=[*world.members, *data])

    greedy = {first: _scaler, first + 1: _filler, first + 2: _filler}
    hostile = {first + 3: _flipping_filler, first + 4: _flipping_filler}
    return {
        "all honest": (world, {}),
        "with greedy ones": (joined(*[median] * 3), greedy),
        "with hostile ones": (joined(*[flipped(median)] * 3, *[median] * 2), hostile),
    }


def play(seed: int, world: World, test: Design, rules: Rules, senders: Mapping[int, Sender]) -> Found:
    """Play an epoch; the first ``MEMBERS`` members are honest."""
    privacy = privacy_section(EPSILON, ROUNDS)
    noise = entropy_for(seed, "noise/strategies")
    state = simulate(world, rules, privacy, entropy=noise, senders=senders)[-1].state
    pay = [max(0, state.credits[did]) for did in sorted(state.credits)]
    honest = sorted(state.credits)[:MEMBERS]
    return Found(
        auc=model_auc(test, state.weights),
        share=sum(pay[:MEMBERS]) / max(1, sum(pay)),
        paid=float(np.mean([state.credits[did] > 0 for did in honest])),
        suspended=float(np.mean([did in state.suspended for did in honest])),
    )


def contenders(rules: Rules) -> dict[str, Rules]:
    """Return the rules by what they are called: each strategy, and each method with the sum."""
    strategies: dict[str, Strategy] = {
        name: strategy_of(name, PARAMETERS.get(name, {})) for name in STRATEGIES
    }
    found = {name: replace(rules, strategy=strategy) for name, strategy in strategies.items()}
    # Twelve members and five cheats are more than exact Shapley values take.
    return found | {
        name: replace(rules, method=name) for name in METHODS if name not in {rules.method, "exact-shapley"}
    }


def figures() -> Iterator[Figure]:
    """Measure every strategy and method; the AUC of the sum and the gate has a target, the rest is told."""
    mails = load_corpus(lambda text: print(text, file=sys.stderr))
    found: dict[tuple[str, str], list[Found]] = {}
    for seed in SEEDS:
        settings = Settings(members=MEMBERS, seed=seed, rounds=ROUNDS, cheats=())
        world, test, manifest = found_world(build_cast(mails, settings), settings)
        for name, rules in contenders(manifest.rules).items():
            for cast, (data, senders) in casts(world).items():
                found.setdefault((name, cast), []).append(play(seed, data, test, rules, senders))
    for (name, cast), runs in found.items():
        yield from _told(name, cast, runs)
    yield from _costs()


def _costs() -> Iterator[Figure]:
    """Measure what a strategy itself takes; the gate's own cost is a second search and path."""
    rng = np.random.default_rng(0)
    deltas = rng.integers(-(1 << 20), 1 << 20, (MANY, DIM))
    context = Context(memory=(), quota_total=50 * MANY, valued=lambda parts: [0] * len(parts))
    for name in STRATEGIES:
        strategy = strategy_of(name, PARAMETERS.get(name, {}))
        start = time.process_time()
        strategy.combine(deltas, context)
        yield Figure(
            figure=f"{name}: CPU per member, ms",
            value=1000 * (time.process_time() - start) / MANY,
            target=3.0,
            sense="<=",
            how=f"parts of {MANY} deltas of {DIM} weights",
        )


def _told(name: str, cast: str, runs: list[Found]) -> Iterator[Figure]:
    floor = {"sum": 0.93, "gated": 0.96}.get(name, 0.0)
    for what, target in (("auc", floor), ("share", 0.0), ("paid", 0.0), ("suspended", 0.0)):
        values = [float(getattr(run, what)) for run in runs]
        yield Figure(
            figure=f"{name}, {cast}: {what}",
            value=float(np.mean(values)),
            target=target,
            sense=">=",
            how=f"{MEMBERS} honest members, {ROUNDS} rounds, epsilon {EPSILON:g}, seeds {SEEDS}: {values}",
        )
