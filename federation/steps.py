"""From deltas to a step and its price: what a strategy and the line search make of a round.

The linear model's part of it, exact; ``federation.tolerance`` does the same for a network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from federation.aggregation import Combined, Context
from federation.contribution import aggregate, inner_products, path_gradient, score_of
from federation.epochstate import EpochState, Rules
from federation.fixedpoint import INT_EXACT, Ints, exact_dot, norm_squared
from federation.models.linear import Design, Fit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """Where a round stands when deltas come in.

    Attributes:
        state: The epoch so far.
        base: The weights that were sent out; shape (dim,).
        rules: The manifest's numbers.
        published: Gradients of the published examples, where they earn nothing.
    """

    state: EpochState
    base: Ints
    rules: Rules
    published: tuple[Ints, ...] = ()

    def public(self, combined: Combined | None = None) -> tuple[Ints, ...]:
        """Return the vectors that are public when the round is scored, in committed order.

        The base's distance from the initial model, the last move and the last two aggregates; zeros
        stand for what has not happened yet. What the published examples say follows in secure rounds, and
        what a strategy carried over where there is any.
        """
        nothing = np.zeros_like(self.base)
        last, before = (*self.state.steps, nothing, nothing)[:2]
        sources = (self.base - self.state.initial, self.state.move, last, before, *self.published)
        carried = combined.carried if combined else None
        return sources if carried is None else (*sources, carried)

    def candidates(self, direction: Ints) -> dict[int, Ints]:
        """Return ``Delta = eta * direction / Q`` for every eta of the grid."""
        Q = self.state.quota_total
        return {eta: aggregate([direction], eta=eta, quota_total=Q) for eta in self.rules.etas}

    def scored_eta(self, eta: int) -> int:
        """Return the step at which members are scored when a step was chosen."""
        return eta or min(e for e in self.rules.etas if e)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """What the line search found along a direction.

    Attributes:
        eta: The step to take; 0 leaves the model.
        scored_eta: The step at which members are scored: the smallest positive one if eta is 0.
        losses: Summed log-loss of every candidate on the known examples, ``PROB_BITS`` fractional bits.
        search: Every candidate on the known examples.
        delta: Delta at ``scored_eta``.
    """

    eta: int
    scored_eta: int
    losses: tuple[int, ...]
    search: tuple[Fit, ...]
    delta: Ints


def search_step(place: Place, direction: Ints, known: Design) -> Step:
    """Choose the first minimiser of log-loss on the known examples."""
    steps = place.candidates(direction)
    search = tuple(Fit.of(known, place.base + step) for step in steps.values())
    losses = tuple(fit.log_loss() for fit in search)
    eta = place.rules.etas[losses.index(min(losses))]
    scored = place.scored_eta(eta)
    return Step(eta=eta, scored_eta=scored, losses=losses, search=search, delta=steps[scored])


def combine(place: Place, deltas: Ints, valued: Callable[[Ints], Sequence[int]]) -> Combined:
    """Let the strategy make parts of deltas.

    Args:
        place: Where the round stands.
        deltas: Shape (n, dim), n > 0, by DID.
        valued: As ``Context.valued``.
    """
    state = place.state
    context = Context(memory=state.memory, quota_total=state.quota_total, valued=valued)
    return place.rules.strategy.combine(deltas, context)


def worth(place: Place, parts: Ints, known: Design) -> list[int]:
    """Return what parts would score on the known examples: the step searched there, the path too."""
    step = search_step(place, np.sum(parts, axis=0), known)
    gradient = path_gradient(known, place.base, step.delta).gradient
    return prices(gradient, parts, eta=step.scored_eta, quota_total=place.state.quota_total)


def prices(gradient: Ints, parts: Ints, *, eta: int, quota_total: int) -> list[int]:
    """Return the score of every part, whatever its length: ``-(eta / Q) <gradient, part>``, rounded down."""
    bound = _longest(parts)
    if math.isqrt(norm_squared(gradient) * bound * bound) + 1 < INT_EXACT:
        found = inner_products(gradient, parts, norm_bound=bound)
    else:
        found = [exact_dot(part, gradient) for part in parts]
    return [score_of(product, eta=eta, quota_total=quota_total) for product in found]


def _longest(parts: Ints) -> int:
    """Return a number that no part's norm exceeds; found in floating point, with room for its errors."""
    squares = np.einsum("ij,ij->i", parts, parts, dtype=np.float64)
    return math.isqrt(int(1.001 * squares.max(initial=0.0))) + 1
