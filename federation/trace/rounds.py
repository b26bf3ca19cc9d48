"""Building a round's trace from what the round inherited, sent out, received and decided.

Nothing is decided here: whoever closes a round and whoever recomputes it call this on their own
outcome, and compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from federation.contribution import PathGradient
from federation.delta import delta_hash
from federation.errors import ConfigError
from federation.fixedpoint import Ints
from federation.hashing import sha256
from federation.models.linear import Design
from federation.projection import Projection
from federation.rounds import Base, EpochState, RoundOutcome, Rules, Status
from federation.trace.points import PATH_POINTS, STEP_POINTS, point_records
from federation.trace.records import STATUS_CODES, Op, Record
from federation.trace.tree import Trace
from federation.trace.vectors import Vectors, hash_value
from federation.types import Did


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Position:
    """Examples in the order in which they became known.

    Attributes:
        shard: Their shard's number; 0 for the public portion.
        design: The examples, the providers' parts joined in provider order.
    """

    shard: int
    design: Design


def round_trace(
    state: EpochState,
    base: Base,
    outcome: RoundOutcome,
    *,
    rules: Rules,
    known: Sequence[Position],
    shard: Position,
    deltas: Mapping[Did, Ints],
) -> Trace:
    """Return the trace of a round.

    Args:
        state: The epoch before the round.
        base: What ``open_round`` made of it.
        outcome: What ``close_round`` decided.
        rules: The manifest's numbers.
        known: The public portion, then the shards of the earlier rounds in their order.
        shard: The shard drawn for this round.
        deltas: The accepted deltas.

    Raises:
        ConfigError: ``known`` is not what the base was searched on.
    """
    if len(known) != state.round or sum(len(p.design) for p in known) != len(base.search[0].labels):
        raise ConfigError("the positions given are not those on which the round's base was searched")
    vectors = Vectors()
    records = [
        *_entry(state, vectors),
        *_examples([*known, shard], vectors),
        *_points(state, base, outcome, known=known, shard=shard, vectors=vectors),
        _choice(base, outcome, rules),
    ]
    if outcome.path and outcome.projection:
        records += _gradient(outcome.path, shard.design, vectors)
        records += _projection(outcome.projection, vectors)
    records += [
        _improvement(outcome),
        *_members(state, outcome, deltas, vectors),
        Record(Op.EXIT, 0, 0, _standing(outcome.state, vectors)),
    ]
    return Trace(tuple(records), vectors.opened())


def decided_trace(
    state: EpochState, base: Base, outcome: RoundOutcome, *, rules: Rules, deltas: Mapping[Did, Ints]
) -> Trace:
    """Return the trace of a round that no judge on chain recomputes: of a network, or by other rules.

    It commits what was chosen and found, and all that follows from there exactly: no points, no
    gradient. Arguments are those of ``round_trace``; a delta that nobody sees is left out.
    """
    vectors = Vectors()
    records = [
        *_entry(state, vectors),
        *([] if rules.default else _combined(state, outcome, rules, vectors)),
        _choice(base, outcome, rules),
        _improvement(outcome),
        *_members(state, outcome, deltas, vectors),
        Record(Op.EXIT, 0, 0, _standing(outcome.state, vectors)),
    ]
    return Trace(tuple(records), vectors.opened())


def _combined(state: EpochState, outcome: RoundOutcome, rules: Rules, vectors: Vectors) -> Iterator[Record]:
    """State the rules, what they made of the deltas, and what the strategy remembers before and after."""
    names = (hash_value(sha256(name.encode())) for name in (rules.strategy.name, rules.method))
    yield Record(Op.RULES, 0, 0, (*names, int(rules.exact)))
    for i, member in enumerate(outcome.members):
        if member.did in outcome.parts:
            yield Record(Op.PART, i, 0, (vectors.commit(outcome.parts[member.did]),))
    nothing = np.zeros_like(state.weights)
    for k, after in enumerate(outcome.state.memory):
        before = state.memory[k] if state.memory else nothing
        yield Record(Op.MEMORY, k, 0, (vectors.commit(before), vectors.commit(after)))


def _standing(state: EpochState, vectors: Vectors) -> tuple[int, ...]:
    """Return a state as ENTRY and EXIT commit it; a step that never happened is a zero vector."""
    nothing = np.zeros_like(state.weights)
    last, before = (*state.steps, nothing, nothing)[:2]
    roots = (vectors.commit(v) for v in (state.weights, state.move, last, before))
    return (*roots, len(state.steps), state.moved)


def _entry(state: EpochState, vectors: Vectors) -> Iterator[Record]:
    yield Record(Op.ENTRY, 0, 0, (vectors.commit(state.initial), *_standing(state, vectors)))


def _examples(positions: Sequence[Position], vectors: Vectors) -> Iterator[Record]:
    mean = positions[0].design.mean
    yield Record(Op.MEAN, 0, 0, (int(mean @ mean),))
    for q, position in enumerate(positions):
        design = position.design
        roots = vectors.commit(design.labels), vectors.commit(design.scale)
        yield Record(Op.EXAMPLES, 0, q, (position.shard, len(design), *roots))


def _points(
    state: EpochState,
    base: Base,
    outcome: RoundOutcome,
    *,
    known: Sequence[Position],
    shard: Position,
    vectors: Vectors,
) -> Iterator[Record]:
    mean, sizes = shard.design.mean, [len(p.design) for p in known]
    for k, fit in enumerate(base.search):
        yield from point_records(k, fit, mean, vectors, first=0, sizes=sizes)
    for k, fit in enumerate(outcome.search):
        yield from point_records(STEP_POINTS + k, fit, mean, vectors, first=0, sizes=sizes)
    if outcome.path:
        path = (outcome.path.before, *(node.fit for node in outcome.path.nodes), outcome.path.after)
        for k, fit in enumerate(path):
            yield from point_records(
                PATH_POINTS + k, fit, mean, vectors, first=state.round, sizes=[len(shard.design)]
            )


def _choice(base: Base, outcome: RoundOutcome, rules: Rules) -> Record:
    momentum = rules.betas_tenths.index(base.beta_tenths)
    if outcome.step is None:
        return Record(Op.CHOICE, 0, 0, (momentum, -1, -1))
    chosen, scored = rules.etas.index(outcome.eta), rules.etas.index(outcome.scored_eta)
    return Record(Op.CHOICE, 0, 0, (momentum, chosen, scored))


def _gradient(path: PathGradient, shard: Design, vectors: Vectors) -> Iterator[Record]:
    for k, node in enumerate(path.nodes):
        root = vectors.commit(node.coefficients)
        yield Record(Op.NODE, k, 0, (node.residual_sum, node.curvature_sum, root))
    averaged, gradient = vectors.commit(path.averaged), vectors.commit(path.gradient)
    yield Record(Op.GRADIENT, 0, 0, (averaged, int(path.averaged @ shard.scale), gradient))


def _projection(projection: Projection, vectors: Vectors) -> Iterator[Record]:
    for k, (shift, direction) in enumerate(zip(projection.shifts, projection.directions, strict=True)):
        yield Record(Op.DIRECTION, k, 0, (shift, vectors.commit(direction)))
    upper = (value for k, row in enumerate(projection.gram) for value in row[k:])
    yield Record(Op.SYSTEM, 0, 0, (*upper, *projection.target))
    yield Record(Op.PROJECTED, 0, 0, (vectors.commit(projection.projected),))


def _improvement(outcome: RoundOutcome) -> Record:
    return Record(Op.IMPROVEMENT, 0, 0, (outcome.gain, outcome.improvement))


def _members(
    state: EpochState, outcome: RoundOutcome, deltas: Mapping[Did, Ints], vectors: Vectors
) -> Iterator[Record]:
    partial, after = np.zeros_like(state.weights), outcome.state
    for i, member in enumerate(outcome.members):
        did, digest = member.did, 0
        if member.status is Status.ACCEPTED and did in deltas:
            partial += deltas[did]
            digest = hash_value(delta_hash(deltas[did]))
        yield Record(
            Op.MEMBER,
            i,
            0,
            (
                STATUS_CODES[member.status],
                digest,
                vectors.commit(partial),
                member.product,
                member.score,
                member.counted,
                member.credit,
                state.credits[did],
                after.credits[did],
                int(did in state.suspended),
                int(did in after.suspended),
            ),
        )
