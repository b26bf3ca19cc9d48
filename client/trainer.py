"""One differentially private training step on a member's examples.

``LinearEngine`` is the closed form for the canonical linear model: with features of norm at most
1 the gradient of the logistic loss is ``(p - y) x``, so clipping an example's gradient to C is
clamping its residual. ``client.trainer_module`` has the engine for every other model.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from federation.errors import ConfigError, PeerError
from federation.fixedpoint import PROB_BITS, Floats, sigmoid
from federation.manifest import Manifest
from federation.models.linear import INTERCEPT_BOUND, MEAN_BITS, ONE, SCALE_BITS, Design, require_exact
from federation.rounds import Base


class Engine(Protocol):
    """Turns a base model and a member's examples into the sum of clipped per-example steps."""

    def require(self, base: Base) -> None:
        """Refuse a base that some example could make arithmetic fail on, before looking at any example.

        Raises:
            PeerError: It is out of bounds.
        """
        ...

    def step(self, design: Design, base: Base, clip: float) -> Floats:
        """Return ``-sum_e clip(grad_e)``; L2 sensitivity ``clip`` for adding or removing one example."""
        ...


_BLOCK = 256
"""So many examples keep an exact sum of residuals within 64 bits, whatever their words are."""


class LinearEngine:
    """The closed form for the canonical linear model (no torch, no autograd)."""

    def require(self, base: Base) -> None:
        """Refuse a base whose intercept or weights exact arithmetic cannot carry."""
        if abs(base.intercept) > INTERCEPT_BOUND:
            raise PeerError("the base model's intercept is out of bounds")
        try:
            require_exact(base.weights)
        except ConfigError as error:
            raise PeerError("the base model's weights are out of bounds") from error

    def step(self, design: Design, base: Base, clip: float) -> Floats:
        """Return ``sum_e clamp(y_e - p_e, -C, C) x_e``.

        Args:
            design: The member's examples; every row's exact norm is at most 1.
            base: The model to train from, with its intercept.
            clip: Clipping norm C; no residual exceeds 1, so that none above 1 clips anything.

        Returns:
            Shape (dim,), exact up to a rounding to float64 per 256 examples.
        """
        total = np.zeros(len(design.mean))
        for start in range(0, len(design), _BLOCK):
            total += self._block(design.rows(start, min(start + _BLOCK, len(design))), base, clip)
        return total

    @staticmethod
    def _block(design: Design, base: Base, clip: float) -> Floats:
        residual = design.labels * ONE - sigmoid(design.logits(base.weights) + base.intercept)
        bound = int(min(clip, 1.0) * ONE)
        total = design.weighted_sum(np.clip(residual, -bound, bound))
        return np.ldexp(total.astype(np.float64), -(PROB_BITS + SCALE_BITS + MEAN_BITS))


def engine_of(manifest: Manifest) -> Engine:
    """Return the engine for a federation's model; a module loads torch at its first step."""
    if manifest.module is None:
        return LinearEngine()
    from client.trainer_module import ModuleEngine
    from federation.models.module import Network

    architecture = manifest.module.architecture
    return ModuleEngine(lambda: Network.of(architecture))
