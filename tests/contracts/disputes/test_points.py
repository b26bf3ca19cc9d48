"""A point's weights, its product with the mean, its logits: each is right as recorded or convicts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aggregator.challenge.points import logit, mean_dot, weight
from aggregator.challenge.witness import Dispute
from contracts.bindings.errors import (
    InvalidRecord,
    NoSuchEntry,
    RoundNotRecorded,
    WrongTerms,
    WrongVector,
    WrongWords,
)
from contracts.bindings.point_disputes import PointDisputes
from federation.trace import Op, Record, Trace
from tests.rounds import Size

from .court import Court, changed, ints, refused

MOMENTUM, STEP, PATH = 0, 256, 512


@pytest.fixture(scope="module")
def court() -> Court:
    return Court.open(PointDisputes)


def points(court: Court, round_: int) -> list[int]:
    return [r.i for r in court.epoch.rounds[round_ - 1].trace.records if r.op is Op.POINT]


@pytest.mark.parametrize("round_", [1, 2, 3, 5])
def test_weights_are_acquitted_when_honest(court: Court, round_: int) -> None:
    case, rng = court.honest(round_), np.random.default_rng(round_)
    for point in points(court, round_):
        court.acquits(weight(case, point, int(rng.integers(court.epoch.size.dim))))


@pytest.mark.parametrize("round_", [1, 2, 5])
def test_weight_convicts_when_it_is_another(court: Court, round_: int) -> None:
    rng = np.random.default_rng(round_)
    for point in points(court, round_):
        index = int(rng.integers(court.epoch.size.dim))
        by = int(rng.choice([-1, 1, -(2**40), 2**50]))
        honest = court.epoch.rounds[round_ - 1].trace.opened(Op.POINT, point, 0, "weights")
        case = court.lying(round_, (Op.POINT, point, 0, "weights", changed(honest, index, by)))
        court.convicts(weight(case, point, index), round_)
        other = (index + 1) % court.epoch.size.dim
        court.acquits(weight(case, point, other))


def test_every_product_with_the_mean_is_judged(court: Court) -> None:
    for point in points(court, 2):
        case = court.honest(2)
        court.acquits(mean_dot(case, court.validation, point))
        value = case.value(Op.POINT, point, 0, "mean product")
        for by in (1, -1, 1 << 200):
            lying = court.lying(2, (Op.POINT, point, 0, "mean product", value + by))
            court.convicts(mean_dot(lying, court.validation, point), 2)


@pytest.mark.parametrize("round_", [1, 3])
def test_logits_are_judged_at_every_position(court: Court, round_: int) -> None:
    rng = np.random.default_rng(round_)
    honest = court.epoch.rounds[round_ - 1].trace
    keys = [(r.i, r.j) for r in honest.records if r.op is Op.SUMS]
    for point, position in keys:
        case = court.honest(round_)
        e = int(rng.integers(case.value(Op.EXAMPLES, 0, position, "size")))
        court.acquits(logit(case, court.validation, point, position, e))
        vector = changed(
            honest.opened(Op.SUMS, point, position, "logits"), e, int(rng.choice([-1, 1, 2**62]))
        )
        lying = court.lying(round_, (Op.SUMS, point, position, "logits", vector))
        court.convicts(logit(lying, court.validation, point, position, e), round_)


def test_weights_beside_the_disputed_point_do_not_convict_it(court: Court) -> None:
    """A wrong sum of deltas is the member's fault, not the step's: the step follows from it or not."""
    honest = court.epoch.rounds[0].trace
    last = court.terms.members - 1
    vector = changed(honest.opened(Op.MEMBER, last, 0, "partial sum"), 3, 1 << 30)
    case = court.lying(1, (Op.MEMBER, last, 0, "partial sum", vector))
    court.acquits(weight(case, STEP + 1, 4))
    court.convicts(weight(case, STEP + 1, 3), 1)


def test_proof_is_refused_when_it_is_of_another_round_or_epoch(court: Court) -> None:
    case = court.honest(2)
    words = court.honest(3).words
    with refused(WrongWords):
        court.send(weight(replace(case, round=3), STEP, 0))
    with refused(InvalidRecord):
        court.send(weight(replace(case, round=3, words=words), STEP, 0))
    with refused(WrongTerms):
        court.send(weight(replace(case, terms=replace(case.terms, dim=23)), STEP, 0))
    for round_ in (0, 6):
        with refused(RoundNotRecorded):
            court.send(weight(replace(case, round=round_), STEP, 0))


def test_vector_is_refused_when_its_opening_is_another(court: Court) -> None:
    case = court.honest(1)
    data = case.whole(Op.POINT, STEP, 0, "weights")
    root = next(root for root, found in case.vectors.items() if found == data)
    wrong = ints(data).copy()
    wrong[5] += 1
    for false in (data + bytes(8), data[:-8], wrong.astype("<i8").tobytes()):
        forged = replace(case, vectors={**case.vectors, root: false})
        with refused(WrongVector):
            court.send(mean_dot(forged, court.validation, STEP))
        with refused(WrongVector):
            court.send(weight(forged, STEP, 5))


def test_point_is_refused_when_no_grid_has_it(court: Court) -> None:
    honest = court.epoch.rounds[1].trace
    extra = tuple(Record(Op.POINT, p, 0, honest.find(Op.POINT, 0).values) for p in (3, 255, 259, 518))
    case = court.case(2, Trace(honest.records + extra))
    for point in (3, 255, 259, 518):
        with refused(InvalidRecord):
            court.send(weight(case, point, 0))


def test_path_is_refused_when_it_ends_at_no_step(court: Court) -> None:
    """A sum of a negative number and the first step's would be the number of a momentum candidate."""
    case = court.lying(2, (Op.CHOICE, 0, 0, "scored step", MOMENTUM - STEP))
    chosen = case.value(Op.CHOICE, 0, 0, "momentum")
    dispute = Dispute.draft(
        PointDisputes,
        lambda judge, sender: judge.path_weight(
            sender,
            context=case.context,
            point=case.record(Op.POINT, PATH + 5),
            choice=case.record(Op.CHOICE),
            base=case.record(Op.POINT, chosen),
            scored=case.record(Op.POINT, MOMENTUM),
            chunks=[case.chunk(Op.POINT, p, 0, "weights", 0) for p in (PATH + 5, chosen, MOMENTUM)],
            index=0,
        ),
    )
    with refused(InvalidRecord):
        court.send(dispute)


