"""What a round starts from: the rules, the epoch so far, and the base that is sent out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from federation.aggregation import Memory, Strategy
from federation.aggregation.total import Sum
from federation.fixedpoint import Ints
from federation.models.linear import Fit, model_hash
from federation.reward import Terms
from federation.types import Did, Hash32, Wei
from federation.valuation import DEFAULT


class Status(StrEnum):
    """What became of a member in a round."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SILENT = "silent"
    """Committed, never revealed; in a secure round caught lying: charged the most a score could have cost."""
    ABSENT = "absent"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The numbers of the manifest that a round depends on.

    Attributes:
        terms: Reward terms.
        etas: Step sizes to search, ascending; 0 leaves the model as it is.
        betas_tenths: Momentum factors to search, in tenths, ascending.
        strategy: How deltas become the direction of the step.
        method: How members are scored.
        secure: Whether nobody sees a delta, but the sum of all and one product each.
    """

    terms: Terms
    etas: tuple[int, ...]
    betas_tenths: tuple[int, ...]
    strategy: Strategy = field(default_factory=Sum)
    method: str = DEFAULT
    secure: bool = False

    @property
    def default(self) -> bool:
        """Whether deltas are summed and priced by Aumann and Shapley: what the judges on chain know."""
        return self.strategy.name == Sum.name and self.method == DEFAULT

    @property
    def exact(self) -> bool:
        """Whether a score is the exact price of the delta, not only of its part in the step."""
        return self.strategy.exact and self.method == DEFAULT

    @property
    def caveat(self) -> str:
        """What is to be known of other rules than the default ones, in one line; empty by those."""
        if self.default:
            return ""
        lost = "" if not self.strategy.lost else f"; a price leaves out {self.strategy.lost}"
        return f"deltas are combined by {self.strategy.name} and scored by {self.method}{lost}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EpochState:
    """Everything a round inherits from the rounds before.

    Attributes:
        round: The round that opens next, from 1.
        initial: w_0; shape (dim,).
        weights: w_t.
        steps: The last two nonzero aggregates, newest first.
        move: The last nonzero move of the whole model, momentum included; zeros before the first.
        quotas: Quota of every admitted member.
        credits: Signed wei of every admitted member so far.
        scores: Sum of clipped scores of every member so far.
        moved: Sum of |G| over past rounds.
        suspended: Members out of the sum until the epoch ends.
        memory: What the strategy kept when the model last moved.
    """

    round: int
    initial: Ints
    weights: Ints
    steps: tuple[Ints, ...]
    move: Ints
    quotas: Mapping[Did, int]
    credits: Mapping[Did, Wei]
    scores: Mapping[Did, int]
    moved: int = 0
    suspended: frozenset[Did] = field(default_factory=frozenset)
    memory: Memory = ()

    @classmethod
    def first(cls, *, initial: Ints, quotas: Mapping[Did, int]) -> EpochState:
        """Return the state before round 1."""
        return cls(
            round=1,
            initial=initial,
            weights=initial,
            steps=(),
            move=np.zeros_like(initial),
            quotas=dict(quotas),
            credits=dict.fromkeys(quotas, Wei(0)),
            scores=dict.fromkeys(quotas, 0),
        )

    @property
    def quota_total(self) -> int:
        """Q: the sum over members admitted when the epoch opened."""
        return sum(self.quotas.values())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Base:
    """The model that a round sends out.

    Attributes:
        weights: w~; shape (dim,).
        intercept: Fitted on the known examples.
        beta_tenths: The momentum factor that the line search chose.
        losses: Summed log-loss of every momentum candidate on the known examples.
        search: Every momentum candidate on the known examples; empty at a member, who gets the model only.
    """

    weights: Ints
    intercept: int
    beta_tenths: int
    losses: tuple[int, ...]
    search: tuple[Fit, ...] = ()

    @property
    def hash(self) -> Hash32:
        """SHA-256 of the model's canonical bytes, as `openRound` records it."""
        return model_hash(self.weights, self.intercept)
