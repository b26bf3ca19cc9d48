"""What a proof costs at 4,096 weights and shards of 100 examples: always a fraction of a transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aggregator.challenge import examples, fits, points, records
from aggregator.challenge.witness import Case, Dispute
from contracts.bindings.example_disputes import ExampleDisputes
from contracts.bindings.fit_disputes import FitDisputes
from contracts.bindings.point_disputes import PointDisputes
from contracts.bindings.record_disputes import RecordDisputes
from federation.hashing import keccak256
from federation.trace import Op, Record, Trace, chunks
from federation.trace.vectors import hash_value
from tests.rounds import LARGE

from .court import Court, changed, words_of

if TYPE_CHECKING:
    from collections.abc import Callable

ROUND, STEP, NODE = 3, 257, 514

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def court() -> Court:
    return Court.open(PointDisputes, FitDisputes, ExampleDisputes, RecordDisputes, size=LARGE)


def vector(op: Op, i: int, j: int, name: str, index: int) -> Callable[[Court], Case]:
    """A round in which one entry of a vector is wrong."""

    def case(court: Court) -> Case:
        honest = court.epoch.rounds[ROUND - 1].trace.opened(op, i, j, name)
        return court.lying(ROUND, (op, i, j, name, changed(honest, index, 1)))

    return case


def value(op: Op, i: int, j: int, name: str) -> Callable[[Court], Case]:
    """A round in which one value is wrong."""

    def case(court: Court) -> Case:
        honest = court.epoch.rounds[ROUND - 1].trace.find(op, i, j).value(name)
        return court.lying(ROUND, (op, i, j, name, honest + 1))

    return case


LIES: dict[str, tuple[Callable[[Court], Case], Callable[[Court, Case], Dispute], int]] = {
    "momentum weight": (
        vector(Op.POINT, 1, 0, "weights", 2000),
        lambda _, case: points.weight(case, 1, 2000),
        300_000,
    ),
    "step weight": (
        vector(Op.POINT, STEP, 0, "weights", 4095),
        lambda _, case: points.weight(case, STEP, 4095),
        300_000,
    ),
    "path weight": (
        vector(Op.POINT, NODE, 0, "weights", 0),
        lambda _, case: points.weight(case, NODE, 0),
        300_000,
    ),
    "mean product": (
        value(Op.POINT, NODE, 0, "mean product"),
        lambda court, case: points.mean_dot(case, court.validation, NODE),
        2_000_000,
    ),
    "logit": (
        vector(Op.SUMS, NODE, ROUND, "logits", 99),
        lambda court, case: points.logit(case, court.validation, NODE, ROUND, 99),
        700_000,
    ),
    "path sums": (value(Op.SUMS, NODE, ROUND, "loss"), lambda _, case: fits.sums(case, NODE, ROUND), 350_000),
    "candidate's sums": (value(Op.SUMS, STEP, 1, "loss"), lambda _, case: fits.sums(case, STEP, 1), 350_000),
    "scale": (
        vector(Op.EXAMPLES, 0, ROUND, "scales", 99),
        lambda court, case: examples.example(case, court.validation, ROUND, 99),
        500_000,
    ),
    "label": (
        vector(Op.EXAMPLES, 0, ROUND, "labels", 99),
        lambda court, case: examples.example(case, court.validation, ROUND, 99),
        500_000,
    ),
    "size": (
        value(Op.EXAMPLES, 0, ROUND, "size"),
        lambda court, case: examples.size(case, court.validation, ROUND, case.words),
        120_000,
    ),
    "mean": (
        value(Op.MEAN, 0, 0, "norm squared"),
        lambda court, case: examples.mean(case, court.validation),
        1_500_000,
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_lie_is_proven_within_its_gas(court: Court, name: str) -> None:
    tell, dispute, most = LIES[name]
    gas = court.convicts(dispute(court, tell(court)), ROUND)
    print(f"{name}: {gas:,} gas")
    assert gas <= most


def test_forms_are_proven_within_their_gas(court: Court) -> None:
    trace = court.epoch.rounds[ROUND - 1].trace
    pieces = chunks(trace.opened(Op.POINT, NODE, 0, "weights"))
    pieces[-1] = pieces[-1][:-8]
    root = hash_value(keccak256(b"".join(keccak256(piece) for piece in pieces)))
    case = court.lying(ROUND, (Op.POINT, NODE, 0, "weights", root))
    assert (
        court.convicts(records.shape(case, Op.POINT, NODE, 0, "weights", pieces=pieces, index=7), ROUND)
        < 160_000
    )
    first = trace.records[5]
    other = Record(*first.key, (first.values[0] + 1, *first.values[1:]))
    case = court.case(ROUND, Trace((*trace.records, other)))
    assert court.convicts(records.twice(case, 5, len(trace.records)), ROUND) < 120_000


def test_part_is_opened_within_its_gas(court: Court) -> None:
    line = court.epoch.rounds[ROUND - 1]
    words = words_of(court.epoch, line)
    court.record(words, ROUND, recorded=False)
    context = replace(court.honest(1).context, round_=ROUND, words=words)
    v = court.validation
    for provider in range(3):
        part = v.parts[words.shard, provider]
        receipt = court.send(
            examples.open_part(context, provider, part.to_bytes(), v.entry(words.shard, provider))
        )
        assert receipt.gas_used < 20_000 * len(part.salts)
