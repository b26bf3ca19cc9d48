"""Disputes of what a round inherits and leaves, and of the models it names by their SHA-256."""

from __future__ import annotations

from aggregator.challenge.witness import NO_RECORD, Case, Dispute
from contracts.bindings.state_disputes import ExitClaim, StateDisputes
from federation.trace import Op
from federation.trace.points import PATH_POINTS, STEP_POINTS


def carried_state(case: Case, before: Case) -> Dispute:
    """Dispute that a round began with the model state with which the round before it ended."""
    return Dispute.draft(
        StateDisputes,
        lambda judge, sender: judge.carried_state(
            sender,
            context=case.context,
            before=before.context,
            entry=case.record(Op.ENTRY),
            entry_before=before.record(Op.ENTRY),
            exit_=before.record(Op.EXIT),
        ),
    )


def carried_member(case: Case, before: Case, i: int) -> Dispute:
    """Dispute that member ``i`` began a round with the credit and suspension that it had."""
    return Dispute.draft(
        StateDisputes,
        lambda judge, sender: judge.carried_member(
            sender,
            context=case.context,
            before=before.context,
            member=case.record(Op.MEMBER, i),
            member_before=before.record(Op.MEMBER, i),
        ),
    )


def initial_state(case: Case) -> Dispute:
    """Dispute that the first round began with the initial weights, at rest."""
    return Dispute.draft(
        StateDisputes,
        lambda judge, sender: judge.initial_state(sender, case.context, case.record(Op.ENTRY)),
    )


def initial_member(case: Case, i: int) -> Dispute:
    """Dispute that member ``i`` began the first round with nothing."""
    return Dispute.draft(
        StateDisputes,
        lambda judge, sender: judge.initial_member(sender, case.context, case.record(Op.MEMBER, i)),
    )


def exit_scalars(case: Case) -> Dispute:
    """Dispute what a round leaves, but for the vectors that it computes."""
    return Dispute.draft(StateDisputes, lambda judge, sender: judge.exit_(sender, case.context, _exit(case)))


def exit_move(case: Case, entry: int) -> Dispute:
    """Dispute an entry of the move of a round whose model moved."""
    return Dispute.draft(
        StateDisputes,
        lambda judge, sender: judge.exit_move(
            sender,
            context=case.context,
            claim=_exit(case),
            move=case.chunk(Op.EXIT, 0, 0, "move", entry),
            weights=case.chunk(Op.EXIT, 0, 0, "weights", entry),
            old=case.chunk(Op.ENTRY, 0, 0, "weights", entry),
            index=entry,
        ),
    )


def exit_step(case: Case, entry: int) -> Dispute:
    """Dispute an entry of the newest step of a round whose model moved."""
    return Dispute.draft(
        StateDisputes,
        lambda judge, sender: judge.exit_step(
            sender,
            context=case.context,
            claim=_exit(case),
            start=case.record(Op.POINT, PATH_POINTS),
            step=case.chunk(Op.EXIT, 0, 0, "last step", entry),
            weights=case.chunk(Op.EXIT, 0, 0, "weights", entry),
            old=case.chunk(Op.POINT, PATH_POINTS, 0, "weights", entry),
            index=entry,
        ),
    )


def base(case: Case) -> Dispute:
    """Dispute that the base which a round sent out is the chosen momentum step."""
    chosen = case.value(Op.CHOICE, 0, 0, "momentum")
    return Dispute.draft(
        StateDisputes,
        lambda judge, sender: judge.base(
            sender,
            context=case.context,
            choice=case.record(Op.CHOICE),
            point=case.record(Op.POINT, chosen),
            weights=case.whole(Op.POINT, chosen, 0, "weights"),
        ),
    )


def model(case: Case, released: bytes) -> Dispute:
    """Dispute that the released model, given by its bytes, has the weights with which a round ended."""
    return Dispute.draft(
        StateDisputes,
        lambda judge, sender: judge.model(
            sender, context=case.context, exit_=case.record(Op.EXIT), model=released
        ),
    )


def _exit(case: Case) -> ExitClaim:
    step = case.value(Op.CHOICE, 0, 0, "step")
    return ExitClaim(
        exit_=case.record(Op.EXIT),
        entry=case.record(Op.ENTRY),
        choice=case.record(Op.CHOICE),
        improvement=case.record(Op.IMPROVEMENT),
        point=case.record(Op.POINT, STEP_POINTS + step) if step > 0 else NO_RECORD,
    )
