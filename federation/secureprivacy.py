"""What secure aggregation costs of privacy: noise split over members, and three epsilons.

With C' the clipping norm on the grid plus what rounding to it adds, each member adds discrete Gaussian
noise (Canonne, Kamath and Steinke 2020) of parameter s >= sigma C' / sqrt(minimum) to its rounded sum, and no
fewer than ``minimum`` are ever summed. Three views tell different amounts:

- the *sum* carries ``sigma C'`` at least: mu^2 = 1 / sigma^2 a round;
- the *transcript* has each member's own scalars as well, and they carry that member's noise alone:
  mu^2 = minimum f' / sigma^2, where f' = 1/m + (1 - 1/m) f for m members' noise in the sum, and f the largest
  share of a difference that scalars see (``scalar_share``): 1, unless the scores are covered;
- the *server* with t colluders has the same, with their noise taken off the sum: m = minimum - t.

Why f': whiten the noise, and let P project onto what the scalars span. Of every member the part in P is
public, of the rest the sum alone: a difference w is seen with precision |Pw|^2 + |(I - P)w|^2 / m. The
gradient is chosen after the sum is known, and every choice has the same bound.

Discreteness. N_Z(x, s^2) is a randomised rounding of N(x, s^2 - 16), and a sum of n of them is N_Z with
n s^2, within max-divergences of 5 exp(-32 pi^2) and 10 (n - 1) exp(-pi^2 s^2) per coordinate (smoothing;
Kairouz, Liu and Steinke 2021, on sums of discrete Gaussians). Shares are rounded up by more than the 16 and
never below ``LEAST_SHARE``, so sigma holds as it is written, and the rest is below 10^-120. *With* covered
scores f' is that of Gaussians: it supposes that the integer vectors orthogonal to gradient and directions
have a basis that is short beside s, as they do for gradients with thousands of unlike entries.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from federation.errors import ConfigError
from federation.models.linear import WEIGHT_BITS
from federation.privacy import SENSITIVITY, epsilon_of, increment

if TYPE_CHECKING:
    from federation.manifest import Manifest, SecureSection

LEAST_SHARE: Final = 10
"""Below this, in grid units, a member's noise would not count as a Gaussian's."""

_FAILURE: Final = 1e-20
"""Chance per round that directions lie worse than ``scalar_share`` says; taken off delta."""

_T: Final = 50.0
"""Three tail bounds of exp(-50) each are below ``_FAILURE``."""

_TAIL: Final = 25
"""Noise as agreed exceeds its allowance with probability below exp(-25)."""


class Epsilons(NamedTuple):
    """What so many rounds tell about one unit, at the manifest's delta.

    Attributes:
        sum: To who sees the sums alone.
        transcript: To everybody: sums, and each member's scalars.
        server: To the aggregator when ``colluders`` members tell it their noise.
    """

    sum: float
    transcript: float
    server: float


def epsilons(manifest: Manifest, rounds: int) -> Epsilons:
    """Return the three epsilons of so many rounds; all infinite without noise.

    Raises:
        ConfigError: The manifest has no secure aggregation.
    """
    secure = _secure(manifest)
    delta = manifest.privacy.budget.delta - rounds * _FAILURE

    def spent(sigma: float) -> float:
        each = increment(sigma / SENSITIVITY[manifest.privacy.unit])
        return epsilon_of(math.sqrt(rounds * each) if rounds else 0.0, delta)

    return Epsilons(
        sum=spent(manifest.privacy.sigma),
        transcript=spent(_transcript_sigma(manifest, secure.minimum)),
        server=spent(_transcript_sigma(manifest, secure.minimum - secure.colluders)),
    )


def booked_sigma(manifest: Manifest) -> float:
    """Return the noise multiplier that ledgers book for a round: of what the lifetime budget binds on.

    The manifest's own; in secure mode that of the public transcript, unless the budget is on the sum.
    """
    if manifest.secure is None or manifest.secure.budget == "sum":
        return manifest.privacy.sigma
    return _transcript_sigma(manifest, manifest.secure.minimum)


def noise_share(manifest: Manifest) -> int:
    """Return the parameter s of one member's discrete Gaussian, in grid units; 0 without noise.

    Raises:
        ConfigError: The manifest has no secure aggregation, or the share is too small for the grid.
    """
    secure, sigma_e4 = _secure(manifest), manifest.privacy.sigma_e4
    if not sigma_e4:
        return 0
    share = math.isqrt((sigma_e4 * _sensitivity(manifest)) ** 2 // (10**8 * secure.minimum)) + 2
    if share < LEAST_SHARE:
        raise ConfigError(
            f"a member's share of the noise is {share} units of the grid, and must be {LEAST_SHARE} or more",
            hint="set a larger clip_milli or sigma_e4",
        )
    return share


def score_noise(manifest: Manifest) -> int:
    """Return the parameter of the noise in a delta's last entry, which covers its score; 0 for none.

    The entry meets ``|g|`` in the product (``federation.secagg.cover``), so it adds k times what the
    member's own noise adds along the gradient g.
    """
    return -(-noise_share(manifest) * _secure(manifest).score_noise_milli // 1000)


def secure_cap(manifest: Manifest, quota: int) -> int:
    """Return the largest allowed L2 norm of a secure delta, in grid units.

    ``C * quota`` for the clipped sum, what rounding adds, and what the noise reaches with probability above
    1 - exp(-25): Laurent and Massart (2000, lemma 1) for weights s^2 and the score noise's; the bound holds
    for discrete Gaussians, whose moment generating function is at most a Gaussian's.

    Args:
        manifest: What the community agreed.
        quota: How many examples the member may contribute.
    """
    dim, units = manifest.model.dim, quota if manifest.privacy.unit == "example" else 1
    signal = -(-(manifest.privacy.clip_milli * units << WEIGHT_BITS) // 1000)
    own, last = noise_share(manifest) ** 2, score_noise(manifest) ** 2
    spread = math.isqrt(4 * _TAIL * (dim * own**2 + last**2)) + 1
    noise = math.isqrt(dim * own + last + spread + 2 * _TAIL * max(own, last)) + 1 if own else 0
    return signal + noise + math.isqrt(dim) + 1


@lru_cache(maxsize=64)
def scalar_share(*, dim: int, projections: int, cover: float) -> float:
    """Return the largest share of a difference's squared length that a member's scalars see.

    Without cover the difference may lie along the gradient, and all of it is seen. With noise of k times
    the own one on the gradient's scalar, and r random directions that are drawn after the commitments and
    so cannot depend on the difference, the share is at most::

        a + max over c in [0, 1] of (sqrt((1 - c^2)(1 - a)) + k sqrt(a) h)^2 / (1 + k^2 - (c + k sqrt(b))^2)

    with a and b the shares of the difference and of the covering entry in the span of the directions, k
    sqrt(a) h their part in common, and c that of the gradient, which may be chosen after them. But for a
    chance below 1e-20 the least squared singular value of the directions is L or more, with u = 50 + r ln 33
    (a net of the sphere) and L = dim/2 - 8/7 max(sqrt(1.5 dim u), sqrt(dim u) + u), and
    a <= (r + 2 sqrt(50 r) + 100) / 2L. With x = k^2 r / L up to 1/2, b <= x / (1 + x) and
    h <= sqrt(x) / (1 + x) (Sherman and Morrison). More noise never tells more, so a larger k counts as
    the one with x = 1/2.

    Args:
        dim: Weights in a delta.
        projections: Directions r of the norm check.
        cover: k; 0 where scores are not covered.
    """
    if not cover:
        return 1.0
    net = _T + projections * math.log(33)
    least = dim / 2 - 8 / 7 * max(math.sqrt(1.5 * dim * net), math.sqrt(dim * net) + net)
    if least <= 0:
        return 1.0
    a = (projections + 2 * math.sqrt(projections * _T) + 2 * _T) / (2 * least)
    cover = min(cover, math.sqrt(least / (2 * projections)))
    x = cover * cover * projections / least
    b, common = x / (1 + x), math.sqrt(x) / (1 + x)
    if a >= 1 or 1 + cover * cover <= (1 + cover * math.sqrt(b)) ** 2:
        return 1.0
    cells, worst = 4096, 0.0
    for i in range(cells):
        # Numerator and denominator both fall with c, so a cell is bounded by its two ends.
        top = math.sqrt((1 - (i / cells) ** 2) * (1 - a)) + cover * math.sqrt(a) * common
        bottom = 1 + cover * cover - ((i + 1) / cells + cover * math.sqrt(b)) ** 2
        worst = max(worst, top * top / bottom)
    return min(1.0, a + worst)


def _transcript_sigma(manifest: Manifest, noisy: int) -> float:
    """Return the noise multiplier of sum and scalars, with so many members' noise in the sum."""
    secure = _secure(manifest)
    cover = secure.score_noise_milli / 1000
    seen = scalar_share(dim=manifest.model.dim, projections=secure.projections, cover=cover)
    return manifest.privacy.sigma / math.sqrt(secure.minimum * (1 / noisy + (1 - 1 / noisy) * seen))


def _sensitivity(manifest: Manifest) -> int:
    """Return C': by how much a unit moves the rounded sum; half of it where a whole member is replaced.

    Each of two sums is rounded by half a unit per coordinate; one unit more is room for floating point.
    """
    clip = -(-(manifest.privacy.clip_milli << WEIGHT_BITS) // 1000)
    return clip + math.isqrt(manifest.model.dim) + 2


def _secure(manifest: Manifest) -> SecureSection:
    if manifest.secure is None:
        raise ConfigError("this federation does not aggregate securely")
    return manifest.secure
