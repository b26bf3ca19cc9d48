"""What accepted deltas are worth: the exact measurement of a round, by the rules of its manifest.

By the default rules with all that the judges on chain want to see; by others with the parts that the
strategy made, and the scores of the method that was named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from federation.aggregation import Combined
from federation.contribution import PathGradient, inner_products, path_gradient, score_of
from federation.epochstate import Status
from federation.fixedpoint import Ints, exact_dot
from federation.models.linear import Design, Fit
from federation.projection import Projection, project
from federation.secagg.cover import covered
from federation.steps import Place, Step, combine, prices, search_step, worth
from federation.types import Did, Hash32
from federation.valuation import DEFAULT, METHODS, Game, carried_base

NO_SEED: Final = Hash32(bytes(32))
"""Where nothing is drawn: the default rules need no chance."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """What a model found the accepted deltas to be worth; all that money follows from.

    Attributes:
        eta: The step to take; 0 leaves the model.
        scored_eta: The step at which members are scored.
        losses: Summed log-loss of every step candidate on the known examples, ``PROB_BITS`` fractional bits.
        step: Delta at ``scored_eta``.
        gain: G on the drawn shard, ``SCORE_BITS`` fractional bits.
        scores: s_i of every accepted delta, ``SCORE_BITS`` fractional bits.
        withheld: Sum of scores that the projection removed.
        products: <projected gbar, delta> where it is exact.
        search: Every step candidate where it is exact.
        path: The scoring path where it is exact.
        projection: How gbar was projected where it is exact.
        combined: What the strategy made of the deltas; None where they are summed and nothing is kept.
    """

    eta: int
    scored_eta: int
    losses: tuple[int, ...]
    step: Ints
    gain: int
    scores: Mapping[Did, int]
    withheld: int
    products: Mapping[Did, int] = field(default_factory=dict)
    search: tuple[Fit, ...] = ()
    path: PathGradient | None = None
    projection: Projection | None = None
    combined: Combined | None = None


def measure(
    place: Place,
    order: Sequence[Did],
    deltas: Ints,
    *,
    known: Design,
    shard: Design,
    norm_bound: int,
    seed: Hash32,
) -> Measured:
    """Search the step and score every delta.

    Args:
        place: Where the round stands.
        order: Whose deltas, ascending; at least one.
        deltas: In this order; shape (n, dim).
        known: The public portion and the shards of earlier rounds.
        shard: The shard that pays.
        norm_bound: The largest cap of any member.
        seed: Of the round's draw.
    """
    combined = combine(place, deltas, lambda parts: worth(place, parts, known))
    step = search_step(place, combined.direction, known)
    path = path_gradient(shard, place.base, step.delta)
    measured = Measured(
        eta=step.eta,
        scored_eta=step.scored_eta,
        losses=step.losses,
        step=step.delta,
        gain=path.improvement,
        scores={},
        withheld=0,
    )
    if place.rules.default:
        return _priced(measured, place, order, deltas, step, path, norm_bound=norm_bound)
    if place.rules.method == DEFAULT:
        scores, withheld = _parts_priced(place, combined, step, path)
    else:
        game = _game(place, order, combined, step, shard, seed)
        scores, withheld = METHODS[place.rules.method](game), 0
    named = dict(zip(order, scores, strict=True))
    return replace(measured, scores=named, withheld=withheld, combined=combined)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Summed:
    """Deltas of which only the sum is known (``federation.secagg``), and how each is priced all the same.

    Attributes:
        total: The sum; shape (dim,), or (dim + 1,) where a last entry covers scores with noise.
        products: Asked once, with the one gradient: each member's product with it, and status and reason of
            those who have none.
    """

    total: Ints
    products: Callable[[Ints], tuple[Mapping[Did, int], Mapping[Did, tuple[Status, str]]]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """A step and what it was worth, before anybody is priced.

    Attributes:
        step: The step of the sum of all deltas.
        path: The scoring path on the drawn shard.
        projection: How gbar lost its part along public directions.
    """

    step: Step
    path: PathGradient
    projection: Projection

    @classmethod
    def of(cls, place: Place, direction: Ints, *, known: Design, shard: Design) -> Path:
        """Search the step along the sum of all deltas, and follow it on the drawn shard."""
        step = search_step(place, direction, known)
        path = path_gradient(shard, place.base, step.delta)
        return cls(step=step, path=path, projection=project(path.gradient, place.public()))

    def priced_gradient(self, entries: int) -> Ints:
        """Return the gradient with which a delta of so many entries has its product.

        An entry beyond the weights covers the score with noise (``federation.secagg.cover``).
        """
        gradient = self.projection.projected
        return gradient if entries == len(gradient) else covered(gradient)


def measure_sum(
    place: Place, summed: Summed, *, known: Design, shard: Design
) -> tuple[Measured, Mapping[Did, tuple[Status, str]]]:
    """Measure a round whose deltas nobody sees: as ``measure`` by the default rules, bit by bit.

    Returns:
        What was measured; and status and reason of members whose product nobody knows.
    """
    dim = len(place.base)
    found = Path.of(place, summed.total[:dim], known=known, shard=shard)
    gradient = found.priced_gradient(len(summed.total))
    products, absent = summed.products(gradient)
    step, Q = found.step, place.state.quota_total
    lost = exact_dot(found.path.gradient - gradient[:dim], summed.total[:dim])
    measured = Measured(
        eta=step.eta,
        scored_eta=step.scored_eta,
        losses=step.losses,
        step=step.delta,
        gain=found.path.improvement,
        scores={did: score_of(x, eta=step.scored_eta, quota_total=Q) for did, x in products.items()},
        withheld=score_of(lost, eta=step.scored_eta, quota_total=Q),
        products=products,
        search=step.search,
        path=found.path,
        projection=found.projection,
    )
    return measured, absent


def _priced(  # noqa: PLR0917 - the pieces of one round
    measured: Measured,
    place: Place,
    order: Sequence[Did],
    deltas: Ints,
    step: Step,
    path: PathGradient,
    *,
    norm_bound: int,
) -> Measured:
    """Price deltas by the default rules."""
    projection = project(path.gradient, place.public())
    matrix, Q = deltas.astype(np.float64), place.state.quota_total
    found, before = (
        inner_products(gradient, matrix, norm_bound=norm_bound)
        for gradient in (projection.projected, path.gradient)
    )
    products = dict(zip(order, found, strict=True))
    return replace(
        measured,
        scores={did: score_of(x, eta=step.scored_eta, quota_total=Q) for did, x in products.items()},
        withheld=score_of(sum(before) - sum(found), eta=step.scored_eta, quota_total=Q),
        products=products,
        search=step.search,
        path=path,
        projection=projection,
    )


def _parts_priced(
    place: Place, combined: Combined, step: Step, path: PathGradient
) -> tuple[Sequence[int], int]:
    """Price the strategy's parts; also return what the projection took from all of them."""
    scores, whole = (
        prices(gradient, combined.parts, eta=step.scored_eta, quota_total=place.state.quota_total)
        for gradient in (project(path.gradient, place.public(combined)).projected, path.gradient)
    )
    return scores, sum(whole) - sum(scores)


def _game(  # noqa: PLR0917 - the pieces of one round
    place: Place, order: Sequence[Did], combined: Combined, step: Step, shard: Design, seed: Hash32
) -> Game:
    """Return the round as a game of its parts; what is carried over moves the model whoever plays."""
    Q = place.state.quota_total
    return Game(
        dids=tuple(order),
        parts=combined.parts,
        eta=step.scored_eta,
        quota_total=Q,
        base=carried_base(place.base, combined.carried, eta=step.scored_eta, quota_total=Q),
        shard=shard,
        seed=seed,
    )
