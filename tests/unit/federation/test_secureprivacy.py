"""Noise that is split over members: what each view sees of one of them, and what binds."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from client.discrete import discrete_gaussian
from federation.delta import within_cap
from federation.errors import ConfigError
from federation.fixedpoint import norm_squared
from federation.manifest import ModelSection, PrivacySection, SecureSection
from federation.privacy import epsilon_of
from federation.secagg.cover import covered
from federation.secagg.ring import directions
from federation.secureprivacy import (
    LEAST_SHARE,
    booked_sigma,
    epsilons,
    noise_share,
    scalar_share,
    score_noise,
    secure_cap,
)
from federation.types import Hash32
from tests.agreed import DIM, agreed, private, secured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.fixedpoint import Floats, Ints
    from federation.manifest import Manifest

MINIMUM = 16


def split(
    *, minimum: int = MINIMUM, colluders: int = 0, milli: int = 0, dim: int = 4096, epsilon: float = 1.0
) -> Manifest:
    """The spam example's numbers: 20 rounds, clipping norm 0.25."""
    section = SecureSection(minimum=minimum, colluders=colluders, score_noise_milli=milli, budget="sum")
    made = secured(epsilon=epsilon, rounds=20, secure=section)
    model = ModelSection(dim=dim, features_sha256=made.model.features_sha256)
    return made.model_copy(update={"model": model})


def seen(covariance: Floats, shift: Floats) -> float:
    """Precision with which a shift of a Gaussian vector is seen; the vector may repeat itself."""
    return float(shift @ np.linalg.pinv(covariance, rcond=1e-9) @ shift)


def views(
    members: int, cover: float, rows: Floats, v: Floats, *, whole: bool = True
) -> tuple[Floats, Floats]:
    """Return covariance and shift of all that is public, written out entry by entry, with s = 1.

    Not whole: without the others' scalars, and without the sum's last entry.
    """
    dim = len(v)
    scale = np.diag([1.0] * dim + [cover])
    blocks = [np.kron(np.eye(members)[j], rows @ scale) for j in range(members if whole else 1)]
    total = np.kron(np.ones(members), scale)[: dim + whole]
    everything = np.vstack([*blocks, total])
    unmoved = np.zeros(len(rows) * (len(blocks) - 1))
    shift = np.concatenate([rows[:, :dim] @ v, unmoved, v, np.zeros(int(whole))])
    return everything @ everything.T, shift


def share_in(rows: Floats, cover: float, v: Floats) -> float:
    """Share of a difference in the span of whitened rows."""
    q, _ = np.linalg.qr((rows * np.append(np.ones(len(v)), cover)).T)
    return float(np.sum((q[:-1].T @ v) ** 2) / (v @ v))


@pytest.mark.parametrize(
    ("members", "cover", "projections"), [(1, 0.7, 2), (4, 0.0, 0), (5, 1.0, 2), (3, 2.5, 3)]
)
def test_precision_is_the_projection_formula_when_covariances_are_written_out(
    members: int, cover: float, projections: int
) -> None:
    rng = np.random.default_rng(members)
    for _ in range(5):
        gradient, v = rng.normal(size=9), rng.normal(size=9)
        ways = rng.integers(-1, 2, size=(projections, 10)).astype(float)
        rows = np.vstack([np.append(gradient, np.linalg.norm(gradient)), ways])
        share = share_in(rows, cover, v)
        formula = v @ v * (1 / members + (1 - 1 / members) * share)
        assert seen(*views(members, cover, rows, v)) == pytest.approx(formula, rel=1e-6)


def test_precision_is_larger_when_the_sums_last_entry_and_others_scalars_are_public_too() -> None:
    gradient = np.random.default_rng(1).normal(size=9)
    row = np.append(gradient, np.linalg.norm(gradient))[None, :]
    m, k, square = 4, 1.0, gradient @ gradient
    less = seen(*views(m, k, row, gradient, whole=False))
    assert less == pytest.approx(square * (m - 1 + k**2) / ((1 + k**2) * m - 1), rel=1e-6)
    assert seen(*views(m, k, row, gradient)) > 1.05 * less


