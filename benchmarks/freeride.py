"""What members without data earn in a secure federation, where each round is public as soon as it is over.

20 honest members and one cheat with the median member's quota, 20 rounds; the kernel's arithmetic and the
client's trainer and noise, without vault, messages, masks and chain: those change no score. The noise of
all honest members together is what epsilon asks for, so each adds 1 / sqrt(20) of it. Pay is what the
epoch's credits come to, never below 0; a figure is the cheat's over the mean honest member's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.figure import Figure
from examples.spam_detection.corpus import load_corpus
from examples.spam_detection.freeriders import FREE_RIDERS
from examples.spam_detection.settings import ETAS_NO_DP, Settings, split_privacy
from examples.spam_detection.simulate import Sender, World, simulate
from examples.spam_detection.world import build_cast, entropy_for, found_world
from federation.epochstate import Rules
from federation.metrics import model_auc
from federation.models.linear import Design

SEEDS, ROUNDS, MEMBERS = (0, 1, 2, 3, 4), 20, 20
EPSILONS: tuple[float | None, ...] = (8.0, 3.0, 1.0, None)
_UNFORESEEN = ("newest", "half")
"""They send parts of what is public that no rule names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One epoch in numbers.

    Attributes:
        cheat: The last member's pay over the mean of the others'; 0 if that is.
        honest: Mean pay of the others, in coins.
        paid: The share of the others that are paid.
        withheld: The projection's part of all improvement.
        auc: On the test split.
    """

    cheat: float
    honest: float
    paid: float
    withheld: float
    auc: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Founded:
    """A seed's federation.

    Attributes:
        seed: Decides who holds what, and all noise.
        world: The honest members' data.
        test: The test split.
        rules: The manifest's numbers.
    """

    seed: int
    world: World
    test: Design
    rules: Rules

    def joined(self) -> Founded:
        """Return it with one more member, of the median member's quota."""
        median = sorted(self.world.members, key=len)[MEMBERS // 2]
        return replace(self, world=replace(self.world, members=[*self.world.members, median]))


def play(at: Founded, epsilon: float | None, senders: Mapping[int, Sender], *, secure: bool) -> Epoch:
    """Play an epoch; the first ``MEMBERS`` members are honest."""
    rules = replace(at.rules, secure=secure, etas=at.rules.etas if epsilon else ETAS_NO_DP)
    noise = entropy_for(at.seed, f"noise/freeride/{epsilon}")
    outcomes = simulate(
        at.world, rules, split_privacy(epsilon, ROUNDS, MEMBERS), entropy=noise, senders=senders
    )
    state = outcomes[-1].state
    pay = [max(0, state.credits[did]) / 1e18 for did in sorted(state.credits)]
    honest = float(np.mean(pay[:MEMBERS]))
    gained = sum(max(0, outcome.gain) for outcome in outcomes)
    return Epoch(
        cheat=pay[-1] / honest if honest else 0.0,
        honest=honest,
        paid=float(np.mean([wei > 0 for wei in pay[:MEMBERS]])),
        withheld=sum(outcome.withheld_projection for outcome in outcomes) / max(1, gained),
        auc=model_auc(at.test, state.weights),
    )


def figures() -> Iterator[Figure]:
    """Measure every free rider at every budget, and what the rule costs those who play by it."""
    mails = load_corpus(lambda text: print(text, file=sys.stderr))
    founded = []
    for seed in SEEDS:
        settings = Settings(seed=seed, rounds=ROUNDS, members=MEMBERS, cheats=())
        world, test, manifest = found_world(build_cast(mails, settings), settings)
        founded.append(Founded(seed=seed, world=world, test=test, rules=manifest.rules))
    for epsilon in EPSILONS:
        known = f"epsilon {epsilon or 'inf'}"
        for role, sender in FREE_RIDERS.items():
            now, before = (
                [play(at.joined(), epsilon, {MEMBERS: sender}, secure=secure) for at in founded]
                for secure in (True, False)
            )
            yield Figure(
                figure=f"free rider, {role}, {known}: pay over an honest member's",
                value=_mean(now, "cheat"),
                target=_bound(role, epsilon),
                sense="<",
                how=f"seeds {_row(now)}; without the rule {_mean(before, 'cheat'):.2f}: {_row(before)}",
            )
        after, before = ([play(at, epsilon, {}, secure=secure) for at in founded] for secure in (True, False))
        costs = "; ".join(
            f"{what}: pay {_mean(found, 'honest'):.2f}, {100 * _mean(found, 'paid'):.0f} % paid, "
            f"{100 * _mean(found, 'withheld'):.0f} % withheld, AUC {_mean(found, 'auc'):.4f}"
            for what, found in (("with the rule", after), ("without", before))
        )
        yield Figure(
            figure=f"all honest, {known}: AUC that the rule costs",
            value=_mean(before, "auc") - _mean(after, "auc"),
            target=0.002,
            sense="<=",
            how=costs,
        )


def _bound(role: str, epsilon: float | None) -> float:
    """Return what a free rider must stay below: weaker where the rule is known not to stop it."""
    stopped = role not in _UNFORESEEN and (role != "fitted" or epsilon is not None)
    return 0.25 if stopped else 1.0


def _mean(found: list[Epoch], field: str) -> float:
    return float(np.mean([getattr(epoch, field) for epoch in found]))


def _row(found: list[Epoch]) -> str:
    return ", ".join(f"{epoch.cheat:.2f}" for epoch in found)
