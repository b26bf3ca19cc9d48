"""Rounds of a module: the linear model's rules on logits in floating point, to a stated tolerance.

Weights, deltas, bases, aggregates, the projection and all money stay exact integers. A module's
logits and the gradients of its logits come from PyTorch in float64, so two machines may differ in
the last digits. What a round *records* is therefore what counts, provided that

- the recorded base and step are as good as the best one, up to ``tolerance`` of its log-loss;
- a recorded intercept is the fitted one, up to ``tolerance``;
- the recorded improvement and every recorded score are the recomputed ones, up to ``tolerance`` of the
  sum of all scores' magnitudes, and one unit of 2^-``SCORE_BITS``.

From there on everything is exact again: clips, credits, suspensions, the next state and the payout
table follow from the recorded integers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from federation.aggregation import Combined
from federation.contribution import improvement_of
from federation.errors import ConfigError, VerificationFailed
from federation.evaluation import Closed, Received, Start, joined
from federation.fixedpoint import LOGIT_BITS, PROB_BITS, Ints
from federation.metrics import auc
from federation.models.linear import Design, Fit, model_bytes, parse_model
from federation.models.module import Network
from federation.models.pathgradient import EXTRA_BITS, module_path_gradient
from federation.projection import project
from federation.rounds import Base, EpochState, Measured, finish, momentum
from federation.steps import Place, combine, prices
from federation.trace import Op, Position, Trace, decided_trace
from federation.types import Did

if TYPE_CHECKING:
    from federation.manifest import ModuleSection


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a round of a module recorded: all that is not exact about it.

    Attributes:
        eta: The step.
        gain: G, ``SCORE_BITS`` fractional bits.
        scores: s_i of every accepted delta, ``SCORE_BITS`` fractional bits.
    """

    eta: int
    gain: int
    scores: Mapping[Did, int]

    @classmethod
    def of(cls, start: Start, accepted: Sequence[Did], trace: Trace) -> Recorded:
        """Read a published trace.

        Args:
            start: What the round started from.
            accepted: Members with an accepted delta; at least one.
            trace: As it was published.

        Raises:
            VerificationFailed: A record is missing, or the step is not on the grid.
        """
        numbers = {did: i for i, did in enumerate(sorted(start.state.quotas))}
        place, etas = trace.find(Op.CHOICE).value("step"), start.rules.etas
        if not 0 <= place < len(etas):
            raise VerificationFailed("trace", f"choice[0,0] step is {place}, and the grid has {len(etas)}")
        return cls(
            eta=etas[place],
            gain=trace.find(Op.IMPROVEMENT).value("gain"),
            scores={did: trace.find(Op.MEMBER, numbers[did]).value("score") for did in accepted},
        )


