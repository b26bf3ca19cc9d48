"""Members who have no data and live on what a secure federation publishes, for ``simulate``.

Each fills its norm cap with something that anybody could compute: no noise, since there is nothing to
protect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from client.trainer import LinearEngine
from examples.spam_detection.settings import CLIP_MILLI
from examples.spam_detection.simulate import Seen, Sender
from federation.contribution import path_gradient
from federation.delta import quantise
from federation.fixedpoint import Floats
from federation.models.linear import WEIGHT_BITS, Design

_CLIP: Final = CLIP_MILLI / 1000
_STEPS, _PACE = 30, 8.0
"""Of full-batch descent: enough to fit the published examples well."""


def filled(direction: Floats, cap: float) -> Floats:
    """Return a direction scaled to just below a norm cap; zeros stay zeros."""
    # Rounding may not carry it over the cap.
    room = cap - 2 * float(np.ldexp(np.sqrt(len(direction)), -WEIGHT_BITS))
    norm = float(np.linalg.norm(direction))
    return np.multiply(direction, room / norm if norm else 0.0)


def _last_gradient(_step: Floats, noise: Floats, cap: float, seen: Seen, /) -> Floats:
    """Send the last gbar back."""
    last = seen.gradients[-1] if seen.gradients else np.zeros_like(noise)
    return filled(-last.astype(np.float64), cap)


def _all_gradients(_step: Floats, noise: Floats, cap: float, seen: Seen, /) -> Floats:
    """Send the sum of all gbars: a step that improves the model on every shard so far."""
    return filled(-sum((g.astype(np.float64) for g in seen.gradients), start=np.zeros_like(noise)), cap)


def _recent_gradients(_step: Floats, noise: Floats, cap: float, seen: Seen, /) -> Floats:
    """Send all gbars, each counting 0.7 times the one after it."""
    total = np.zeros_like(noise)
    for gradient in seen.gradients:
        total = 0.7 * total + gradient
    return filled(-total, cap)


def _trained(_step: Floats, _noise: Floats, cap: float, seen: Seen, /) -> Floats:
    """Train on all published examples as an honest member does on its own."""
    return filled(LinearEngine().step(Design.concat(seen.parts), seen.base, _CLIP), cap)


def _priced(_step: Floats, noise: Floats, cap: float, seen: Seen, /) -> Floats:
    """Descend the very loss that pays, on all published examples."""
    nowhere = np.zeros(len(noise), dtype=np.int64)
    path = path_gradient(Design.concat(seen.parts), seen.base.weights, nowhere)
    return filled(-path.gradient.astype(np.float64), cap)


def _fitted(_step: Floats, _noise: Floats, cap: float, seen: Seen, /) -> Floats:
    """Fit a model of its own to all published examples and send the way there."""
    known, base, engine = Design.concat(seen.parts), seen.base, LinearEngine()
    for _ in range(_STEPS):
        step = engine.step(known, base, 1.0) * (_PACE / len(known))
        base = replace(base, weights=base.weights + quantise(step))
    return filled((base.weights - seen.base.weights).astype(np.float64), cap)


def _newest(_step: Floats, _noise: Floats, cap: float, seen: Seen, /) -> Floats:
    """Train on the newest shard alone."""
    return filled(LinearEngine().step(seen.parts[-1], seen.base, _CLIP), cap)


def _half(_step: Floats, _noise: Floats, cap: float, seen: Seen, /) -> Floats:
    """Train on every other published example: a direction that nobody foresaw."""
    known = Design.concat(seen.parts)
    return filled(LinearEngine().step(known.picked(np.arange(len(known)) % 2 == 0), seen.base, _CLIP), cap)


FREE_RIDERS: Final[Mapping[str, Sender]] = {
    "last gbar": _last_gradient,
    "all gbars": _all_gradients,
    "recent gbars": _recent_gradients,
    "trained": _trained,
    "priced": _priced,
    "fitted": _fitted,
    "newest": _newest,
    "half": _half,
}
"""By what each sends; all but the last two know how it will be scored."""
