"""The fallback where only sums of groups are priced: each member's part, estimated over rounds.

Groups are drawn anew in every round. Ridge regression of the groups' scores on membership gives each
member's score in a typical round, drawn towards its quota's share; each group's score is then split by
these, and what that leaves of it by quota. docs/contribution-methods.md says how near that comes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from federation.errors import ConfigError
from federation.fixedpoint import Floats
from federation.types import Did, Hash32
from federation.valuation.permutations import Draws

PENALTY: Final = 10
"""What a typical member's distance from its quota's share weighs, where one group's score weighs 1."""

_STREAM: Final = "valuation.groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Members whose deltas were summed in one round, and what their sum scored.

    Attributes:
        members: At least one.
        score: ``SCORE_BITS`` fractional bits: of a game whose players are the groups.
    """

    members: tuple[Did, ...]
    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRound:
    """A round's groups.

    Attributes:
        groups: Nobody is in two of them.
        scale: How large scores were in this round, a positive number: early rounds are worth more than
            late ones, and what is typical is estimated in such units.
    """

    groups: tuple[Group, ...]
    scale: int

    def __post_init__(self) -> None:
        """Refuse groups that are none.

        Raises:
            ConfigError: One is empty, somebody is named twice, or the scale is not positive.
        """
        named = [did for group in self.groups for did in group.members]
        if len(set(named)) != len(named) or not all(group.members for group in self.groups) or self.scale < 1:
            raise ConfigError(
                "groups of a round are empty or share a member, or its scale is not positive",
                hint="each member is in one group of a round at most, and each group has a member",
            )

    @classmethod
    def of(cls, groups: Sequence[Group]) -> GroupRound:
        """Return a round whose scale is the root mean square of its groups' scores."""
        squares = sum(group.score**2 for group in groups)
        return cls(groups=tuple(groups), scale=max(1, math.isqrt(squares // max(1, len(groups)))))


def draw_groups(dids: Sequence[Did], size: int, seed: Hash32) -> tuple[tuple[Did, ...], ...]:
    """Put members into random groups of a size, larger ones where they do not divide; one if they are fewer.

    Args:
        dids: The members, ascending.
        size: Fewest members of a group.
        seed: Public randomness that was not known when the members were.

    Raises:
        ConfigError: The size is not positive.
    """
    if size < 1:
        raise ConfigError(f"groups of {size} members", hint="a group has one member at least")
    order = Draws(seed, _STREAM).permutation(len(dids))
    count = max(1, len(dids) // size)
    groups = (tuple(sorted(dids[i] for i in order[k::count])) for k in range(count))
    return tuple(group for group in groups if group)


def group_ridge(rounds: Sequence[GroupRound], quotas: Mapping[Did, int]) -> dict[Did, int]:
    """Return an estimate of each member's part of its groups' scores, summed over rounds.

    Exact where groups have one member. Otherwise it rests on members being alike from round to round, and
    is near the quotas' shares while rounds are few. Each group's score is given out to the last unit. The
    estimate is in floating point: platforms may differ in the last units of a share, not in the total.

    Args:
        rounds: Of one epoch.
        quotas: Of every member in them, positive.

    Raises:
        ConfigError: A quota is missing or not positive.
    """
    dids = _members(rounds, quotas)
    places = {did: place for place, did in enumerate(dids)}
    typical = _typical(rounds, places, np.array([quotas[did] for did in dids], dtype=np.float64))
    shares = dict.fromkeys(dids, 0)
    for each in rounds:
        for group in each.groups:
            guess = [round(each.scale * typical[places[did]]) for did in group.members]
            _give(shares, group, guess, quotas)
    return shares


def quota_split(rounds: Sequence[GroupRound], quotas: Mapping[Did, int]) -> dict[Did, int]:
    """Return what members get where every group's score is split by quota; the simpler alternative.

    Raises:
        ConfigError: A quota is missing or not positive.
    """
    shares = dict.fromkeys(_members(rounds, quotas), 0)
    for each in rounds:
        for group in each.groups:
            _give(shares, group, [0] * len(group.members), quotas)
    return shares


def _members(rounds: Sequence[GroupRound], quotas: Mapping[Did, int]) -> list[Did]:
    dids = sorted({did for each in rounds for group in each.groups for did in group.members})
    if any(quotas.get(did, 0) < 1 for did in dids):
        raise ConfigError("a member of a group has no positive quota", hint="name the quota of every member")
    return dids


def _typical(rounds: Sequence[GroupRound], places: Mapping[Did, int], quotas: Floats) -> list[float]:
    """Return everybody's score in a round of scale 1.

    Minimises ``sum_G (score_G / scale - sum_(i in G) x_i)^2 + PENALTY sum_i (m / q_i) (x_i - u q_i)^2``, m
    being the mean quota and u what a unit of quota scored on the whole.
    """
    rows = [(each, group) for each in rounds for group in each.groups]
    if not rows:
        return []
    held = np.zeros((len(rows), len(quotas)))
    for row, (_, group) in enumerate(rows):
        held[row, [places[did] for did in group.members]] = 1
    scores = np.array([group.score / each.scale for each, group in rows])
    prior = quotas * (scores.sum() / (held @ quotas).sum())
    drawn = np.diag(PENALTY * quotas.mean() / quotas)
    found: list[float] = (
        prior + np.linalg.solve(held.T @ held + drawn, held.T @ (scores - held @ prior))
    ).tolist()
    return found


def _give(shares: dict[Did, int], group: Group, guess: Sequence[int], quotas: Mapping[Did, int]) -> None:
    """Give out a group's score to the last unit: what was guessed, and the rest by quota."""
    left, whole = group.score - sum(guess), sum(quotas[did] for did in group.members)
    found = [x + left * quotas[did] // whole for x, did in zip(guess, group.members, strict=True)]
    # Rounded down, fewer units are missing than there are members: the first get one each.
    missing = group.score - sum(found)
    for place, did in enumerate(group.members):
        shares[did] += found[place] + (place < missing)
