"""Gaussian differential privacy: one number per dataset, converted exactly to (epsilon, delta).

A full-batch Gaussian step with noise multiplier sigma (noise standard deviation over clipping norm)
is mu-GDP with mu = 1 / sigma under add/remove of one example. Steps compose by mu^2 = sum 1/sigma_t^2
(Dong, Roth, Su, "Gaussian Differential Privacy", corollary 3.3), and mu converts to (epsilon, delta)
without a gap (Balle and Wang 2018, theorem 8). A bound on mu^2 is a valid filter for steps whose
noise is chosen adaptively (Feldman and Zrnic 2021; Smith and Thakurta 2022), so the rule holds for
any history of releases.

Steps on Poisson samples compose by their privacy loss distributions (``Sampled``, ``History``). The
filter covers them too, as long as their parameters were agreed before and not chosen from releases.

Every result is rounded to the safe side: epsilon up, mu down, noise up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from federation.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SLACK = 1e-12
"""Bound on the relative error of the float evaluation, added to delta before it is compared."""

_LEAST_MU = 1e-6
"""Below this, a release would be noise only."""

_LEAST_SAMPLED_SIGMA = 0.4
_MOST_MU_SQUARED = 100.0
"""Beyond these, sampling hides next to nothing, and a privacy loss distribution takes minutes."""

_SIGMA_STEPS = 10_000
"""Noise multipliers are agreed in the manifest with four decimals."""


SENSITIVITY: Final = {"example": 1.0, "member": 2.0}
"""By how many clipping norms one unit moves a step: an example that is added or removed by one; a member
whose whole data are replaced by two, from one side of the ball to the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a dataset may spend in its whole life, over all federations.

    Attributes:
        epsilon: The bound; infinite where its owner accepts releases without noise.
        delta: The probability in (0, 1) with which the bound may fail.
    """

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        _check_delta(self.delta)
        _check_at_least_zero("epsilon", self.epsilon)


class PrivacySpend(NamedTuple):
    """What was spent: the sum of the full-batch releases' mu^2, and the epsilon of the whole history."""

    mu_squared: float
    epsilon: float


class Sampled(NamedTuple):
    """Gaussian steps, each on a Poisson sample of the examples.

    Attributes:
        sigma: Noise multiplier of a step.
        rate: Probability with which an example is in a sample; in (0, 1).
        steps: How many.
    """

    sigma: float
    rate: float
    steps: int


class History(NamedTuple):
    """All that one dataset has released.

    Attributes:
        mu_squared: Sum over the full-batch Gaussian releases.
        sampled: The others, one entry for each sigma and rate, in the order in which they came up.
    """

    mu_squared: float = 0.0
    sampled: tuple[Sampled, ...] = ()

    def and_full(self, mu_squared: float) -> History:
        """Return the history after one more full-batch release."""
        return self._replace(mu_squared=self.mu_squared + mu_squared)

    def and_sampled(self, more: Sampled) -> History:
        """Return the history after more steps on samples."""
        steps = {(one.sigma, one.rate): one.steps for one in self.sampled}
        steps[more.sigma, more.rate] = steps.get((more.sigma, more.rate), 0) + more.steps
        return self._replace(sampled=tuple(Sampled(*key, count) for key, count in steps.items()))

    def epsilon(self, delta: float) -> float:
        """Return the least epsilon that is certified for the history, rounded up.

        Exact without samples. With them, the pessimistic privacy loss distribution of dp-accounting
        (Doroshenko et al. 2022): seconds at most for a new history, and remembered. What is far beyond
        any budget counts as if every sample had been the full batch, which is never less.

        Raises:
            ConfigError: ``delta`` is out of range.
        """
        if not self.sampled or math.isinf(self.mu_squared):
            return epsilon_of(math.sqrt(self.mu_squared), delta)
        if self._is_extreme:
            full = sum(one.steps * increment(one.sigma) for one in self.sampled)
            return epsilon_of(math.sqrt(self.mu_squared + full), delta)
        _check_delta(delta)
        return _composed_epsilon(self, delta)

    @property
    def _is_extreme(self) -> bool:
        least = min(one.sigma for one in self.sampled)
        return self.mu_squared > _MOST_MU_SQUARED or least < _LEAST_SAMPLED_SIGMA


@lru_cache(maxsize=256)
def _composed_epsilon(history: History, delta: float) -> float:
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
    from dp_accounting.pld import PLDAccountant

    accountant = PLDAccountant()
    if history.mu_squared:
        accountant.compose(GaussianDpEvent(1 / math.sqrt(history.mu_squared)))
    for sigma, rate, steps in history.sampled:
        accountant.compose(SelfComposedDpEvent(PoissonSampledDpEvent(rate, GaussianDpEvent(sigma)), steps))
    return float(accountant.get_epsilon(delta))


