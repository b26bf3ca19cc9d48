"""Contribution methods side by side on recorded rounds: who ranks alike, who tells roles apart, at what cost.

The run is verified first: a comparison of numbers that do not recompute would say nothing. Each method then
plays each round's game afresh. They are held against exact Shapley where the round has few enough members,
else against Monte-Carlo Shapley over many orders of a stream of its own, with its standard error: leaving
members out to reach an exact figure would be another game.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from aggregator.games import RecordedGame, read_games
from aggregator.ground import Progress
from aggregator.ranks import kendall, spearman
from federation.errors import UsageError
from federation.metrics import auc
from federation.types import Did
from federation.valuation import METHODS, Game
from federation.valuation.exact_shapley import MOST_MEMBERS, exact_shapley
from federation.valuation.monte_carlo import estimate

RECORDED: Final = "recorded"
"""The row of the scores that the round recorded: the manifest's method, projected where its pay is."""

_UNKNOWN: Final = "member"
"""The role of whom a run's claims say nothing."""

EXACT: Final = "exact-shapley"

REFERENCE_PAIRS: Final = 128

_QUOTA_BITS: Final = 16
"""Beyond a score's, when it is divided by a quota."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What Shapley's value of a round is taken to be.

    Attributes:
        scores: In the order of the game's members.
        error: Root mean square of the standard errors over the standard deviation of the scores; 0 if exact.
        exact: Whether it is the exact value.
    """

    scores: tuple[int, ...]
    error: float
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method over the compared rounds.

    Attributes:
        method: Its name, or ``RECORDED``.
        spearman: Mean rank correlation with Shapley's value; None where no round has one.
        kendall: The same by tau-b.
        detection: Probability that a score of the usual role is above one of another, summed over rounds and
            per unit of quota: so that nobody stands out for having few examples. None without other roles.
        missed: Sum over rounds of |sum of scores - G| over the sum of |G|; None where nothing was gained.
        calls: Coalitions evaluated; None for what was recorded.
        cpu_seconds: Of this process; None for what was recorded.
        totals: Every member's scores, summed over rounds; ``SCORE_BITS`` fractional bits.
        roles: What each other role scores per unit of quota, where the usual one's members together score 1;
            empty where these score nothing.
    """

    method: str
    spearman: float | None
    kendall: float | None
    detection: float | None
    missed: float | None
    calls: int | None
    cpu_seconds: float | None
    totals: Mapping[Did, int]
    roles: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A report.

    Attributes:
        rounds: The compared rounds.
        members: Most members in one of them.
        usual: The role that most members have by the run's claims.
        others: Members of another role.
        exact: Whether the reference is exact in every round.
        error: The largest of the references' errors.
        rows: One per method, the recorded scores first.
    """

    rounds: tuple[int, ...]
    members: int
    usual: str
    others: int
    exact: bool
    error: float
    rows: tuple[Row, ...]


def compare_run(
    run: Path, *, round_: int | None, methods: Sequence[str] | None, progress: Progress = lambda _: None
) -> Comparison:
    """Verify a run and compare methods on one of its rounds, or on all.

    Args:
        run: The run directory.
        round_: Which; None for every round in which somebody's delta was accepted.
        methods: Names of ``METHODS``; None for all that can play the chosen rounds.
        progress: Told what has been established, line by line.

    Raises:
        UsageError: A method or the round does not exist.
        ConfigError: A method cannot play a round, e.g. because it has too many members.
        VerificationFailed: The run does not recompute.
    """
    require_methods(list(METHODS) if methods is None else methods)
    games, roles = read_games(run, progress)
    chosen = [g for g in games if round_ in {None, g.round}]
    if not chosen:
        known = ", ".join(str(g.round) for g in games) or "none"
        raise UsageError(f"no round {round_} with an accepted delta", hint=f"there are: {known}")
    return compare_games(chosen, roles, playable(chosen) if methods is None else methods, progress)


def playable(games: Sequence[RecordedGame]) -> list[str]:
    """Return the methods that can play all these rounds."""
    most = max(len(g.game.dids) for g in games)
    return [name for name in METHODS if name != EXACT or most <= MOST_MEMBERS]


def require_methods(methods: Sequence[str]) -> None:
    """Refuse names that are no methods.

    Raises:
        UsageError: One is not, or there is none.
    """
    unknown = [name for name in methods if name not in METHODS]
    if unknown or not methods:
        raise UsageError(
            f"no such method: {', '.join(unknown)}" if unknown else "no method to compare",
            hint=f"there are: {', '.join(METHODS)}",
        )


