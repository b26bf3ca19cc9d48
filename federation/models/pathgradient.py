"""A network's averaged gradient along a path: the linear model's rule on logits in floating point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from federation.contribution import GRADIENT_BITS, NODE_BITS, NODE_WEIGHTS, node_of, path_points
from federation.fixedpoint import PROB_BITS

if TYPE_CHECKING:
    from federation.fixedpoint import Floats, Ints
    from federation.models.linear import Fit
    from federation.models.module import Encoded, Network

EXTRA_BITS: Final = 8
"""Of the gradient, beyond the linear model's: what a last digit turns is far below any tolerance."""


def module_path_gradient(network: Network, shard: Encoded, base: Ints, step: Ints) -> Ints:
    """Return gbar, ``GRADIENT_BITS + EXTRA_BITS`` fractional bits: four passes for any number of members.

    As for the linear model, but every node has gradients of its own.

    Args:
        network: The architecture.
        shard: The drawn shard, encoded.
        base: w, shape (dim,), ``WEIGHT_BITS`` fractional bits.
        step: Delta, same shape and scale.
    """
    points = zip(path_points(base, step), NODE_WEIGHTS, strict=True)
    total = network.pull_back(list(points), shard, _coefficients)
    bits = GRADIENT_BITS + EXTRA_BITS - NODE_BITS - PROB_BITS
    return np.rint(np.ldexp(total / len(shard.design), bits)).astype(np.int64)


def _coefficients(fit: Fit) -> Floats:
    return node_of(fit).coefficients.astype(np.float64)
