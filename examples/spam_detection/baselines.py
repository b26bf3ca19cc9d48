"""What federation is worth: the same model trained otherwise, on the same features.

Hyper-parameters are fixed here once; nothing is chosen on the test split.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from examples.spam_detection.settings import ETAS_NO_DP, privacy_section
from examples.spam_detection.simulate import World, simulate
from federation.fixedpoint import LOGIT_BITS, Ints
from federation.metrics import model_auc
from federation.models.linear import MEAN_BITS, SCALE_BITS, WEIGHT_BITS, Design
from federation.rounds import Rules

_STEPS = 150
_RATE = 32.0
_MOMENTUM = 0.9


def logistic_regression(design: Design) -> Ints:
    """Train a logistic regression without any privacy, by gradient descent with momentum.

    Returns:
        Weights in the canonical fixed point.
    """
    n, dim = len(design), len(design.mean)
    weights, velocity, bias, drift = np.zeros(dim), np.zeros(dim), 0.0, 0.0
    for _ in range(_STEPS):
        logits = np.ldexp(design.logits(_fixed(weights)).astype(np.float64), -LOGIT_BITS) + bias
        residual = design.labels - 1 / (1 + np.exp(-logits))
        gradient = np.ldexp(design.weighted_sum(_fixed(residual)).astype(np.float64), -_GRADIENT) / n
        velocity = _MOMENTUM * velocity + _RATE * gradient
        drift = _MOMENTUM * drift + float(residual.mean())
        weights, bias = weights + velocity, bias + drift
    return _fixed(weights)


_GRADIENT = WEIGHT_BITS + SCALE_BITS + MEAN_BITS


def _fixed(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Ints:
    return np.rint(np.ldexp(values, WEIGHT_BITS)).astype(np.int64)


def baselines(world: World, test: Design, rules: Rules) -> dict[str, float]:
    """Return the test AUC of each way to do without this federation.

    Args:
        world: The honest members' examples and the validation set, a shard per round.
        test: The test split.
        rules: The federation's own rules.
    """
    privacy, wider = privacy_section(None, len(world.shards)), replace(rules, etas=ETAS_NO_DP)
    last = simulate(world, wider, privacy, entropy=os.urandom)[-1]
    local = [model_auc(test, logistic_regression(member)) for member in world.members]
    return {
        "central": model_auc(test, logistic_regression(Design.concat(world.members))),
        "local_only": round(float(np.mean(local)), 6),
        "validation_only": model_auc(test, logistic_regression(_whole(world))),
        "federated_no_dp": model_auc(test, last.state.weights),
    }


def _whole(world: World) -> Design:
    parts: Sequence[Design] = [world.public, *world.shards]
    return Design.concat(parts)
