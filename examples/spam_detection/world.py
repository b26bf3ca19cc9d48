"""Who takes part: honest members with skewed shares of the mails, cheats, providers, and their keys."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from client.member import Member
from examples.spam_detection.cheats import CHEATS
from examples.spam_detection.cleaning import Mail
from examples.spam_detection.settings import FEATURES, Settings
from examples.spam_detection.split import partition, split_by_thread
from federation.features import word_indices
from federation.models.linear import Examples

Entropy = Callable[[int], bytes]

PROVIDERS = 3


class SeededEntropy:
    """A reproducible stream of bytes for one named use: SHAKE-256 in counter mode. For show only."""

    def __init__(self, seed: int, use: str) -> None:
        self._prefix, self._calls = f"folkmoot-example/{seed}/{use}/".encode(), 0

    def __call__(self, n: int, /) -> bytes:
        """Return the stream's next ``n`` bytes."""
        self._calls += 1
        return hashlib.shake_256(self._prefix + str(self._calls).encode()).digest(n)


def entropy_for(seed: int | None, use: str) -> Entropy:
    """Return the system's randomness, or a seeded stream for one use."""
    return os.urandom if seed is None else SeededEntropy(seed, use)


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """One member of the demo.

    Attributes:
        name: For the report.
        role: The experimenter's label; nothing that pays ever sees it.
        behaviour: What its client does.
        mails: Its data.
    """

    name: str
    role: str
    behaviour: type[Member]
    mails: Sequence[Mail]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """All parties of a run and the experimenter's test split."""

    parties: Sequence[Party]
    providers: Sequence[Sequence[Mail]]
    test: Sequence[Mail]

    @property
    def honest(self) -> list[Party]:
        """The members that play by the rules."""
        return [p for p in self.parties if p.role == "honest"]


def build_cast(mails: Sequence[Mail], settings: Settings) -> Cast:
    """Split the mails by thread, deal the training part to members, the validation part to providers.

    Every cheat holds a copy of the median honest member's mails.
    """
    seed = 0 if settings.seed is None else settings.seed
    split = split_by_thread(mails, seed=seed)
    shares = partition(split.train, members=settings.members, seed=seed, alpha=settings.alpha)
    median = sorted(shares, key=len)[len(shares) // 2]
    honest = [
        Party(name=f"member-{i + 1:02d}", role="honest", behaviour=Member, mails=share)
        for i, share in enumerate(shares)
    ]
    cheats = [
        Party(name=f"member-{len(shares) + i + 1:02d}", role=role, behaviour=CHEATS[role], mails=median)
        for i, role in enumerate(settings.cheats)
    ]
    providers = [split.validation[i::PROVIDERS] for i in range(PROVIDERS)]
    return Cast(parties=[*honest, *cheats], providers=providers, test=split.test)


def examples_of(mails: Sequence[Mail]) -> Examples:
    """Return mails as labelled sets of words."""
    return Examples.build([word_indices(m.text, FEATURES) for m in mails], [int(m.label) for m in mails])
