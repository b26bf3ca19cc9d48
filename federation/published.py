"""What published examples say at a base: what anybody could send who has no data, and so earns nothing.

Where shards are open as soon as they are drawn, and deltas are summed under masks, a member can train on
the examples of the rounds before, or send back the gradient that paid the last one. A round of secure
aggregation removes these directions from gbar too, beside the others of ``Place.public``. Everyone can
compute them when the round opens, from what those take and the examples alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from federation.contribution import GRADIENT_BITS, node_of, path_gradient
from federation.fixedpoint import PROB_BITS, Ints, round_shift
from federation.models.linear import MEAN_BITS, ONE, SCALE_BITS, Design, Fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from federation.epochstate import EpochState

_BLOCK: Final = 256
"""So many examples keep an exact sum within 64 bits, whatever their words are."""

_SURPLUS: Final = PROB_BITS + SCALE_BITS + MEAN_BITS - GRADIENT_BITS


def published_directions(state: EpochState, base: Ints, parts: Sequence[Design]) -> tuple[Ints, ...]:
    """Return the gradients of what is published, in committed order.

    Args:
        state: The epoch so far.
        base: The weights that were sent out; shape (dim,).
        parts: The public portion, then the shards of the earlier rounds in their order; at least one.

    Returns:
        Of all parts, then of the last one: the summed gradient at the base of the logarithmic loss, then of
        the Brier loss, each with its intercept fitted. Then the last part's gbar along the last step: that
        of the round before if it moved the model. Shape (dim,), ``GRADIENT_BITS`` fractional bits.
    """
    last, newest = np.zeros_like(base), parts[-1]
    if state.steps:
        step = state.steps[0]
        last = path_gradient(newest, state.weights - step, step).gradient
    return (*_gradients(base, Design.concat(parts)), *_gradients(base, newest), last)


def _gradients(base: Ints, design: Design) -> tuple[Ints, Ints]:
    fit = Fit.of(design, base)
    residual = fit.probabilities - design.labels * ONE
    return _weighted(design, residual), _weighted(design, node_of(fit).coefficients)


def _weighted(design: Design, coefficients: Ints) -> Ints:
    """Return ``sum_e c_e x_e``, each block of examples rounded once."""
    total = np.zeros_like(design.mean)
    for start in range(0, len(design), _BLOCK):
        stop = min(start + _BLOCK, len(design))
        total += round_shift(design.rows(start, stop).weighted_sum(coefficients[start:stop]), _SURPLUS)
    return total
