"""How rounds use a model, whatever its kind: the driver and the verifier see this and nothing else.

    open, close, released     what the aggregator does in a round
    reopen, reclose           what anyone does with a recorded one

The linear model is exact: recomputing gives the same bits, and whatever differs is wrong. A module
is floating point (``federation.tolerance``): recomputing gives nearly the same, and what the round
recorded counts if it is near enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from federation.errors import VerificationFailed
from federation.fixedpoint import PROB_BITS, Ints
from federation.manifest import Manifest
from federation.metrics import model_auc
from federation.models.linear import Design, brier_loss, model_bytes
from federation.published import published_directions
from federation.rounds import Base, EpochState, RoundOutcome, Rules, Status, close_round, open_round, release
from federation.scoring import Summed
from federation.trace import Position, Trace, decided_trace, round_trace
from federation.types import Did, Hash32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """What a round starts from.

    Attributes:
        state: The epoch so far.
        rules: The manifest's numbers.
        known: The public portion, then the shards of the earlier rounds in their order.
    """

    state: EpochState
    rules: Rules
    known: Sequence[Position]

    @property
    def design(self) -> Design:
        """All known examples, in order."""
        return joined(self.known)

    def published(self, base: Ints) -> tuple[Ints, ...]:
        """Return what the known examples say at a base, where that earns nothing: in secure rounds."""
        if not self.rules.secure:
            return ()
        return published_directions(self.state, base, [position.design for position in self.known])

    def wrong_base(self) -> VerificationFailed:
        """Return the refusal of a base that the rules do not give."""
        subject = f"round {self.state.round}"
        return VerificationFailed(subject, "the base model is not the one that the rules give")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Received:
    """What a round received.

    Attributes:
        deltas: Accepted deltas, all within their caps.
        absent: Status and reason of every other admitted member.
        norm_bound: The largest cap of any member.
        seed: Of the round's draw, on chain: nobody who could still change a delta knew it.
        summed: Instead of deltas their sum, where nobody sees them.
    """

    deltas: Mapping[Did, Ints]
    absent: Mapping[Did, tuple[Status, str]]
    norm_bound: int
    seed: Hash32
    summed: Summed | None = None


class Closed(NamedTuple):
    """A closed round: what was decided, and the trace that commits it."""

    outcome: RoundOutcome
    trace: Trace


class Evaluation(Protocol):
    """A kind of model."""

    @property
    def tolerance(self) -> str | None:
        """How far recorded scores may be from recomputed ones, as the manifest writes it; None if exact."""
        ...

    def initial(self) -> Ints:
        """Return w_0; shape (dim,)."""
        ...

    def open(self, start: Start) -> Base:
        """Choose a round's base."""
        ...

    def close(self, start: Start, base: Base, received: Received, shard: Position) -> Closed:
        """Score a round on its drawn shard."""
        ...

    def released(self, state: EpochState, known: Sequence[Position]) -> bytes:
        """Return the canonical bytes of the model after a round, ``known`` with its shard."""
        ...

    def reopen(self, start: Start, published: bytes) -> Base:
        """Return the base of a recorded round from its canonical bytes.

        Raises:
            VerificationFailed: The rules give another one.
        """
        ...

    def reclose(
        self, start: Start, base: Base, received: Received, shard: Position, published: bytes
    ) -> Closed:
        """Return a recorded round as it has to be, trace included: for the caller to compare.

        Args:
            start: What it started from.
            base: What it sent out.
            received: What it received.
            shard: The shard drawn for it.
            published: Its trace as it was published.

        Raises:
            VerificationFailed: What was published is too far from what is recomputed.
        """
        ...

    def rereleased(self, state: EpochState, known: Sequence[Position], published: bytes) -> bytes:
        """Return the bytes of the model after a recorded round as they have to be: for the caller to compare.

        Args:
            state: The epoch after the round.
            known: All known examples, the round's shard last.
            published: The model as it was released.
        """
        ...

    def brier(self, weights: Ints, design: Design) -> float:
        """Return the mean Brier loss, intercept fitted on the same examples."""
        ...

    def auc(self, weights: Ints, design: Design) -> float:
        """Return the area under the ROC curve, rounded to 6 digits."""
        ...


class LinearEvaluation:
    """The canonical linear model: integers, the same everywhere."""

    tolerance: str | None = None

    def __init__(self, dim: int) -> None:
        self._dim = dim

    def initial(self) -> Ints:
        """Return zeros."""
        return np.zeros(self._dim, dtype=np.int64)

    def open(self, start: Start) -> Base:
        """Choose a round's base: ``federation.rounds.open_round``."""
        return open_round(start.state, start.rules, start.design)

    def close(self, start: Start, base: Base, received: Received, shard: Position) -> Closed:
        """Score a round: ``federation.rounds.close_round``, and its trace."""
        deltas = received.deltas
        outcome = close_round(
            start.state,
            base,
            start.rules,
            deltas=deltas,
            absent=received.absent,
            known=start.design,
            shard=shard.design,
            norm_bound=received.norm_bound,
            seed=received.seed,
            summed=received.summed,
            published=start.published(base.weights),
        )
        if not start.rules.default or start.rules.secure:
            trace = decided_trace(start.state, base, outcome, rules=start.rules, deltas=deltas)
            return Closed(outcome, trace)
        trace = round_trace(
            start.state, base, outcome, rules=start.rules, known=start.known, shard=shard, deltas=deltas
        )
        return Closed(outcome, trace)

    def released(self, state: EpochState, known: Sequence[Position]) -> bytes:
        """Return the model with its intercept fitted on all known examples."""
        return model_bytes(*release(state, joined(known)))

    def reopen(self, start: Start, published: bytes) -> Base:
        """Recompute the base; another one is refused."""
        base = self.open(start)
        if model_bytes(base.weights, base.intercept) != published:
            raise start.wrong_base()
        return base

    def rereleased(
        self,
        state: EpochState,
        known: Sequence[Position],
        published: bytes,  # noqa: ARG002 - nothing that was published enters
    ) -> bytes:
        """Recompute the model."""
        return self.released(state, known)

    def reclose(
        self,
        start: Start,
        base: Base,
        received: Received,
        shard: Position,
        published: bytes,  # noqa: ARG002 - nothing that was published enters
    ) -> Closed:
        """Recompute the round."""
        return self.close(start, base, received, shard)

    def brier(self, weights: Ints, design: Design) -> float:
        """Return the mean Brier loss, intercept fitted on the same examples."""
        return brier_loss(design, weights) / (len(design) << (2 * PROB_BITS))

    def auc(self, weights: Ints, design: Design) -> float:
        """Return the area under the ROC curve, rounded to 6 digits."""
        return model_auc(design, weights)


def joined(known: Sequence[Position]) -> Design:
    """Return all positions' examples, in order."""
    return Design.concat([position.design for position in known])


def evaluation_of(manifest: Manifest) -> Evaluation:
    """Return how a federation's model is opened, scored and released."""
    if manifest.module is None:
        return LinearEvaluation(manifest.model.dim)
    from federation.tolerance import ModuleEvaluation

    return ModuleEvaluation(manifest.module)
