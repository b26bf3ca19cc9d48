"""Rounds of a module: the linear model's rules in floating point, held to a stated tolerance.

Weights, deltas, bases, aggregates and the projection stay exact integers. Losses and the gradient
along the path come from autograd in float64, so two machines may differ in the last digits. What a
round *records*, its choices, its improvement and its scores, is therefore what is paid, and counts if

- a chosen base or step is as good as the best one, up to ``tolerance`` of its log-loss;
- the improvement is the recomputed one, up to ``tolerance`` of it and one unit;
- each score is the recomputed one, up to ``tolerance`` of the sum of all scores' magnitudes and one unit.

A unit is 2^-``SCORE_BITS``. From there on everything is exact again: clips, credits, suspensions,
the next state and the payout table follow from the recorded integers. There is no fitted intercept:
a module's biases are parameters like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from federation.contribution import GRADIENT_BITS, SCORE_BITS, aggregate, inner_products, score_of
from federation.errors import VerificationFailed
from federation.evaluation import Closed, Received, Start
from federation.fixedpoint import PROB_BITS, Floats, Ints
from federation.metrics import auc
from federation.models.linear import Design, model_bytes, model_hash
from federation.models.module import Network, real
from federation.projection import project
from federation.rounds import Base, EpochState, Measured, directions, finish, momentum
from federation.trace import Op, Position, Trace, decided_trace
from federation.types import Did, Hash32

if TYPE_CHECKING:
    from federation.manifest import ModuleSection

_EXTRA_BITS: Final = 8
"""Of the gradient, beyond the linear model's: what a last digit flips is far below any tolerance."""

