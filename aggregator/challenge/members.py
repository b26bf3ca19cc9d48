"""Disputes of which deltas a round took, how it added them up, and what each was worth."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.challenge.projection import NO_CHUNK
from aggregator.challenge.witness import NO_RECORD, Case, Dispute
from contracts.bindings.member_disputes import LineClaim, MemberDisputes, Seat
from federation.hashing import did_hash
from federation.rostertree import Admitted, in_order, roster_tree
from federation.rounds import Status
from federation.trace import STATUS_CODES, Op
from federation.types import Hash32


def seat(entries: Sequence[Admitted], i: int) -> Seat:
    """Return the roster's line of member ``i``, with its proof.

    Args:
        entries: The admitted members, in any order.
        i: The member's place in order of DIDs.
    """
    entry = in_order(entries)[i]
    return Seat(
        index=i,
        did_hash=did_hash(entry.did),
        quota=entry.quota,
        cap=entry.cap,
        payee=entry.payee,
        proof=roster_tree(entries).proof(i),
    )


def partial_sum(case: Case, i: int, entry: int, delta: bytes) -> Dispute:
    """Dispute an entry of the sum of accepted deltas of members 0 to ``i``.

    Args:
        case: The round.
        i: The member.
        entry: Which weight.
        delta: The canonical bytes of the member's accepted delta; empty if it has none.
    """
    return Dispute.draft(
        MemberDisputes,
        lambda judge, sender: judge.partial_sum(
            sender,
            context=case.context,
            member=case.record(Op.MEMBER, i),
            before=case.record(Op.MEMBER, i - 1) if i else NO_RECORD,
            delta=delta,
            sum_=case.chunk(Op.MEMBER, i, 0, "partial sum", entry),
            sum_before=case.chunk(Op.MEMBER, i - 1, 0, "partial sum", entry) if i else NO_CHUNK,
            index=entry,
        ),
    )


def omitted(case: Case, place: Seat, delta_hash: Hash32, proof: Sequence[Hash32]) -> Dispute:
    """Dispute that a member whose delta stands under the reveal root was not accepted with it.

    Args:
        case: The round.
        place: The member's line of the roster.
        delta_hash: The delta's SHA-256.
        proof: Of (didHash, SHA-256) under the round's reveal root.
    """
    return Dispute.draft(
        MemberDisputes,
        lambda judge, sender: judge.omitted(
            sender,
            context=case.context,
            member=case.record(Op.MEMBER, place.index),
            seat=place,
            delta_hash=delta_hash,
            proof=proof,
        ),
    )


def over_cap(case: Case, place: Seat, delta: bytes) -> Dispute:
    """Dispute that an accepted delta is one of this model and within its member's cap."""
    return Dispute.draft(
        MemberDisputes,
        lambda judge, sender: judge.over_cap(
            sender,
            context=case.context,
            member=case.record(Op.MEMBER, place.index),
            seat=place,
            delta=delta,
        ),
    )


def forced(case: Case, place: Seat, delta: bytes) -> Dispute:
    """Dispute that a member's delta which it revealed on chain was left out."""
    return Dispute.draft(
        MemberDisputes,
        lambda judge, sender: judge.forced(
            sender,
            context=case.context,
            member=case.record(Op.MEMBER, place.index),
            seat=place,
            delta=delta,
        ),
    )


def product(case: Case, i: int, delta: bytes) -> Dispute:
    """Dispute the inner product of the projected gradient and a member's delta, empty if it has none."""
    accepted = case.value(Op.MEMBER, i, 0, "status") == STATUS_CODES[Status.ACCEPTED]
    return Dispute.draft(
        MemberDisputes,
        lambda judge, sender: judge.product(
            sender,
            context=case.context,
            member=case.record(Op.MEMBER, i),
            projected=case.record(Op.PROJECTED) if accepted else NO_RECORD,
            gradient=case.whole(Op.PROJECTED, 0, 0, "projected") if accepted else b"",
            delta=delta,
        ),
    )


def line(case: Case, place: Seat) -> Dispute:
    """Dispute a member's status, score, counted score, credit or suspension."""
    claim = LineClaim(
        member=case.record(Op.MEMBER, place.index),
        choice=case.record(Op.CHOICE),
        improvement=case.record(Op.IMPROVEMENT),
        exit_=case.record(Op.EXIT),
        seat=place,
    )
    return Dispute.draft(MemberDisputes, lambda judge, sender: judge.line(sender, case.context, claim))
