"""From a member's examples to a noised delta: one noise path for every engine, unit and schedule.

The manifest's unit says what is clipped. Protecting an *example*, each example's step is clipped to C
and the steps are summed: adding or removing one moves the sum by C at most. Protecting the *member*, the
steps are summed and the sum is clipped to C: replacing all of a member's data moves it by 2 C at most,
which the ledger books (``federation.privacy.SENSITIVITY``). Either way the same Gaussian noise follows.

By default a round is one step on all examples. A manifest may ask for several steps on Poisson samples
instead (Abadi et al. 2016), the member moving its own copy of the model in between. What the ledger books
is in the manifest either way: nothing here is decided by the data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from client.discrete import discrete_gaussian
from client.noise import draw, gaussian
from federation.delta import quantise
from federation.models.linear import WEIGHT_BITS
from federation.secureprivacy import noise_share, score_noise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from client.noise import Entropy
    from client.trainer import Engine
    from federation.fixedpoint import Floats, Ints
    from federation.manifest import Manifest, PrivacySection, SamplingSection
    from federation.models.linear import Design
    from federation.rounds import Base


def noised_delta(engine: Engine, design: Design, base: Base, manifest: Manifest, entropy: Entropy) -> Floats:
    """Return a round's noised delta; its cost is reserved before.

    Args:
        engine: Trains.
        design: The member's examples.
        base: The model to train from.
        manifest: Says what is clipped, how much noise there is, and in how many steps.
        entropy: Where noise and samples come from.

    Returns:
        Shape (dim,); the scale of one step on all examples.
    """
    if manifest.sampling is None:
        return _noised(clipped_step(engine, design, base, manifest.privacy), manifest.privacy, entropy)
    delta = _Sampling(engine, manifest.privacy, manifest.sampling, entropy).delta(design, base)
    # Samples may by chance be larger than they should; room is left for what rounding adds.
    limit = manifest.cap(len(design)) - math.isqrt(len(delta)) - 1
    return shortened(delta, math.ldexp(limit, -WEIGHT_BITS))


def secure_delta(engine: Engine, design: Design, base: Base, manifest: Manifest, entropy: Entropy) -> Ints:
    """Return a secure round's delta: clipped, rounded to the grid, then this member's share of the noise.

    The order is the other way round than in ``noised_delta``: the noise of several members is to add up on
    the grid, so it is discrete itself, and what rounding does to the sum is in the sensitivity.

    Args:
        engine: Trains.
        design: The member's examples.
        base: The model to train from.
        manifest: Says what is clipped, and how much noise there is; its cost is reserved before.
        entropy: Where noise comes from.

    Returns:
        Shape (``manifest.delta_dim``,): an entry for each weight, and noise alone in one more where scores
        are covered.
    """
    step = quantise(clipped_step(engine, design, base, manifest.privacy))
    delta = np.zeros(manifest.delta_dim, dtype=np.int64)
    delta[: len(step)] = step
    if share := noise_share(manifest):
        delta[: len(step)] += discrete_gaussian(len(step), share, entropy)
        delta[len(step) :] += discrete_gaussian(len(delta) - len(step), score_noise(manifest), entropy)
    return delta


def clipped_step(engine: Engine, design: Design, base: Base, privacy: PrivacySection) -> Floats:
    """Return one step without its noise: each example's clipped to C, or the sum."""
    if privacy.unit == "example":
        return engine.step(design, base, privacy.clip)
    return shortened(engine.step(design, base, math.inf), privacy.clip)


def shortened(vector: Floats, limit: float) -> Floats:
    """Return a vector scaled down to an L2 norm of at most ``limit``."""
    norm = float(np.linalg.norm(vector))
    return vector * (limit / norm) if norm > limit else vector


def _noised(step: Floats, privacy: PrivacySection, entropy: Entropy) -> Floats:
    if not privacy.sigma:
        return step
    return step + gaussian(len(step), privacy.sigma * privacy.clip, entropy)


@dataclass(frozen=True, slots=True)
class _Sampling:
    engine: Engine
    privacy: PrivacySection
    sampling: SamplingSection
    entropy: Entropy

    def delta(self, design: Design, base: Base) -> Floats:
        """Return the sum of all noised steps over ``rate * steps``.

        Each is divided by the expected size of a sample, not by its own, which would tell it.
        """
        rate, steps = self.sampling.rate, self.sampling.steps
        total, here = np.zeros(len(base.weights)), base
        pace = self.sampling.eta_milli / 1000 / max(1.0, rate * len(design))
        for _ in range(steps):
            part = design.picked(_drawn(len(design), self.sampling.rate_milli, self.entropy))
            step = _noised(clipped_step(self.engine, part, here, self.privacy), self.privacy, self.entropy)
            total += step
            here = replace(here, weights=here.weights + quantise(pace * step))
        return total / (rate * steps)


def _drawn(n: int, rate_milli: int, entropy: Entropy) -> NDArray[np.bool_]:
    """Return who is in a Poisson sample: each independently, by a coin nobody can predict."""
    coins = np.frombuffer(draw(entropy, 8 * n), dtype="<u8")
    return coins < np.uint64((rate_milli << 64) // 1000)
