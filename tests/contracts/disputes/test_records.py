"""The form of a trace: no key twice, no record of another size, no vector of another length."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aggregator.challenge.records import malformed, shape, twice
from contracts.bindings.errors import InvalidRecord, NoVector, WrongVector
from contracts.bindings.record_disputes import RecordDisputes
from federation.hashing import keccak256
from federation.trace import Op, Record, Trace, chunks
from federation.trace.vectors import hash_value

from .court import Court, refused

VECTORS = {
    Op.ENTRY: ("initial", "weights", "move", "last step", "step before"),
    Op.EXAMPLES: ("labels", "scales"),
    Op.POINT: ("weights",),
    Op.SUMS: ("logits",),
    Op.NODE: ("coefficients",),
    Op.GRADIENT: ("averaged", "gradient"),
    Op.DIRECTION: ("direction",),
    Op.PROJECTED: ("projected",),
    Op.MEMBER: ("partial sum",),
    Op.EXIT: ("weights", "move", "last step", "step before"),
}


@pytest.fixture(scope="module")
def court() -> Court:
    return Court.open(RecordDisputes)


def committed(pieces: list[bytes]) -> int:
    return hash_value(keccak256(b"".join(keccak256(p) for p in pieces)))


def test_twice_convicts_when_one_key_has_two_values(court: Court) -> None:
    honest = court.epoch.rounds[1].trace.records
    for k in (0, len(honest) // 2, len(honest) - 1):
        other = Record(
            honest[k].op, honest[k].i, honest[k].j, (honest[k].values[0] + 1, *honest[k].values[1:])
        )
        case = court.case(2, Trace((*honest, other, honest[k])))
        court.convicts(twice(case, k, len(honest)), 2)
        court.convicts(twice(case, len(honest), k), 2)
        court.acquits(twice(case, k, k))
        court.acquits(twice(case, k, len(honest) + 1))


def test_twice_is_refused_when_the_keys_differ(court: Court) -> None:
    case = court.honest(2)
    with refused(InvalidRecord):
        court.send(twice(case, 3, 4))


def test_records_are_refused_when_they_are_not_in_the_trace(court: Court) -> None:
    case = replace(court.honest(2), trace=court.honest(3).trace)
    case = replace(case, words=court.honest(2).words)
    with refused(InvalidRecord):
        court.send(twice(case, 0, 1))
    with refused(InvalidRecord):
        court.send(malformed(case, 0))


def test_malformed_convicts_when_a_record_has_another_form(court: Court) -> None:
    honest = court.epoch.rounds[1].trace.records
    for k, record in enumerate(honest):
        if record.op not in {r.op for r in honest[:k]}:
            court.acquits(malformed(court.case(2, Trace(honest)), k))
            for values in (record.values[:-1], (*record.values, 0), ()):
                bad = Record(record.op, record.i, record.j, values)
                court.convicts(malformed(court.case(2, Trace((*honest, bad))), len(honest)), 2)
    for op, arity in ((0, 1), (15, 5), (16, 6), (17, 1), (255, 3)):
        bad = Record(op, 0, 0, (1,) * arity)  # type: ignore[arg-type]  # no such op, on purpose
        court.convicts(malformed(court.case(2, Trace((*honest, bad))), len(honest)), 2)


def test_shape_is_acquitted_when_every_vector_is_honest(court: Court) -> None:
    honest = court.epoch.rounds[2].trace
    seen = set()
    for record in honest.records:
        for name in VECTORS.get(record.op, ()):
            if (record.op, name, record.j) not in seen:
                seen.add((record.op, name, record.j))
                pieces = chunks(honest.opened(record.op, record.i, record.j, name))
                court.acquits(shape(court.honest(3), *record.key, name, pieces=pieces))
    assert {op for op, _, _ in seen} == set(VECTORS)


def test_shape_convicts_when_a_vector_has_another_length(court: Court) -> None:
    honest = court.epoch.rounds[2].trace
    for op, names in VECTORS.items():
        record = next(r for r in honest.records if r.op is op)
        for name in names:
            data = honest.opened(*record.key, name)
            cases = [[data + bytes(8)], [data[:-8]], [data[:-1]], [b""], [], [data, b""], [data, bytes(8)]]
            for pieces in cases:
                case = court.lying(3, (*record.key, name, committed(pieces)))
                court.convicts(shape(case, *record.key, name, pieces=pieces), 3)


def test_shape_is_refused_when_the_pieces_are_not_the_committed_ones(court: Court) -> None:
    case = court.honest(3)
    data = case.whole(Op.POINT, 0, 0, "weights")
    with refused(WrongVector):
        court.send(shape(case, Op.POINT, 0, 0, "weights", pieces=[data + bytes(8)]))
    dispute = shape(case, Op.POINT, 0, 0, "weights", pieces=[data])
    assert dispute.data.count(data) == 1
    with refused(WrongVector):
        court.send(replace(dispute, data=dispute.data.replace(data, bytes(len(data)))))
    for op, field in (
        (Op.POINT, "intercept"),
        (Op.MEAN, "norm squared"),
        (Op.EXAMPLES, "shard"),
        (Op.EXIT, "steps"),
    ):
        with refused(NoVector):
            court.send(shape(case, op, 0, 0, field, pieces=[data]))
