"""The gradient along the path: nodes, coefficients, their average, gbar, and the improvement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aggregator.challenge.gradient import (
    NODES,
    average,
    coefficient,
    gradient,
    improvement,
    node_sums,
    scaled_sum,
)
from contracts.bindings.errors import (
    InvalidRecord,
    NoSuchEntry,
    NotInIndex,
    RoundNotRecorded,
    WrongBytes,
    WrongNumberOfExamples,
    WrongPart,
    WrongTerms,
    WrongVector,
    WrongWords,
)
from contracts.bindings.gradient_disputes import GradientDisputes
from federation.hashing import sha256
from federation.trace import Op
from federation.validation import Index, Part
from tests.rounds import LARGE, SMALL

from .court import Court, changed, refused

SCORED = [n for n in range(1, SMALL.rounds + 1) if n not in SMALL.quiet]
QUIET = min(SMALL.quiet)


@pytest.fixture(scope="module")
def court() -> Court:
    return Court.open(GradientDisputes)


def bent(court: Court, round_: int, op: Op, i: int, name: str, entry: int, by: int, j: int = 0):
    """The round with one other entry of a recorded vector."""
    data = court.epoch.rounds[round_ - 1].trace.opened(op, i, j, name)
    return court.lying(round_, (op, i, j, name, changed(data, entry, by)))


def shifted(court: Court, round_: int, op: Op, i: int, name: str, by: int, j: int = 0):
    """The round with another recorded number."""
    value = court.epoch.rounds[round_ - 1].trace.find(op, i, j).value(name)
    return court.lying(round_, (op, i, j, name, value + by))


def size_of(court: Court, round_: int) -> int:
    return court.honest(round_).value(Op.EXAMPLES, 0, round_, "size")


@pytest.mark.parametrize("round_", SCORED)
def test_node_sums_convict_when_either_sum_is_off(court: Court, round_: int) -> None:
    for k in range(NODES):
        court.acquits(node_sums(court.honest(round_), k))
        for name in ("residual sum", "curvature sum"):
            for by in (1, -1, -(2**200)):
                court.convicts(node_sums(shifted(court, round_, Op.NODE, k, name, by), k), round_)


@pytest.mark.parametrize("round_", SCORED)
def test_coefficient_convicts_only_where_it_is_off(court: Court, round_: int) -> None:
    rng, n = np.random.default_rng(round_), size_of(court, round_)
    for k in range(NODES):
        e, other = rng.choice(n, 2, replace=False).tolist()
        court.acquits(coefficient(court.honest(round_), k, e))
        case = bent(court, round_, Op.NODE, k, "coefficients", e, int(rng.choice([-1, 1, 2**40])))
        court.convicts(coefficient(case, k, e), round_)
        court.acquits(coefficient(case, k, other))


def test_coefficient_is_zero_when_there_is_no_curvature(court: Court) -> None:
    lies = [
        (Op.NODE, 0, 0, "curvature sum", 0),
        (Op.NODE, 0, 0, "coefficients", np.zeros(size_of(court, 1), dtype=np.int64)),
    ]
    court.acquits(coefficient(court.lying(1, *lies), 0, 0))
    court.convicts(coefficient(court.lying(1, lies[0]), 0, 0), 1)


@pytest.mark.parametrize("value", [2**255 - 1, -(2**255), 2**63])
def test_nodes_answer_when_the_intercept_is_beyond_all_bounds(court: Court, value: int) -> None:
    case = court.lying(1, (Op.POINT, 513, 0, "intercept", value))
    court.convicts(node_sums(case, 0), 1)
    court.convicts(coefficient(case, 0, 0), 1)


@pytest.mark.parametrize("round_", SCORED)
def test_average_convicts_only_where_it_is_off(court: Court, round_: int) -> None:
    for e in range(size_of(court, round_)):
        court.acquits(average(court.honest(round_), e))
    case = bent(court, round_, Op.GRADIENT, 0, "averaged", 2, -1)
    court.convicts(average(case, 2), round_)
    court.acquits(average(case, 3))


@pytest.mark.parametrize("round_", SCORED)
def test_scaled_sum_convicts_when_it_is_off(court: Court, round_: int) -> None:
    court.acquits(scaled_sum(court.honest(round_)))
    for by in (1, -1, 2**200):
        court.convicts(scaled_sum(shifted(court, round_, Op.GRADIENT, 0, "scaled sum", by)), round_)


@pytest.mark.parametrize("round_", SCORED)
def test_gradient_convicts_only_where_it_is_off(court: Court, round_: int) -> None:
    for word in (0, round_, 5, SMALL.dim - 1):
        court.acquits(gradient(court.honest(round_), court.validation, word))
    case = bent(court, round_, Op.GRADIENT, 0, "gradient", 5, 1)
    court.convicts(gradient(case, court.validation, 5), round_)
    court.acquits(gradient(case, court.validation, 6))


def test_gradient_refuses_openings_that_are_not_of_the_shard(court: Court) -> None:
    other, validation = court.honest(2).words.shard, court.validation
    case = bent(court, 1, Op.GRADIENT, 0, "gradient", 5, 1)
    shard = case.words.shard
    part = validation.parts[shard, 0]
    swapped = {**validation.parts, (shard, 0): validation.parts[shard, 1]}
    salted = {
        **validation.parts,
        (shard, 0): Part(shard=shard, provider=0, salts=(bytes(32), *part.salts[1:]), examples=part.examples),
    }
    for parts in (swapped, salted, {**validation.parts, (shard, 0): validation.parts[other, 0]}):
        with refused(WrongPart):
            court.send(gradient(case, replace(validation, parts=parts), 5))
    with refused(WrongBytes):
        court.send(gradient(case, replace(validation, mean=validation.mean + b"\0"), 5))
    with refused(NoSuchEntry):
        court.send(gradient(case, validation, SMALL.dim))
    with refused(NotInIndex):
        reversed_ = Index(validation.index.entries[::-1])
        court.send(gradient(case, replace(validation, index=reversed_), 5))


def test_gradient_refuses_a_shard_of_another_size(court: Court) -> None:
    """The number of examples is for its own dispute; here it makes the parts too many."""
    n = size_of(court, 1)
    trace = court.epoch.rounds[0].trace
    lies = [(Op.EXAMPLES, 0, 1, "size", n - 1)]
    for op, j, name in ((Op.GRADIENT, 0, "averaged"), (Op.EXAMPLES, 1, "scales")):
        lies.append((op, 0, j, name, changed(trace.opened(op, 0, j, name), 0, 0)[:-1]))
    with refused(WrongNumberOfExamples):
        court.send(gradient(court.lying(1, *lies), court.validation, 5))


@pytest.mark.parametrize("round_", range(1, SMALL.rounds + 1))
def test_improvement_convicts_when_it_is_off_or_counts_otherwise(court: Court, round_: int) -> None:
    court.acquits(improvement(court.honest(round_)))
    for name in ("gain", "counted"):
        for by in (1, -1, 2**100):
            court.convicts(improvement(shifted(court, round_, Op.IMPROVEMENT, 0, name, by)), round_)


def test_improvement_counts_as_a_loss_at_most_when_the_model_did_not_move(court: Court) -> None:
    trace = court.epoch.rounds[0].trace
    gain = trace.find(Op.IMPROVEMENT).value("gain")
    assert gain > 0
    stayed = (Op.CHOICE, 0, 0, "step", 0)
    court.convicts(improvement(court.lying(1, stayed)), 1)
    court.acquits(improvement(court.lying(1, stayed, (Op.IMPROVEMENT, 0, 0, "counted", 0))))


def test_records_of_another_round_or_place_prove_nothing(court: Court) -> None:
    one, two = court.honest(1), court.honest(2)
    with refused(InvalidRecord):
        court.send(scaled_sum(replace(one, trace=two.trace, vectors=two.vectors)))
    with refused(WrongVector):
        wrong = replace(one, vectors=dict.fromkeys(one.vectors, b"\0" * 72))
        court.send(node_sums(wrong, 0))
    claim = scaled_sum(one)
    op = (8).to_bytes(32)
    with refused(InvalidRecord):
        court.send(replace(claim, data=claim.data.replace(op, (7).to_bytes(32))))


def test_contexts_that_are_not_the_federations_prove_nothing(court: Court) -> None:
    case = court.honest(1)
    with refused(WrongWords):
        court.send(scaled_sum(replace(case, words=replace(case.words, receipt_hash=sha256(b"?")))))
    with refused(WrongTerms):
        court.send(scaled_sum(replace(case, terms=replace(case.terms, dim=25))))
    court.set("setRound(uint32,uint32)", 5, 0)
    with refused(RoundNotRecorded):
        court.send(scaled_sum(case))
    court.set("setRound(uint32,uint32)", 5, 5)
    court.acquits(scaled_sum(case))


@pytest.mark.slow
def test_gradient_costs_less_than_six_million_gas_when_the_model_is_large() -> None:
    court = Court.open(GradientDisputes, size=LARGE)
    case = bent(court, 2, Op.GRADIENT, 0, "gradient", 4095, 1)
    dispute = gradient(case, court.validation, 4095)
    assert court.convicts(dispute, 2) < 6_000_000
    court.acquits(gradient(court.honest(2), court.validation, 1234))
    court.convicts(node_sums(shifted(court, 2, Op.NODE, 3, "residual sum", 1), 3), 2)
