"""What an attacker's success says about privacy: two published tests and three on the noise itself.

Every canary was inserted or not by a fair coin, and the attacker gives each a score that is higher
where it believes that the canary is in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from federation.metrics import auc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from federation.fixedpoint import Floats, Ints

_NORMAL: Final = NormalDist()

ALARM: Final = 3.0
"""Standard errors beyond a promise that fail a gate: a sound client fails one in 740 audits."""

_PAIR_ALARM: Final = 5.0
"""The same for the largest of all correlations between two rounds."""

CONFIDENCE: Final = 0.95

_SHARES: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
"""Of the canaries about which the attacker dares a guess; the best counts, corrected for their number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One measured quantity and what it may be.

    Attributes:
        name: Which.
        measured: What was found.
        promised: What a sound client with these parameters has, on average.
        limit: What fails beyond.
        passed: Whether it did not.
    """

    name: str
    measured: float
    promised: float
    limit: float
    passed: bool


def separation(scores: Floats, inserted: Ints, mu: float) -> Gate:
    """Compare how well inserted canaries stand out with what mu-GDP allows.

    The best attack on Gaussian noise has an AUC of Phi(mu / sqrt 2). The standard error is Hanley and
    McNeil's (1982).

    Args:
        scores: One per canary.
        inserted: 1 where it was inserted, else 0; same shape.
        mu: The promise: sqrt(sum 1 / sigma_t^2).
    """
    promised = _NORMAL.cdf(mu / math.sqrt(2))
    ones, zeros = int(inserted.sum()), int(len(inserted) - inserted.sum())
    first, second = promised / (2 - promised), 2 * promised**2 / (1 + promised)
    variance = promised * (1 - promised)
    variance += (ones - 1) * (first - promised**2) + (zeros - 1) * (second - promised**2)
    limit = promised + ALARM * math.sqrt(variance / (ones * zeros))
    measured = _auc(scores, inserted)
    return Gate(name="auc", measured=measured, promised=promised, limit=limit, passed=measured <= limit)


def one_run(scores: Floats, inserted: Ints, *, epsilon: float, delta: float) -> Gate:
    """Compare a lower bound on epsilon, at 95 % confidence, with the promised one.

    Steinke, Nasr, Jagielski, "Privacy Auditing with One (1) Training Run", NeurIPS 2023, theorem 5.2.
    It holds whatever the mechanism is; being general, it stays below the truth.

    Args:
        scores: One per canary.
        inserted: 1 where it was inserted, else 0; same shape.
        epsilon: The promise.
        delta: Its delta.
    """
    order = np.argsort(scores)
    best, canaries = 0.0, len(scores)
    for share in _SHARES:
        half = max(1, int(share * canaries) // 2)
        right = int(inserted[order[-half:]].sum()) + int((1 - inserted[order[:half]]).sum())
        bound = _least_epsilon(canaries, 2 * half, right, delta=delta, doubt=(1 - CONFIDENCE) / len(_SHARES))
        best = max(best, bound)
    return Gate(
        name="epsilon-lower-bound", measured=best, promised=epsilon, limit=epsilon, passed=best <= epsilon
    )


def noise_scale(silent: Floats) -> Gate:
    """Compare the noise on coordinates that no example touches with what was promised.

    Args:
        silent: Those coordinates of all rounds, in units of the promised standard deviation.
    """
    measured = float(np.sqrt(np.mean(np.square(silent))))
    limit = 1 - ALARM / math.sqrt(2 * silent.size)
    return Gate(name="noise", measured=measured, promised=1.0, limit=limit, passed=measured >= limit)


def freshness(silent: Floats) -> Gate:
    """Look for noise that two rounds have in common.

    Args:
        silent: As for ``noise_scale``; shape (rounds, coordinates).
    """
    limit = _PAIR_ALARM / math.sqrt(silent.shape[1])
    norms = np.linalg.norm(silent, axis=1, keepdims=True)
    directions = silent / np.where(norms > 0, norms, 1.0)
    correlations = directions @ directions.T
    np.fill_diagonal(correlations, 0.0)
    measured = float(np.abs(correlations).max(initial=0.0))
    return Gate(name="shared-noise", measured=measured, promised=0.0, limit=limit, passed=measured <= limit)


def replay(first: Floats, again: Floats) -> Gate:
    """Compare two answers for one round: a second draw of noise would average the first one away.

    Args:
        first: What was released; shape (dim,).
        again: What was released when it was asked for again; same shape.
    """
    measured = float(np.mean(first != again))
    return Gate(name="retry", measured=measured, promised=0.0, limit=0.0, passed=not measured)


def _auc(scores: Floats, inserted: Ints) -> float:
    _, ranks = np.unique(scores, return_inverse=True)
    return auc(ranks.astype(np.int64), inserted)


def _least_epsilon(canaries: int, guesses: int, right: int, *, delta: float, doubt: float) -> float:
    """Return the largest epsilon that so many right guesses refute, or 0."""
    low, high = 0.0, 50.0
    if _chance(canaries, guesses, right, epsilon=low, delta=delta) > doubt:
        return 0.0
    while high - low > 1e-4:
        middle = (low + high) / 2
        if _chance(canaries, guesses, right, epsilon=middle, delta=delta) > doubt:
            high = middle
        else:
            low = middle
    return low


def _chance(canaries: int, guesses: int, right: int, *, epsilon: float, delta: float) -> float:
    """Bound the probability of at least so many right guesses under (epsilon, delta)-DP."""
    pmf = _binomial(guesses, 1 / (1 + math.exp(-epsilon)))
    tail = float(pmf[right:].sum())
    if not right or not delta:
        return tail
    # The mass just below, per step down: what delta can lift over the line at most.
    below = np.cumsum(pmf[:right][::-1]) / np.arange(1, right + 1)
    return tail + 2 * canaries * delta * float(below.max())


def _binomial(n: int, p: float) -> NDArray[np.float64]:
    """Return the probabilities of 0 to n successes."""
    if p == 1.0:
        return np.concatenate([np.zeros(n), [1.0]])
    counts = np.arange(n + 1)
    logs = np.array([math.lgamma(k + 1) for k in counts])
    choose = logs[n] - logs - logs[::-1]
    return np.asarray(np.exp(choose + counts * math.log(p) + (n - counts) * math.log1p(-p)))
