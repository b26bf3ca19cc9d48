"""Flower records in, typed values or a reason out; no record makes anything else come out."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict
from hypothesis import given
from hypothesis import strategies as st

from federation.hashing import sha256
from federation.messages import (
    Acknowledgement,
    CommitReply,
    CommitRequest,
    Rejected,
    RevealReply,
    RevealRequest,
    empty,
)
from federation.rounds import Base
from federation.types import Hash32
from tests.unit.federation._world import DOMAIN

DIM = 4
SALT = Hash32(b"\x05" * 32)
DELTA = np.array([1, -2, (1 << 63) - 1, -(1 << 63)])


def reply_with(array: Array | None, salt: object = SALT) -> RecordDict:
    records: dict[str, object] = {"reveal": ConfigRecord({"salt": salt})}
    if array is not None:
        records["arrays"] = ArrayRecord({"delta": array})
    return RecordDict(records)


def raw(data: bytes, stype: str = "numpy.ndarray") -> Array:
    return Array(dtype="int64", shape=(DIM,), stype=stype, data=data)


def npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode("latin1").ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, delta=np.zeros(DIM, dtype=np.int64))
    return file.getvalue()


def reason(parse, records: RecordDict, **kwargs: object) -> str:
    with pytest.raises(Rejected) as info:
        parse(records, **kwargs)
    assert info.value.code == "rejected"
    return info.value.message


def test_delta_comes_back_exactly_when_it_is_parsed():
    reply = RevealReply.parse(RevealReply(DELTA, SALT).records(), dim=DIM)
    assert reply.delta.tolist() == DELTA.tolist()
    assert reply.delta.dtype == np.int64
    assert reply.salt == SALT


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1, max_size=30))
def test_delta_comes_back_exactly_when_any_integers_are_sent(values):
    reply = RevealReply.parse(RevealReply(np.array(values), SALT).records(), dim=len(values))
    assert reply.delta.tolist() == values


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        (np.zeros(DIM + 1, dtype=np.int64), "wrong-shape-or-type"),
        (np.zeros((2, 2), dtype=np.int64), "wrong-shape-or-type"),
        (np.zeros((DIM, 1), dtype=np.int64), "wrong-shape-or-type"),
        (np.zeros(0, dtype=np.int64), "wrong-shape-or-type"),
        (np.zeros(DIM, dtype=">i8"), "wrong-shape-or-type"),
        (np.zeros(DIM, dtype=np.int32), "wrong-shape-or-type"),
        (np.zeros(DIM, dtype=np.uint64), "wrong-shape-or-type"),
        (np.zeros(DIM, dtype=bool), "wrong-shape-or-type"),
        (np.zeros(DIM), "wrong-type"),
        (np.zeros(DIM, dtype=np.float32), "wrong-type"),
        (np.array([0, 1, np.nan, 0]), "not-finite"),
        (np.array([0, 1, -np.inf, 0]), "not-finite"),
        (np.full(DIM, np.inf, dtype=np.float32), "not-finite"),
    ],
)
def test_delta_is_rejected_with_its_reason_when_it_is_no_vector_of_integers(delta, expected):
    assert reason(RevealReply.parse, reply_with(Array(delta)), dim=DIM) == expected


INT8 = "{'descr': '<i8', 'fortran_order': False, 'shape': %s, }"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b"PK\x03\x04garbage",
        npz(),
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00" + bytes(40),
        npy(INT8 % "(1000000000000,)"),
        npy(INT8 % "(99999999999999999999999,)"),
        npy(INT8 % "(-4,)", bytes(32)),
        npy(INT8 % "(4L,)", bytes(32)),
        npy(INT8 % "(4,)", bytes(31)),
        npy(INT8 % "(4,)", bytes(33)),
        npy(INT8 % "4", bytes(32)),
        npy("((((((((", bytes(32)),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (4,), }", bytes(32)),
        npy("{'descr': '<i8', 'fortran_order': True, 'shape': (4,), }", bytes(32)),
    ],
)
def test_delta_is_rejected_when_its_bytes_are_not_the_one_encoding(data):
    found = reason(RevealReply.parse, reply_with(raw(data)), dim=DIM)
    assert found in {"malformed-array", "wrong-shape-or-type"}


@given(st.binary(max_size=200), st.booleans())
def test_delta_is_parsed_or_rejected_when_its_bytes_are_arbitrary(data, prefixed):
    data = Array(DELTA).data[:120] + data if prefixed else data
    try:
        reply = RevealReply.parse(reply_with(raw(data)), dim=DIM)
    except Rejected:
        return
    assert Array(reply.delta).data == data


def test_delta_is_rejected_when_it_is_serialised_otherwise():
    assert (
        reason(RevealReply.parse, reply_with(raw(Array(DELTA).data, "pickle")), dim=DIM) == "malformed-array"
    )


def test_delta_is_rejected_when_its_record_is_missing_or_named_otherwise():
    parse = RevealReply.parse
    assert reason(parse, reply_with(None), dim=DIM) == "wrong-arrays"
    more = ArrayRecord({"delta": Array(DELTA), "more": Array(DELTA)})
    salt = ConfigRecord({"salt": SALT})
    assert reason(parse, RecordDict({"arrays": more, "reveal": salt}), dim=DIM) == "wrong-arrays"
    other = ArrayRecord({"weights": Array(DELTA)})
    assert reason(parse, RecordDict({"arrays": other, "reveal": salt}), dim=DIM) == "wrong-arrays"
    assert reason(parse, RecordDict({"arrays": salt, "reveal": salt}), dim=DIM) == "wrong-arrays"
    arrays = ArrayRecord({"delta": Array(DELTA)})
    assert reason(parse, RecordDict({"arrays": arrays}), dim=DIM) == "no-reveal-record"


@pytest.mark.parametrize("salt", [bytes(31), bytes(33), b"", "0" * 32, 7])
def test_delta_is_rejected_when_its_salt_is_no_32_bytes(salt):
    assert reason(RevealReply.parse, reply_with(Array(DELTA), salt), dim=DIM) == "malformed-salt"


COMMIT_REQUEST = CommitRequest(
    domain=DOMAIN, round=3, base=Base(weights=DELTA, intercept=-9, beta_tenths=4, losses=(1,))
)
REVEAL_REQUEST = RevealRequest(domain=DOMAIN, round=3, proof=(sha256(b"a"), sha256(b"b")))
ACKNOWLEDGEMENT = Acknowledgement(domain=DOMAIN, round=3, delta_sha256=sha256(b"d"), signature=bytes(64))


def test_requests_come_back_when_they_are_parsed():
    found = CommitRequest.parse(COMMIT_REQUEST.records(), dim=DIM)
    assert (found.domain, found.round, found.base.hash) == (DOMAIN, 3, COMMIT_REQUEST.base.hash)
    assert RevealRequest.parse(REVEAL_REQUEST.records()) == REVEAL_REQUEST
    none = replace(REVEAL_REQUEST, proof=())
    assert RevealRequest.parse(none.records()) == none
    assert Acknowledgement.parse(ACKNOWLEDGEMENT.records()) == ACKNOWLEDGEMENT
    assert CommitReply.parse(CommitReply(b"car").records()) == CommitReply(b"car")
    assert dict(empty()) == {}


def parse_commit(records: RecordDict) -> CommitRequest:
    return CommitRequest.parse(records, dim=DIM)


REQUESTS = [
    (parse_commit, COMMIT_REQUEST),
    (RevealRequest.parse, REVEAL_REQUEST),
    (Acknowledgement.parse, ACKNOWLEDGEMENT),
]


@pytest.mark.parametrize(("parse", "request_"), REQUESTS)
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("chain-id", "31337"),
        ("chain-id", 1.0),
        ("chain-id", True),
        ("federation", 7),
        ("federation", b"0x"),
        ("epoch", "1"),
        ("round", 1.5),
        ("round", [1]),
    ],
)
def test_request_is_rejected_and_names_the_field_when_its_place_is_malformed(parse, request_, key, value):
    records = request_.records()
    records.config_records["round"][key] = value
    assert reason(parse, records) == f"malformed-{key}"


@pytest.mark.parametrize(("parse", "request_"), REQUESTS)
def test_request_is_rejected_when_its_place_is_missing(parse, request_):
    records = request_.records()
    del records["round"]
    assert reason(parse, records) == "no-round-record"
    for key in ("chain-id", "federation", "epoch", "round"):
        records = request_.records()
        del records.config_records["round"][key]
        assert reason(parse, records) == f"malformed-{key}"


@pytest.mark.parametrize(
    ("parse", "request_", "key", "values"),
    [
        (parse_commit, COMMIT_REQUEST, "intercept", [1.0, "1", False]),
        (RevealRequest.parse, REVEAL_REQUEST, "proof", [bytes(33), "x", 7]),
        (Acknowledgement.parse, ACKNOWLEDGEMENT, "delta", [bytes(31), "x", 7]),
        (Acknowledgement.parse, ACKNOWLEDGEMENT, "signature", [bytes(63), bytes(65), "x"]),
    ],
)
def test_request_is_rejected_and_names_the_field_when_its_own_part_is_malformed(parse, request_, key, values):
    for value in values:
        records = request_.records()
        records.config_records["round"][key] = value
        assert reason(parse, records) == f"malformed-{key}"


def test_base_is_rejected_when_its_weights_have_another_name_or_shape():
    assert reason(CommitRequest.parse, COMMIT_REQUEST.records(), dim=DIM + 1) == "wrong-shape-or-type"
    records = COMMIT_REQUEST.records()
    records["arrays"] = ArrayRecord({"delta": Array(DELTA)})
    assert reason(parse_commit, records) == "wrong-arrays"


def test_event_is_rejected_when_it_is_missing_too_large_or_no_bytes():
    parse = CommitReply.parse
    assert reason(parse, RecordDict({})) == "no-commit-record"
    assert reason(parse, RecordDict({"commit": ConfigRecord({})})) == "malformed-event"
    assert reason(parse, RecordDict({"commit": ConfigRecord({"event": "car"})})) == "malformed-event"
    limit = 64 * 1024
    assert CommitReply.parse(CommitReply(bytes(limit)).records()).event == bytes(limit)
    assert reason(parse, CommitReply(bytes(limit + 1)).records()) == "event-too-large"


@pytest.mark.parametrize(
    "other",
    [
        (replace(DOMAIN, epoch=2), 3, sha256(b"m"), sha256(b"d")),
        (replace(DOMAIN, chain_id=1), 3, sha256(b"m"), sha256(b"d")),
        (DOMAIN, 4, sha256(b"m"), sha256(b"d")),
        (DOMAIN, 3, sha256(b"n"), sha256(b"d")),
        (DOMAIN, 3, sha256(b"m"), sha256(b"e")),
    ],
)
def test_signed_word_is_another_when_any_part_of_it_is(other):
    mine = Acknowledgement.signed_bytes(DOMAIN, 3, sha256(b"m"), sha256(b"d"))
    assert Acknowledgement.signed_bytes(*other) != mine
