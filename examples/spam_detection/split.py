"""Who gets which mail: the train, validation and test parts, and the members' unequal shares.

Both are the experimenter's doing and follow from a seed; no member draws from these generators.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from examples.spam_detection.cleaning import Mail

_PARTS = {"train": 0.7, "validation": 0.1, "test": 0.2}
_DRAWS_PER_SIZE = 8
_MOST_DRAWS = 800


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Three parts that share no thread.

    Attributes:
        train: 70 %: what the members hold.
        validation: 10 %: what the providers hold.
        test: 20 %: what no choice may look at.
    """

    train: tuple[Mail, ...]
    validation: tuple[Mail, ...]
    test: tuple[Mail, ...]


def split_by_thread(mails: Sequence[Mail], *, seed: int) -> Split:
    """Split mails 70/10/20 so that no thread is in two parts and each part has both classes' shares.

    Threads come in random order, those of spam and of ham apart; each goes whole to the part that is
    furthest from its size. A thread with both labels counts as the label most of its mails have.

    Args:
        mails: The mails, in any fixed order.
        seed: Decides the order of threads, with the mails' own order.
    """
    threads: defaultdict[str, list[Mail]] = defaultdict(list)
    for mail in mails:
        threads[mail.thread].append(mail)
    generator = np.random.Generator(np.random.PCG64([seed, 1]))
    parts: dict[str, list[Mail]] = {name: [] for name in _PARTS}
    for label in (False, True):
        stratum = [
            group for group in threads.values() if (2 * sum(m.label for m in group) > len(group)) is label
        ]
        counts = dict.fromkeys(_PARTS, 0)
        for index in generator.permutation(len(stratum)):
            name = _most_wanting(counts)
            parts[name].extend(stratum[index])
            counts[name] += len(stratum[index])
    return Split(**{name: tuple(part) for name, part in parts.items()})


def _most_wanting(counts: Mapping[str, int]) -> str:
    return min(_PARTS, key=lambda name: (counts[name] + 1) / _PARTS[name])


def partition(
    mails: Sequence[Mail], *, members: int, seed: int, alpha: float = 0.5, minimum: int = 10
) -> list[list[Mail]]:
    """Deal mails to members unequally: each class by its own symmetric Dirichlet draw.

    Small ``alpha`` makes shares differ in size and in their mix of classes (Hsu et al. 2019,
    arXiv:1909.06335, and Li et al. 2022, arXiv:2102.02079). Shares under ``minimum`` are dropped with
    their mails. Unless exactly ``members`` shares remain, everything is drawn afresh, for one share more
    after every eight draws. Nobody's share is topped up, so the skew stays.

    Args:
        mails: The training part.
        members: How many shares to return.
        seed: Decides everything that is drawn.
        alpha: Concentration of the Dirichlet distribution, positive.
        minimum: The fewest mails a share may have.

    Raises:
        ConfigError: A number makes no sense, or no draw leaves enough shares.
    """
    if members < 1 or minimum < 1 or not 0 < alpha < np.inf:
        raise ConfigError(f"cannot deal {minimum} or more mails to {members} members with alpha {alpha}")
    generator = np.random.Generator(np.random.PCG64([seed, 2]))
    for attempt in range(_MOST_DRAWS if members * minimum <= len(mails) else 0):
        dealt = members + attempt // _DRAWS_PER_SIZE
        shares = [share for share in _deal(mails, dealt, alpha, generator) if len(share) >= minimum]
        if len(shares) == members:
            return shares
    raise ConfigError(
        f"{len(mails)} mails cannot be dealt to {members} members, {minimum} or more each (alpha {alpha})",
        hint="ask for fewer members or bring more data",
    )


def _deal(
    mails: Sequence[Mail], shares: int, alpha: float, generator: np.random.Generator
) -> list[list[Mail]]:
    dealt: list[list[Mail]] = [[] for _ in range(shares)]
    for label in (False, True):
        order = generator.permutation([i for i, mail in enumerate(mails) if mail.label is label]).astype(int)
        edges = np.cumsum(generator.dirichlet(np.full(shares, alpha)))[:-1] * len(order)
        for share, indices in zip(dealt, np.split(order, edges.astype(int)), strict=True):
            share.extend(mails[i] for i in indices)
    return dealt
