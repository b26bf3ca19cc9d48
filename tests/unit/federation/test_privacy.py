"""The exact conversion, against an independent accountant and its own properties."""

from __future__ import annotations

import math

import pytest
from dp_accounting import dp_event
from dp_accounting.pld import PLDAccountant
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import ConfigError
from federation.privacy import Budget, History, Sampled, epsilon_of, increment, mu_of, noise_multiplier, spend

DELTA = 1e-5


def pld(sigmas: list[float], delta: float = DELTA) -> float:
    accountant = PLDAccountant()
    for sigma in sigmas:
        accountant.compose(dp_event.GaussianDpEvent(sigma))
    return float(accountant.get_epsilon(delta))


@pytest.mark.parametrize(
    "sigmas",
    [[3.73], [0.6], [8.0] * 20, [2.68] * 8, [6 + 0.5 * t for t in range(12)], [1.4, 30.0, 5.0, 9.5]],
)
def test_epsilon_equals_pld_when_steps_are_gaussian(sigmas: list[float]) -> None:
    assert spend(sigmas, DELTA).epsilon == pytest.approx(pld(sigmas), abs=0.01)


@pytest.mark.parametrize("delta", [1e-3, 1e-9])
def test_epsilon_equals_pld_when_delta_differs(delta: float) -> None:
    assert spend([4.0] * 10, delta).epsilon == pytest.approx(pld([4.0] * 10, delta), abs=0.01)


# Computed with mpmath at 60 digits: the root of Phi(-e/mu + mu/2) - exp(e) Phi(-e/mu - mu/2) = delta.
VECTORS = [
    (0.001, 1e-05, 0.00193872496986011),
    (0.05, 1e-12, 0.31710576680329392),
    (0.25, 1e-05, 0.92634150399822944),
    (1.0, 1e-05, 4.3771780956812246),
    (1.0, 1e-12, 7.2384944201788584),
    (1.6, 1e-05, 7.6191909095816972),
    (5.0, 1e-09, 41.83337508055052),
    (20.0, 1e-12, 339.83317983692849),
    (20.0, 1e-05, 284.39184949774248),
    (55.0, 1e-12, 1898.455662241194),
]


@pytest.mark.parametrize(("mu", "delta", "epsilon"), VECTORS)
def test_epsilon_equals_high_precision_root_from_above(mu: float, delta: float, epsilon: float) -> None:
    ours = epsilon_of(mu, delta)
    assert epsilon * (1 - 1e-15) <= ours <= epsilon * (1 + 1e-8)


@settings(max_examples=100, deadline=None)
@given(mu=st.floats(1e-6, 40), step=st.floats(1e-3, 5), delta=st.floats(1e-12, 0.5))
def test_epsilon_grows_when_more_is_spent_or_less_may_fail(mu: float, step: float, delta: float) -> None:
    here = epsilon_of(mu, delta)
    assert epsilon_of(mu + step, delta) >= here
    assert epsilon_of(mu, delta / 2) >= here


@settings(max_examples=30, deadline=None)
@given(epsilon=st.floats(1e-3, 300), delta=st.floats(1e-12, 1e-2))
def test_mu_never_exceeds_budget_but_meets_it(epsilon: float, delta: float) -> None:
    mu = mu_of(epsilon, delta)
    assert epsilon_of(mu, delta) <= epsilon
    assert epsilon_of(mu * (1 + 1e-6), delta) > epsilon


@settings(max_examples=30, deadline=None)
@given(epsilon=st.floats(0.05, 50), rounds=st.integers(1, 300))
def test_noise_multiplier_is_least_on_grid_that_keeps_lifetime(epsilon: float, rounds: int) -> None:
    sigma = noise_multiplier(epsilon, DELTA, rounds)
    assert sigma == round(sigma, 4)
    assert spend([sigma] * rounds, DELTA).epsilon <= epsilon
    assert sigma < 2e-4 or spend([sigma - 1e-4] * rounds, DELTA).epsilon > epsilon


def test_epsilon_is_zero_when_nothing_was_spent() -> None:
    assert spend([], DELTA) == (0.0, 0.0)
    assert epsilon_of(1e-7, 1e-3) == 0.0


def test_epsilon_is_infinite_when_a_release_had_no_noise() -> None:
    assert spend([3.0, 0.0], DELTA) == (math.inf, math.inf)
    assert mu_of(math.inf, DELTA) == math.inf
    assert noise_multiplier(math.inf, DELTA, 20) == 0.0


@pytest.mark.parametrize("delta", [0.0, 1.0, -1e-5, math.nan])
def test_delta_is_refused_when_out_of_range(delta: float) -> None:
    with pytest.raises(ConfigError, match="delta"):
        epsilon_of(1.0, delta)
    with pytest.raises(ConfigError, match="delta"):
        Budget(epsilon=1.0, delta=delta)


@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_arguments_are_refused_when_negative_or_nan(value: float) -> None:
    for call in (
        lambda: epsilon_of(value, DELTA),
        lambda: mu_of(value, DELTA),
        lambda: increment(value),
        lambda: Budget(epsilon=value, delta=DELTA),
    ):
        with pytest.raises(ConfigError):
            call()


def test_noise_multiplier_is_refused_when_no_release_fits() -> None:
    with pytest.raises(ConfigError, match="rounds"):
        noise_multiplier(1.0, DELTA, 0)
    with pytest.raises(ConfigError, match="no release"):
        noise_multiplier(0.0, 1e-300, 5)


def test_epsilon_of_samples_is_finite_below_what_can_be_computed_and_infinite_above() -> None:
    history = History().and_sampled(Sampled(sigma=1.0, rate=0.5, steps=60))
    assert 20 < history.epsilon(DELTA) < 40
    assert history.and_full(400.0).epsilon(DELTA) == math.inf
    assert history.and_sampled(Sampled(sigma=1.0, rate=0.5, steps=1000)).epsilon(DELTA) == math.inf
    assert history.and_sampled(Sampled(sigma=1e-3, rate=0.001, steps=1)).epsilon(DELTA) == math.inf
