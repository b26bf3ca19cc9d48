"""Disputes of the gradient along a round's path, and of the improvement."""

from __future__ import annotations

from aggregator.challenge.openings import Validation
from aggregator.challenge.witness import NO_RECORD, Case, Dispute
from contracts.bindings.gradient_disputes import GradientDisputes, NodeClaim, WordClaim
from federation.trace import Op
from federation.trace.points import PATH_END, PATH_POINTS

NODES = 4


def node_sums(case: Case, k: int) -> Dispute:
    """Dispute R and H of node ``k`` of the path."""
    return Dispute.draft(
        GradientDisputes,
        lambda judge, sender: judge.node_sums(
            sender,
            context=case.context,
            claim=_node(case, k),
            logits=case.whole(Op.SUMS, PATH_POINTS + 1 + k, case.round, "logits"),
            labels=case.whole(Op.EXAMPLES, 0, case.round, "labels"),
        ),
    )


def coefficient(case: Case, k: int, e: int) -> Dispute:
    """Dispute the coefficient of the e-th example at node ``k``."""
    return Dispute.draft(
        GradientDisputes,
        lambda judge, sender: judge.coefficient(
            sender,
            context=case.context,
            claim=_node(case, k),
            coefficients=case.chunk(Op.NODE, k, 0, "coefficients", e),
            logits=case.chunk(Op.SUMS, PATH_POINTS + 1 + k, case.round, "logits", e),
            labels=case.chunk(Op.EXAMPLES, 0, case.round, "labels", e),
            e=e,
        ),
    )


def average(case: Case, e: int) -> Dispute:
    """Dispute the averaged coefficient of the e-th example."""
    return Dispute.draft(
        GradientDisputes,
        lambda judge, sender: judge.average(
            sender,
            context=case.context,
            gradient=case.record(Op.GRADIENT),
            examples=case.record(Op.EXAMPLES, 0, case.round),
            nodes=[case.record(Op.NODE, k) for k in range(NODES)],
            averaged=case.chunk(Op.GRADIENT, 0, 0, "averaged", e),
            coefficients=[case.chunk(Op.NODE, k, 0, "coefficients", e) for k in range(NODES)],
            e=e,
        ),
    )


def scaled_sum(case: Case) -> Dispute:
    """Dispute the sum of all averaged coefficients times their examples' scales."""
    return Dispute.draft(
        GradientDisputes,
        lambda judge, sender: judge.scaled_sum(
            sender,
            context=case.context,
            gradient=case.record(Op.GRADIENT),
            examples=case.record(Op.EXAMPLES, 0, case.round),
            averaged=case.whole(Op.GRADIENT, 0, 0, "averaged"),
            scales=case.whole(Op.EXAMPLES, 0, case.round, "scales"),
        ),
    )


def gradient(case: Case, validation: Validation, word: int) -> Dispute:
    """Dispute the entry of gbar at a word; opens every part of the drawn shard."""
    shard = case.words.shard
    claim = WordClaim(
        gradient=case.record(Op.GRADIENT),
        examples=case.record(Op.EXAMPLES, 0, case.round),
        averaged=case.whole(Op.GRADIENT, 0, 0, "averaged"),
        scales=case.whole(Op.EXAMPLES, 0, case.round, "scales"),
        mean=validation.mean,
        entries=validation.entries(shard),
        parts=tuple(validation.parts[shard, p].to_bytes() for p in range(validation.providers)),
    )
    gbar = case.chunk(Op.GRADIENT, 0, 0, "gradient", word)
    return Dispute.draft(
        GradientDisputes,
        lambda judge, sender: judge.gradient(sender, context=case.context, claim=claim, gbar=gbar, word=word),
    )


def improvement(case: Case) -> Dispute:
    """Dispute the round's improvement, or what it counts as."""
    scored = case.value(Op.CHOICE, 0, 0, "step") >= 0
    return Dispute.draft(
        GradientDisputes,
        lambda judge, sender: judge.improvement(
            sender,
            context=case.context,
            improvement=case.record(Op.IMPROVEMENT),
            choice=case.record(Op.CHOICE),
            before=case.record(Op.SUMS, PATH_POINTS, case.round) if scored else NO_RECORD,
            after=case.record(Op.SUMS, PATH_END, case.round) if scored else NO_RECORD,
            examples=case.record(Op.EXAMPLES, 0, case.round) if scored else NO_RECORD,
        ),
    )


def _node(case: Case, k: int) -> NodeClaim:
    point = PATH_POINTS + 1 + k
    return NodeClaim(
        node=case.record(Op.NODE, k),
        point=case.record(Op.POINT, point),
        sums=case.record(Op.SUMS, point, case.round),
        examples=case.record(Op.EXAMPLES, 0, case.round),
    )
