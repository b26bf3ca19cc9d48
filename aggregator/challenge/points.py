"""Disputes about a point's weights and logits (``PointDisputes.sol``).

A point p is momentum candidate p, step candidate p - 256, or place p - 512 on the path.
"""

from __future__ import annotations

from aggregator.challenge.openings import Validation
from aggregator.challenge.witness import Case, Dispute
from contracts.bindings.point_disputes import PointDisputes
from contracts.bindings.structs import LogitClaim
from federation.trace import Op
from federation.trace.points import PATH_POINTS, STEP_POINTS


def weight(case: Case, point: int, index: int) -> Dispute:
    """Dispute weight ``index`` of point ``point``."""
    if point < STEP_POINTS:
        return _momentum(case, point, index)
    return _step(case, point, index) if point < PATH_POINTS else _path(case, point, index)


def _momentum(case: Case, point: int, index: int) -> Dispute:
    chunks = [
        case.chunk(Op.POINT, point, 0, "weights", index),
        case.chunk(Op.ENTRY, 0, 0, "weights", index),
        case.chunk(Op.ENTRY, 0, 0, "move", index),
    ]
    return Dispute.draft(
        PointDisputes,
        lambda judge, sender: judge.momentum_weight(
            sender,
            context=case.context,
            point=case.record(Op.POINT, point),
            state=case.record(Op.ENTRY),
            chunks=chunks,
            index=index,
        ),
    )


def _step(case: Case, point: int, index: int) -> Dispute:
    chosen, last = case.value(Op.CHOICE, 0, 0, "momentum"), case.terms.members - 1
    chunks = [
        case.chunk(Op.POINT, point, 0, "weights", index),
        case.chunk(Op.POINT, chosen, 0, "weights", index),
        case.chunk(Op.MEMBER, last, 0, "partial sum", index),
    ]
    return Dispute.draft(
        PointDisputes,
        lambda judge, sender: judge.step_weight(
            sender,
            context=case.context,
            point=case.record(Op.POINT, point),
            choice=case.record(Op.CHOICE),
            base=case.record(Op.POINT, chosen),
            member=case.record(Op.MEMBER, last),
            chunks=chunks,
            index=index,
        ),
    )


def _path(case: Case, point: int, index: int) -> Dispute:
    chosen = case.value(Op.CHOICE, 0, 0, "momentum")
    scored = STEP_POINTS + case.value(Op.CHOICE, 0, 0, "scored step")
    chunks = [case.chunk(Op.POINT, p, 0, "weights", index) for p in (point, chosen, scored)]
    return Dispute.draft(
        PointDisputes,
        lambda judge, sender: judge.path_weight(
            sender,
            context=case.context,
            point=case.record(Op.POINT, point),
            choice=case.record(Op.CHOICE),
            base=case.record(Op.POINT, chosen),
            scored=case.record(Op.POINT, scored),
            chunks=chunks,
            index=index,
        ),
    )


def mean_dot(case: Case, validation: Validation, point: int) -> Dispute:
    """Dispute the inner product of the mean and a point's weights."""
    return Dispute.draft(
        PointDisputes,
        lambda judge, sender: judge.mean_dot(
            sender,
            context=case.context,
            point=case.record(Op.POINT, point),
            weights=case.whole(Op.POINT, point, 0, "weights"),
            mean=validation.mean,
        ),
    )


def logit(case: Case, validation: Validation, point: int, position: int, e: int) -> Dispute:
    """Dispute the logit of the e-th example of a position at a point."""
    claim = LogitClaim(
        point=case.record(Op.POINT, point),
        sums=case.record(Op.SUMS, point, position),
        examples=case.record(Op.EXAMPLES, 0, position),
        example=validation.opening(case.value(Op.EXAMPLES, 0, position, "shard"), e),
        weights=case.whole(Op.POINT, point, 0, "weights"),
        logits=case.chunk(Op.SUMS, point, position, "logits", e),
        scales=case.chunk(Op.EXAMPLES, 0, position, "scales", e),
        index=e,
    )
    return Dispute.draft(PointDisputes, lambda judge, sender: judge.logit(sender, case.context, claim))
