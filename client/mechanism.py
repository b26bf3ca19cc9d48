"""From a member's examples to a noised step: one noise path for every engine and either unit.

The manifest's unit says what is clipped. Protecting an *example*, each example's step is clipped to C
and the steps are summed; protecting the *member*, the steps are summed and the sum is clipped to C.
Either way adding or removing one unit moves the sum by at most C, so the Gaussian noise that follows
and what the ledger books for it are the same.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from client.noise import gaussian

if TYPE_CHECKING:
    from client.noise import Entropy
    from client.trainer import Engine
    from federation.fixedpoint import Floats
    from federation.manifest import PrivacySection
    from federation.models.linear import Design
    from federation.rounds import Base


def noised_step(
    engine: Engine, design: Design, base: Base, privacy: PrivacySection, entropy: Entropy
) -> Floats:
    """Return the clipped step with noise of standard deviation ``sigma * C``; its cost is reserved before.

    Args:
        engine: Trains.
        design: The member's examples.
        base: The model to train from.
        privacy: The manifest's unit, C and sigma.
        entropy: Where the noise comes from.

    Returns:
        Shape (dim,); without noise where sigma is 0.
    """
    step = clipped_step(engine, design, base, privacy)
    if not privacy.sigma:
        return step
    return step + gaussian(len(step), privacy.sigma * privacy.clip, entropy)


def clipped_step(engine: Engine, design: Design, base: Base, privacy: PrivacySection) -> Floats:
    """Return the step without its noise; L2 sensitivity C for adding or removing one unit."""
    if privacy.unit == "example":
        return engine.step(design, base, privacy.clip)
    step = engine.step(design, base, math.inf)
    norm = float(np.linalg.norm(step))
    return step * (privacy.clip / norm) if norm > privacy.clip else step
