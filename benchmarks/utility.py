"""What the spam federation learns when everybody is honest, and whether its epsilon is right.

20 members, 20 rounds, mean of seeds 0, 1, 2; the kernel's arithmetic and the client's trainer and
noise, without vault, messages and chain. In secure mode the noise is split over the fewest members whose
sum is opened, 16 of 20, and epsilon is that of the sum.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from math import sqrt

import numpy as np

from benchmarks.figure import Figure
from examples.spam_detection.corpus import load_corpus
from examples.spam_detection.settings import (
    DELTA,
    ETAS_NO_DP,
    Settings,
    privacy_section,
    secure_section,
    split_privacy,
)
from examples.spam_detection.simulate import simulate
from examples.spam_detection.world import build_cast, entropy_for, found_world
from federation.metrics import model_auc
from federation.privacy import spend

SEEDS = (0, 1, 2)
ROUNDS = 20
TARGETS: dict[float | None, float] = {8.0: 0.975, 3.0: 0.970, 1.0: 0.925, None: 0.985}
SECURE: dict[float, float] = {3.0: 0.980, 1.0: 0.970}


def figures() -> Iterator[Figure]:
    """Measure test AUC at several budgets, and the accountant against dp-accounting's PLD."""
    mails = load_corpus(lambda text: print(text, file=sys.stderr))
    aucs: dict[float | None, list[float]] = {epsilon: [] for epsilon in TARGETS}
    secret: dict[float, list[float]] = {epsilon: [] for epsilon in SECURE}
    for seed in SEEDS:
        settings = Settings(seed=seed, rounds=ROUNDS, cheats=())
        world, test, manifest = found_world(build_cast(mails, settings), settings)
        for epsilon, found in aucs.items():
            privacy = privacy_section(epsilon, ROUNDS)
            noise = entropy_for(seed, f"noise/{epsilon}")
            rules = manifest.rules if epsilon else replace(manifest.rules, etas=ETAS_NO_DP)
            last = simulate(world, rules, privacy, entropy=noise)[-1]
            found.append(model_auc(test, last.state.weights))
        for one, found in secret.items():
            noise = entropy_for(seed, f"noise/secure/{one}")
            last = simulate(
                world,
                replace(manifest.rules, secure=True),
                split_privacy(one, ROUNDS, _minimum()),
                entropy=noise,
            )[-1]
            found.append(model_auc(test, last.state.weights))
    for epsilon, target in TARGETS.items():
        yield Figure(
            figure=f"test AUC, all honest, epsilon {epsilon or 'inf'}",
            value=float(np.mean(aucs[epsilon])),
            target=target,
            sense=">=",
            how=f"20 members, {ROUNDS} rounds, mean of seeds {SEEDS}: {aucs[epsilon]}",
        )
    for one, target in SECURE.items():
        yield Figure(
            figure=f"test AUC, all honest, secure mode, epsilon {one} of the sum",
            value=float(np.mean(secret[one])),
            target=target,
            sense=">=",
            how=f"the same, each member adding {1 / sqrt(_minimum()):.2f} of the noise: {secret[one]}",
        )
    yield _accounting()


def _minimum() -> int:
    return secure_section(Settings().members).minimum


def _accounting() -> Figure:
    from dp_accounting import GaussianDpEvent, SelfComposedDpEvent
    from dp_accounting.pld import PLDAccountant

    worst = 0.0
    for epsilon in (8.0, 3.0, 1.0):
        sigma = privacy_section(epsilon, ROUNDS).sigma
        reported = spend([sigma] * ROUNDS, float(DELTA)).epsilon
        accountant = PLDAccountant()
        accountant.compose(SelfComposedDpEvent(GaussianDpEvent(sigma), ROUNDS))
        worst = max(worst, abs(reported - accountant.get_epsilon(float(DELTA))))
    return Figure(
        figure="largest difference of reported epsilon from dp-accounting's PLD",
        value=worst,
        target=0.01,
        sense="<=",
        how=f"epsilon 8, 3, 1 over {ROUNDS} rounds, delta {DELTA}",
    )
