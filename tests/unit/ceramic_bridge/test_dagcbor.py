"""One encoding for each value, and nothing else decodes."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ceramic_bridge.cid import DAG_CBOR, RAW, Cid
from ceramic_bridge.dagcbor import MAX_DEPTH, MAX_INT, MalformedData, Value, canonical, decode, encode

CIDS = st.builds(Cid.of, st.sampled_from([DAG_CBOR, RAW]), st.binary(max_size=8))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-MAX_INT, MAX_INT),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.binary(max_size=30),
    CIDS,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def _exact(value: object) -> object:
    """Tell 1 from True and from 1.0, which Python calls equal."""
    if isinstance(value, list):
        return [_exact(item) for item in value]
    if isinstance(value, dict):
        return {key: _exact(item) for key, item in value.items()}
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_INT:
        value = int(value)
    return type(value), value


@given(VALUES)
def test_decode_gives_back_the_value_when_encoded(value: Value) -> None:
    block = encode(value)
    assert _exact(decode(block)) == _exact(value)
    assert encode(decode(block)) == block


@given(VALUES)
def test_copy_is_what_the_block_decodes_to_when_a_value_is_written(value: Value) -> None:
    block, copy = canonical(value)
    # As text, so that the order of keys and the kinds of numbers count.
    assert (block, repr(copy)) == (encode(value), repr(decode(block)))


def test_copy_stays_when_the_value_changes_afterwards() -> None:
    inner: list[Value] = [1.0, (2, 3)]
    _, copy = canonical({"b": inner, "a": {}})
    inner.append(4)
    assert repr(copy) == "{'a': {}, 'b': [1, [2, 3]]}"


@given(
    st.binary(max_size=60)
    | VALUES.map(encode).flatmap(
        lambda b: st.integers(0, 8 * len(b) - 1).map(
            lambda i: bytes(x ^ (1 << i % 8 if k == i // 8 else 0) for k, x in enumerate(b))
        )
    )
)
@example(b"\x9b" + b"\x7f" * 8)
@example(b"\x81" * 100_000)
def test_decode_accepts_only_what_encodes_back_when_bytes_are_arbitrary(data: bytes) -> None:
    try:
        value = decode(data)
    except MalformedData:
        return
    assert encode(value) == data


def _from_json(case: dict[str, str]) -> Value:
    if case["name"] == "nested":
        return {"z": [{"y": None}, True, False, "é漢🙂"], "bytes": b"\0\1\xff"}
    value: Value = json.loads(case["json"])
    return value


def test_bytes_and_cids_match_the_reference_when_values_are_shared(vectors: dict[str, Any]) -> None:
    cases = [case for case in vectors["dag_cbor"] if case["name"] != "bigint"]
    assert len(cases) == 6
    for case in cases:
        block = encode(_from_json(case))
        assert block.hex() == case["hex"], case["name"]
        assert str(Cid.of(DAG_CBOR, block)) == case["cid"]
        assert encode(decode(block)) == block


def test_integers_are_written_when_floats_are_integral() -> None:
    assert encode([1.0, -2.0, 1e6, -0.0]) == encode([1, -2, 1_000_000, 0])
    assert encode(1e300)[0] == 0xFB


@pytest.mark.parametrize(
    ("flaw", "data"),
    [
        ("integer beyond 2^53 - 1", "1bffffffffffffffff"),
        ("integer just beyond", "1b0020000000000000"),
        ("negative integer just beyond", "3b001fffffffffffff"),
        ("long form of 23", "1817"),
        ("long form of 255", "1900ff"),
        ("long form of 65535", "1a0000ffff"),
        ("long form of 2^32 - 1", "1b00000000ffffffff"),
        ("keys out of order", "a2616202616101"),
        ("keys sorted but not by length", "a262616101616202"),
        ("repeated key", "a2616101616102"),
        ("integer key", "a10102"),
        ("16-bit float", "f93e00"),
        ("32-bit float", "fa3fc00000"),
        ("float that is an integer", "fb3ff0000000000000"),
        ("negative zero", "fb8000000000000000"),
        ("NaN", "fb7ff8000000000000"),
        ("infinity", "fb7ff0000000000000"),
        ("undefined", "f7"),
        ("simple value", "f820"),
        ("tag 0", "c0613a"),
        ("long form of tag 42 as text", "d82a6100"),
        ("link without its zero byte", "d82a4101"),
        ("indefinite list", "9fff"),
        ("reserved length", "1c"),
        ("not UTF-8", "61ff"),
        ("surrogate in UTF-8", "63eda080"),
        ("bytes after the value", "0000"),
        ("nothing", ""),
        ("string that ends early", "6261"),
        ("list that ends early", "8201"),
    ],
)
def test_decode_refuses_when_form_is_not_canonical(flaw: str, data: str) -> None:
    with pytest.raises(MalformedData):
        decode(bytes.fromhex(data))


@pytest.mark.parametrize(
    "value", [MAX_INT + 1, -MAX_INT - 1, math.nan, math.inf, "\ud800", {"\ud800": 1}, {1: 2}, {1}, object()]
)
def test_encode_refuses_when_value_has_no_form(value: Any) -> None:
    with pytest.raises(MalformedData):
        encode(value)


def test_nesting_is_refused_when_deeper_than_the_limit() -> None:
    value: Value = 0
    for _ in range(MAX_DEPTH):
        value = [value]
    assert decode(encode(value)) == value
    with pytest.raises(MalformedData):
        encode([value])
    with pytest.raises(MalformedData):
        decode(b"\x81" + encode(value))
    with pytest.raises(MalformedData):
        decode(b"\xa1\x61a" + encode(value))
