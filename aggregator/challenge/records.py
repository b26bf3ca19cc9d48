"""Disputes about the form of a trace (``RecordDisputes.sol``)."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.challenge.witness import NO_RECORD, Case, Dispute
from contracts.bindings.record_disputes import RecordDisputes
from contracts.bindings.structs import Chunk
from federation.hashing import keccak256
from federation.trace import Op

_OF_SHARD = {Op.NODE, Op.GRADIENT}


def twice(case: Case, first: int, second: int) -> Dispute:
    """Dispute two different records with one key, given their places in the trace."""
    return Dispute.draft(
        RecordDisputes,
        lambda judge, sender: judge.twice(
            sender, case.context, case.record_at(first), case.record_at(second)
        ),
    )


def malformed(case: Case, place: int) -> Dispute:
    """Dispute a record of an unknown kind or with another number of values, given its place."""
    return Dispute.draft(
        RecordDisputes, lambda judge, sender: judge.malformed(sender, case.context, case.record_at(place))
    )


def shape(
    case: Case, op: Op, i: int, j: int, field: str, *, pieces: Sequence[bytes], index: int = 0
) -> Dispute:
    """Dispute the number of entries of a recorded vector.

    Args:
        case: The round.
        op: The record's op.
        i: Its first number.
        j: Its second number.
        field: The vector's name in ``Op.fields``.
        pieces: What the commitment's hashes are of, in order.
        index: Which of them to show: one that is too short or too long, if their number is right.
    """
    per_weight = op not in {*_OF_SHARD, Op.SUMS, Op.EXAMPLES} or field == "gradient"
    position = j if op is Op.SUMS else case.round
    chunk = Chunk(hashes=tuple(keccak256(piece) for piece in pieces), data=pieces[index] if pieces else b"")
    return Dispute.draft(
        RecordDisputes,
        lambda judge, sender: judge.shape(
            sender,
            context=case.context,
            record=case.record(op, i, j),
            field=op.fields.index(field),
            examples=NO_RECORD if per_weight or op is Op.EXAMPLES else case.record(Op.EXAMPLES, 0, position),
            chunk=chunk,
            index=index,
        ),
    )
