"""The example's federation as pure functions only: no vault, no messages, no chain.

Gives the report its federated baseline and the benchmarks their many seeds. The arithmetic is the
kernel's, so with the same deltas it decides what the real run decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from client.noise import gaussian
from client.trainer import LinearEngine
from federation.delta import norm_cap, quantise
from federation.fixedpoint import Ints
from federation.manifest import PrivacySection
from federation.models.linear import Design
from federation.rounds import EpochState, RoundOutcome, Rules, Status, close_round, open_round
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


def simulate(
    world: World, rules: Rules, privacy: PrivacySection, *, entropy: Callable[[int], bytes]
) -> list[RoundOutcome]:
    """Run honest members through all rounds.

    Args:
        world: The data.
        rules: The manifest's numbers.
        privacy: Clip and noise.
        entropy: Randomness of all members' noise.

    Returns:
        Every round's outcome; the last one's state holds the final model.
    """
    dim = len(world.public.mean)
    quotas = {Did(f"did:key:{i:04d}"): len(design) for i, design in enumerate(world.members)}
    data: Mapping[Did, Design] = dict(zip(quotas, world.members, strict=True))
    state = EpochState.first(initial=np.zeros(dim, dtype=np.int64), quotas=quotas)
    bound = max(
        norm_cap(clip_milli=privacy.clip_milli, sigma_e4=privacy.sigma_e4, quota=q, dim=dim)
        for q in quotas.values()
    )
    engine, known = LinearEngine(), world.public
    outcomes = []
    for shard in world.shards:
        base = open_round(state, rules, known)
        deltas: dict[Did, Ints] = {}
        for did, design in data.items():
            if did not in state.suspended:
                step = engine.step(design, base, privacy.clip)
                noise = gaussian(dim, privacy.sigma * privacy.clip, entropy) if privacy.sigma else 0.0
                deltas[did] = quantise(np.add(step, noise))
        outcome = close_round(
            state,
            base,
            rules,
            deltas=deltas,
            absent=dict.fromkeys(state.suspended, (Status.SUSPENDED, "")),
            known=known,
            shard=shard,
            norm_bound=bound,
        )
        outcomes.append(outcome)
        state, known = outcome.state, Design.concat([known, shard])
    return outcomes