@pytest.mark.parametrize("cover", [0.5, 1.0, 3.0])
def test_share_is_the_gradients_when_directions_are_few_beside_the_weights(cover: float) -> None:
    bound = scalar_share(dim=1 << 28, projections=1, cover=cover)
    assert 1 / (1 + cover**2) <= bound <= 1 / (1 + cover**2) + 1e-4


@pytest.mark.parametrize(("dim", "cover"), [(4096, 0.5), (4096, 1.0), (4096, 2.0), (4096, 8.0), (16384, 1.0)])
def test_share_bounds_the_worst_gradient_when_directions_are_drawn_after_the_difference(
    dim: int, cover: float
) -> None:
    bound = scalar_share(dim=dim, projections=16, cover=cover)
    for seed in range(3):
        v = np.random.default_rng(seed).normal(size=dim) * (np.arange(dim) < (1, 30, dim)[seed])
        ways = directions(Hash32(bytes([seed]) * 32), 16, dim + 1).astype(float)
        along = ways[:, :dim].T @ np.linalg.solve(ways[:, :dim] @ ways[:, :dim].T, ways[:, :dim] @ v)
        best = 0.0
        for gradient in (v, v - along, v + along, v - 0.3 * along, along):
            for sign in (1.0, -1.0):
                row = np.append(gradient, sign * np.linalg.norm(gradient))[None, :]
                best = max(best, share_in(np.vstack([row, ways]), cover, v))
        assert (0.5 if cover < 4 else 0.1) * bound < best <= bound


@pytest.mark.parametrize("dim", [4096, 65536])
def test_share_falls_when_cover_grows(dim: int) -> None:
    shares = [scalar_share(dim=dim, projections=16, cover=k) for k in (0, 0.1, 0.5, 1, 2, 4, 8, 1000)]
    assert all(more >= less for more, less in pairwise(shares))
    assert len(set(shares)) >= 7
    assert shares[-1] < 0.25


def test_share_is_all_when_directions_are_too_many_for_the_weights() -> None:
    assert scalar_share(dim=64, projections=16, cover=1.0) == 1.0
    assert scalar_share(dim=4096, projections=16, cover=0.0) == 1.0


def test_sum_carries_the_whole_noise_when_the_fewest_survive() -> None:
    for minimum in (2, 7, 16):
        manifest = split(minimum=minimum)
        clip = 0.25 * 65536 + math.sqrt(4096)
        whole = manifest.privacy.sigma * clip
        carried = math.sqrt(minimum) * noise_share(manifest)
        assert whole <= carried <= whole * 1.001
        # What a randomised rounding takes off stays above it, too.
        assert minimum * (noise_share(manifest) ** 2 - 16) >= whole**2


@pytest.mark.parametrize("epsilon", [1.0, 3.0])
def test_epsilons_are_those_of_own_noise_when_scores_are_not_covered(epsilon: float) -> None:
    manifest = split(epsilon=epsilon, colluders=4)
    found = epsilons(manifest, 20)
    sigma = manifest.privacy.sigma
    assert found.sum == pytest.approx(epsilon, abs=1e-3)
    assert found.transcript == pytest.approx(epsilon_of(math.sqrt(20 * MINIMUM) / sigma, 1e-5), rel=1e-9)
    assert found.server == found.transcript > found.sum


def test_epsilons_move_the_right_way_when_one_number_changes() -> None:
    def transcript(**changed: int) -> float:
        return epsilons(split(**changed), 20).transcript

    covers = [transcript(milli=milli) for milli in (0, 300, 1000, 2000)]
    assert all(more > less for more, less in pairwise(covers))
    servers = [epsilons(split(colluders=t, milli=1000), 20).server for t in (0, 4, 7)]
    assert all(less < more for less, more in pairwise(servers))
    assert servers[0] == covers[2]
    assert transcript(minimum=4) < transcript(minimum=16)
    rounds = [epsilons(split(), count) for count in (0, 1, 20)]
    assert rounds[0] == (0.0, 0.0, 0.0)
    assert all(a < b < c for a, b, c in zip(*rounds, strict=True))


