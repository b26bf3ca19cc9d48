"""The game that contribution methods are played on: what a coalition's parts alone would have improved.

    v(S) = L(w) - L(w + near(eta * sum_{i in S} part_i / Q))        v({}) = 0,  v(all) = G

with the round's own eta and Q whatever S is ("sum game"). The other usual game renormalises the mean over S;
there a member counts by being there, zeros or not (docs/contribution-methods.md). Everything is an integer:
with the linear model, any stranger computes the same values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from federation.contribution import aggregate, improvement_of
from federation.errors import ConfigError
from federation.fixedpoint import FLOAT_EXACT, INT_EXACT, Floats, Ints, require_below
from federation.models.linear import Design
from federation.types import Did, Hash32
from federation.valuation.lossmodel import LINEAR, LossModel


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Game:
    """One round as a cooperative game. Members are numbered as in ``dids``; a coalition is a bit mask.

    Attributes:
        dids: The members with an accepted delta, ascending.
        parts: What each contributes to the direction; shape (n, dim), ``WEIGHT_BITS`` fractional bits.
        eta: The step at which the round is scored, a positive integer.
        quota_total: Q.
        base: Weights from which the parts move the model; shape (dim,). What moves it whoever plays, such
            as a server's momentum, is in here.
        shard: The drawn shard.
        seed: Of the round's draw; all randomness of all methods comes from it.
        model: How losses and gradients are found.
        peak: The largest magnitude in ``parts``.
    """

    dids: tuple[Did, ...]
    parts: Ints
    eta: int
    quota_total: int
    base: Ints
    shard: Design
    seed: Hash32
    model: LossModel = LINEAR
    peak: int = field(init=False)
    _before: list[int] = field(default_factory=list, init=False, repr=False)
    _known: dict[int, int] = field(default_factory=lambda: {0: 0}, init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no game.

        Raises:
            ConfigError: The shapes do not fit, eta or Q is not positive, or the parts are too large.
        """
        if self.parts.shape != (len(self.dids), len(self.base)):
            raise ConfigError(
                f"{self.parts.shape} parts for {len(self.dids)} members and {len(self.base)} weights"
            )
        if self.eta <= 0 or self.quota_total <= 0 or not len(self.shard):
            raise ConfigError("a game needs a positive step, a positive quota and an example")
        peak = max(int(self.parts.max(initial=0)), -int(self.parts.min(initial=0)))
        require_below(2 * self.eta * peak * len(self.dids) + self.quota_total, INT_EXACT, "an aggregate")
        object.__setattr__(self, "peak", peak)

    @property
    def everybody(self) -> int:
        """The mask of all members."""
        return (1 << len(self.dids)) - 1

    @property
    def calls(self) -> int:
        """How many coalitions have been evaluated so far; the empty one never is."""
        return len(self._known) - 1

    @property
    def gain(self) -> int:
        """G: what all together improve, ``SCORE_BITS`` fractional bits."""
        return self.values([self.everybody])[0]

    def value(self, members: frozenset[int]) -> int:
        """Return v of some members, given by their numbers; ``SCORE_BITS`` fractional bits, rounded down."""
        return self.values([mask_of(members)])[0]

    def values(self, masks: Sequence[int]) -> list[int]:
        """Return v of many coalitions at once; each is evaluated at most once in a game's life.

        Raises:
            ConfigError: A step leaves the range of exact arithmetic.
        """
        new = [mask for mask in dict.fromkeys(masks) if mask not in self._known]
        # Bounds memory: points are as long as the model.
        size = max(1, (1 << 21) // max(1, len(self.base)))
        for start in range(0, len(new), size):
            some = new[start : start + size]
            losses = self.model.losses(self.shard, self.base + self.steps(some))
            before = self._loss_before()
            for mask, after in zip(some, losses, strict=True):
                self._known[mask] = improvement_of(before, after, len(self.shard))
        return [self._known[mask] for mask in masks]

    def steps(self, masks: Sequence[int]) -> Ints:
        """Return ``Delta_S`` of many coalitions, each weight rounded as in a round; shape (k, dim)."""
        largest = self.peak * len(self.dids)
        rows = _rows(masks, len(self.dids))
        if largest < FLOAT_EXACT:
            summed = (rows @ self.parts.astype(np.float64)).astype(np.int64)
        else:
            summed = rows.astype(np.int64) @ self.parts
        steps: Ints = (2 * self.eta * summed + self.quota_total) // (2 * self.quota_total)
        return steps

    def _loss_before(self) -> int:
        if not self._before:
            self._before.extend(self.model.losses(self.shard, self.base[None, :]))
        return self._before[0]


def carried_base(base: Ints, carried: Ints | None, *, eta: int, quota_total: int) -> Ints:
    """Return the weights from which parts move a model, whoever plays.

    Args:
        base: What the round sent out; shape (dim,).
        carried: What a strategy carried over from earlier rounds; None where nothing.
        eta: The step at which the round is scored.
        quota_total: Q.
    """
    return base if carried is None else base + aggregate([carried], eta=eta, quota_total=quota_total)


def mask_of(members: Iterable[int]) -> int:
    """Return the bit mask of some members' numbers."""
    return sum(1 << i for i in set(members))


def _rows(masks: Sequence[int], n: int) -> Floats:
    """Return the masks as rows of zeros and ones; shape (k, n)."""
    width = (n + 7) // 8
    packed = np.frombuffer(b"".join(mask.to_bytes(width, "little") for mask in masks), dtype=np.uint8)
    bits = np.unpackbits(packed.reshape(len(masks), width), axis=1, count=n, bitorder="little")
    return bits.astype(np.float64)