def increment(sigma: float) -> float:
    """Return the mu^2 of one Gaussian release: ``1 / sigma^2``, infinite where sigma is 0.

    Args:
        sigma: Noise multiplier: noise standard deviation over sensitivity (L2).

    Raises:
        ConfigError: ``sigma`` is negative or not a number.
    """
    _check_at_least_zero("noise multiplier", sigma)
    square = sigma * sigma
    return 1.0 / square if square else math.inf


def spend(sigmas: Iterable[float], delta: float) -> PrivacySpend:
    """Return what a history of Gaussian releases spends, in the order in which a ledger adds it up."""
    total = 0.0
    for sigma in sigmas:
        total += increment(sigma)
    return PrivacySpend(total, epsilon_of(math.sqrt(total), delta))


def epsilon_of(mu: float, delta: float) -> float:
    """Return the least epsilon for which mu-GDP is (epsilon, delta)-DP, rounded up.

    Args:
        mu: Square root of the sum of mu^2 increments; 0 where nothing was released.
        delta: In (0, 1).

    Raises:
        ConfigError: An argument is out of range.
    """
    _check_at_least_zero("mu", mu)
    _check_delta(delta)
    if math.isinf(mu):
        return math.inf
    if mu == 0.0 or _delta_of(0.0, mu) <= delta:
        return 0.0
    low, high = 0.0, mu * mu / 2 + mu * math.sqrt(-2 * math.log(delta))
    while math.isfinite(high) and high - low > _SLACK * high:
        middle = (low + high) / 2
        if _delta_of(middle, mu) <= delta:
            high = middle
        else:
            low = middle
    return high


def mu_of(epsilon: float, delta: float) -> float:
    """Return the largest mu with ``epsilon_of(mu, delta) <= epsilon``, rounded down.

    Args:
        epsilon: Lifetime budget; infinite gives an infinite mu.
        delta: In (0, 1).

    Raises:
        ConfigError: An argument is out of range.
    """
    budget = Budget(epsilon=epsilon, delta=delta)
    if math.isinf(budget.epsilon):
        return math.inf
    low, high = 0.0, 1.0
    while epsilon_of(high, delta) <= epsilon:
        low, high = high, 2 * high
    while high - low > _SLACK * high:
        middle = (low + high) / 2
        if epsilon_of(middle, delta) <= epsilon:
            low = middle
        else:
            high = middle
    return low


def noise_multiplier(epsilon: float, delta: float, rounds: int) -> float:
    """Return the noise multiplier with which ``rounds`` equal releases stay within a budget.

    Args:
        epsilon: Lifetime budget; infinite gives 0, no noise.
        delta: In (0, 1).
        rounds: Number of releases, at least 1.

    Returns:
        The least such multiplier with four decimals: ``sqrt(rounds) / mu``, rounded up.

    Raises:
        ConfigError: An argument is out of range, or the budget is too small for any useful release.
    """
    if rounds < 1:
        raise ConfigError(f"noise for {rounds} rounds was asked for: at least 1 is needed")
    mu = mu_of(epsilon, delta)
    if mu < _LEAST_MU:
        raise ConfigError(
            f"epsilon {epsilon} with delta {delta} allows no release", hint="set a larger epsilon"
        )
    steps = math.ceil(math.sqrt(rounds) / mu * _SIGMA_STEPS)
    # The quotient may fall onto a grid point by rounding; the lifetime decides, not the quotient.
    while spend([steps / _SIGMA_STEPS] * rounds, delta).epsilon > epsilon:
        steps += 1
    return steps / _SIGMA_STEPS


def _delta_of(epsilon: float, mu: float) -> float:
    """Return an upper bound, tight to ``_SLACK``, of the delta of mu-GDP at ``epsilon``.

    delta = Phi(-b) - e^epsilon Phi(-a), with b = epsilon/mu - mu/2 and a = epsilon/mu + mu/2. As
    a^2 - b^2 = 2 epsilon, the second term is e^(-b^2/2) times a Mills ratio, which cannot overflow.
    """
    if epsilon == 0.0:
        return math.erf(mu / math.sqrt(8)) * (1 + _SLACK)
    a, b = epsilon / mu + mu / 2, epsilon / mu - mu / 2
    upper = math.erfc(b / math.sqrt(2)) / 2
    lower = math.exp(-b * b / 2) * _mills(a) / math.sqrt(2 * math.pi)
    return upper * (1 + _SLACK) - lower


def _mills(x: float) -> float:
    """Return Phi(-x) / phi(x) for x >= 0 (Abramowitz and Stegun 7.1.23 where erfc would underflow)."""
    if x < 30:
        return math.erfc(x / math.sqrt(2)) * math.exp(x * x / 2) * math.sqrt(math.pi / 2)
    y = 1 / (x * x)
    return (1 - y * (1 - 3 * y * (1 - 5 * y * (1 - 7 * y * (1 - 9 * y))))) / x


def _check_delta(delta: float) -> None:
    if not 0.0 < delta < 1.0:
        raise ConfigError(f"delta is {delta}, and must lie between 0 and 1")


def _check_at_least_zero(name: str, value: float) -> None:
    if not value >= 0.0:
        raise ConfigError(f"{name} is {value}, and must not be negative")
