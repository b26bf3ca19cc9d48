"""Disputes about sums over examples, intercepts and what the line searches chose (``FitDisputes.sol``)."""

from __future__ import annotations

from aggregator.challenge.witness import NO_RECORD, Case, Dispute
from contracts.bindings.fit_disputes import FitDisputes
from contracts.bindings.structs import SumsClaim
from federation.rounds import Status
from federation.trace import STATUS_CODES, Op
from federation.trace.points import STEP_POINTS, on_path


def sums(case: Case, point: int, position: int) -> Dispute:
    """Dispute the sums of a point at a position."""
    first = on_path(point) or position == 0
    claim = SumsClaim(
        point=case.record(Op.POINT, point),
        sums=case.record(Op.SUMS, point, position),
        before=NO_RECORD if first else case.record(Op.SUMS, point, position - 1),
        examples=case.record(Op.EXAMPLES, 0, position),
        logits=case.whole(Op.SUMS, point, position, "logits"),
        labels=case.whole(Op.EXAMPLES, 0, position, "labels"),
    )
    return Dispute.draft(FitDisputes, lambda judge, sender: judge.sums(sender, case.context, claim))


def intercept(case: Case, point: int) -> Dispute:
    """Dispute the intercept of a point."""
    last = case.round if on_path(point) else case.round - 1
    return Dispute.draft(
        FitDisputes,
        lambda judge, sender: judge.intercept(
            sender, case.context, case.record(Op.POINT, point), case.record(Op.SUMS, point, last)
        ),
    )


def minimum(case: Case, better: int) -> Dispute:
    """Dispute a choice of the line search.

    Args:
        case: The round.
        better: The momentum or step candidate, as a point, that should have been chosen.
    """
    of_step, last = better >= STEP_POINTS, case.round - 1
    chosen = case.value(Op.CHOICE, 0, 0, "step" if of_step else "momentum") + of_step * STEP_POINTS
    return Dispute.draft(
        FitDisputes,
        lambda judge, sender: judge.minimum(
            sender,
            context=case.context,
            choice=case.record(Op.CHOICE),
            chosen=case.record(Op.SUMS, chosen, last),
            better=case.record(Op.SUMS, better, last),
        ),
    )


def choice_range(case: Case) -> Dispute:
    """Dispute chosen candidates that cannot be."""
    return Dispute.draft(
        FitDisputes,
        lambda judge, sender: judge.range_(
            sender, case.context, case.record(Op.CHOICE), case.record(Op.ENTRY)
        ),
    )


def accepted(case: Case) -> Dispute:
    """Dispute whether there was a step at all: of an accepted member, or with every member's record."""
    everybody = range(case.terms.members)
    if case.value(Op.CHOICE, 0, 0, "step") < 0:
        code = STATUS_CODES[Status.ACCEPTED]
        members = [i for i in everybody if case.value(Op.MEMBER, i, 0, "status") == code][:1] or [0]
    else:
        members = list(everybody)
    return Dispute.draft(
        FitDisputes,
        lambda judge, sender: judge.accepted(
            sender, case.context, case.record(Op.CHOICE), [case.record(Op.MEMBER, i) for i in members]
        ),
    )