def compare_games(
    games: Sequence[RecordedGame],
    roles: Mapping[Did, str],
    methods: Sequence[str],
    progress: Progress = lambda _: None,
) -> Comparison:
    """Play every method on every round.

    Args:
        games: The rounds.
        roles: What is known of the members; whoever is not in it is a plain member.
        methods: Names of ``METHODS``.
        progress: Told of each round.
    """
    seen = {did for g in games for did in g.game.dids}
    roles = {did: roles.get(did, _UNKNOWN) for did in seen}
    usual = usual_role(roles)
    references = []
    for recorded in games:
        references.append(reference_of(recorded.game))
        progress(f"round {recorded.round}: Shapley's value of {len(recorded.game.dids)} members")
    rows = [_row(RECORDED, [(g.scores, None) for g in games], games, references, roles)]
    for name in methods:
        rows.append(_row(name, [_play(name, g.game) for g in games], games, references, roles))
        progress(f"{name} played")
    return Comparison(
        rounds=tuple(g.round for g in games),
        members=max(len(g.game.dids) for g in games),
        usual=usual,
        others=sum(roles[did] != usual for did in seen),
        exact=all(r.exact for r in references),
        error=max(r.error for r in references),
        rows=tuple(rows),
    )


def reference_of(game: Game) -> Reference:
    """Return Shapley's value of a round: exact for up to ``MOST_MEMBERS`` members, else an estimate."""
    fresh = replace(game)
    if len(game.dids) <= MOST_MEMBERS:
        return Reference(scores=exact_shapley(fresh), error=0.0, exact=True)
    found = estimate(fresh, pairs=REFERENCE_PAIRS, stream="valuation.reference")
    spread = float(np.std(found.scores))
    noise = float(np.sqrt(np.mean(np.square(np.array(found.errors, dtype=np.float64)))))
    return Reference(scores=found.scores, error=noise / spread if spread else 0.0, exact=False)


_Played = tuple[tuple[int, ...], tuple[int, float] | None]
"""Scores, and the evaluations and CPU seconds that they took."""


def _play(name: str, game: Game) -> _Played:
    fresh = replace(game)
    begun = time.process_time()
    scores = METHODS[name](fresh)
    return scores, (fresh.calls, time.process_time() - begun)


def _row(
    method: str,
    played: Sequence[_Played],
    games: Sequence[RecordedGame],
    references: Sequence[Reference],
    roles: Mapping[Did, str],
) -> Row:
    scores, costs = [s for s, _ in played], [cost for _, cost in played if cost is not None]

    def mean(measure: Callable[[Sequence[int], Sequence[int]], float | None]) -> float | None:
        found = [measure(s, r.scores) for s, r in zip(scores, references, strict=True)]
        known = [x for x in found if x is not None]
        return sum(known) / len(known) if known else None

    totals: dict[Did, int] = {}
    for recorded, found in zip(games, scores, strict=True):
        for did, score in zip(recorded.game.dids, found, strict=True):
            totals[did] = totals.get(did, 0) + score
    quotas = {did: quota for g in games for did, quota in zip(g.game.dids, g.quotas, strict=True)}
    gains = [g.game.gain for g in games]
    scale = sum(map(abs, gains))
    gaps = sum(abs(sum(s) - gain) for s, gain in zip(scores, gains, strict=True))
    return Row(
        method=method,
        spearman=mean(spearman),
        kendall=mean(kendall),
        detection=_detection(quotas, totals, roles),
        missed=gaps / scale if scale else None,
        calls=sum(calls for calls, _ in costs) if costs else None,
        cpu_seconds=sum(seconds for _, seconds in costs) if costs else None,
        totals=totals,
        roles=_by_role(quotas, totals, roles),
    )


def usual_role(roles: Mapping[Did, str]) -> str:
    """Return the role that most members have; of several the first by name."""
    counts = Counter(roles.values())
    return min(counts, key=lambda role: (-counts[role], role))


def _by_role(
    quotas: Mapping[Did, int], totals: Mapping[Did, int], roles: Mapping[Did, str]
) -> dict[str, float]:
    sums: dict[str, tuple[int, int]] = {}
    for did, score in totals.items():
        scored, quota = sums.get(roles[did], (0, 0))
        sums[roles[did]] = (scored + score, quota + quotas[did])
    whole, held = sums.pop(usual_role(roles))
    if not whole:
        return {}
    return {role: scored * held / (quota * whole) for role, (scored, quota) in sorted(sums.items())}


def _detection(
    quotas: Mapping[Did, int], totals: Mapping[Did, int], roles: Mapping[Did, str]
) -> float | None:
    usual = usual_role(roles)
    labels = np.array([int(roles[did] == usual) for did in totals])
    if labels.all():
        return None
    shares = [(score << _QUOTA_BITS) // quotas[did] for did, score in totals.items()]
    return auc(np.array(shares), labels)
