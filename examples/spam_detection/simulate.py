"""The example's federation as pure functions only: no vault, no messages, no chain.

Gives the report its federated baseline and the benchmarks their many seeds. The arithmetic is the
kernel's, so with the same deltas it decides what the real run decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from client.noise import gaussian
from client.trainer import LinearEngine
from federation.delta import norm_cap, quantise
from federation.fixedpoint import Floats, Ints
from federation.manifest import PrivacySection
from federation.models.linear import WEIGHT_BITS, Design
from federation.published import published_directions
from federation.rounds import Base, EpochState, RoundOutcome, Rules, Status, close_round, open_round
from federation.types import Did


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """A federation's data.

    Attributes:
        members: Each member's examples.
        public: The validation set's public portion.
        shards: One shard per round.
    """

    members: Sequence[Design]
    public: Design
    shards: Sequence[Design]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Seen:
    """What everybody has when a round opens whose federation opens shards as they are drawn.

    Attributes:
        base: The model that was sent out.
        parts: The public portion, then the shards of the earlier rounds.
        gradients: gbar of the earlier rounds, before its projection.
    """

    base: Base
    parts: Sequence[Design]
    gradients: Sequence[Ints]


class Sender(Protocol):
    """What a member makes of its clipped step before it sends it; an honest one adds the noise."""

    def __call__(self, step: Floats, noise: Floats, cap: float, seen: Seen, /) -> Floats:
        """Return the delta; ``cap`` is the norm that the member is admitted with."""
        ...


def _honest(step: Floats, noise: Floats, _cap: float, _seen: Seen, /) -> Floats:
    return np.add(step, noise)


def simulate(
    world: World,
    rules: Rules,
    privacy: PrivacySection,
    *,
    entropy: Callable[[int], bytes],
    senders: Mapping[int, Sender] | None = None,
) -> list[RoundOutcome]:
    """Run members through all rounds.

    Args:
        world: The data.
        rules: The manifest's numbers.
        privacy: Clip and noise.
        entropy: Randomness of all members' noise.
        senders: What members do that are not honest, by their place in the world.

    Returns:
        Every round's outcome; the last one's state holds the final model.
    """
    dim = len(world.public.mean)
    quotas = {Did(f"did:key:{i:04d}"): len(design) for i, design in enumerate(world.members)}
    data: Mapping[Did, Design] = dict(zip(quotas, world.members, strict=True))
    state = EpochState.first(initial=np.zeros(dim, dtype=np.int64), quotas=quotas)
    caps = {
        did: norm_cap(clip_milli=privacy.clip_milli, sigma_e4=privacy.sigma_e4, quota=q, dim=dim)
        for did, q in quotas.items()
    }
    behave = {did: (senders or {}).get(i, _honest) for i, did in enumerate(quotas)}
    engine, parts = LinearEngine(), [world.public]
    outcomes: list[RoundOutcome] = []
    for shard in world.shards:
        known = Design.concat(parts)
        base = open_round(state, rules, known)
        gradients = [outcome.path.gradient for outcome in outcomes if outcome.path]
        seen = Seen(base=base, parts=tuple(parts), gradients=gradients)
        deltas: dict[Did, Ints] = {}
        for did, design in data.items():
            if did not in state.suspended:
                step = engine.step(design, base, privacy.clip)
                spread = privacy.sigma * privacy.clip
                noise = gaussian(dim, spread, entropy) if spread else np.zeros(dim)
                cap = float(np.ldexp(caps[did], -WEIGHT_BITS))
                deltas[did] = quantise(behave[did](step, noise, cap, seen))
        outcome = close_round(
            state,
            base,
            rules,
            deltas=deltas,
            absent=dict.fromkeys(state.suspended, (Status.SUSPENDED, "")),
            known=known,
            shard=shard,
            norm_bound=max(caps.values()),
            published=published_directions(state, base.weights, parts) if rules.secure else (),
        )
        outcomes.append(outcome)
        state = outcome.state
        parts.append(shard)
    return outcomes
