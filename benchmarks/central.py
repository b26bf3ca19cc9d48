"""This project's engine against plain Opacus, both with all data in one place and at the same epsilon.

Ours is one member that holds every training mail: full-batch steps, momentum and step size by line
search on the validation split. Opacus is Poisson DP-SGD as its tutorials have it, on the same
features, with an intercept of its own, its noise from dp-accounting's PLD accountant (which gives it
the least), and clipping norm and learning rate chosen on the same validation split. Mean of three seeds.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from itertools import product

import numpy as np
import torch
from opacus import PrivacyEngine
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.figure import Figure
from examples.spam_detection.corpus import load_corpus
from examples.spam_detection.settings import DELTA, Settings, privacy_section
from examples.spam_detection.simulate import World, simulate
from examples.spam_detection.world import build_cast, entropy_for, found_world
from federation.fixedpoint import Ints
from federation.metrics import auc, model_auc
from federation.models.linear import MEAN_BITS, SCALE_BITS, Design

SEEDS = (0, 1, 2)
EPSILONS = (8.0, 3.0, 1.0)
ROUNDS = 20
BATCH, EPOCHS, MOMENTUM = 1024, 12, 0.9
CLIPS, RATES = (0.25, 0.5), (4.0, 16.0)


def figures() -> Iterator[Figure]:
    """Measure both sides at each epsilon."""
    mails = load_corpus(lambda text: print(text, file=sys.stderr))
    ours: dict[float, list[float]] = {epsilon: [] for epsilon in EPSILONS}
    theirs: dict[float, list[float]] = {epsilon: [] for epsilon in EPSILONS}
    for seed in SEEDS:
        settings = Settings(seed=seed, rounds=ROUNDS, cheats=())
        world, test, manifest = found_world(build_cast(mails, settings), settings)
        train, validation = Design.concat(world.members), Design.concat([world.public, *world.shards])
        together = World(members=[train], public=world.public, shards=world.shards)
        for epsilon in EPSILONS:
            noise = entropy_for(seed, f"central/{epsilon}")
            last = simulate(together, manifest.rules, privacy_section(epsilon, ROUNDS), entropy=noise)[-1]
            ours[epsilon].append(model_auc(test, last.state.weights))
            theirs[epsilon].append(_opacus(train, validation, test, epsilon, seed))
    for epsilon in EPSILONS:
        yield Figure(
            figure=f"central DP at epsilon {epsilon:g}: test AUC above plain Opacus",
            value=float(np.mean(ours[epsilon]) - np.mean(theirs[epsilon])),
            target=-0.005,
            sense=">=",
            how=f"ours {_row(ours[epsilon])}, Opacus {_row(theirs[epsilon])}; seeds {SEEDS}",
        )


def _row(values: list[float]) -> str:
    return f"{np.mean(values):.4f} ({', '.join(f'{value:.4f}' for value in values)})"


def _opacus(train: Design, validation: Design, test: Design, epsilon: float, seed: int) -> float:
    """Return the test AUC of the setting that is best on the validation split."""
    x, y = _dense(train)
    loader = DataLoader(TensorDataset(x, y), batch_size=BATCH)
    rate, steps = 1 / len(loader), EPOCHS * len(loader)
    noise = _noise(epsilon, rate, steps)
    best = (-1.0, -1.0)
    for clip, learning_rate in product(CLIPS, RATES):
        torch.manual_seed(seed)
        weights = _train(loader, noise, clip, learning_rate)
        best = max(best, (_auc(weights, validation), _auc(weights, test)))
    return best[1]


def _train(
    loader: DataLoader[tuple[torch.Tensor, ...]], noise: float, clip: float, rate: float
) -> torch.Tensor:
    module = torch.nn.Linear(loader.dataset[0][0].shape[0], 1)
    torch.nn.init.zeros_(module.weight)
    torch.nn.init.zeros_(module.bias)
    optimizer = torch.optim.SGD(module.parameters(), lr=rate, momentum=MOMENTUM)
    loss = torch.nn.BCEWithLogitsLoss()
    with warnings.catch_warnings():
        # Opacus's generator is a statistical one, and its hooks warn about their first gradients.
        warnings.simplefilter("ignore")
        engine = PrivacyEngine(accountant="rdp")
        module, optimizer, private = engine.make_private(
            module=module, optimizer=optimizer, data_loader=loader, noise_multiplier=noise, max_grad_norm=clip
        )
        for _ in range(EPOCHS):
            for x, y in private:
                optimizer.zero_grad()
                loss(module(x)[:, 0], y).backward()
                optimizer.step()
    weights: torch.Tensor = next(module.parameters()).detach()[0]
    return weights


def _noise(epsilon: float, rate: float, steps: int) -> float:
    """Return the least noise multiplier at which PLD certifies epsilon, to a thousandth."""
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
    from dp_accounting.pld import PLDAccountant

    low, high = 0.3, 200.0
    while high - low > 1e-3 * low:
        middle = math.sqrt(low * high)
        accountant = PLDAccountant()
        accountant.compose(SelfComposedDpEvent(PoissonSampledDpEvent(rate, GaussianDpEvent(middle)), steps))
        if accountant.get_epsilon(float(DELTA)) <= epsilon:
            high = middle
        else:
            low = middle
    return high


def _dense(design: Design) -> tuple[torch.Tensor, torch.Tensor]:
    words, offsets = design.examples.words, design.examples.offsets
    x = np.tile(-np.ldexp(design.mean.astype(np.float64), -MEAN_BITS), (len(design), 1))
    rows = np.repeat(np.arange(len(design)), np.diff(offsets))
    x[rows, words] += 1.0
    x *= np.ldexp(design.scale.astype(np.float64), -SCALE_BITS)[:, None]
    return torch.tensor(x, dtype=torch.float32), torch.tensor(design.labels, dtype=torch.float32)


def _auc(weights: torch.Tensor, design: Design) -> float:
    logits = (_dense(design)[0] @ weights).numpy()
    order: Ints = np.unique(logits, return_inverse=True)[1].astype(np.int64)
    return auc(order, design.labels)