class ModuleEvaluation:
    """A listed architecture under the manifest's tolerance."""

    def __init__(self, section: ModuleSection) -> None:
        self._architecture = section.architecture
        self._network = Network.of(self._architecture)
        self.tolerance: str | None = section.tolerance
        self._near = float(section.tolerance)

    def initial(self) -> Ints:
        """Return the architecture's first weights."""
        return self._architecture.initial()

    def open(self, start: Start) -> Base:
        """Choose the first minimiser of log-loss over the momentum grid, its intercept fitted."""
        fits, losses = self._candidates(self._momenta(start), start.design)
        return _base(start, fits, losses, losses.index(min(losses)))

    def reopen(self, start: Start, published: bytes) -> Base:
        """Find the recorded base among the candidates; its loss and intercept must be near the right ones."""
        fits, losses = self._candidates(self._momenta(start), start.design)
        try:
            weights, intercept = parse_model(published)
        except ConfigError as error:
            raise start.wrong_base() from error
        places = [k for k, fit in enumerate(fits) if np.array_equal(fit.weights, weights)]
        if not places or not self._as_good(losses[places[0]], losses):
            raise start.wrong_base()
        if not self._fits(intercept, fits[places[0]]):
            raise start.wrong_base()
        return replace(_base(start, fits, losses, places[0]), intercept=intercept)

    @staticmethod
    def _momenta(start: Start) -> list[Ints]:
        state, rules = start.state, start.rules
        grid = rules.betas_tenths if state.steps else rules.betas_tenths[:1]
        return [momentum(state, beta) for beta in grid]

    def _candidates(self, candidates: Sequence[Ints], known: Design) -> tuple[list[Fit], list[int]]:
        fits = [self._network.fit(weights, known) for weights in candidates]
        return fits, [fit.log_loss() for fit in fits]

    def _as_good(self, loss: int, losses: Sequence[int]) -> bool:
        return loss <= min(losses) * (1 + self._near)

    def _fits(self, intercept: int, fit: Fit) -> bool:
        return abs(intercept - fit.intercept) <= 1 + self._near * (1 << LOGIT_BITS)

    def close(self, start: Start, base: Base, received: Received, shard: Position) -> Closed:
        """Score a round on its drawn shard."""
        if not received.deltas:
            return _closed(start, base, received, None)
        combined = _combined(start, base, received)
        steps, losses = self._steps(start, base, combined)
        eta = start.rules.etas[losses.index(min(losses))]
        measured = self._measure(start, base, received, shard.design, combined, eta=eta, steps=steps)
        return _closed(start, base, received, replace(measured, losses=tuple(losses)))

    def reclose(
        self, start: Start, base: Base, received: Received, shard: Position, published: bytes
    ) -> Closed:
        """Hold what was recorded against what is recomputed, and let money follow from what was recorded."""
        if not received.deltas:
            return _closed(start, base, received, None)
        subject = f"round {start.state.round}"
        recorded = Recorded.of(start, sorted(received.deltas), Trace.parse(published))
        combined = _combined(start, base, received)
        steps, losses = self._steps(start, base, combined)
        if not self._as_good(losses[start.rules.etas.index(recorded.eta)], losses):
            raise VerificationFailed(subject, f"step {recorded.eta} is not the best within {self.tolerance}")
        found = self._measure(start, base, received, shard.design, combined, eta=recorded.eta, steps=steps)
        scale = sum(abs(score) for score in found.scores.values())
        self._require_near(subject, "the improvement", recorded.gain, found.gain, scale)
        for did, score in found.scores.items():
            self._require_near(subject, f"{did}'s score", recorded.scores[did], score, scale)
        measured = replace(found, losses=tuple(losses), gain=recorded.gain, scores=recorded.scores)
        return _closed(start, base, received, measured)

    def _require_near(self, subject: str, what: str, recorded: int, found: int, scale: int) -> None:
        if abs(recorded - found) > 1 + self._near * scale:
            raise VerificationFailed(
                subject, f"{what} is {recorded}, recomputed {found}: not within {self.tolerance}"
            )

    def _steps(self, start: Start, base: Base, combined: Combined) -> tuple[dict[int, Ints], list[int]]:
        """Return Delta and the log-loss of every candidate on the known examples."""
        steps = _place(start, base).candidates(combined.direction)
        _, losses = self._candidates([base.weights + step for step in steps.values()], start.design)
        return steps, losses

    def _measure(
        self,
        start: Start,
        base: Base,
        received: Received,
        shard: Design,
        combined: Combined,
        *,
        eta: int,
        steps: Mapping[int, Ints],
    ) -> Measured:
        place = _place(start, base)
        scored_eta = place.scored_eta(eta)
        step = steps[scored_eta]
        encoded = self._network.encode(shard)
        gradient = module_path_gradient(self._network, encoded, base.weights, step)
        before, after = (self._network.fit(w, encoded).brier() for w in (base.weights, base.weights + step))
        projected = project(gradient, place.public(combined)).projected
        quota_total = start.state.quota_total << EXTRA_BITS
        scores, whole = (
            prices(vector, combined.parts, eta=scored_eta, quota_total=quota_total)
            for vector in (projected, gradient)
        )
        return Measured(
            eta=eta,
            scored_eta=scored_eta,
            losses=(),
            step=step,
            gain=improvement_of(before, after, len(shard)),
            scores=dict(zip(sorted(received.deltas), scores, strict=True)),
            withheld=sum(whole) - sum(scores),
            combined=None if start.rules.default else combined,
        )

    def released(self, state: EpochState, known: Sequence[Position]) -> bytes:
        """Return the model with its intercept fitted on all known examples."""
        return model_bytes(state.weights, self._network.fit(state.weights, joined(known)).intercept)

    def rereleased(self, state: EpochState, known: Sequence[Position], published: bytes) -> bytes:
        """Return the model with the intercept that was released, if that is near enough."""
        fit = self._network.fit(state.weights, joined(known))
        try:
            _, intercept = parse_model(published)
        except ConfigError:
            intercept = fit.intercept
        return model_bytes(state.weights, intercept if self._fits(intercept, fit) else fit.intercept)

    def brier(self, weights: Ints, design: Design) -> float:
        """Return the mean Brier loss, intercept fitted on the same examples."""
        return self._network.fit(weights, design).brier() / (len(design) << (2 * PROB_BITS))

    def auc(self, weights: Ints, design: Design) -> float:
        """Return the area under the ROC curve, rounded to 6 digits."""
        return round(auc(self._network.fit(weights, design).logits, design.labels), 6)


def _base(start: Start, fits: Sequence[Fit], losses: Sequence[int], place: int) -> Base:
    return Base(
        weights=fits[place].weights,
        intercept=fits[place].intercept,
        beta_tenths=start.rules.betas_tenths[place],
        losses=tuple(losses),
    )


def _closed(start: Start, base: Base, received: Received, measured: Measured | None) -> Closed:
    outcome = finish(start.state, base, start.rules, absent=received.absent, measured=measured)
    trace = decided_trace(start.state, base, outcome, rules=start.rules, deltas=received.deltas)
    return Closed(outcome, trace)


def _place(start: Start, base: Base) -> Place:
    return Place(state=start.state, base=base.weights, rules=start.rules)


def _combined(start: Start, base: Base, received: Received) -> Combined:
    deltas = np.stack([received.deltas[did] for did in sorted(received.deltas)])
    return combine(_place(start, base), deltas, _nothing_is_exact)


def _nothing_is_exact(_: Ints) -> Sequence[int]:
    raise ConfigError(
        "whether a delta enters cannot be decided in floating point: it is not the same everywhere",
        hint="a network takes any strategy but gated",
    )
