"""The trace of a round: every step of the paid score as a typed leaf under one root.

A record is (op, i, j, value); its leaf is hashed with the round and the federation's domain, so
that a single wrong step can be shown to a contract with one Merkle proof.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from federation.errors import VerificationFailed
from federation.fixedpoint import Ints
from federation.hashing import Domain, purpose, sha256
from federation.merkle import MerkleTree, leaf_hash
from federation.rounds import Base, RoundOutcome
from federation.types import Hash32

_MAGIC: Final = b"FMT1"


class Op(IntEnum):
    """What a record states; ``i`` and ``j`` number what it is about."""

    BASE = 1
    """SHA-256 of the base model."""
    STEP = 2
    """SHA-256 of Delta's little-endian int64."""
    GRADIENT = 3
    """SHA-256 of gbar."""
    PROJECTED = 4
    """SHA-256 of the projected gbar."""
    MOMENTUM_LOSS = 5
    """Summed log-loss of momentum candidate i on known examples."""
    STEP_LOSS = 6
    """Summed log-loss of step candidate i on known examples."""
    MOMENTUM = 7
    """The chosen beta in tenths."""
    ETA = 8
    """The chosen eta; j = 1: the step at which members were scored."""
    LOGIT = 9
    """z of example j at node i."""
    COEFFICIENT = 10
    """t of example j at node i."""
    INTERCEPT = 11
    """c of node i."""
    RESIDUAL_SUM = 12
    """R of node i."""
    CURVATURE_SUM = 13
    """H of node i."""
    LOSS = 14
    """Summed Brier loss before (i = 0) and after (i = 1) the step."""
    IMPROVEMENT = 15
    """G as it counts."""
    PRODUCT = 16
    """<projected gbar, delta> of member i, in the roster's order."""
    SCORE = 17
    """s of member i."""
    COUNTED = 18
    """a of member i."""
    CREDIT = 19
    """Wei of member i, signed."""


@dataclass(frozen=True, slots=True)
class Record:
    """One step: an op, what it is about, and its value as a signed 256-bit integer or a digest."""

    op: Op
    i: int
    j: int
    value: int

    def to_bytes(self) -> bytes:
        """Return 41 canonical bytes."""
        return (
            self.op.to_bytes(1, "little")
            + self.i.to_bytes(4, "little")
            + self.j.to_bytes(4, "little")
            + (self.value % (1 << 256)).to_bytes(32, "big")
        )


def vector_hash(vector: Ints) -> Hash32:
    """Return the SHA-256 of a vector's little-endian int64."""
    return sha256(vector.astype("<i8").tobytes())


def _digest(value: Hash32) -> int:
    return int.from_bytes(value, "big")


def records(base: Base, outcome: RoundOutcome) -> Iterator[Record]:
    """Yield a round's records in committed order."""
    yield Record(Op.BASE, 0, 0, _digest(base.hash))
    for i, loss in enumerate(base.losses):
        yield Record(Op.MOMENTUM_LOSS, i, 0, loss)
    yield Record(Op.MOMENTUM, 0, 0, base.beta_tenths)
    for i, loss in enumerate(outcome.step_losses):
        yield Record(Op.STEP_LOSS, i, 0, loss)
    yield Record(Op.ETA, 0, 0, outcome.eta)
    yield Record(Op.ETA, 0, 1, outcome.scored_eta)
    if outcome.path and outcome.step is not None and outcome.projected is not None:
        yield Record(Op.STEP, 0, 0, _digest(vector_hash(outcome.step)))
        yield Record(Op.GRADIENT, 0, 0, _digest(vector_hash(outcome.path.gradient)))
        yield Record(Op.PROJECTED, 0, 0, _digest(vector_hash(outcome.projected)))
        for i, node in enumerate(outcome.path.nodes):
            yield Record(Op.INTERCEPT, i, 0, node.intercept)
            yield Record(Op.RESIDUAL_SUM, i, 0, node.residual_sum)
            yield Record(Op.CURVATURE_SUM, i, 0, node.curvature_sum)
            pairs = zip(node.logits.tolist(), node.coefficients.tolist(), strict=True)
            for j, (logit, coefficient) in enumerate(pairs):
                yield Record(Op.LOGIT, i, j, logit)
                yield Record(Op.COEFFICIENT, i, j, coefficient)
        yield Record(Op.LOSS, 0, 0, outcome.path.loss_before)
        yield Record(Op.LOSS, 1, 0, outcome.path.loss_after)
    yield Record(Op.IMPROVEMENT, 0, 0, outcome.improvement)
    for i, member in enumerate(outcome.members):
        yield Record(Op.PRODUCT, i, 0, member.product)
        yield Record(Op.SCORE, i, 0, member.score)
        yield Record(Op.COUNTED, i, 0, member.counted)
        yield Record(Op.CREDIT, i, 0, member.credit)


@dataclass(frozen=True, slots=True)
class Trace:
    """A round's records and their root."""

    records: tuple[Record, ...]

    @classmethod
    def of(cls, base: Base, outcome: RoundOutcome) -> Trace:
        """Return the trace of a round."""
        return cls(tuple(records(base, outcome)))

    def root(self, domain: Domain, round_: int) -> Hash32:
        """Return the Merkle root over the records, in order."""
        tag = domain.digest("trace", round_)
        leaves = [leaf_hash(purpose("trace"), tag, r.op, r.i, r.j, r.value) for r in self.records]
        return MerkleTree.build(leaves, sort=False).root

    def to_bytes(self) -> bytes:
        """Return canonical bytes."""
        return _MAGIC + b"".join(r.to_bytes() for r in self.records)


def first_difference(expected: Trace, found: bytes) -> None:
    """Refuse a published trace that is not the recomputed one, naming the first wrong step.

    Raises:
        VerificationFailed: The traces differ.
    """
    if found == expected.to_bytes():
        return
    for k, record in enumerate(expected.records):
        if found[4 + 41 * k : 4 + 41 * (k + 1)] != record.to_bytes():
            raise VerificationFailed(
                "trace",
                f"record {k} should be {record.op.name.lower()}[{record.i},{record.j}] = {record.value}",
            )
    raise VerificationFailed("trace", "holds more than the round's records")
