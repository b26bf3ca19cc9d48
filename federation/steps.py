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
from federation.fixedpoint import FLOAT_EXACT, INT_EXACT, Ints, exact_dot, norm_squared
from federation.models.linear import Design, Fit
from federation.types import Did, Hash32
from federation.valuation import Game


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


def candidates(direction: Ints, rules: Rules, quota_total: int) -> dict[int, Ints]:
    """Return ``Delta = eta * direction / Q`` for every eta of the grid."""
    return {eta: aggregate([direction], eta=eta, quota_total=quota_total) for eta in rules.etas}


def scored_step(eta: int, rules: Rules) -> int:
    """Return the step at which members are scored when a step was chosen."""
    return eta or min(e for e in rules.etas if e)


def search_step(direction: Ints, base: Ints, rules: Rules, known: Design, quota_total: int) -> Step:
    """Choose the first minimiser of log-loss on the known examples."""
    steps = candidates(direction, rules, quota_total)
    search = tuple(Fit.of(known, base + step) for step in steps.values())
    losses = tuple(fit.log_loss() for fit in search)
    eta = rules.etas[losses.index(min(losses))]
    scored = scored_step(eta, rules)
    return Step(eta=eta, scored_eta=scored, losses=losses, search=search, delta=steps[scored])


def combine(
    state: EpochState, rules: Rules, deltas: Ints, valued: Callable[[Ints], Sequence[int]]
) -> Combined:
    """Let the strategy make parts of deltas.

    Args:
        state: The epoch so far.
        rules: The manifest's numbers.
        deltas: Shape (n, dim), n > 0, by DID.
        valued: As ``Context.valued``.
    """
    context = Context(memory=state.memory, quota_total=state.quota_total, valued=valued)
    return rules.strategy.combine(deltas, context)


def prices(gradient: Ints, parts: Ints, *, eta: int, quota_total: int) -> list[int]:
    """Return the score of every part, whatever its length: ``-(eta / Q) <gradient, part>``, rounded down."""
    bound = _longest(parts)
    if bound < FLOAT_EXACT and math.isqrt(norm_squared(gradient) * bound * bound) + 1 < INT_EXACT:
        found = inner_products(gradient, parts.astype(np.float64), norm_bound=bound)
    else:
        found = [exact_dot(part, gradient) for part in parts]
    return [score_of(product, eta=eta, quota_total=quota_total) for product in found]


def _longest(parts: Ints) -> int:
    """Return a number that no part's norm exceeds; found in floating point, with room for its errors."""
    squares = np.einsum("ij,ij->i", parts, parts, dtype=np.float64)
    return math.isqrt(int(1.001 * squares.max(initial=0.0))) + 1


def game_of(
    dids: Sequence[Did],
    combined: Combined,
    step: Step,
    base: Ints,
    *,
    shard: Design,
    quota_total: int,
    seed: Hash32,
) -> Game:
    """Return a round as a game of its parts; what is carried over moves the model whoever plays."""
    if combined.carried is not None:
        base = base + aggregate([combined.carried], eta=step.scored_eta, quota_total=quota_total)
    return Game(
        dids=tuple(dids),
        parts=combined.parts,
        eta=step.scored_eta,
        quota_total=quota_total,
        base=base,
        shard=shard,
        seed=seed,
    )


def worth(parts: Ints, base: Ints, rules: Rules, known: Design, quota_total: int) -> list[int]:
    """Return what parts would score on the known examples: the step searched there, the path too."""
    step = search_step(np.sum(parts, axis=0), base, rules, known, quota_total)
    gradient = path_gradient(known, base, step.delta).gradient
    return prices(gradient, parts, eta=step.scored_eta, quota_total=quota_total)


def public_directions(state: EpochState, base: Ints, combined: Combined | None = None) -> tuple[Ints, ...]:
    """Return the vectors that are public when a round is scored, in committed order.

    The base's distance from the initial model, the last move and the last two aggregates; zeros
    stand for what has not happened yet. What a strategy carried over follows where there is any.
    """
    nothing = np.zeros_like(base)
    last, before = (*state.steps, nothing, nothing)[:2]
    sources = (base - state.initial, state.move, last, before)
    carried = combined.carried if combined else None
    return sources if carried is None else (*sources, carried)