def test_epsilons_are_of_a_replaced_member_when_the_member_is_the_unit() -> None:
    privacy = private(1.0, rounds=20).model_copy(update={"unit": "member"})
    manifest = split().model_copy(update={"privacy": privacy})
    assert epsilons(manifest, 5).sum == pytest.approx(epsilons(split(), 20).sum, rel=1e-9)


def test_epsilons_are_infinite_when_there_is_no_noise() -> None:
    manifest = secured(privacy=PrivacySection(epsilon="inf", delta="1e-5", clip_milli=1000, sigma_e4=0))
    assert epsilons(manifest, 1) == (math.inf,) * 3
    assert noise_share(manifest) == score_noise(manifest) == 0
    assert secure_cap(manifest, 3) == 3 * 65536 + math.isqrt(DIM) + 1


def masses(std: float, center: float = 0.0) -> Floats:
    """Probabilities of a discrete Gaussian on -200..200."""
    weights = np.exp(-((np.arange(-200, 201) - center) ** 2) / (2 * std * std))
    return np.asarray(weights / weights.sum())


def apart(p: Floats, q: Floats) -> float:
    """Largest log ratio either way, where floats can tell."""
    told = (p > 1e-14) & (q > 1e-14)
    return float(np.abs(np.log(p[told] / q[told])).max())


@pytest.mark.parametrize(("std", "members"), [(0.5, 2), (0.7, 5), (0.9, 4), (1.1, 3)])
def test_sum_is_discrete_gaussian_within_the_bound_when_shares_are_small(std: float, members: int) -> None:
    total = masses(std)
    for _ in range(members - 1):
        total = np.convolve(total, masses(std), mode="same")
    found = apart(total, masses(std * math.sqrt(members)))
    terms = (math.exp(-2 * math.pi**2 * std**2 * k / (k + 1)) for k in range(1, members))
    assert found <= 10 * sum(terms) <= 10 * (members - 1) * math.exp(-(math.pi**2) * std**2)
    assert found > 1e-10 or std > 1  # it would matter if shares were that small


@pytest.mark.parametrize("rounding", [0.5, 0.7, 0.9])
def test_discrete_gaussian_is_a_rounded_gaussian_within_the_bound(rounding: float) -> None:
    grid = np.linspace(-30, 30, 6001)
    density = np.exp(-(grid**2) / 2)
    total = sum(weight * masses(rounding, center) for weight, center in zip(density, grid, strict=True))
    found = apart(np.asarray(total / density.sum()), masses(math.hypot(1.0, rounding)))
    assert 1e-12 < found <= 5 * math.exp(-2 * math.pi**2 * rounding**2)


def test_manifest_is_refused_when_shares_are_too_small_for_the_grid() -> None:
    small = PrivacySection(epsilon="1000000", delta="1e-5", clip_milli=1, sigma_e4=1000)
    with pytest.raises(ValueError, match=f"must be {LEAST_SHARE} or more"):
        secured(privacy=small)
    assert noise_share(secured(privacy=small.model_copy(update={"sigma_e4": 5000}))) >= LEAST_SHARE


def test_manifest_is_refused_when_scores_are_covered_without_noise() -> None:
    none = PrivacySection(epsilon="inf", delta="1e-5", clip_milli=1000, sigma_e4=0)
    with pytest.raises(ValueError, match="there is none"):
        secured(privacy=none, secure=SecureSection(minimum=4, score_noise_milli=1000))


