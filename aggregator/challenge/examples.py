"""Disputes about validation examples, and an accused provider's defence (``ExampleDisputes.sol``)."""

from __future__ import annotations

from aggregator.challenge.openings import Validation
from aggregator.challenge.witness import Case, Dispute
from contracts.bindings.example_disputes import ExampleDisputes
from contracts.bindings.structs import Context, ExampleClaim, PartEntry, RoundWords
from federation.trace import Op


def example(case: Case, validation: Validation, position: int, e: int) -> Dispute:
    """Dispute the label or the scale of the e-th example of a position."""
    claim = ExampleClaim(
        examples=case.record(Op.EXAMPLES, 0, position),
        mean=case.record(Op.MEAN),
        example=validation.opening(case.value(Op.EXAMPLES, 0, position, "shard"), e),
        labels=case.chunk(Op.EXAMPLES, 0, position, "labels", e),
        scales=case.chunk(Op.EXAMPLES, 0, position, "scales", e),
        counts=validation.mean,
        index=e,
    )
    return Dispute.draft(ExampleDisputes, lambda judge, sender: judge.example(sender, case.context, claim))


def size(case: Case, validation: Validation, position: int, drawn: RoundWords) -> Dispute:
    """Dispute the shard or the number of examples at a position.

    Args:
        case: The round.
        validation: Where the examples are committed.
        position: q.
        drawn: The words of round q, which drew the position's shard; not read for position 0.
    """
    shard = drawn.shard if position else 0
    return Dispute.draft(
        ExampleDisputes,
        lambda judge, sender: judge.size(
            sender,
            context=case.context,
            examples=case.record(Op.EXAMPLES, 0, position),
            drawn=drawn,
            entries=validation.entries(shard),
        ),
    )


def mean(case: Case, validation: Validation) -> Dispute:
    """Dispute the sum of squares of the mean, or bytes that are no mean."""
    return Dispute.draft(
        ExampleDisputes,
        lambda judge, sender: judge.mean(sender, case.context, case.record(Op.MEAN), validation.mean),
    )


def doubled(case: Case, shard: int, provider: int, one: PartEntry, other: PartEntry) -> Dispute:
    """Dispute an index with two parts for one shard and provider."""
    return Dispute.draft(
        ExampleDisputes,
        lambda judge, sender: judge.doubled(
            sender, context=case.context, shard=shard, provider=provider, one=one, other=other
        ),
    )


def open_part(context: Context, provider: int, part: bytes, entry: PartEntry) -> Dispute:
    """Open an accused provider's part of the drawn shard.

    Args:
        context: The present round; the words after the shard are not read.
        provider: The provider's place.
        part: The part's canonical bytes.
        entry: What the index says of it.
    """
    return Dispute.draft(
        ExampleDisputes,
        lambda judge, sender: judge.open_part(
            sender, context=context, provider=provider, part=part, entry=entry
        ),
    )
