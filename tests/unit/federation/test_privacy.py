"""The exact conversion, against an independent accountant and its own properties."""

from __future__ import annotations

import math
import random
import time
from functools import reduce

import pytest
from dp_accounting import dp_event
from dp_accounting.pld import PLDAccountant
from dp_accounting.pld import privacy_loss_distribution as losses
from dp_accounting.pld.privacy_loss_distribution import PrivacyLossDistribution
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.errors import ConfigError
from federation.privacy import (
    Budget,
    History,
    Sampled,
    epsilon_of,
    increment,
    mu_of,
    noise_multiplier,
    spend,
)

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


# Histories: each release is composed by itself here, and by groups there


def full_histories(count: int) -> list[list[float]]:
    """Noise multipliers of releases: few or many, alike or far apart; epsilon from about 0.05 to 12."""
    rng = random.Random(7)
    made = []
    for _ in range(count):
        releases = rng.choice([1, 2, 5, 12, 30])
        scale = math.sqrt(releases) / math.exp(rng.uniform(math.log(0.02), math.log(2.5)))
        made.append([scale * rng.uniform(0.5, 3.0) for _ in range(releases)])
    return made


def mixed_histories(count: int) -> list[tuple[list[float], list[Sampled]]]:
    """Full batches, and steps on Poisson samples of up to three kinds, in several releases each."""
    rng = random.Random(8)
    made = []
    for sigmas in full_histories(count):
        kinds = [
            (
                math.exp(rng.uniform(math.log(0.7), math.log(4.0))),
                math.exp(rng.uniform(math.log(0.002), -1.2)),
            )
            for _ in range(rng.choice([1, 1, 2, 3]))
        ]
        releases = rng.choice([1, 2, 4])
        sampled = [Sampled(*rng.choice(kinds), rng.randrange(1, 40)) for _ in range(releases)]
        made.append(([2 * sigma for sigma in sigmas] if rng.random() < 0.8 else [], sampled))
    return made


def history_of(sigmas: list[float], sampled: list[Sampled]) -> History:
    made = History()
    for sigma in sigmas:
        made = made.and_full(increment(sigma))
    for steps in sampled:
        made = made.and_sampled(steps)
    return made


def bounds(sigmas: list[float], sampled: list[Sampled], *, pessimistic: bool) -> float:
    """Compose every release by itself; the optimistic estimate is below the truth."""
    dots = {"pessimistic_estimate": pessimistic, "use_connect_dots": pessimistic}
    steps = [losses.from_gaussian_mechanism(sigma, **dots) for sigma in sigmas]
    for one in sampled:
        step = losses.from_gaussian_mechanism(one.sigma, sampling_prob=one.rate, **dots)
        steps.append(step.self_compose(one.steps))
    found = reduce(PrivacyLossDistribution.compose, steps)
    return float(found.get_epsilon_for_delta(DELTA))


def check_history(sigmas: list[float], sampled: list[Sampled]) -> None:
    epsilon = history_of(sigmas, sampled).epsilon(DELTA)
    assert epsilon == pytest.approx(bounds(sigmas, sampled, pessimistic=True), abs=0.01)
    assert epsilon >= bounds(sigmas, sampled, pessimistic=False)


@pytest.mark.parametrize("sigmas", full_histories(6))
def test_epsilon_equals_pld_when_full_batches_differ(sigmas: list[float]) -> None:
    check_history(sigmas, [])


@pytest.mark.parametrize("which", [0, 1])
def test_epsilon_equals_pld_when_samples_and_full_batches_are_mixed(which: int) -> None:
    check_history(*mixed_histories(2)[which])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_epsilon_equals_pld_on_100_histories_of_full_batches() -> None:
    for sigmas in full_histories(100):
        check_history(sigmas, [])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_epsilon_equals_pld_on_100_histories_with_samples() -> None:
    for sigmas, sampled in mixed_histories(100):
        check_history(sigmas, sampled)


def test_history_is_the_same_when_its_samples_come_in_several_releases() -> None:
    twice = History().and_sampled(Sampled(1.5, 0.05, 10)).and_sampled(Sampled(1.5, 0.05, 30))
    assert twice == History().and_sampled(Sampled(1.5, 0.05, 40))


def test_epsilon_grows_when_a_history_with_samples_goes_on() -> None:
    history, last = History(), 0.0
    for more in (
        Sampled(2.0, 0.01, 1),
        Sampled(2.0, 0.01, 60),
        0.001,
        Sampled(1.2, 0.1, 1),
        0.3,
        Sampled(0.9, 0.02, 20),
        # From here on nothing is counted exactly.
        Sampled(0.1, 0.02, 1),
        200.0,
    ):
        history = history.and_sampled(more) if isinstance(more, Sampled) else history.and_full(more)
        epsilon = history.epsilon(DELTA)
        assert epsilon > last
        last = epsilon


@pytest.mark.parametrize(
    "history",
    [
        History(400.0, (Sampled(0.5, 0.3, 5),)),
        History(0.0, (Sampled(0.001, 0.3, 5), Sampled(2.0, 0.3, 5))),
        History(0.0, (Sampled(1.0, 0.5, 20_000),)),
    ],
)
def test_epsilon_is_quick_and_no_less_when_a_history_is_beyond_any_budget(history: History) -> None:
    began = time.process_time()
    full = sum(one.steps * increment(one.sigma) for one in history.sampled)
    assert history.epsilon(DELTA) == epsilon_of(math.sqrt(history.mu_squared + full), DELTA) > 100
    assert time.process_time() - began < 0.5