_ROOTS: Final = (0.06943184420297371, 0.33000947820757187, 0.6699905217924281, 0.9305681557970263)
_ROOT_WEIGHTS: Final = (0.17392742256872693, 0.32607257743127307, 0.32607257743127307, 0.17392742256872693)
"""4-point Gauss-Legendre on [0, 1]."""


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
        order = sorted(start.state.quotas)
        place, etas = trace.find(Op.CHOICE).value("step"), start.rules.etas
        if not 0 <= place < len(etas):
            raise VerificationFailed("trace", f"choice[0,0] step is {place}, and the grid has {len(etas)}")
        return cls(
            eta=etas[place],
            gain=trace.find(Op.IMPROVEMENT).value("gain"),
            scores={did: trace.find(Op.MEMBER, order.index(did)).value("score") for did in accepted},
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
        """Choose the first minimiser of log-loss over the momentum grid; the intercept is 0."""
        candidates, losses = self._bases(start)
        return self._base(start, losses, losses.index(min(losses)), candidates)

    def reopen(self, start: Start, recorded: Hash32) -> Base:
        """Find the recorded base among the candidates, and hold its loss against the best."""
        candidates, losses = self._bases(start)
        places = [k for k, weights in enumerate(candidates) if model_hash(weights, 0) == recorded]
        if not places or not self._as_good(losses[places[0]], losses):
            raise start.wrong_base()
        return self._base(start, losses, places[0], candidates)

    def _bases(self, start: Start) -> tuple[list[Ints], list[float]]:
        state, rules = start.state, start.rules
        grid = rules.betas_tenths if state.steps else rules.betas_tenths[:1]
        candidates = [momentum(state, beta) for beta in grid]
        return candidates, self._losses(candidates, start.design)

    @staticmethod
    def _base(start: Start, losses: Sequence[float], place: int, candidates: Sequence[Ints]) -> Base:
        return Base(
            weights=candidates[place],
            intercept=0,
            beta_tenths=start.rules.betas_tenths[place],
            losses=_fixed(losses),
        )

    def _losses(self, candidates: Sequence[Ints], design: Design) -> list[float]:
        return [self._network.log_loss(weights, design) for weights in candidates]

    def _as_good(self, loss: float, losses: Sequence[float]) -> bool:
        return loss <= min(losses) * (1 + self._near)

    def close(self, start: Start, base: Base, received: Received, shard: Position) -> Closed:
        """Score a round on its drawn shard."""
        if not received.deltas:
            return self._closed(start, base, received, None)
        steps, losses = self._steps(start, base, received)
        eta = start.rules.etas[losses.index(min(losses))]
        measured = self._measure(start, base, received, shard, eta, steps)
        return self._closed(start, base, received, replace(measured, losses=_fixed(losses)))

    def reclose(
        self, start: Start, base: Base, received: Received, shard: Position, published: bytes
    ) -> Closed:
        """Hold what was recorded against what is recomputed, and let money follow from what was recorded."""
        if not received.deltas:
            return self._closed(start, base, received, None)
        recorded = Recorded.of(start, sorted(received.deltas), Trace.parse(published))
        subject = f"round {start.state.round}"
        steps, losses = self._steps(start, base, received)
        if not self._as_good(losses[start.rules.etas.index(recorded.eta)], losses):
            raise VerificationFailed(subject, f"step {recorded.eta} is not the best within {self.tolerance}")
        found = self._measure(start, base, received, shard, recorded.eta, steps)
        self._require_near(subject, "the improvement", recorded.gain, found.gain, abs(found.gain))
        scale = sum(abs(score) for score in found.scores.values())
        for did, score in found.scores.items():
            self._require_near(subject, f"{did}'s score", recorded.scores[did], score, scale)
        measured = replace(found, losses=_fixed(losses), gain=recorded.gain, scores=recorded.scores)
        return self._closed(start, base, received, measured)

    def _require_near(self, subject: str, what: str, recorded: int, found: int, scale: int) -> None:
        if abs(recorded - found) > 1 + self._near * scale:
            raise VerificationFailed(
                subject, f"{what} is {recorded}, recomputed {found}: not within {self.tolerance}"
            )

    def _steps(self, start: Start, base: Base, received: Received) -> tuple[dict[int, Ints], list[float]]:
        """Return Delta and the loss of every candidate on the known examples."""
        deltas, quota_total = list(received.deltas.values()), start.state.quota_total
        total = [np.sum(np.stack(deltas), axis=0)]
        steps = {eta: aggregate(total, eta=eta, quota_total=quota_total) for eta in start.rules.etas}
        return steps, self._losses([base.weights + step for step in steps.values()], start.design)

    def _measure(  # noqa: PLR0917 - a round and the step it is scored at
        self,
        start: Start,
        base: Base,
        received: Received,
        shard: Position,
        eta: int,
        steps: Mapping[int, Ints],
    ) -> Measured:
        scored_eta = eta or min(e for e in start.rules.etas if e)
        step, network, design = steps[scored_eta], self._network, shard.design
        start_point, move = real(base.weights), real(step)
        gbar = np.zeros(len(step))
        for u, weight in zip(_ROOTS, _ROOT_WEIGHTS, strict=True):
            gbar += weight * network.brier_gradient(start_point + u * move, design)
        gain = network.brier(start_point, design) - network.brier(start_point + move, design)
        gradient = np.rint(np.ldexp(gbar, GRADIENT_BITS + _EXTRA_BITS)).astype(np.int64)
        projected = project(gradient, directions(start.state, base.weights)).projected
        order = sorted(received.deltas)
        matrix = np.stack([received.deltas[did] for did in order]).astype(np.float64)
        scores, before = (
            _scores(vector, matrix, received.norm_bound, eta=scored_eta, start=start)
            for vector in (projected, gradient)
        )
        return Measured(
            eta=eta,
            scored_eta=scored_eta,
            losses=(),
            step=step,
            gain=round(gain * (1 << SCORE_BITS)),
            scores=dict(zip(order, scores, strict=True)),
            withheld=sum(before) - sum(scores),
        )

    def _closed(self, start: Start, base: Base, received: Received, measured: Measured | None) -> Closed:
        outcome = finish(start.state, base, start.rules, absent=received.absent, measured=measured)
        trace = decided_trace(start.state, base, outcome, rules=start.rules, deltas=received.deltas)
        return Closed(outcome, trace)

    def released(self, state: EpochState, known: Sequence[Position]) -> bytes:  # noqa: ARG002 - no intercept
        """Return the model; nothing of it is fitted on examples."""
        return model_bytes(state.weights, 0)

    def brier(self, weights: Ints, design: Design) -> float:
        """Return the mean Brier loss."""
        return self._network.brier(real(weights), design)

    def auc(self, weights: Ints, design: Design) -> float:
        """Return the area under the ROC curve, rounded to 6 digits."""
        return round(auc(self._network.logits(weights, design), design.labels), 6)


def _scores(vector: Ints, matrix: Floats, norm_bound: int, *, eta: int, start: Start) -> list[int]:
    products = inner_products(vector, matrix, norm_bound=norm_bound)
    quota_total = start.state.quota_total << _EXTRA_BITS
    return [score_of(product, eta=eta, quota_total=quota_total) for product in products]


def _fixed(losses: Sequence[float]) -> tuple[int, ...]:
    return tuple(round(loss * (1 << PROB_BITS)) for loss in losses)