def test_weights_are_judged_in_every_chunk() -> None:
    court = Court.open(PointDisputes, size=Size(dim=1100, rounds=1, words=20))
    trace = court.epoch.rounds[0].trace
    for point in (MOMENTUM, STEP + 1, PATH + 2):
        honest = trace.opened(Op.POINT, point, 0, "weights")
        court.acquits(mean_dot(court.honest(1), court.validation, point))
        for index in (0, 511, 512, 1023, 1024, 1099):
            court.acquits(weight(court.honest(1), point, index))
            case = court.lying(1, (Op.POINT, point, 0, "weights", changed(honest, index, 1)))
            court.convicts(weight(case, point, index), 1)
        with refused(NoSuchEntry):
            court.send(weight(court.honest(1), point, 1100))


def test_chunk_is_refused_when_it_is_another_one_of_the_vector() -> None:
    court = Court.open(PointDisputes, size=Size(dim=1100, rounds=1, words=20))
    case = court.honest(1)
    data = case.whole(Op.POINT, STEP + 1, 0, "weights")
    dispute, chunk = weight(case, STEP + 1, 600), case.chunk(Op.POINT, STEP + 1, 0, "weights", 600)
    assert dispute.data.count(chunk.data) == 1
    with refused(WrongVector):
        court.send(replace(dispute, data=dispute.data.replace(chunk.data, data[:4096])))


@pytest.mark.parametrize("dim", [25, 26, 27])
def test_vectors_are_read_to_their_end_when_they_fill_no_word(dim: int) -> None:
    court = Court.open(PointDisputes, size=Size(dim=dim, rounds=1))
    trace = court.epoch.rounds[0].trace
    for point in (MOMENTUM, STEP + 1):
        court.acquits(mean_dot(court.honest(1), court.validation, point))
        honest = trace.opened(Op.POINT, point, 0, "weights")
        for index in (dim - 3, dim - 2, dim - 1):
            court.acquits(weight(court.honest(1), point, index))
            case = court.lying(1, (Op.POINT, point, 0, "weights", changed(honest, index, 1 << 12)))
            court.convicts(weight(case, point, index), 1)
            court.convicts(mean_dot(case, court.validation, point), 1)
