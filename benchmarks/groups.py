"""How near the fallback for group sums comes: ridge and a split by quota, beside each member's own price.

On made-up members whose quality has nothing to do with their quota and stays; and on two runs of the demo,
with honest members alone and with cheats. Groups are drawn with several seeds, each group's sum is priced
exactly, and the estimates of the first rounds are held against the members' own prices over the same rounds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.demo import run_demo
from benchmarks.figure import Figure
from federation.hashing import sha256
from federation.types import Did
from federation.valuation.aumann_shapley import aumann_shapley
from federation.valuation.groupridge import Group, GroupRound, draw_groups, group_ridge, quota_split

SIZES: Final = (2, 4, 5, 10)
ROUNDS: Final = (1, 5, 10, 20)
DRAWS: Final = 10
STEADY: Final = {2: 0.9, 4: 0.8, 5: 0.7, 10: 0.4}
"""Rank correlation after 20 rounds where members keep their quality, by size of the groups."""

DEMO: Final = {"--no-cheats": 0.8, "--cheats=all": 0.3}
"""The same on the demo, for each size."""

Rule = Callable[[Sequence[GroupRound], Mapping[Did, int]], dict[Did, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Rounds of which every member's price is known.

    Attributes:
        name: What they are.
        prices: Each round's, by member.
        quotas: Of all members.
        grouped: Returns a round, by its number, in groups of a size drawn the k-th time.
    """

    name: str
    prices: Sequence[Mapping[Did, int]]
    quotas: Mapping[Did, int]
    grouped: Callable[[int, int, int], GroupRound]


def figures() -> Iterator[Figure]:
    """Measure the rank correlation for each case, size of groups and number of rounds."""
    yield from _measured(_steady(), STEADY)
    with tempfile.TemporaryDirectory() as folder:
        for option, target in DEMO.items():
            out = Path(folder) / option
            run_demo(0, out, option)
            yield from _measured(_recorded(f"the demo, {option},", out), dict.fromkeys(SIZES, target))


def _recorded(name: str, run: Path) -> Case:
    from aggregator.games import read_games

    recorded, _ = read_games(run, lambda _: None)
    games = [each.game for each in recorded]

    def grouped(round_: int, size: int, trial: int) -> GroupRound:
        game = games[round_]
        sets = draw_groups(game.dids, size, sha256(game.seed + bytes([trial])))
        places = {did: place for place, did in enumerate(game.dids)}
        parts = np.stack([game.parts[[places[did] for did in members]].sum(axis=0) for members in sets])
        scores = aumann_shapley(replace(game, dids=tuple(members[0] for members in sets), parts=parts))
        return GroupRound.of(
            [Group(members=members, score=score) for members, score in zip(sets, scores, strict=True)]
        )

    return Case(
        name=name,
        prices=[dict(zip(game.dids, aumann_shapley(game), strict=True)) for game in games],
        quotas={did: q for each in recorded for did, q in zip(each.game.dids, each.quotas, strict=True)},
        grouped=grouped,
    )


def _steady() -> Case:
    """Return 20 members of equal quota whose quality is uniform and stays; a round's noise is as large."""
    draws, dids = np.random.default_rng(0), [Did(f"did:key:z{i:02d}") for i in range(20)]
    quality = draws.uniform(0, 1, len(dids))
    noise = draws.normal(0, quality.std(), (ROUNDS[-1], len(dids)))
    prices = [
        {did: round(float(x) * 2**40) for did, x in zip(dids, quality + row, strict=True)} for row in noise
    ]

    def grouped(round_: int, size: int, trial: int) -> GroupRound:
        sets = draw_groups(dids, size, sha256(bytes([round_, trial])))
        return GroupRound.of(
            [Group(members=members, score=sum(prices[round_][did] for did in members)) for members in sets]
        )

    return Case(name="made-up steady members", prices=prices, quotas=dict.fromkeys(dids, 1), grouped=grouped)


def _measured(case: Case, targets: Mapping[int, float]) -> Iterator[Figure]:
    most = min(ROUNDS[-1], len(case.prices))
    counts = sorted({count for count in ROUNDS if count < most} | {most})
    alike = dict.fromkeys(case.quotas, 1)
    for size in SIZES:
        trials = [[case.grouped(t, size, trial) for t in range(most)] for trial in range(DRAWS)]
        by_count = {
            count: [
                _correlation(case, [rule(rounds[:count], quotas) for rounds in trials], count)
                for rule, quotas in (
                    (group_ridge, case.quotas),
                    (quota_split, case.quotas),
                    (quota_split, alike),
                )
            ]
            for count in counts
        }
        each = (f"{count}: {' / '.join(f'{x:.2f}' for x in found)}" for count, found in by_count.items())
        yield Figure(
            figure=f"{case.name} in groups of {size}: rank correlation of ridge with each member's price",
            value=by_count[most][0],
            target=targets[size],
            sense=">=",
            how=f"Spearman, mean of {DRAWS} draws; ridge / quota / equal parts, rounds {', '.join(each)}",
        )


def _correlation(case: Case, found: Sequence[Mapping[Did, int]], count: int) -> float:
    from aggregator.ranks import spearman

    exact: dict[Did, int] = {}
    for prices in case.prices[:count]:
        for did, price in prices.items():
            exact[did] = exact.get(did, 0) + price
    dids = sorted(exact)
    each = [spearman([shares[did] for did in dids], [exact[did] for did in dids]) or 0.0 for shares in found]
    return sum(each) / len(each)