@pytest.mark.parametrize(("colluders", "told"), [(8, "restore"), (14, "restore"), (15, "hide"), (17, "hide")])
def test_section_is_refused_when_colluders_see_a_delta(colluders: int, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        SecureSection(minimum=16, colluders=colluders)
    assert SecureSection(minimum=16, colluders=7).colluders == 7


def test_manifest_is_refused_when_the_transcript_is_beyond_what_the_sum_keeps() -> None:
    assert secured(epsilon=3.0, budget="sum").secure
    with pytest.raises(ValueError, match="beyond the lifetime budget"):
        secured(epsilon=3.0, budget="transcript")


def test_booked_noise_is_what_binds_when_modes_differ() -> None:
    on_sum = secured(budget="sum")
    assert on_sum.secure
    own = on_sum.model_copy(update={"secure": on_sum.secure.model_copy(update={"budget": "transcript"})})
    sigma = on_sum.privacy.sigma
    assert booked_sigma(on_sum) == booked_sigma(agreed()) == sigma
    assert booked_sigma(own) == pytest.approx(sigma / 2)
    assert own.history(3).epsilon(1e-5) == pytest.approx(epsilons(own, 3).transcript)
    assert on_sum.history(3).epsilon(1e-5) == pytest.approx(epsilons(on_sum, 3).sum)


def test_federation_is_refused_when_it_does_not_aggregate_securely() -> None:
    for question in (noise_share, score_noise, lambda m: epsilons(m, 1), lambda m: secure_cap(m, 1)):
        with pytest.raises(ConfigError, match="does not aggregate securely"):
            question(agreed())


def worst_delta(manifest: Manifest, seed: int, *, times: float = 1.0) -> Ints:
    """A delta with as long a signal as one example gives, and noise of so many times the share."""
    parts: Sequence[Ints] = [
        discrete_gaussian(count, times * std, lambda n: bytes([seed]) * n)
        for count, std in ((manifest.model.dim, noise_share(manifest)), (1, score_noise(manifest)))
    ]
    delta = np.concatenate(parts)
    delta[0] += manifest.privacy.clip_milli * 65536 // 1000
    return delta


@pytest.mark.parametrize("milli", [0, 1000, 9000])
def test_cap_holds_honest_noise_and_no_more_when_the_quota_is_one(milli: int) -> None:
    manifest = split(milli=milli)
    cap = secure_cap(manifest, 1)
    assert manifest.cap(1) == cap
    assert all(within_cap(worst_delta(manifest, seed), cap) for seed in range(50))
    assert not any(within_cap(worst_delta(manifest, seed, times=2.0), cap) for seed in range(10))
    assert secure_cap(manifest, 5) - cap == 4 * manifest.privacy.clip_milli * 65536 // 1000


def test_covering_entry_is_as_long_as_the_gradient_and_of_either_sign() -> None:
    rng = np.random.default_rng(3)
    signs = []
    for _ in range(64):
        gradient = rng.integers(-1000, 1000, 50)
        whole = covered(gradient)
        assert np.array_equal(whole[:-1], gradient)
        assert (abs(int(whole[-1])) - 1) ** 2 < norm_squared(gradient) <= int(whole[-1]) ** 2
        signs.append(whole[-1] > 0)
        assert np.array_equal(covered(gradient), whole)
    assert 16 < sum(signs) < 48
    assert not covered(np.zeros(5, dtype=np.int64)).any()
    assert abs(covered(np.array([3, 4]))[-1]) == 5


def test_cover_adds_k_times_the_own_noise_to_a_score() -> None:
    manifest = split(milli=2000, dim=512)
    gradient = np.random.default_rng(5).integers(-1000, 1000, 512)
    share, whole = noise_share(manifest), covered(gradient)
    own = discrete_gaussian(512 * 3000, share, lambda n: b"o" * n).reshape(3000, 512)
    last = discrete_gaussian(3000, score_noise(manifest), lambda n: b"l" * n)
    products = own @ gradient + last * whole[-1]
    length = math.sqrt(norm_squared(gradient))
    assert np.std(products) == pytest.approx(share * length * math.sqrt(1 + 2.0**2), rel=4 / math.sqrt(6000))
